/** Edge cases of control planes, and of the control of a roll: failover, targets that change. */
import { describe, expect, it } from 'vitest';
import { createSimulatedConnections } from '../../../../src/providers/simulated/simulated-world.ts';
import { openSqliteStore } from '../../../../src/store/sqlite/open.ts';
import {
  after,
  begin,
  cordoned,
  ended,
  has,
  membersOf,
  outdatedWorld,
  withPodSpec,
} from '../../../support/roll-sim/edge-world.ts';
import { instanceOf, nodesOf } from '../../../support/roll-sim/people.ts';
import {
  budget,
  contextOf,
  deployment,
  finished,
  type RollDaemon,
  RollWorld,
  rollId,
  startDaemon,
  startRoll,
} from '../../../support/roll-world.ts';

const minute = 60_000;

function masters(nodes = 3, options: Partial<ConstructorParameters<typeof RollWorld>[0]> = {}): RollWorld {
  const roll = new RollWorld({
    pools: [
      { name: 'masters', nodes, controlPlane: true },
      { name: 'workers', nodes: 2 },
    ],
    ...options,
  });
  roll.outdate('masters');
  roll.watchInvariants();
  return roll;
}

async function rollMasters(roll: RollWorld): Promise<RollDaemon> {
  const daemon = await startDaemon(roll);
  roll.events.length = 0;
  await startRoll(daemon, roll, 'masters');
  return daemon;
}

const times = (roll: RollWorld, kind: string): number[] =>
  roll.events.flatMap((event) => (event.kind === kind ? [event.at] : []));
const waitOf = async (daemon: RollDaemon, pool: string): Promise<string | undefined> =>
  (await contextOf(daemon, pool))?.wait?.code;

describe('a control plane', () => {
  it('edge case 89: no second node goes before the first is gone, its successor serves, all nodes are Ready and a minute has passed', async () => {
    const roll = masters();
    const daemon = await rollMasters(roll);
    // A worker falls ill while the control plane settles: an API endpoint that moves looks like this.
    await daemon.run(() => times(roll, 'node-removed').length === 1);
    const [worker] = roll.nodes('workers');
    roll.kube.kubelets.fallIll(worker.metadata.name);
    await after(daemon, roll, 10 * minute);
    expect(cordoned(roll)).toHaveLength(1);
    expect(await waitOf(daemon, 'masters')).toBe('nodes-not-ready');
    roll.kube.kubelets.recover(worker.metadata.name);
    await daemon.run(() => finished(daemon, 'masters'));
    const [cordons, gone, ready] = ['node-cordoned', 'node-removed', 'node-ready'].map((kind) => times(roll, kind));
    expect(cordons).toHaveLength(3);
    for (const i of [1, 2]) expect((cordons?.[i] ?? 0) - (gone?.[i - 1] ?? 0)).toBeGreaterThanOrEqual(minute);
    expect(ready?.length).toBeGreaterThanOrEqual(3);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('edge case 90: of one node has its successor in service before it leaves its load balancers, which it does last', async () => {
    const roll = masters(1, { behaviours: [{ image: 'slow', stopAfterMs: 5 * minute }] });
    const here = { nodeSelector: { 'node.kubernetes.io/role': 'master' }, tolerations: [{ operator: 'Exists' }] };
    roll.apply(withPodSpec(deployment('slow', 1, { grace: 600 }), here));
    const daemon = await rollMasters(roll);
    await daemon.run(() => finished(daemon, 'masters'));
    const [readyAt, cordonedAt, leftAt] = ['node-ready', 'node-cordoned', 'deregistered'].map(
      (kind) => times(roll, kind)[0],
    );
    expect(cordonedAt ?? 0).toBeGreaterThan(readyAt ?? Number.NaN);
    expect((leftAt ?? 0) - (cordonedAt ?? 0)).toBeGreaterThanOrEqual(5 * minute);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('edge case 91: waits for a member of etcd that is still learning, which its readiness tells', async () => {
    const learning = 30 * minute;
    const roll = masters(3, { behaviours: [{ image: 'etcd', readyAfterMs: learning }] });
    let joinedAt = 0;
    roll.world.subscribe((event) => {
      if (event.kind !== 'node-ready' || joinedAt > 0) return;
      joinedAt = event.at;
      roll.world.clock.at(event.at + 1, () => roll.kube.seed([etcdOn(event.node)], 'kubelet'));
    });
    const daemon = await rollMasters(roll);
    await daemon.run(async () => (await waitOf(daemon, 'masters')) === 'etcd-not-ready');
    await daemon.run(() => finished(daemon, 'masters'));
    expect((times(roll, 'node-cordoned')[0] ?? 0) - joinedAt).toBeGreaterThanOrEqual(learning);
    await daemon.stop();
  });

  it('edge case 93: the node whose controllers lead goes last, so that leadership moves once', async () => {
    const roll = masters();
    const leaders = elections(roll);
    const first = leaders()[0];
    const daemon = await rollMasters(roll);
    await daemon.run(() => finished(daemon, 'masters'));
    expect(cordoned(roll)).toHaveLength(3);
    expect(cordoned(roll)[2]).toBe(first);
    await after(daemon, roll, minute);
    expect(leaders()).toHaveLength(2);
    await daemon.stop();
  });

  it('edge case 94: a connection that ends with its node is made anew within ten seconds, and the roll goes on', async () => {
    const roll = masters();
    const daemon = await rollMasters(roll);
    await daemon.run(() => has(daemon, 'node-launched'));
    const whole = roll.kube.truth().openWatches;
    expect(whole).toBeGreaterThan(3);
    const back: number[] = [];
    roll.world.subscribe((event) => {
      if (event.kind !== 'instance-terminate-requested') return;
      roll.kube.closeWatches();
      roll.world.clock.at(event.at + 10_000, () => void back.push(roll.kube.truth().openWatches));
    });
    await daemon.run(() => finished(daemon, 'masters'));
    await after(daemon, roll, 10_000);
    expect(back).toEqual([whole, whole, whole]);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });
});

/** A member as kubeadm runs it; not ready before it votes. */
const etcdOn = (node: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `etcd-${node}`,
    namespace: 'kube-system',
    labels: { component: 'etcd', tier: 'control-plane' },
    annotations: { 'kubernetes.io/config.mirror': 'etcd', 'kubernetes.io/config.source': 'file' },
  },
  spec: {
    nodeName: node,
    tolerations: [{ operator: 'Exists' }],
    containers: [{ name: 'etcd', image: 'etcd:3.6.1', readinessProbe: { httpGet: { path: '/readyz', port: 2381 } } }],
  },
});

/** The controllers of one control-plane node lead until it is gone; then those of another one do. Answers who has led so far. */
function elections(roll: RollWorld): () => string[] {
  const led: string[] = [];
  const elect = (node: string): void => {
    led.push(node);
    roll.kube.seed(
      ['kube-controller-manager', 'kube-scheduler'].map((name) => ({
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name, namespace: 'kube-system' },
        spec: { holderIdentity: `${node}_5f0e8f9c`, leaseDurationSeconds: 15 },
      })),
      'kube-controller-manager',
    );
  };
  elect(roll.nodes('masters')[0].metadata.name);
  roll.world.subscribe((event) => {
    if (event.kind !== 'node-removed' || event.node !== led.at(-1)) return;
    const next = roll.nodes('masters').find((node) => node.metadata.name !== event.node);
    roll.world.clock.at(event.at + 15_000, () => elect(next.metadata.name));
  });
  return () => led;
}

describe('the control of a roll', () => {
  it('edge case 105: a daemon whose lease is gone changes nothing more, though it is in the middle of a look', async () => {
    const roll = outdatedWorld({}, [deployment('web', 6), budget('web', { minAvailable: 4 })]);
    const store = await openSqliteStore({ path: ':memory:' });
    const as = (userAgent: string) => createSimulatedConnections({ world: roll.world, userAgent });
    let held = true;
    let lostAt = 0;
    const ends = async (): Promise<boolean> =>
      JSON.stringify((await store.load(rollId('workers')))?.context ?? {}).includes('"kind":"terminate"');
    const first = await begin(roll, {
      store,
      connections: as('first'),
      lease: { held: () => held, release: async () => {} },
      wrapCloud: (cloud) => ({
        ...cloud,
        async describeGroups(tags) {
          const groups = await cloud.describeGroups(tags);
          // What comes next is the termination itself.
          if (held && (await ends())) {
            held = false;
            lostAt = roll.events.length;
          }
          return groups;
        },
      }),
    });
    await first.run(() => !held).catch(() => undefined);
    const second = await startDaemon(roll, { store, connections: as('second') });
    await second.run(() => finished(second, 'workers'));
    const who = (from: number, to?: number) =>
      new Set(roll.events.slice(from, to).flatMap(({ actor }) => (actor.kind === 'client' ? [actor.name] : [])));
    expect(who(0, lostAt)).toContain('first');
    expect([...who(lostAt)]).toEqual(['second']);
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    first.kill();
    await second.stop();
    await store.close();
  });

  it('edge case 109: a target that changes thrice while nodes are replaced leaves nodes of the last one alone', async () => {
    const roll = outdatedWorld({}, [deployment('web', 6), budget('web', { minAvailable: 4 })]);
    const daemon = await begin(roll);
    const over = async (round: number) => (await daemon.store.load(rollId('workers', round)))?.status === 'final';
    for (const round of [1, 2, 3]) {
      await daemon.run(() => cordoned(roll).length >= round || ended(roll).length >= round);
      await daemon.engine.post({ to: rollId('workers', round), event: { type: 'SUPERSEDE', by: `c${round + 1}` } });
      await daemon.run(() => over(round));
      roll.outdate('workers', `ami-0000000000000000${round + 2}`);
      await startRoll(daemon, roll, 'workers', round + 1);
    }
    await daemon.run(() => over(4));
    roll.pass(300);
    const live = membersOf(roll).filter((one) => one.state === 'InService');
    expect(live.map((one) => [one.templateVersion, one.outdated])).toEqual(live.map(() => ['5', false]));
    expect(live).toHaveLength(3);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('edge case 110: a pool that is removed while it is rolled is drained node by node, and launches nothing more', async () => {
    const roll = outdatedWorld({}, [deployment('web', 4), budget('web', { maxUnavailable: 1 })]);
    const daemon = await begin(roll);
    await daemon.run(() => has(daemon, 'node-terminated'));
    await daemon.engine.post({ to: rollId('workers'), event: { type: 'SUPERSEDE', by: 'c2' } });
    await daemon.run(() => finished(daemon, 'workers'));
    const launches = times(roll, 'instance-launched').length;
    await startRoll(daemon, roll, 'workers', 2, { removes: true });
    await daemon.run(async () => (await daemon.store.load(rollId('workers', 2)))?.status === 'final');
    roll.pass(300);
    expect(times(roll, 'instance-launched')).toHaveLength(launches);
    expect(roll.group('workers').DesiredCapacity).toBe(0);
    expect(nodesOf(roll).filter((node) => membersOf(roll).some((one) => one.instanceId === instanceOf(node)))).toEqual(
      [],
    );
    expect(roll.violations().filter((one) => /^I[145]:/.test(one))).toEqual([]);
    await daemon.stop();
  });
});
