import { beforeEach, describe, expect, it } from 'vitest';
import type { Cluster } from '../../../src/domain/cluster.ts';
import { FailureError, terminal, transient } from '../../../src/domain/failure.ts';
import type { KubeObject } from '../../../src/domain/kube-object.ts';
import type { CloudProvider, NodeGroup } from '../../../src/ports/cloud-provider.ts';
import type { ClusterSession, ClusterSessions } from '../../../src/ports/cluster-session.ts';
import { createClusterSessions } from '../../../src/providers/session/create-cluster-sessions.ts';
import { VirtualClock } from '../../../src/support/clock.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { seededRandom } from '../../../src/support/random.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';
import { ScriptedKube } from '../../support/scripted-kube.ts';

const start = Date.UTC(2026, 0, 1);

function node(
  name: string,
  overrides: { spec?: object; status?: object; uid?: string; version?: string } = {},
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: overrides.uid ?? `uid-${name}`, resourceVersion: overrides.version ?? '100' },
    spec: { providerID: `aws:///eu-central-1a/i-${name}`, ...overrides.spec },
    status: { conditions: [{ type: 'Ready', status: 'True' }], ...overrides.status },
  };
}

function pod(name: string, overrides: { metadata?: object; status?: object } = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: '100', ...overrides.metadata },
    spec: { nodeName: 'n1', terminationGracePeriodSeconds: 60 },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }], ...overrides.status },
  };
}

/** Lets every promise that can go on go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
}

interface World {
  clock: VirtualClock;
  kube: ScriptedKube;
  connections: ScriptedKube[];
  sessions: ClusterSessions;
  registered: Map<string, Cluster>;
  describes: number;
  health: string[][];
  groups: NodeGroup[];
  /** Held answers of describes, while set. */
  hold: ((groups: NodeGroup[]) => void)[] | undefined;
}

function group(name: string, targetGroups: string[] = []): NodeGroup {
  return {
    name,
    desired: 1,
    min: 1,
    max: 2,
    zones: ['eu-central-1a'],
    subnets: [],
    launchTemplate: { id: 'lt-1', name: 'a', version: '1' },
    newInstancesProtected: false,
    suspendedProcesses: [],
    classicLoadBalancers: [],
    targetGroups,
    tags: {},
    instances: [],
  };
}

function makeWorld(): World {
  const clock = new VirtualClock(start);
  const kube = new ScriptedKube();
  const world: World = {
    clock,
    kube,
    connections: [],
    registered: new Map([[sampleCluster.id, sampleCluster]]),
    describes: 0,
    health: [],
    groups: [group('g1')],
    hold: undefined,
    sessions: undefined as unknown as ClusterSessions,
  };
  const cloud = {
    describeGroups: (tags: Record<string, string>) => {
      expect(tags).toEqual({ [`kubernetes.io/cluster/${sampleCluster.id}`]: 'owned' });
      world.describes += 1;
      const { hold } = world;
      return hold === undefined ? Promise.resolve(world.groups) : new Promise((resolve) => hold.push(resolve));
    },
    loadBalancerHealth: (classic: string[], targetGroups: string[]) => {
      world.health.push([...classic, ...targetGroups]);
      return Promise.resolve([]);
    },
  } as unknown as CloudProvider;
  world.sessions = createClusterSessions({
    connectKube: () => {
      const connection = world.connections.length === 0 ? kube : new ScriptedKube();
      world.connections.push(connection);
      return connection;
    },
    connectCloud: () => cloud,
    clusterOf: (id) => world.registered.get(id),
    clock,
    wall: clock,
    random: seededRandom(1),
    log: silentLogger(),
    idleReleaseMs: 60_000,
  });
  return world;
}

let world: World;
let session: ClusterSession;

beforeEach(async () => {
  world = makeWorld();
  world.kube.objects.set('nodes', [node('n1'), node('n2')]);
  world.kube.objects.set('pods', [pod('web-1'), pod('web-2')]);
  session = await world.sessions.sessionFor(sampleCluster.id);
});

function listening(): { wakes: number } {
  const counter = { wakes: 0 };
  session.onChange('test', () => {
    counter.wakes += 1;
  });
  return counter;
}

function pass(ms: number): void {
  world.clock.advanceTo(world.clock.now() + ms);
}

describe('the watched view', () => {
  it('lists every kind once, watches from the version of the list, and is fresh then', async () => {
    const view = await session.view();
    expect(view.stale).toBeUndefined();
    expect(view.nodes.map((n) => n.name)).toEqual(['n1', 'n2']);
    expect(view.pods.map((p) => p.name)).toEqual(['web-1', 'web-2']);
    expect(world.kube.lists.sort()).toEqual([
      'daemonsets',
      'nodes',
      'persistentvolumes',
      'poddisruptionbudgets',
      'pods',
      'volumeattachments',
    ]);
    expect(world.kube.watchOf('pods').from).toBe('100');
    await session.view();
    expect(world.kube.lists).toHaveLength(6);
  });

  it('fails with the reason of the first list, and tries again when it is asked again', async () => {
    world.kube.listFailures = [new FailureError(terminal('kube-forbidden', 'LIST nodes: forbidden'))];
    await expect(session.view()).rejects.toMatchObject({ failure: { code: 'kube-forbidden' } });
    expect((await session.view()).nodes).toHaveLength(2);
  });

  it('fails when the first watch is refused: a list without a watch grows old unseen', async () => {
    world.kube.acceptWatches = false;
    await expect(session.view()).rejects.toMatchObject({ failure: { code: 'kube-unreachable' } });
  });

  it('follows additions, changes and deletions, and keeps arrays and views that did not change', async () => {
    const before = await session.view();
    expect((await session.view()).pods).toBe(before.pods);
    world.kube.emit('ADDED', 'pods', pod('web-3'));
    world.kube.emit('DELETED', 'pods', pod('web-1'));
    const after = await session.view();
    expect(after.pods.map((p) => p.name)).toEqual(['web-2', 'web-3']);
    expect(after.pods[0]).toBe(before.pods[1]);
    expect(after.nodes).toBe(before.nodes);
  });

  it('ignores an event that is older than what it knows', async () => {
    world.kube.objects.set('nodes', [node('n1', { spec: { unschedulable: true }, version: '500' })]);
    await session.view();
    world.kube.emit('MODIFIED', 'nodes', node('n1'));
    expect((await session.view()).nodes[0]?.unschedulable).toBe(true);
  });

  it('keeps no raw objects', async () => {
    world.kube.objects.set('pods', [pod('web-1', { metadata: { managedFields: [{ manager: 'kubelet' }] } })]);
    expect(JSON.stringify(await session.view())).not.toContain('managedFields');
  });
});

describe('a broken watch', () => {
  it('makes the view stale until it stands again, and goes on from the last version seen', async () => {
    await session.view();
    world.kube.emit('ADDED', 'pods', pod('web-3'));
    pass(5_000);
    world.kube.watchOf('pods').handlers.closed('error', 'WATCH pods: the connection broke');
    expect((await session.view()).stale).toContain('the connection broke');
    const lists = world.kube.lists.length;
    pass(1_000);
    await settle();
    expect((await session.view()).stale).toBeUndefined();
    expect(world.kube.watchOf('pods').from).toBe('101');
    expect(world.kube.lists).toHaveLength(lists);
  });

  it('that expired lists again, and drops what is gone', async () => {
    await session.view();
    pass(5_000);
    world.kube.objects.set('pods', [pod('web-2')]);
    world.kube.version = 900;
    world.kube.watchOf('pods').handlers.closed('expired', 'too old resource version');
    pass(1_000);
    await settle();
    const view = await session.view();
    expect(view.stale).toBeUndefined();
    expect(view.pods.map((p) => p.name)).toEqual(['web-2']);
    expect(world.kube.watchOf('pods').from).toBe('900');
  });

  it('backs off while the server is away, stays stale, and lists again after a long gap', async () => {
    await session.view();
    // Keeps the session from being idle.
    listening();
    pass(5_000);
    world.kube.acceptWatches = false;
    world.kube.watchOf('pods').handlers.closed('error', 'gone');
    const before = world.kube.watches.length;
    for (let second = 0; second < 60; second += 1) {
      pass(1_000);
      await settle();
    }
    const tries = world.kube.watches.length - before;
    expect(tries).toBeGreaterThanOrEqual(4);
    expect(tries).toBeLessThanOrEqual(10);
    expect((await session.view()).stale).toBeDefined();
    const lists = world.kube.lists.length;
    world.kube.acceptWatches = true;
    pass(31_000);
    await settle();
    expect((await session.view()).stale).toBeUndefined();
    expect(world.kube.lists.length).toBeGreaterThan(lists);
  });

  it('does not turn into a hot loop when the server ends every watch at once', async () => {
    await session.view();
    const before = world.kube.watches.length;
    for (let tick = 0; tick < 100; tick += 1) {
      const watch = world.kube.watchOf('pods');
      if (!watch.stopped) {
        watch.stopped = true;
        watch.handlers.closed('ended', 'closed by the server');
      }
      pass(100);
      await settle();
    }
    // Ten seconds of ends at once.
    expect(world.kube.watches.length - before).toBeLessThan(60);
  });

  it('wakes listeners when the view is fresh again', async () => {
    await session.view();
    const counter = listening();
    pass(5_000);
    world.kube.watchOf('nodes').handlers.closed('ended', 'closed by the server');
    pass(1_000);
    await settle();
    pass(1_000);
    expect(counter.wakes).toBe(1);
  });
});

describe('a listener', () => {
  it('wakes once for many changes at the same time', async () => {
    await session.view();
    const counter = listening();
    for (let i = 0; i < 50; i += 1) world.kube.emit('ADDED', 'pods', pod(`new-${i}`));
    pass(0);
    expect(counter.wakes).toBe(1);
    for (let i = 50; i < 100; i += 1) world.kube.emit('ADDED', 'pods', pod(`new-${i}`));
    pass(19);
    expect(counter.wakes).toBe(1);
    pass(1);
    expect(counter.wakes).toBe(2);
  });

  it('sleeps through heartbeats and other changes that no decision reads', async () => {
    await session.view();
    const counter = listening();
    const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: '2026-01-01T00:00:10Z' }];
    world.kube.emit('MODIFIED', 'nodes', node('n1', { status: { conditions } }));
    world.kube.watchOf('pods').handlers.event({
      type: 'BOOKMARK',
      object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: '', resourceVersion: '200' } },
    });
    pass(100);
    expect(counter.wakes).toBe(0);
    world.kube.emit(
      'MODIFIED',
      'nodes',
      node('n1', { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } }),
    );
    pass(100);
    expect(counter.wakes).toBe(1);
  });

  it('is not woken any more once it left, nor by the bug of another', async () => {
    await session.view();
    session.onChange('broken', () => {
      throw new Error('bug');
    });
    const counter = listening();
    world.kube.emit('DELETED', 'pods', pod('web-1'));
    pass(0);
    expect(counter.wakes).toBe(1);
    session.offChange('test');
    world.kube.emit('DELETED', 'pods', pod('web-2'));
    pass(100);
    expect(counter.wakes).toBe(1);
  });
});

describe('own actions', () => {
  it('show an evicted pod as ending before the watch does, and wake nobody when it then shows it', async () => {
    await session.view();
    const counter = listening();
    session.accepted({ kind: 'evicted', podUid: 'uid-web-1' });
    const view = await session.view();
    expect(view.pods.find((p) => p.name === 'web-1')?.deletingAt).toBe(start + 60_000);
    expect(view.pods.find((p) => p.name === 'web-2')?.deletingAt).toBeUndefined();
    world.kube.emit('MODIFIED', 'pods', pod('web-1', { metadata: { deletionTimestamp: '2026-01-01T00:01:05Z' } }));
    pass(100);
    expect(counter.wakes).toBe(0);
    expect((await session.view()).pods.find((p) => p.name === 'web-1')?.deletingAt).toBe(Date.UTC(2026, 0, 1, 0, 1, 5));
  });

  it('do not touch another pod of the same name', async () => {
    await session.view();
    session.accepted({ kind: 'evicted', podUid: 'uid-web-1' });
    world.kube.emit('DELETED', 'pods', pod('web-1'));
    world.kube.emit('ADDED', 'pods', pod('web-1', { metadata: { uid: 'uid-second' } }));
    expect((await session.view()).pods.find((p) => p.name === 'web-1')).toMatchObject({ uid: 'uid-second' });
    expect((await session.view()).pods.find((p) => p.name === 'web-1')?.deletingAt).toBeUndefined();
  });

  it('age out when the watch never shows them', async () => {
    await session.view();
    session.accepted({ kind: 'evicted', podUid: 'uid-web-1' });
    pass(29_000);
    expect((await session.view()).pods.find((p) => p.name === 'web-1')?.deletingAt).toBeDefined();
    pass(2_000);
    expect((await session.view()).pods.find((p) => p.name === 'web-1')?.deletingAt).toBeUndefined();
  });

  it('show a cordoned node until the watch has caught up, whatever older events still come', async () => {
    await session.view();
    const counter = listening();
    const cordoned = node('n1', { spec: { unschedulable: true }, version: '150' });
    session.accepted({ kind: 'node-patched', node: cordoned });
    expect((await session.view()).nodes[0]?.unschedulable).toBe(true);
    // A heartbeat from before the patch.
    world.kube.emit('MODIFIED', 'nodes', node('n1'));
    expect((await session.view()).nodes[0]?.unschedulable).toBe(true);
    world.kube.version = 149;
    world.kube.emit('MODIFIED', 'nodes', cordoned);
    pass(100);
    expect(counter.wakes).toBe(0);
    // And from then on the watch alone decides.
    world.kube.emit('MODIFIED', 'nodes', node('n1'));
    expect((await session.view()).nodes[0]?.unschedulable).toBe(false);
    pass(100);
    expect(counter.wakes).toBe(1);
  });

  it('leave a node alone that the watch already shows newer, or under another uid', async () => {
    world.kube.objects.set('nodes', [node('n1', { version: '300' }), node('n2')]);
    await session.view();
    session.accepted({ kind: 'node-patched', node: node('n1', { spec: { unschedulable: true }, version: '150' }) });
    session.accepted({
      kind: 'node-patched',
      node: node('n2', { spec: { unschedulable: true }, version: '400', uid: 'other' }),
    });
    expect((await session.view()).nodes.map((n) => n.unschedulable)).toEqual([false, false]);
  });
});

describe('the cloud view', () => {
  it('is shared while it is young enough, and asked for anew when it is not', async () => {
    const first = await session.cloudView(5_000);
    pass(5_000);
    expect(await session.cloudView(5_000)).toBe(first);
    pass(1);
    expect((await session.cloudView(5_000)).at).toBe(start + 5_001);
    expect(world.describes).toBe(2);
  });

  it('is asked for once by many at the same time', async () => {
    await Promise.all([session.cloudView(0), session.cloudView(1_000), session.cloudView(0)]);
    expect(world.describes).toBe(1);
  });

  it('does not serve an answer that was asked for before an own mutation', async () => {
    world.hold = [];
    const before = session.cloudView(5_000);
    session.cloudChanged();
    const after = session.cloudView(5_000);
    expect(world.describes).toBe(2);
    world.hold[1]?.([group('new')]);
    expect((await after).groups.map((g) => g.name)).toEqual(['new']);
    world.hold[0]?.([group('old')]);
    await before;
    expect((await session.cloudView(5_000)).groups.map((g) => g.name)).toEqual(['new']);
  });

  it('asks load balancers only when a group is attached to one, and each only once', async () => {
    expect((await session.cloudView(0)).loadBalancers).toEqual([]);
    expect(world.health).toEqual([]);
    world.groups = [group('g1', ['tg-1']), group('g2', ['tg-1', 'tg-2'])];
    session.cloudChanged();
    await session.cloudView(0);
    expect(world.health).toEqual([['tg-1', 'tg-2']]);
  });

  it('asks no load balancer for those who want the groups alone, and the groups once for both', async () => {
    world.groups = [group('g1', ['tg-1'])];
    expect((await session.groups(0)).map((g) => g.name)).toEqual(['g1']);
    expect((await session.groups(5_000)).map((g) => g.name)).toEqual(['g1']);
    expect(world).toMatchObject({ describes: 1, health: [] });
    pass(5_000);
    expect(await session.cloudView(5_000)).toMatchObject({ at: start, groups: [{ name: 'g1' }] });
    expect(world).toMatchObject({ describes: 1, health: [['tg-1']] });
    expect((await session.cloudView(0)).at).toBe(start + 5_000);
    expect(await session.groups(1_000)).toHaveLength(1);
    expect(world.describes).toBe(2);
  });

  it('never shows groups older than those that were shown', async () => {
    await session.cloudView(5_000);
    pass(1_000);
    world.groups = [group('new')];
    await session.groups(0);
    expect((await session.cloudView(5_000)).groups.map((g) => g.name)).toEqual(['new']);
    expect(world.describes).toBe(2);
  });

  it('that is asked for now does not wait for one that rests on older groups', async () => {
    world.groups = [group('g1', ['tg-1'])];
    await session.groups(0);
    pass(1_000);
    const [older, newer] = await Promise.all([session.cloudView(5_000), session.cloudView(0)]);
    expect([older.at, newer.at]).toEqual([start, start + 1_000]);
  });

  it('does not remember a failure', async () => {
    world.hold = [];
    const failing = session.cloudView(5_000);
    world.hold[0]?.(Promise.reject(new FailureError(transient('aws-throttled', 'x'))) as never);
    await expect(failing).rejects.toMatchObject({ failure: { code: 'aws-throttled' } });
    world.hold = undefined;
    expect((await session.cloudView(5_000)).groups).toHaveLength(1);
  });
});

describe('exclusive work', () => {
  it('runs one after the other, in order, also after a failure', async () => {
    const log: string[] = [];
    const work =
      (name: string, fail = false) =>
      async (): Promise<string> => {
        log.push(`${name} begins`);
        await settle();
        log.push(`${name} ends`);
        if (fail) throw new Error(name);
        return name;
      };
    const results = await Promise.allSettled([
      session.exclusive(work('a')),
      session.exclusive(work('b', true)),
      session.exclusive(work('c')),
    ]);
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    expect(results.map((r) => r.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('refuses when too many wait', async () => {
    let free = (): void => {};
    const first = session.exclusive(() => new Promise<void>((resolve) => (free = resolve)));
    const others = Array.from({ length: 120 }, () => session.exclusive(async () => undefined));
    const settled = Promise.allSettled(others);
    await settle();
    free();
    await first;
    const refused = (await settled).filter((r) => r.status === 'rejected');
    expect(refused).toHaveLength(21);
  });
});

describe('sessions', () => {
  it('are one for a cluster, however many ask', async () => {
    const [a, b] = await Promise.all([
      world.sessions.sessionFor(sampleCluster.id),
      world.sessions.sessionFor(sampleCluster.id),
    ]);
    expect(a).toBe(session);
    expect(b).toBe(session);
    expect(world.connections).toHaveLength(1);
  });

  it('are refused for a cluster that the registry does not have, and opened once it has', async () => {
    const late = { ...sampleCluster, id: 'aws:1:x:late' };
    await expect(world.sessions.sessionFor(late.id)).rejects.toMatchObject({
      failure: { kind: 'terminal', code: 'cluster-unknown' },
    });
    world.registered.set(late.id, late);
    expect((await world.sessions.sessionFor(late.id)).clusterId).toBe(late.id);
  });

  it('stop watches and close the connection on release; the next one starts anew', async () => {
    await session.view();
    world.sessions.release(sampleCluster.id);
    await settle();
    expect(world.kube.closed).toBe(true);
    expect(world.kube.watches.every((watch) => watch.stopped)).toBe(true);
    await expect(session.view()).rejects.toMatchObject({ failure: { code: 'session-closed' } });
    expect(await world.sessions.sessionFor(sampleCluster.id)).not.toBe(session);
    expect(world.connections).toHaveLength(2);
  });

  it('are closed when idle, but not while used or listened to', async () => {
    await session.view();
    session.onChange('roll', () => {});
    pass(300_000);
    await settle();
    expect(world.kube.closed).toBe(false);
    session.offChange('roll');
    await session.view();
    pass(59_000);
    await settle();
    expect(world.kube.closed).toBe(false);
    pass(61_000);
    await settle();
    expect(world.kube.closed).toBe(true);
  });

  it('restart no watch after they were closed', async () => {
    await session.view();
    world.kube.watchOf('pods').handlers.closed('error', 'gone');
    await world.sessions.close();
    const before = world.kube.watches.length;
    pass(120_000);
    await settle();
    expect(world.kube.watches).toHaveLength(before);
    await expect(world.sessions.sessionFor(sampleCluster.id)).rejects.toMatchObject({
      failure: { code: 'session-closed' },
    });
  });
});
