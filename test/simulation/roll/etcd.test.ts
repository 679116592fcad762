/** An etcd of its own whose members are replaced: whole, with a member that never comes, ill before it begins, and killed anywhere. */
import { describe, expect, it } from 'vitest';
import { readStatus } from '../../../src/api/read-model.ts';
import type { ClusterUpdateContext } from '../../../src/machines/cluster-update/context.ts';
import { explainSubject } from '../../../src/planning/explain/explain-subject.ts';
import type { CloudProvider } from '../../../src/ports/cloud-provider.ts';
import type { Store } from '../../../src/ports/store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { crashing, crashingHttp } from '../../support/crashing-ports.ts';
import { CrashPoint, crashingLease, crashingStore } from '../../support/crashing-store.ts';
import { EtcdWorld, etcdStack } from '../../support/etcd-world.ts';
import { pipelineOf } from '../../support/explain-rows.ts';
import { clusterId, type RollDaemon } from '../../support/roll-world.ts';
import { startUpdate, startUpdateDaemon, updateId, updateIdOf } from '../../support/update-world.ts';

const gate = { baseline: false, maxFlaky: 3 };
const oldImage = 'ami-00000000000000001';
const badImage = 'ami-0000000000000bad0';

async function contextOf(daemon: RollDaemon, id = updateId): Promise<ClusterUpdateContext> {
  return (await daemon.store.load(id))?.context as unknown as ClusterUpdateContext;
}

const phaseOf = async (daemon: RollDaemon, id = updateId) => (await daemon.store.load(id))?.value;
const ended = async (daemon: RollDaemon, id = updateId) => (await daemon.store.load(id))?.status === 'final';

async function begin(world: EtcdWorld): Promise<RollDaemon> {
  const daemon = await startUpdateDaemon(world.roll, [], { rendered: () => world.rendered() });
  await startUpdate(daemon, 'smoke', gate);
  return daemon;
}

async function statusOf({ roll }: EtcdWorld, daemon: RollDaemon) {
  return readStatus(daemon.store, {
    pipeline: pipelineOf('dev'),
    registry: { clusters: [roll.cluster], problems: [] },
    problems: [],
    daemonRunning: true,
    now: roll.world.clock.now(),
  });
}

const terminations = (world: EtcdWorld): number =>
  world.roll.events.filter((event) => event.kind === 'instance-terminate-requested' && event.actor.kind === 'client')
    .length;

describe('a roll of etcd members', () => {
  it.each(['kept', 'fresh'] as const)(
    'replaces all of them one at a time, and shows how far it is: data %s',
    async (kind) => {
      const world = new EtcdWorld(kind);
      expect(world.etcd).toMatchObject({ begun: true, lost: false });
      expect(world.runOn(oldImage)).toBe(3);
      const names = world.etcd.members.map(({ name }) => name);
      const daemon = await begin(world);
      await daemon.run(
        async () => (await contextOf(daemon)).wait?.code === 'etcd-member-unhealthy' || terminations(world) === 2,
      );
      const [shown] = (await statusOf(world, daemon)).clusters[0]?.pools ?? [];
      expect(shown).toMatchObject({
        name: etcdStack,
        total: 3,
        updated: 1,
        state: 'running',
        nodes: [{ phase: 'draining' }],
      });
      await daemon.run(() => ended(daemon));
      expect(await phaseOf(daemon)).toBe('updated');
      expect(world.runOn()).toBe(3);
      expect(world.etcd).toMatchObject({ lost: false, quorum: 2 });
      const same = world.etcd.members.filter(({ name }) => names.includes(name));
      expect([world.etcd.members.length, same.length]).toEqual(kind === 'kept' ? [3, 3] : [3, 0]);
      expect(world.marks()).toEqual([]);
      expect((await contextOf(daemon)).rolls[etcdStack]).toMatchObject({ state: 'rolled', nodesReplaced: 3 });
      expect(terminations(world)).toBe(3);
      expect(world.roll.violations()).toEqual([]);
      await daemon.stop();
    },
  );

  it('stops at a member that never becomes healthy, says so, and is mended by the next change', async () => {
    const world = new EtcdWorld('kept');
    world.image = badImage;
    world.roll.world.faults.badImages.add(badImage);
    const daemon = await begin(world);
    await daemon.run(async () => ((await contextOf(daemon)).rolls[etcdStack]?.etcd?.unwellMs ?? 0) > 600_000);
    const status = await statusOf(world, daemon);
    const why = explainSubject(status, clusterId, []);
    expect(JSON.stringify(why)).toMatch(
      /the member that follows i-[0-9a-f]+ is waited for: 2 of 3 members are healthy; i-[0-9a-f]+ of/,
    );
    await daemon.run(() => ended(daemon));
    expect(await phaseOf(daemon)).toBe('failed');
    const { failure } = await contextOf(daemon);
    expect(failure).toMatchObject({ kind: 'terminal', code: 'etcd-member-not-healthy' });
    expect(failure?.message).toMatch(
      /^20m after i-.* began to be replaced.*2 of 3 members are healthy, and no further one is replaced$/,
    );
    expect([world.runOn(oldImage), world.runOn(badImage), terminations(world)]).toEqual([2, 0, 1]);

    world.image = 'ami-00000000000000003';
    await startUpdate(daemon, 'smoke', gate, 2);
    await daemon.run(() => ended(daemon, updateIdOf(2)));
    expect(await phaseOf(daemon, updateIdOf(2))).toBe('updated');
    expect(world.runOn()).toBe(3);
    expect(world.marks()).toEqual([]);
    expect(world.roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('begins nothing while another member is ill or nobody can ask, and goes on when all are well', async () => {
    const world = new EtcdWorld('kept');
    const last = world.etcd.members[2]?.instanceId ?? '';
    world.roll.world.etcd.setSick(last, true);
    const daemon = await begin(world);
    await daemon.run(async () => (await contextOf(daemon)).wait?.code === 'etcd-health-unknown');
    expect((await contextOf(daemon)).wait?.message).toContain(`2 of 3 members are healthy; ${last} of`);
    // the member that the change would begin with is well, and so it stays
    expect([terminations(world), world.marks()]).toEqual([0, []]);
    world.roll.world.etcd.setSick(last, false);
    await daemon.run(async () => terminations(world) === 1);
    await daemon.run(() => ended(daemon));
    expect(await phaseOf(daemon)).toBe('updated');
    expect(world.roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('waits for the member in flight when another commit takes the cluster, before anything else is done', async () => {
    const world = new EtcdWorld('kept');
    const daemon = await begin(world);
    await daemon.run(() => terminations(world) === 1);
    await daemon.engine.post({ to: updateId, event: { type: 'SUPERSEDE', by: 'c2' }, key: 'supersede' });
    await daemon.run(() => ended(daemon));
    expect(await phaseOf(daemon)).toBe('superseded');
    expect(world.marks()).toHaveLength(1);
    // another version of the template: all three are outdated, also the one that is not there yet
    world.image = oldImage;
    await startUpdate(daemon, 'smoke', gate, 2);
    await daemon.run(() => ended(daemon, updateIdOf(2)));
    expect(await phaseOf(daemon, updateIdOf(2))).toBe('updated');
    expect([world.runOn(), terminations(world), world.marks()]).toEqual([3, 4, []]);
    expect(world.roll.violations()).toEqual([]);
    await daemon.stop();
  });
});

async function life(world: EtcdWorld, store: Store, point: CrashPoint): Promise<RollDaemon> {
  return startUpdateDaemon(world.roll, [], {
    rendered: () => world.rendered(),
    store: crashingStore(store, point),
    lease: crashingLease(point),
    wrapCloud: (cloud: CloudProvider) => crashing(cloud, point),
    wrapHttp: (http) => crashingHttp(http, point),
  });
}

/** Runs the update, killed once at that point, and again until its end. */
async function killedAt(point: CrashPoint): Promise<EtcdWorld> {
  const world = new EtcdWorld('fresh');
  const store = await openSqliteStore({ path: ':memory:' });
  const first = await life(world, store, point);
  const over = async () => (await store.load(updateId))?.status === 'final';
  if (!point.dead) await startUpdate(first, 'smoke', gate).catch(() => {});
  await first
    .run(async () => point.dead || (await over()))
    .catch((error: unknown) => {
      if (!point.dead) throw error;
    });
  first.kill();
  if (point.dead) {
    const second = await life(world, store, new CrashPoint(Number.POSITIVE_INFINITY));
    await second.run(over);
    await second.stop();
  }
  const row = await store.load(updateId);
  expect(row?.value, point.diedAt).toBe('updated');
  return world;
}

const kills = /^(before|after) (tagGroup|untagGroup|terminateInstance|remove-member)$/;

describe('a daemon that is killed while it replaces members of etcd', () => {
  it('ends as if nothing had happened, whichever change of the first member was its last', async () => {
    const whole = new CrashPoint(Number.POSITIVE_INFINITY);
    await killedAt(whole);
    const places = whole.places.flatMap((where, at) => (kills.test(where) ? [at] : []));
    // mark, remove, terminate and unmark, before and after, of three members
    expect(places).toHaveLength(24);
    for (const at of places.slice(0, 8)) {
      const point = new CrashPoint(at);
      const world = await killedAt(point);
      expect(point.dead).toBe(true);
      expect({ at: point.diedAt, run: world.runOn(), marks: world.marks(), lost: world.etcd.lost }).toEqual({
        at: point.diedAt,
        run: 3,
        marks: [],
        lost: false,
      });
      expect(terminations(world), point.diedAt).toBe(3);
      expect(world.roll.violations(), point.diedAt).toEqual([]);
    }
  });
});
