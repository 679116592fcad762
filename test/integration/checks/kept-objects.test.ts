/** What a failed check leaves for people: its objects on file, and for a while on the cluster. */
import { beforeEach, describe, expect, it } from 'vitest';
import { CheckFailed, defineCheck } from '../../../src/checks/contract.ts';
import { keptIn, longestKeepMs } from '../../../src/checks/keep.ts';
import { namespaces, nodes } from '../../../src/checks/resources.ts';
import { e2eBackground } from '../../../src/daemon/e2e-background.ts';
import { createKept } from '../../../src/daemon/kept-objects.ts';
import type { CheckResult } from '../../../src/ports/check-runner.ts';
import type { Resource } from '../../../src/ports/kube-cluster.ts';
import type { Store } from '../../../src/ports/store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { CheckWorld, runId } from './check-world.ts';
import { liveUntil, sweepAfter } from './crash-world.ts';

const core = (resource: string, kind: string): Resource => ({
  group: '',
  version: 'v1',
  resource,
  kind,
  namespaced: true,
});
const secrets = core('secrets', 'Secret');
const services = core('services', 'Service');
const hour = 3_600_000;
const word = 'c2Vzc2lvbi13b3Jk';

/** Makes a secret and a service, and then finds the cluster at fault. */
const failing = defineCheck({
  id: 'test.failing',
  title: 'never holds',
  area: 'api',
  withinMs: 60_000,
  async run(context) {
    await context.sandbox();
    const metadata = { namespace: context.namespace };
    await context.kube.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        ...metadata,
        name: 'token',
        annotations: { 'kubectl.kubernetes.io/last-applied-configuration': `{"data":{"word":"${word}"}}` },
      },
      data: { word },
    });
    await context.kube.create(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { ...metadata, name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    });
    throw new CheckFailed('it is broken');
  },
});

const passing = defineCheck({
  id: 'test.passing',
  title: 'holds',
  area: 'api',
  withinMs: 60_000,
  async run(context) {
    await context.sandbox();
    return 'well';
  },
});

const cordoning = defineCheck({
  id: 'test.cordoning',
  title: 'never holds, on a cordoned node',
  area: 'node',
  withinMs: 60_000,
  async run(context) {
    await context.sandbox();
    const [node] = await context.facts.schedulableNodes();
    await context.borrow({
      resource: nodes,
      name: node?.metadata.name ?? '',
      patch: { type: 'merge', body: { spec: { unschedulable: true } } },
      undo: { type: 'merge', body: { spec: { unschedulable: null } } },
      note: 'cordoned for a test',
    });
    throw new CheckFailed('it is broken');
  },
});

const own = { own: [failing, passing] };

describe('a failed check', () => {
  let world: CheckWorld;

  beforeEach(async () => {
    world = await CheckWorld.create(2);
  });

  const keeping = (forMs = 2 * hour): Promise<Record<string, CheckResult>> =>
    world.run({ profile: 'own', keepOnFailureMs: forMs }, own);

  /** What the periodic pass of a daemon does, or the command. */
  async function sweep(wanted: 'expired' | 'all'): Promise<string[]> {
    const { runner, kill } = world.runner(own);
    let swept: string[] | undefined;
    void runner.sweepKept(world.cluster.id, wanted).then((done) => {
      swept = done.swept.map((one) => one.check);
      expect(done.left).toEqual([]);
    });
    await world.until('the sweep is over', () => swept !== undefined);
    await kill();
    return swept as string[];
  }

  it('leaves its objects as JSON, without the data of secrets, collected before they are deleted', async () => {
    const results = await world.run({ profile: 'own' }, own);
    expect(results['test.failing']).toMatchObject({ outcome: 'fail', leaked: [], attempts: 2 });
    expect(world.leftBehind()).toEqual([]);
    const files = [...world.artifacts].filter(([name]) => name.startsWith('test.failing/'));
    expect(files.map(([name]) => name.endsWith('.json'))).toEqual([true, true]);
    for (const [, text] of files) {
      const { objects } = JSON.parse(text) as { objects: { kind: string; metadata: { uid: string }; data?: object }[] };
      expect(objects.map((one) => one.kind)).toEqual(['Namespace', 'ResourceQuota', 'Secret', 'Service']);
      // As they were on the cluster, not as they were asked for.
      expect(objects.every((one) => one.metadata.uid.length > 0)).toBe(true);
      expect(objects[2]?.data).toEqual({ word: '(not collected)' });
      expect(text).not.toContain(word);
    }
    expect([...world.artifacts.keys()].filter((name) => name.startsWith('test.passing/'))).toEqual([]);
  });

  it('keeps its namespace for the time that was asked for, and only that one: no leak until then', async () => {
    const before = world.world.clock.now();
    const results = await keeping();
    const { kept, leaked } = results['test.failing'] as CheckResult;
    expect(leaked).toEqual([]);
    expect(results['test.passing']?.kept).toBeUndefined();
    // Of two attempts the last one stays.
    expect(world.sandboxes()).toEqual([kept?.namespace]);
    expect(kept?.namespace).toMatch(/-test-failing-r2$/);
    expect(kept?.until).toBeGreaterThanOrEqual(before + 2 * hour);
    const there = world.kube
      .truth()
      .objects('namespaces')
      .get(kept?.namespace as string);
    const date = (there as unknown as { metadata: { annotations: Record<string, string> } }).metadata.annotations;
    expect(Date.parse(date['clm.e2e/expires-at'] ?? '')).toBe(kept?.until);
    expect([...world.kube.truth().objects('services').keys()]).toContain(`${kept?.namespace}/web`);
  });

  it('gives it back when the time is over, over restarts of whoever sweeps, and not before', async () => {
    await keeping();
    await world.pass(hour);
    expect(await sweep('expired')).toEqual([]);
    expect(world.sandboxes()).toHaveLength(1);
    await world.pass(hour + 60_000);
    expect(await sweep('expired')).toEqual(['test.failing']);
    expect(world.leftBehind()).toEqual([]);
    expect(world.ledger.entries).toEqual([]);
    expect(await sweep('expired')).toEqual([]);
  });

  it('gives it back at once when people have seen it', async () => {
    await keeping();
    expect(await sweep('all')).toEqual(['test.failing']);
    expect(world.leftBehind()).toEqual([]);
    expect(world.ledger.entries).toEqual([]);
  });

  it('is kept over a cleaning up after the run, and clears up when the same run does it again', async () => {
    await keeping();
    const { runner, kill } = world.runner(own);
    let over = false;
    void runner.cancel(runId, world.cluster.id).then(() => {
      over = true;
    });
    await world.until('the cancellation is over', () => over);
    await kill();
    expect(world.sandboxes()).toHaveLength(1);
    // Its result was lost in a kill: the check begins anew, without what it had kept.
    const again = await world.run({ profile: 'own' }, own);
    expect(again['test.failing']).toMatchObject({ outcome: 'fail', leaked: [] });
    expect(world.leftBehind()).toEqual([]);
    expect(world.ledger.entries).toEqual([]);
  });

  it('keeps nothing on production, unless the registry says so for that cluster', async () => {
    world.cluster.environment = 'production';
    expect((await keeping())['test.failing']?.kept).toBeUndefined();
    expect(world.leftBehind()).toEqual([]);
    world.cluster.configItems['e2e_keep_on_failure'] = '30m';
    const { kept } = (await keeping())['test.failing'] as CheckResult;
    expect((kept?.until ?? 0) - world.world.clock.now()).toBeLessThanOrEqual(hour / 2);
    expect(world.sandboxes()).toHaveLength(1);
  });

  it('keeps nothing for longer than a day, and nothing at all where the registry says off', async () => {
    const { kept } = (await keeping(1_000 * hour))['test.failing'] as CheckResult;
    expect((kept?.until ?? 0) - world.world.clock.now()).toBeLessThanOrEqual(longestKeepMs);
    world.cluster.configItems['e2e_keep_on_failure'] = 'off';
    expect((await keeping())['test.failing']?.kept).toBeUndefined();
    expect(world.leftBehind()).toEqual([]);
  });

  it('keeps those of so many checks at once as may be, whichever runs made them', async () => {
    const again = { ...failing, id: 'test.again' };
    const limits = { profile: 'own', keepOnFailureMs: 2 * hour, mostKept: 1 };
    const first = await world.run(limits, { own: [failing, again] });
    expect(Object.values(first).filter((one) => one.kept !== undefined)).toHaveLength(1);
    expect(world.sandboxes()).toHaveLength(1);
    const second = await world.run({ ...limits, runId: 'later/0' }, { own: [failing] });
    expect(second['test.failing']?.kept).toBeUndefined();
    const third = await world.run({ ...limits, mostKept: 2, runId: 'later/1' }, { own: [failing] });
    expect(third['test.failing']?.kept).toBeDefined();
    expect(world.sandboxes()).toHaveLength(2);
  });

  it('keeps a few at most for a daemon whose channel asks for none, where the cluster itself does', async () => {
    const store = await openSqliteStore({ path: ':memory:' });
    const input = { store, clusterOf: () => world.cluster, keepOf: () => undefined };
    const about = await e2eBackground(input, { clusterId: world.cluster.id, profile: 'own', commit: '' }, 0);
    await store.close();
    world.cluster.configItems['e2e_keep_on_failure'] = '30m';
    const checks = [1, 2, 3, 4].map((index) => ({ ...failing, id: `test.failing-${index}`, retries: 0 }));
    const results = await world.run({ profile: 'own', mostKept: about.request.mostKept ?? 0 }, { own: checks });
    expect(Object.values(results).filter((one) => one.kept !== undefined)).toHaveLength(3);
    expect(world.sandboxes()).toHaveLength(3);
  });

  it('is listed by the daemon and given back when somebody asks for it, who and why written down first', async () => {
    await keeping();
    const { runner, kill } = world.runner(own);
    const posted: { journal?: { kind: string; source: string; message: string }[] }[] = [];
    const store = { post: async (one: never) => void posted.push(one) } as unknown as Store;
    const kept = createKept({ store, runner, clusters: () => [world.cluster], now: () => world.world.clock.now() });
    const [one] = await kept.list(undefined);
    expect(one).toMatchObject({ alias: world.cluster.alias, check: 'test.failing', namespace: world.sandboxes()[0] });
    expect(await kept.list(world.cluster.alias)).toEqual([one]);
    await expect(kept.list('nobody')).rejects.toThrow('nobody');
    const ask = { cluster: world.cluster.alias, reason: 'seen' };
    await expect(kept.release({ ...ask, check: 'test.other' }, { name: 'ada' })).rejects.toThrow(
      `Nothing of check test.other is kept on ${world.cluster.alias}; kept there: test.failing.`,
    );
    expect(world.sandboxes()).toHaveLength(1);
    let answer: string | undefined;
    void kept.release({ ...ask, check: 'test.failing' }, { name: 'ada' }).then((done) => {
      answer = done.message;
    });
    await world.until('it is released', () => answer !== undefined);
    await kill();
    expect(answer).toMatch(
      /^ada released what test\.failing had kept on \S+: seen\ngone: namespace \S+ of test\.failing$/,
    );
    expect(posted.flatMap((entry) => entry.journal ?? [])).toMatchObject([
      { kind: 'e2e-released', source: 'operator:ada' },
    ]);
    expect(world.leftBehind()).toEqual([]);
    expect(await kept.list(undefined)).toEqual([]);
  });

  it('keeps nothing when it has changed what is not its own', async () => {
    const results = await world.run({ profile: 'own', keepOnFailureMs: hour }, { own: [cordoning] });
    expect(results['test.cordoning']).toMatchObject({ outcome: 'fail', leaked: [] });
    expect(results['test.cordoning']?.kept).toBeUndefined();
    expect([...world.kube.truth().nodes.values()].filter((node) => node.spec.unschedulable === true)).toEqual([]);
    expect(world.leftBehind()).toEqual([]);
  });

  it('says what the controllers say that act on what it has made', async () => {
    world.kube.seed([
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'external-dns', namespace: 'kube-system' },
        spec: {
          replicas: 1,
          selector: { matchLabels: { app: 'external-dns' } },
          template: {
            metadata: { labels: { app: 'external-dns' } },
            spec: { containers: [{ name: 'external-dns', image: 'external-dns:1' }] },
          },
        },
      },
    ]);
    await world.pass(5 * 60_000);
    const evidence = (await world.run({ profile: 'own' }, own))['test.failing']?.evidence ?? [];
    expect(evidence.filter((line) => line.startsWith('controller ')).join('\n')).toMatch(
      /^controller kube-system\/external-dns-\S+: /,
    );
  });
});

describe('a namespace that is kept', () => {
  it('is known to the ledger wherever the process dies, and gone after its time', async () => {
    const request = { profile: 'own', keepOnFailureMs: 2 * hour };
    let keptAt = 0;
    for (let killAt = 1; ; killAt++) {
      const world = await CheckWorld.create(2);
      const { diedAt } = await liveUntil(world, killAt, request, { own: [failing] });
      await sweepAfter(world, runId);
      const kept = keptIn(world.ledger.entries).map((one) => one.namespace);
      expect(world.sandboxes(), diedAt).toEqual(kept);
      keptAt += kept.length;
      await world.pass(3 * hour);
      await sweepAfter(world, runId);
      expect(world.leftBehind(), diedAt).toEqual([]);
      expect(world.ledger.entries, diedAt).toEqual([]);
      if (diedAt === undefined) break;
    }
    // Died after it was written down, or not at all.
    expect(keptAt).toBeGreaterThanOrEqual(2);
  });

  it('is taken away by label too when the ledger was lost, once its date has passed and reaping is allowed', async () => {
    const world = await CheckWorld.create(2);
    const { kept } = (await world.run({ profile: 'own', keepOnFailureMs: 2 * hour }, own))[
      'test.failing'
    ] as CheckResult;
    world.ledger.entries = [];
    world.cluster.configItems['e2e_reap'] = 'true';
    const look = { profile: 'full', only: ['cleanup.leaks'] };
    expect((await world.run({ ...look, runId: 'later/0' }))['cleanup.leaks']).toMatchObject({ outcome: 'pass' });
    await world.pass(3 * hour);
    const found = (await world.run({ ...look, runId: 'later/1' }))['cleanup.leaks'];
    expect(found?.message).toContain(`namespace/${kept?.namespace}`);
    await world.until(
      'it is gone',
      () =>
        !world.kube
          .truth()
          .objects(namespaces.resource)
          .has(kept?.namespace ?? ''),
    );
  });
});
