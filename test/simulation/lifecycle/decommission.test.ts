import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/domain/kube-object.ts';
import { CrashPoint, crashingLease, crashingStore } from '../../support/crashing-store.ts';
import { passTime } from '../../support/engine-harness.ts';
import { adoptedWorld, minute, type PipelineDaemon, PipelineWorld } from '../../support/pipeline/pipeline-world.ts';
import type { ScriptedCluster } from '../../support/pipeline/scripted-cluster.ts';

const options = { channels: { dev: 2 }, policy: { soakMs: 2 * minute, maxParallel: 2 } };
const jo = { name: 'jo' };

interface Going {
  world: PipelineWorld;
  daemon: PipelineDaemon;
  live: ScriptedCluster;
  id: string;
}

const clusterOf = (world: PipelineWorld, id: string) => world.view().clusters.find((one) => one.id === id);
const stateOf = async (world: PipelineWorld, id: string) =>
  (await world.store.rows({ machine: 'decommission', cluster: id })).at(-1);
const waitsFor = async ({ world, id }: Going) =>
  ((await stateOf(world, id))?.context as { wait?: { code: string; message: string } | null } | undefined)?.wait;
const gone = (going: Going) =>
  going.daemon.until('it is gone', () => clusterOf(going.world, going.id)?.lifecycleStatus === 'decommissioned');

/** A settled fleet of two, and the wish to be rid of the second. */
async function wish(environment: 'test' | 'production' = 'test'): Promise<Going> {
  const { world, daemon } = await adoptedWorld(options);
  const cluster = world.registry[1];
  if (cluster === undefined) throw new Error('the world has two clusters');
  cluster.environment = environment;
  // an update has written the inventory
  const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
  await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
  const live = world.clusterOf(cluster.alias);
  live.mutations.length = 0;
  cluster.lifecycleStatus = 'decommission-requested';
  return { world, daemon, live, id: cluster.id };
}

const workload = (name: string, more: object = {}): [string, KubeObject] => [
  `Deployment/shop/${name}`,
  { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'shop', uid: name, ...more } },
];

describe('a cluster that is to go', () => {
  it('cools off, is emptied, and its stacks go in order, each with its protection lifted just before', async () => {
    const going = await wish();
    const { world, live, id, daemon } = going;
    live.leftovers = [{ kind: 'volume', id: 'vol-1' }];
    await daemon.until('it cools off', async () => (await waitsFor(going))?.code === 'cool-off');
    const asked = world.clock.now();
    await gone(going);
    expect(world.clock.now() - asked).toBeGreaterThanOrEqual(10 * minute);
    const pool = (name: string) => `nodepool-${name}-${id.replaceAll(':', '-')}`;
    expect(live.mutations).toEqual([
      'delete Deployment coredns',
      'drain worker',
      ...[pool('worker'), pool('master'), 'dev-2'].flatMap((name) => [
        `unprotect stack ${name}`,
        `delete stack ${name}`,
      ]),
    ]);
    expect([...live.stacks.keys()]).toEqual([]);
    const journal = await world.store.journal({ cluster: id, limit: 1_000 });
    expect(journal.at(-1)?.message).toMatch(/is decommissioned: 3 stacks deleted, left over: volume vol-1/);
    expect(await world.store.fact('cluster', id)).toBeUndefined();
    expect(await world.judge()).toMatchObject({ violations: [] });
    // the other one goes on as ever
    const commit = world.source.merge('dev', 'b2', { manifest: 'm3' });
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
    await daemon.engine.stop();
  });

  it('is made anew when somebody asks for it afterwards, and not before', async () => {
    const going = await wish();
    const { world, live, daemon, id } = going;
    await gone(going);
    const cluster = world.registry.find((one) => one.id === id);
    if (cluster === undefined) throw new Error('it is in the registry');
    cluster.lifecycleStatus = 'ready';
    live.mutations.length = 0;
    await daemon.pass(30 * minute);
    expect(live.mutations).toEqual([]);
    cluster.lifecycleStatus = 'requested';
    live.pools.clear();
    await daemon.until('it is ready again', () => clusterOf(world, id)?.lifecycleStatus === 'ready');
    expect(live.mutations).toContain('create stack dev-2');
    await daemon.engine.stop();
  });

  it('stays when it is a production cluster and nobody typed its id; goes when somebody did', async () => {
    const going = await wish('production');
    const { daemon, live, id, world } = going;
    await daemon.pass(3 * 60 * minute);
    expect(await waitsFor(going)).toMatchObject({
      code: 'confirmation',
      message: expect.stringContaining(`--confirm ${id}`) as string,
    });
    const scope = { kind: 'cluster' as const, name: 'dev-2' };
    const request = { kind: 'decommission' as const, scope, reason: 'moved', forSeconds: 86_400 };
    await expect(daemon.control.override({ ...request, confirm: 'dev-2' }, jo)).rejects.toMatchObject({
      body: { error: { code: 'confirmation-differs' } },
    });
    const other = { ...request, scope: { ...scope, name: 'dev-1' }, confirm: world.registry[0]?.id ?? '' };
    await expect(daemon.control.override(other, jo)).rejects.toMatchObject({
      body: { error: { code: 'not-asked-for' } },
    });
    expect(live.mutations).toEqual([]);
    await daemon.control.override({ ...request, confirm: id }, jo);
    await gone(going);
    expect((await world.store.facts('override')).map((fact) => fact.key)).toEqual([]);
    const [confirmed] = await world.store.journal({ cluster: id, kind: 'override-decommission', limit: 1 });
    expect(confirmed).toMatchObject({ source: 'operator:jo', data: { actor: 'jo', reason: 'moved' } });
    await daemon.engine.stop();
  });

  it('rests when its confirmation ends or somebody freezes it on the way, and goes on afterwards', async () => {
    const going = await wish('production');
    const { daemon, live, id } = going;
    live.stackLooks = 200;
    const scope = { kind: 'cluster' as const, name: 'dev-2' };
    const confirm = () =>
      daemon.control.override({ kind: 'decommission', scope, confirm: id, reason: 'moved', forSeconds: 7_200 }, jo);
    await confirm();
    await daemon.until('a stack goes', () => live.mutations.some((what) => what.startsWith('delete stack')));
    await daemon.until('the confirmation ends', async () => (await waitsFor(going))?.code === 'confirmation');
    const before = live.mutations.length;
    live.stackLooks = 1;
    await daemon.pass(60 * minute);
    expect(live.mutations.length).toBe(before);
    await confirm();
    await daemon.control.override({ kind: 'freeze', scope, reason: 'wait', forSeconds: 3_600 }, jo);
    await daemon.until('it is frozen', async () => (await waitsFor(going))?.code === 'held');
    await gone(going);
    await daemon.engine.stop();
  });

  it('stays while workloads, volumes or pods are there that clm has not put there', async () => {
    const going = await wish();
    const { live, daemon } = going;
    live.objects.set(...workload('web'));
    live.objects.set('PersistentVolume//pv-1', {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'pv-1', uid: 'pv-1' },
      spec: { claimRef: { namespace: 'shop', name: 'data-0' } },
      status: { phase: 'Bound' },
    });
    // what an operator's own resource owns is nobody's but that operator's
    const owner = { apiVersion: 'acme.io/v1', kind: 'Postgres', name: 'db', uid: 'u', controller: true };
    live.objects.set(...workload('db', { ownerReferences: [owner] }));
    await daemon.until('it is seen', async () => (await waitsFor(going))?.code === 'foreign-workloads');
    const { message } = (await waitsFor(going)) ?? { message: '' };
    expect(message).toContain('Deployment shop/db, Deployment shop/web, volume of shop/data-0');
    await daemon.pass(6 * 60 * minute);
    expect(live.mutations).toEqual([]);
    for (const key of [...live.objects.keys()]) if (/shop|pv-1/.test(key)) live.objects.delete(key);
    await gone(going);
    await daemon.engine.stop();
  });

  it('is not taken away when its API says nothing, is another one`s, or when the wish is taken back', async () => {
    const going = await wish();
    const { live, daemon, world, id } = going;
    live.bornBy = 'nothing answers';
    await daemon.pass(60 * minute);
    expect((await stateOf(world, id))?.context).toMatchObject({ failure: { code: 'kube-unreachable' } });
    live.bornBy = undefined;
    const uid = live.kubeSystemUid;
    live.kubeSystemUid = 'another';
    await daemon.until('it is seen', async () =>
      JSON.stringify((await stateOf(world, id))?.context).includes('wrong-cluster'),
    );
    expect(live.mutations).toEqual([]);
    live.kubeSystemUid = uid;
    const cluster = world.registry.find((one) => one.id === id);
    if (cluster) cluster.lifecycleStatus = 'ready';
    await daemon.operations.retry({ scope: { kind: 'cluster', name: 'dev-2' }, reason: 'look again' }, jo);
    await daemon.until('it is cancelled', async () => (await stateOf(world, id))?.value === 'cancelled');
    expect(live.mutations).toEqual([]);
    await daemon.engine.stop();
  });

  it('keeps its stacks until its workers are drained: says what holds a node up, rests while it is frozen, tries again what failed', async () => {
    const going = await wish();
    const { daemon, live, world, id } = going;
    const script: { durationMs: number; blocked?: boolean; fails?: string } = { durationMs: minute, blocked: true };
    world.rolls.set(`${id}/worker`, script);
    await daemon.until(
      'a node is held up',
      async () => (await waitsFor(going))?.message.includes('allows no') === true,
    );
    expect(await waitsFor(going)).toMatchObject({ code: 'draining' });
    await daemon.pass(60 * minute);
    expect(live.mutations.filter((what) => what.includes('stack'))).toEqual([]);
    const scope = { kind: 'cluster' as const, name: 'dev-2' };
    await daemon.control.override({ kind: 'freeze', scope, reason: 'wait', forSeconds: 3_600 }, jo);
    const rolls = async () =>
      (await world.store.rows({ machine: 'nodePoolRoll', cluster: id })).map((row) => row.value);
    await daemon.until('it rests', async () => (await rolls()).includes('paused'));
    delete script.blocked;
    script.fails = 'no other node';
    await daemon.until('it failed', async () => (await waitsFor(going))?.code === 'drain-failed');
    expect((await waitsFor(going))?.message).toMatch(/pool worker could not be drained: no other node/);
    delete script.fails;
    await daemon.operations.retry({ scope, reason: 'there is room' }, jo);
    await gone(going);
    expect(live.mutations.filter((what) => /^(drain|delete stack)/.test(what))[0]).toBe('drain worker');
    await daemon.engine.stop();
  });

  it('goes without its API when somebody says that it is gone for good, and says what was not drained', async () => {
    const going = await wish();
    const { daemon, live, world, id } = going;
    live.bornBy = 'nothing answers';
    await daemon.pass(60 * minute);
    expect(live.mutations).toEqual([]);
    const scope = { kind: 'cluster' as const, name: 'dev-2' };
    const request = {
      kind: 'decommission' as const,
      scope,
      confirm: id,
      reason: 'the account is closed',
      forSeconds: 86_400,
    };
    await expect(daemon.control.override({ ...request, kind: 'skip', withoutApi: true }, jo)).rejects.toMatchObject({
      body: { error: { code: 'without-api-not-wanted' } },
    });
    await daemon.control.override({ ...request, withoutApi: true }, jo);
    expect((await world.store.fact('override', `without-api/cluster:${id}`))?.value).toMatchObject({
      actor: 'jo',
      reason: 'the account is closed',
      expiresAt: expect.any(Number) as number,
    });
    await gone(going);
    expect(live.mutations.filter((what) => /^(delete [A-Z]|drain)/.test(what))).toEqual([]);
    const journal = await world.store.journal({ cluster: id, limit: 1_000 });
    const undrained = journal.find((entry) => entry.kind === 'nodes-undrained')?.message;
    expect(undrained).toMatch(
      /jo says that its API is gone for good \(the account is closed, until .*4 nodes of worker \(i-worker-0, /,
    );
    expect((await world.store.facts('override')).map((fact) => fact.key)).toEqual([]);
    expect(await world.judge()).toMatchObject({ violations: [] });
    await daemon.engine.stop();
  });

  it('leaves no drain behind that waits for an API which went for good in the middle of it', async () => {
    const going = await wish();
    const { daemon, live, world, id } = going;
    world.rolls.set(`${id}/worker`, { durationMs: minute, blocked: true });
    await daemon.until('it drains', async () => (await waitsFor(going))?.message.includes('allows no') === true);
    live.bornBy = 'nothing answers';
    const scope = { kind: 'cluster' as const, name: 'dev-2' };
    const request = { kind: 'decommission' as const, scope, confirm: id, reason: 'it burnt down', forSeconds: 86_400 };
    await daemon.control.override({ ...request, withoutApi: true }, jo);
    await gone(going);
    const drains = await world.store.rows({ machine: 'nodePoolRoll', cluster: id });
    expect(drains.map((row) => [row.status, row.value])).toContainEqual(['final', 'finished']);
    expect(drains.filter((row) => row.status !== 'final')).toEqual([]);
    const [decommission] = await world.store.rows({ machine: 'decommission', cluster: id });
    expect(decommission?.context).toMatchObject({
      drains: { worker: { state: 'aborted', reason: 'the API of the cluster is gone for good' } },
    });
    await daemon.engine.stop();
  });

  it('is asked like any other while its API answers, whatever somebody says', async () => {
    const going = await wish();
    const { daemon, live, id } = going;
    live.objects.set(...workload('web'));
    const scope = { kind: 'cluster' as const, name: 'dev-2' };
    const request = { kind: 'decommission' as const, scope, confirm: id, reason: 'gone', forSeconds: 86_400 };
    await daemon.control.override({ ...request, withoutApi: true }, jo);
    await daemon.until('it is seen', async () => (await waitsFor(going))?.code === 'foreign-workloads');
    live.objects.delete('Deployment/shop/web');
    await gone(going);
    expect(live.mutations).toContain('drain worker');
    await daemon.engine.stop();
  });

  it('tells which stack cannot be deleted, tries again after a while, and at once when somebody asks', async () => {
    const going = await wish();
    const { live, daemon } = going;
    live.undeletable.add('dev-2');
    await daemon.until('it is told', async () => (await waitsFor(going))?.code === 'stack-delete-failed');
    expect((await waitsFor(going))?.message).toMatch(/stack dev-2 is DELETE_FAILED/);
    const tries = () => live.mutations.filter((what) => what === 'delete stack dev-2').length;
    expect(tries()).toBe(1);
    await daemon.pass(14 * minute);
    expect(tries()).toBe(1);
    live.undeletable.clear();
    await daemon.operations.retry({ scope: { kind: 'cluster', name: 'dev-2' }, reason: 'the bucket is empty' }, jo);
    await gone(going);
    await daemon.engine.stop();
  });

  it('goes after the other one: one at a time', async () => {
    const going = await wish();
    const first = going.world.registry[0];
    if (first === undefined) throw new Error('there are two');
    first.lifecycleStatus = 'decommission-requested';
    const one = going.world.clusterOf(first.alias);
    let overlap = false;
    const deleting = (live: ScriptedCluster) =>
      live.mutations.some((what) => what.startsWith('delete')) && live.stacks.size > 0;
    await going.daemon.until('both are gone', () => {
      overlap ||= deleting(one) && deleting(going.live);
      return going.world.view().clusters.every((each) => each.lifecycleStatus === 'decommissioned');
    });
    expect(overlap).toBe(false);
    await going.daemon.engine.stop();
  });
});

describe('a daemon killed at any write of a decommission', () => {
  const scratch = async (): Promise<PipelineWorld> => {
    const world = await PipelineWorld.create({ ...options, channels: { dev: 1 } });
    await world.settleClusters();
    await world.adopt();
    const [cluster] = world.registry;
    if (cluster) cluster.lifecycleStatus = 'decommission-requested';
    return world;
  };
  const status = (world: PipelineWorld) => world.view().clusters[0]?.lifecycleStatus;
  const endState = async (world: PipelineWorld): Promise<unknown> => {
    const live = world.clusterOf('dev-1');
    const facts = await Promise.all(['cluster', 'applied', 'override'].map((kind) => world.store.facts(kind)));
    return {
      status: status(world),
      stacks: [...live.stacks.keys()],
      objects: [...live.objects.keys()].sort(),
      slots: await world.store.slotHolders('decommission'),
      facts: facts.map((some) => some.map((fact) => fact.key)),
      rows: (await world.store.rows({ machine: 'decommission' })).map((row) => [row.value, row.status]),
    };
  };

  it('ends with the cluster gone and nothing left behind in the store', { timeout: 300_000 }, async () => {
    const calm = await scratch();
    const daemon = await calm.daemon();
    await daemon.start();
    await daemon.until('gone', () => status(calm) === 'decommissioned');
    await daemon.engine.stop();
    const expected = await endState(calm);
    expect(expected).toMatchObject({ status: 'decommissioned', stacks: [], slots: [] });
    let crashed = 0;
    for (let killAt = 0; ; killAt += 1) {
      const world = await scratch();
      const point = new CrashPoint(killAt);
      const first = await world.daemon({ store: crashingStore(world.store, point), lease: crashingLease(point) });
      try {
        await first.start();
        await passTime(world.clock, [first.engine], async () => point.dead || status(world) === 'decommissioned');
      } catch (error) {
        if (!point.dead) throw error;
      }
      await first.engine.stop().catch(() => {});
      const second = await world.daemon();
      await second.start();
      await second.until('gone', () => status(world) === 'decommissioned');
      await second.engine.stop();
      expect(await endState(world), `killed at write ${killAt}`).toEqual(expected);
      if (!point.dead) break;
      crashed += 1;
    }
    expect(crashed).toBeGreaterThan(20);
  });
});
