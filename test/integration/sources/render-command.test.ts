import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../support/cli-io.ts';
import { type DaemonFolder, daemonFolder, removeTemplate } from '../../support/daemon-folder.ts';

let folder: DaemonFolder;
beforeEach(async () => {
  folder = await daemonFolder(2);
});
afterEach(() => folder.remove());
afterAll(removeTemplate);

const render = (...args: string[]) => runCli(['render', '--config', folder.configFile, ...args]);
const out = (): string => path.join(folder.path, 'out');
const read = (...parts: string[]): string => readFileSync(path.join(out(), ...parts), 'utf8');

describe('clm render', { timeout: 60_000 }, () => {
  it('says for every cluster what the head of its channel renders to', async () => {
    const run = await render('-o', 'json');
    expect(run.code).toBe(0);
    const { clusters } = JSON.parse(run.out) as { clusters: { cluster: string; version: string; pools: number }[] };
    expect(clusters.map(({ cluster, pools }) => [cluster, pools])).toEqual([
      ['cluster-1', 1],
      ['cluster-2', 1],
    ]);
    expect(clusters[0]?.version).toMatch(/^[0-9a-f]{40}#[0-9a-f]{16}$/);
    const shown = await render();
    expect(shown.out).toContain('2 clusters render. Write the files with --out DIR.');
  });

  it('writes the files of the chosen cluster, and replaces what it wrote before', async () => {
    const run = await render('dev', '--cluster', 'cluster-2', '--out', out());
    expect(run.code).toBe(0);
    expect(existsSync(path.join(out(), 'cluster-1'))).toBe(false);
    expect(read('cluster-2', 'stacks', 'kube-2.yaml')).toContain('Resources:');
    const userData = 'nodepool-default-worker-aws-123456789012-eu-central-1-kube-2.userdata';
    expect(read('cluster-2', 'stacks', userData)).toContain('#cloud-config');
    expect(read('cluster-2', 'manifests', 'coredns.yaml')).toContain('kind: Deployment');
    expect((await render('dev', '--cluster', 'cluster-1', '--out', out())).code).toBe(0);
    expect(existsSync(path.join(out(), 'cluster-2'))).toBe(false);
  });

  it('does not touch a folder of somebody else', async () => {
    mkdirSync(out());
    writeFileSync(path.join(out(), 'mine.txt'), 'mine');
    const run = await render('--out', out());
    expect(run.code).toBe(2);
    expect(run.err).toContain('holds something else');
    expect(read('mine.txt')).toBe('mine');
  });

  it.each([
    [['nowhere'], 'there is no nowhere'],
    [['--cluster', 'nobody'], 'there is no cluster nobody'],
    [['--channel', 'gamma'], 'there is no channel gamma'],
    [['0'.repeat(40)], '0000000'],
  ])('%j is bad input', async (args, expected) => {
    const run = await render(...args, '--out', out());
    expect([run.code, run.out]).toEqual([2, '']);
    expect(run.err).toContain(expected);
    expect(run.err).toContain('→');
    expect(existsSync(out())).toBe(false);
  });

  it('does not leave out clusters whose channel has no branch', async () => {
    folder.git('update-ref', '-d', 'refs/heads/alpha');
    const run = await render();
    expect([run.code, run.out]).toEqual([2, '']);
    expect(run.err).toContain('the branch of channel alpha has no commit');
  });

  it('tells every problem with its place, and writes nothing', async () => {
    const file = path.join(folder.path, 'clusters', '2.yaml');
    const changed = readFileSync(file, 'utf8').replace(
      '  vpc_id: vpc-1\n',
      '  vpc_id: vpc-1\n  secret: "aws:kms:QUJD"\n',
    );
    folder.write('clusters/2.yaml', changed);
    const run = await render('--out', out());
    expect(run.code).toBe(2);
    expect(run.err).toContain('1 config items are encrypted (for cluster cluster-2)');
    expect(run.err).toContain('or ask the cloud: --live');
    expect(existsSync(out())).toBe(false);
  });

  it('says what a cluster without subnets lacks', async () => {
    const file = path.join(folder.path, 'clusters', '2.yaml');
    folder.write('clusters/2.yaml', readFileSync(file, 'utf8').replace(/ {2}subnets: .*\n/, ''));
    const run = await render();
    expect(run.code).toBe(2);
    expect(run.err).toContain('the cluster needs config_items.subnets');
  });

  it('has help with examples', async () => {
    const run = await runCli(['render', '--help']);
    expect(run.out).toContain('diff -r before after');
  });
});
