import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeProblem } from '../../../src/domain/problem.ts';
import { openDirectoryRegistry } from '../../../src/sources/registry/directory-registry.ts';

const project = join(import.meta.dirname, '../../..');
const sample = 'platform-test-euc1.yaml';
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'clm-registry-'));
  mkdirSync(join(directory, 'clusters'));
  mkdirSync(join(directory, 'registry'));
  cpSync(
    join(project, 'registry/infrastructure-accounts.yaml'),
    join(directory, 'registry/infrastructure-accounts.yaml'),
  );
  cpSync(join(project, 'clusters', sample), join(directory, 'clusters', sample));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const file = (name = sample): string => join(directory, 'clusters', name);
const text = (): string => readFileSync(file(), 'utf8');
const open = (channels?: string[]) =>
  openDirectoryRegistry({ directory, relativeTo: directory, channels: () => channels });
const problemsOf = async (channels?: string[]): Promise<string[]> =>
  (await open(channels).read()).problems.map(describeProblem);

describe('the registry as a directory', () => {
  it('reads clusters and accounts', async () => {
    const view = await open(['dev']).read();
    expect(view.problems).toEqual([]);
    expect(view.clusters.map((cluster) => cluster.alias)).toEqual(['platform-test-euc1']);
    expect(view.accounts).toHaveLength(20);
  });

  it('sees a change of a file at the next read', async () => {
    const registry = open();
    await registry.read();
    writeFileSync(file(), text().replace('channel: dev', 'channel: beta'));
    expect((await registry.read()).clusters[0]?.channel).toBe('beta');
  });

  it('keeps the well-formed clusters beside the problems of others', async () => {
    writeFileSync(file('broken.yaml'), 'id: [');
    const view = await open().read();
    expect(view.clusters).toHaveLength(1);
    expect(view.problems.map((problem) => problem.file)).toContain('clusters/broken.yaml');
  });

  it('names an unknown channel with its line and the nearest one that there is', async () => {
    writeFileSync(file(), text().replace('channel: dev', 'channel: stabel'));
    expect(await problemsOf(['dev', 'stable'])).toEqual([
      expect.stringMatching(
        /^clusters\/platform-test-euc1\.yaml:9: channel: channel stabel of cluster .* is not in the pipeline\n.*write stable/,
      ),
    ]);
  });

  it('names both files of a duplicate cluster id and alias, and keeps the first', async () => {
    writeFileSync(file('zz-copy.yaml'), text());
    const view = await open().read();
    expect(view.clusters).toHaveLength(1);
    expect(view.problems.map(describeProblem)).toEqual([
      expect.stringMatching(
        /^clusters\/zz-copy\.yaml:2: id: cluster id aws:.* is taken by clusters\/platform-test-euc1\.yaml/,
      ),
      expect.stringMatching(
        /^clusters\/zz-copy\.yaml:3: alias: alias .* is taken by clusters\/platform-test-euc1\.yaml/,
      ),
    ]);
  });

  it('names an account that is not in the registry', async () => {
    const account = /aws:(\d{12})/.exec(text())?.[1] as string;
    writeFileSync(file(), text().replaceAll(account, '999999999999'));
    expect(await problemsOf()).toEqual([
      expect.stringMatching(/:5: infrastructure_account: account aws:999999999999 .* is not in the registry/),
    ]);
  });

  it('says that the directory or the file of accounts is not there', async () => {
    rmSync(join(directory, 'clusters'), { recursive: true });
    rmSync(join(directory, 'registry'), { recursive: true });
    expect(await problemsOf()).toEqual([
      expect.stringMatching(/infrastructure-accounts\.yaml does not exist/),
      expect.stringMatching(/clusters does not exist\n.*create the directory/),
    ]);
  });

  it('does not read a file that is far too large', async () => {
    writeFileSync(file('huge.yaml'), 'x'.repeat(1024 * 1024 + 1));
    expect(await problemsOf()).toEqual([expect.stringMatching(/huge\.yaml: 1048577 bytes; at most 1048576 are read/)]);
  });
});
