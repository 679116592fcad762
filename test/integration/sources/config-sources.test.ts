import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../support/cli-io.ts';
import { type DaemonFolder, daemonFolder, removeTemplate } from '../../support/daemon-folder.ts';
import { GitSandbox } from '../../support/git-sandbox.ts';

let folder: DaemonFolder;
let shared: GitSandbox;
let first: string;
let second: string;

const configMap = (value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared-limits, namespace: kube-system}\ndata: {value: "${value}"}\n`;

beforeAll(async () => {
  folder = await daemonFolder(1);
  shared = new GitSandbox();
  first = shared.commit('first', { 'conf/manifests/coredns/limits.yaml': configMap('one') });
  second = shared.commit('second', { 'conf/manifests/coredns/limits.yaml': configMap('{{ .Cluster.Alias }}') });
  const broken = shared.commit('broken', { 'conf/manifests/coredns/limits.yaml': configMap('{{ nope }}') });
  shared.push('main', broken);
  const clm = readFileSync(folder.configFile, 'utf8').replace(
    'configRepository: {url: config.git, pollInterval: 1s}',
    `configRepository:\n  url: config.git\n  further: [{name: shared, url: ${shared.bare}, path: conf, branch: main}]`,
  );
  folder.write('clm.yaml', clm);
  commit('pinned', first);
  commit('bumped', second);
  commit('broken', broken);
});
afterAll(async () => {
  folder.remove();
  shared.remove();
  await removeTemplate();
});

/** On a branch of its own: dev with the pin. */
function commit(branch: string, pin: string): void {
  const work = path.join(folder.path, `work-${branch}`);
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: work, encoding: 'utf8' });
  execFileSync('git', ['clone', '-q', '-b', 'dev', path.join(folder.path, 'config.git'), work]);
  folder.write(`work-${branch}/cluster/config-sources.yaml`, `sources:\n  - name: shared\n    commit: ${pin}\n`);
  git('add', '.');
  git('commit', '-qm', 'Pin the shared configuration');
  git('push', '-q', 'origin', `HEAD:refs/heads/${branch}`);
}

const clm = (...args: string[]) => runCli([...args, '--config', folder.configFile]);

describe('a configuration of two repositories', { timeout: 60_000 }, () => {
  it('renders with the commit that is pinned, and says which one that is', async () => {
    const out = path.join(folder.path, 'out');
    const run = await clm('render', 'bumped', '--out', out, '-o', 'json');
    expect([run.code, run.err.includes('clm:')]).toEqual([0, false]);
    const { clusters } = JSON.parse(run.out) as { clusters: { sources: unknown }[] };
    expect(clusters[0]?.sources).toEqual([{ name: 'shared', commit: second }]);
    expect(readFileSync(path.join(out, 'cluster-1', 'manifests', 'coredns.yaml'), 'utf8')).toMatch(
      /kind: ConfigMap\n[\s\S]*value: cluster-1\n/,
    );
    const plan = await clm('plan', 'pinned');
    expect(plan.out).toContain(`"Pin the shared configuration" with shared@${first.slice(0, 7)}`);
    expect(existsSync(path.join(folder.path, '.clm', 'mirrors'))).toBe(false);
  });

  it('tells a fault with the source of its file', async () => {
    const run = await clm('render', 'broken');
    expect([run.code, run.out]).toEqual([2, '']);
    expect(run.err).toMatch(/@shared\/manifests\/coredns\/limits\.yaml:4.*function "nope" is not defined/);
  });
});
