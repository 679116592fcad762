import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRegistry } from '../../../src/daemon/inputs.ts';
import { createRender } from '../../../src/daemon/render.ts';
import { withScratchSource } from '../../../src/daemon/source.ts';
import { clusterVersion } from '../../../src/domain/rendered.ts';
import { appliedWrite, asRecorded, withBegun } from '../../../src/planning/change/applied-source.ts';
import { groupContents } from '../../../src/planning/change/group-contents.ts';
import { launchesOf } from '../../../src/planning/change/launches.ts';
import type { PlanDocument } from '../../../src/planning/change/plan-document.ts';
import { poolSizesWrite } from '../../../src/planning/change/pool-forecast.ts';
import { type ClusterFact, unknownCluster } from '../../../src/planning/pipeline/facts.ts';
import { allDigests, changedUnits, underUpdate } from '../../../src/planning/pipeline/update-plan.ts';
import type { FactWrite } from '../../../src/ports/store.ts';
import { bootsKind } from '../../../src/steps/roll/boot-records.ts';
import { historyKey } from '../../../src/steps/roll/measurements.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { runCli } from '../../support/cli-io.ts';
import { type DaemonFolder, daemonFolder, removeTemplate } from '../../support/daemon-folder.ts';

let folder: DaemonFolder;
beforeEach(async () => {
  folder = await daemonFolder(3);
});
afterEach(() => folder.remove());
afterAll(removeTemplate);

const plan = (...args: string[]) => runCli(['plan', '--config', folder.configFile, ...args]);
async function planned(...args: string[]): Promise<PlanDocument> {
  const run = await plan(...args, '-o', 'json');
  expect([run.code, run.err.includes('clm:')]).toEqual([0, false]);
  return JSON.parse(run.out) as PlanDocument;
}
const changedLines = (document: PlanDocument): string[] =>
  document.changes.flatMap((change) => change.diff.filter((line) => /^[+-]/.test(line)));

/** A commit on a branch that replaces texts in files of the configuration. */
function commit(branch: string, edits: [file: string, from: string | RegExp, to: string][]): string {
  const work = path.join(folder.path, `work-${Math.random().toString(36).slice(2)}`);
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: work, encoding: 'utf8' }).trim();
  execFileSync('git', ['clone', '-q', '-b', 'dev', path.join(folder.path, 'config.git'), work]);
  for (const [file, from, to] of edits) {
    const name = path.join(work, file);
    const before = readFileSync(name, 'utf8');
    expect(before.replace(from, to)).not.toBe(before);
    writeFileSync(name, before.replace(from, to));
  }
  git('commit', '-qam', 'A change');
  git('push', '-q', 'origin', `HEAD:refs/heads/${branch}`);
  return git('rev-parse', 'HEAD');
}

/** What a daemon keeps when it has applied the head of dev to every cluster; `then` may change it. */
async function applied(
  then: (facts: {
    fact: ClusterFact;
    id: string;
    render: (commit: string) => Promise<FactWrite[]>;
    booted: (commit: string) => Promise<FactWrite[]>;
  }) => Promise<FactWrite[]> = async () => [],
): Promise<void> {
  const config = folder.config();
  const head = folder.git('rev-parse', 'dev');
  const facts: FactWrite[] = [];
  await withScratchSource(config, silentLogger(), async (source) => {
    await source.fetch(['dev'], {});
    const view = await openRegistry(config, () => undefined).registry.read();
    const render = createRender({ source, path: config.configRepository.path, accounts: () => view.accounts });
    for (const cluster of view.clusters) {
      const result = await render(cluster, head);
      if (!result.ok) throw new Error(JSON.stringify(result.problems));
      const { rendered } = result;
      const fact: ClusterFact = {
        ...unknownCluster(),
        adopted: true,
        commit: head,
        currentVersion: clusterVersion(rendered),
        digest: rendered.digest,
        digests: allDigests(rendered),
      };
      const recorded = asRecorded({ commit: head, cluster, at: 1 });
      const interrupted = async (to: string): Promise<FactWrite[]> => {
        const next = await render(cluster, to);
        if (!next.ok) throw new Error('does not render');
        const begun = underUpdate(fact, changedUnits(next.rendered, fact), 2);
        return [
          { kind: 'cluster', key: cluster.id, value: begun },
          appliedWrite(cluster.id, withBegun(recorded, { commit: to, cluster, at: 2 })),
        ];
      };
      const booted = async (to: string): Promise<FactWrite[]> => {
        const next = await render(cluster, to);
        const stack = next.ok ? next.rendered.stacks.find((one) => one.kind === 'node-pool') : undefined;
        const after = stack && launchesOf(stack);
        if (!next.ok || after === undefined) throw new Error('does not render');
        const { kubernetesVersion } = next.rendered;
        const policy = { canary: 'auto' as const, canaryEvidenceMs: 0 };
        const evidence = { records: [], now: 0 };
        const input = { cluster, kubernetesVersion, after, before: undefined, policy, evidence };
        const times = { nodes: 1, since: Date.now(), lastAt: Date.now(), failedAt: null };
        const records = groupContents({ ...input, pool: 'default-worker' }).map(({ content }) => ({
          ...content,
          ...times,
        }));
        const value = { clusterId: cluster.id, pool: 'default-worker', records };
        return [{ kind: bootsKind, key: historyKey(cluster.id, 'default-worker'), value }];
      };
      facts.push(
        { kind: 'cluster', key: cluster.id, value: fact },
        appliedWrite(cluster.id, recorded),
        poolSizesWrite(cluster.id, { 'default-worker': 5 }),
        ...(await then({ fact, id: cluster.id, render: interrupted, booted })),
      );
    }
  });
  mkdirSync(path.dirname(config.store.path), { recursive: true });
  const store = await openSqliteStore({ path: config.store.path });
  await store.post({ facts: [...new Map(facts.map((one) => [`${one.kind} ${one.key}`, one])).values()], now: 1 });
  await store.close();
}

const defaults = 'cluster/config-defaults.yaml';

describe('clm plan', { timeout: 60_000 }, () => {
  it('is empty when every cluster has what its channel wants', async () => {
    await applied();
    expect(await planned()).toMatchObject({ noop: true, summary: '3 no-op', changes: [], rolls: [] });
    const head = folder.git('rev-parse', 'dev');
    const short = await planned(head.slice(0, 8));
    expect(short).toMatchObject({ noop: true, commits: [{ commit: head }] });
    const shown = await plan();
    expect([shown.code, shown.out]).toEqual([0, expect.stringContaining('Nothing would change.')]);
  });

  it('shows exactly the change of a branch that nobody has rendered yet', async () => {
    await applied();
    commit('my-change', [[defaults, 'coredns_version: "v1.12.4"', 'coredns_version: "v1.12.5"']]);
    const document = await planned('my-change');
    expect(document.summary).toBe('3 deployment-only');
    expect(document.changes).toHaveLength(1);
    expect(document.changes[0]).toMatchObject({
      name: 'Deployment kube-system/coredns',
      clusters: ['cluster-1', 'cluster-2', 'cluster-3'],
    });
    expect(changedLines(document).map((line) => line.trim())).toEqual([
      '-          image: registry.example.org/coredns/coredns:v1.12.4',
      '+          image: registry.example.org/coredns/coredns:v1.12.5',
    ]);
    const markdown = await plan('my-change', '-o', 'markdown');
    expect(markdown.out).toContain('### clm plan: 3 deployment-only');
  });

  it('tells where a key is given twice, and so do render and validate, and none of them minds', async () => {
    await applied();
    commit('twice', [
      ['cluster/manifests/coredns/deployment.yaml', 'kind: Deployment\n', 'kind: Deployment\nkind: Deployment\n'],
    ]);
    const place = 'manifests/coredns/deployment.yaml:3';
    const said = 'kind is given twice in one mapping, first on line 2: the last one counts';
    const { noop, notes } = await planned('twice');
    expect([noop, notes]).toEqual([
      true,
      [{ message: `${place}: ${said}`, clusters: ['cluster-1', 'cluster-2', 'cluster-3'] }],
    ]);
    const rendered = await runCli(['render', 'twice', '--config', folder.configFile]);
    expect([rendered.code, rendered.out]).toEqual([0, expect.stringContaining(`Warning: ${place}: ${said}`)]);
    folder.git('update-ref', 'refs/heads/dev', 'twice');
    const valid = await runCli(['validate', '--config', folder.configFile]);
    expect([valid.code, valid.out]).toEqual([0, expect.stringContaining(`Warning: dev:cluster/${place}: ${said}`)]);
    expect(valid.out).toContain('Nothing is wrong; see the warnings.');
  });

  it('of secrets and look-ups that nobody has asked for is no matter of validate, which says so', async () => {
    const items = '  vpc_id: vpc-1\n  key: "aws:kms:QUJD"\n';
    const file = path.join(folder.path, 'clusters', '1.yaml');
    folder.write('clusters/1.yaml', readFileSync(file, 'utf8').replace('  vpc_id: vpc-1\n', items));
    const use =
      'kind: Deployment\n# {{ amiID "node" "self" }} {{ if eq .Cluster.Alias "cluster-1" }}{{ .Cluster.ConfigItems.key | base64Decode }}{{ end }}\n';
    commit('secret', [['cluster/manifests/coredns/deployment.yaml', 'kind: Deployment\n', use]]);
    folder.git('update-ref', 'refs/heads/dev', 'secret');
    const valid = await runCli(['validate', '--config', folder.configFile]);
    expect([valid.code, valid.err]).toEqual([0, expect.not.stringContaining('problem')]);
    expect(valid.out).toContain('1 look-up of the templates is not recorded: stand-ins were rendered with');
  });

  it('counts the nodes that roll, with surge, reason and duration', async () => {
    await applied();
    const to = commit('my-change', [[defaults, /node_image: "ami-\w+"/, 'node_image: "ami-00000000000000001"']]);
    const document = await planned('my-change', '--channel', 'alpha');
    expect(document.summary).toBe('2 roll 10 nodes');
    expect(document.rolls[0]).toMatchObject({
      cluster: 'cluster-2',
      pool: 'default-worker',
      nodes: 5,
      surge: 1,
      why: ['ImageId ami-0c5f3a1d9b7e24680 → ami-00000000000000001'],
    });
    expect(document.rolls[0]?.p90Seconds).toBeGreaterThan(300);
    expect(document.rolls[0]?.contents).toMatchObject([{ groups: ['AutoScalingGroup'], canary: { needed: true } }]);
    // a cluster whose nodes have it already proves it for the others
    await applied(({ id, booted }) => (id.endsWith('kube-1') ? booted(to) : Promise.resolve([])));
    const { rolls } = await planned('my-change', '--channel', 'alpha');
    expect(rolls.map(({ contents }) => contents?.map(({ canary }) => canary.needed))).toEqual([[false], [false]]);
  });

  it('refuses a jump of Kubernetes minors with exit code 3, before anything moves', async () => {
    await applied();
    commit('jump', [[defaults, 'kubernetes_version: "v1.34.3"', 'kubernetes_version: "v1.36.0"']]);
    const run = await plan('jump', '-o', 'json');
    expect(run.code).toBe(3);
    const { refusals, summary } = JSON.parse(run.out) as PlanDocument;
    expect(refusals.map(({ code, message }) => [code, message])).toContainEqual([
      'kubernetes-minor-skipped',
      'cluster-1 runs Kubernetes 1.34, and the configuration wants v1.36.0',
    ]);
    expect(summary).toBe('3 roll 15 nodes');
    commit('next', [[defaults, 'kubernetes_version: "v1.34.3"', 'kubernetes_version: "v1.35.0"']]);
    expect((await planned('next')).refusals).toEqual([]);
  });

  it('shows an edit of the registry as it shows a commit', async () => {
    await applied();
    const file = path.join(folder.path, 'clusters', '2.yaml');
    folder.write('clusters/2.yaml', readFileSync(file, 'utf8').replace('max_size: 9', 'max_size: 12'));
    const document = await planned();
    expect(document.summary).toBe('2 no-op, 1 stacks');
    expect(changedLines(document).map((line) => line.trim())).toEqual(['-      MaxSize: "9"', '+      MaxSize: "12"']);
  });

  it('knows what an update that was killed has not done yet', async () => {
    const to = commit('dev', [[defaults, 'coredns_version: "v1.12.4"', 'coredns_version: "v1.12.5"']]);
    folder.git('update-ref', 'refs/heads/dev', `${to}~1`);
    folder.git('update-ref', 'refs/heads/later', to);
    await applied(async ({ id, render }) => (id.endsWith('kube-1') ? render(to) : []));
    folder.git('update-ref', 'refs/heads/dev', to);
    const document = await planned('dev', '--cluster', 'cluster-1');
    expect(document.summary).toBe('1 deployment-only');
    expect(document.changes[0]?.note).toContain('has begun and not ended');
    // back to what was recorded: the object may have been changed meanwhile, and is not called equal
    const back = await planned(folder.git('rev-parse', `${to}~1`), '--cluster', 'cluster-1');
    expect(back.noop).toBe(false);
  });

  it('compares encrypted items without decrypting them, and shows neither form', async () => {
    const file = path.join(folder.path, 'clusters', '1.yaml');
    const text = readFileSync(file, 'utf8');
    const secret = Buffer.from('planted-secret').toString('base64');
    folder.write(
      'clusters/1.yaml',
      text.replace('  vpc_id: vpc-1\n', `  vpc_id: vpc-1\n  viewer_group: "aws:kms:${secret}"\n`),
    );
    const run = await plan('--cluster', 'cluster-1', '-o', 'json');
    const document = JSON.parse(run.out) as PlanDocument;
    expect(run.code).toBe(0);
    expect(document.notes.map((note) => note.message).join()).toContain('encrypted config items were compared');
    expect(run.out).not.toContain(secret);
  });

  it('says of clusters that nobody has looked at that they are not known', async () => {
    const document = await planned();
    expect(document).toMatchObject({ summary: '3 not-seen', noop: false });
    rmSync(path.join(folder.path, 'clusters', '2.yaml'));
    expect((await planned()).summary).toBe('2 not-seen');
  });

  it('shows everything of a requested cluster as new', async () => {
    const file = path.join(folder.path, 'clusters', '1.yaml');
    folder.write(
      'clusters/1.yaml',
      readFileSync(file, 'utf8').replace('lifecycle_status: ready', 'lifecycle_status: requested'),
    );
    const document = await planned('--cluster', 'cluster-1');
    expect(document.summary).toBe('1 new');
    expect(document.changes.every((change) => change.change === 'create')).toBe(true);
    expect(document.rolls).toEqual([]);
  });

  it.each([
    [['nowhere'], 'there is no nowhere'],
    [['abcdef0'], 'there is no abcdef0'],
    [['--cluster', 'nobody'], 'there is no cluster nobody'],
    [['--roll', 'cluster-1', '-o', 'markdown'], '--roll prints no markdown'],
  ])('%j is bad input', async (args, expected) => {
    const run = await plan(...args);
    expect([run.code, run.out]).toEqual([2, '']);
    expect(run.err).toContain(expected);
  });
});
