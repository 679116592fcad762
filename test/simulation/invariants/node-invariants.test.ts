import { describe, expect, it } from 'vitest';
import { InvariantWatch } from '../../../src/simulator/invariants/checker.ts';
import { type Baselines, type NodeLimits, takeBaselines } from '../../../src/simulator/invariants/limits.ts';
import { nodeInvariants } from '../../../src/simulator/invariants/node-invariants.ts';
import type { GroupTruth, NodeTruth, WorldTruth } from '../../../src/simulator/invariants/truth.ts';
import type { Actor, WorldEvent } from '../../../src/simulator/model/seams.ts';

const cluster = 'aws:1:eu:kube-1';
const client: Actor = { kind: 'client', name: 'clm/1' };
const world: Actor = { kind: 'world', name: 'aws' };
const person: Actor = { kind: 'client', name: 'kubectl' };

/** The part of an event that a test gives. */
type Part<E> = E extends unknown ? Omit<E, 'cluster' | 'at' | 'actor'> & { at?: number; actor?: Actor } : never;

/** Three workers and three control-plane nodes, all outdated, watched from now on. */
class Scene {
  readonly workers: GroupTruth = group('workers', 3, ['ingress']);
  readonly masters: GroupTruth = group('masters', 3, []);
  readonly nodes: NodeTruth[] = [];
  readonly pods = new Map<string, string[]>();
  /** Zones of the volumes on any node. */
  volumes: string[][] = [];
  /** Instances that load balancers were told of. */
  readonly told = new Set<string>();
  readonly watch: InvariantWatch;
  readonly baselines: Baselines;

  constructor(more: Partial<NodeLimits> = {}) {
    for (const instance of this.workers.instances) this.nodes.push(node(instance.id, false));
    for (const instance of this.masters.instances) this.nodes.push(node(instance.id, true));
    const truth: WorldTruth = {
      clusters: () => [cluster],
      has: (id) => id === cluster,
      groups: () => [this.workers, this.masters],
      nodes: () => this.nodes,
      workloadPodsOn: (_, name) => this.pods.get(name) ?? [],
      pod: () => undefined,
      budgetsOf: () => [],
      volumeZones: () => this.volumes,
      volumesLeft: () => 0,
      etcdOf: () => undefined,
      registrations: (_, id) =>
        this.told.has(id) || !this.workers.instances.some((one) => one.id === id)
          ? []
          : [{ balancer: 'ingress', healthy: true, draining: false }],
    };
    const others = new Set(['kubectl', 'cluster-autoscaler']);
    const limits = { surgeOf: () => 1, bootCap: 2, maxUnavailable: 0, evictionRetryMs: 4_500, others, ...more };
    this.baselines = takeBaselines(truth);
    this.watch = new InvariantWatch(nodeInvariants(this.baselines, limits, truth), truth);
  }

  say(part: Part<WorldEvent>): void {
    this.watch.onEvent({ cluster, at: 0, actor: client, ...part });
  }

  /** A new instance of the newest template whose node is Ready. */
  surge(id: string, of: GroupTruth = this.workers): void {
    this.add(id, of);
    this.nodes.push(node(id, of === this.masters));
  }

  add(id: string, of: GroupTruth = this.workers): void {
    of.desired += 1;
    of.instances.push({ id, lifecycleState: 'InService', launchTemplateVersion: '2', protectedFromScaleIn: false });
    this.say({ kind: 'instance-launched', instanceId: id, group: of.name, launchTemplateVersion: '2' });
  }

  node(id: string): NodeTruth {
    const found = this.nodes.find((one) => one.instanceId === id);
    if (!found) throw new Error(`no node ${id}`);
    return found;
  }

  cordon(id: string, actor: Actor = client, at = 0): void {
    this.node(id).unschedulable = true;
    this.say({ kind: 'node-cordoned', node: this.node(id).name, instanceId: id, actor, at });
  }

  terminate(id: string, parts: { decrement?: boolean; actor?: Actor; at?: number } = {}): void {
    const group = [this.workers, this.masters].find((one) => one.instances.some((instance) => instance.id === id));
    this.say({
      kind: 'instance-terminate-requested',
      instanceId: id,
      group: group?.name ?? '',
      decrement: true,
      ...parts,
    });
  }

  deregister(id: string): void {
    this.told.add(id);
    this.say({ kind: 'deregistered', loadBalancer: 'ingress', instanceId: id });
  }

  violations(): string[] {
    return this.watch.violations.map(({ invariant, message }) => `${invariant} ${message}`);
  }
}

function group(name: string, size: number, loadBalancers: string[]): GroupTruth {
  return {
    name,
    min: size,
    max: size + 2,
    desired: size,
    suspendedProcesses: [],
    newInstancesProtected: false,
    tags: { NodePool: name },
    launchTemplateVersion: '2',
    loadBalancers,
    instances: Array.from({ length: size }, (_, index) => ({
      id: `i-${name}-${index}`,
      lifecycleState: 'InService',
      launchTemplateVersion: '1',
      protectedFromScaleIn: false,
    })),
  };
}

function node(instanceId: string, controlPlane: boolean): NodeTruth {
  return {
    name: `node-of-${instanceId}`,
    instanceId,
    ready: true,
    unschedulable: false,
    controlPlane,
    taints: [],
    labels: {},
    annotations: {},
  };
}

const eviction = (healthy: number, podWasReady = true): Part<WorldEvent> => ({
  kind: 'eviction-accepted',
  namespace: 'team',
  pod: 'api-1',
  uid: 'u1',
  node: 'n',
  budgets: [{ name: 'api', healthy, desiredHealthy: 2, allowedBefore: healthy - 2, podWasReady }],
});

const deletion = (parts: Partial<Extract<WorldEvent, { kind: 'pod-delete-requested' }>> = {}): Part<WorldEvent> => ({
  kind: 'pod-delete-requested',
  namespace: 'team',
  pod: 'api-1',
  uid: 'u1',
  node: 'n',
  gracePeriodSeconds: 30,
  uidPrecondition: true,
  podKind: 'workload',
  ...parts,
});

describe('the invariants of nodes', () => {
  it('hold when one node is replaced as it should be, and each was judged', () => {
    const scene = new Scene();
    scene.surge('i-new');
    scene.cordon('i-workers-0');
    scene.say(eviction(3));
    scene.say(deletion());
    scene.deregister('i-workers-0');
    scene.terminate('i-workers-0');
    expect(scene.violations()).toEqual([]);
    expect(scene.watch.checked).toBeGreaterThan(6);
  });

  it('I1 catches an eviction that leaves a budget with less than it demands', () => {
    const scene = new Scene();
    scene.say(eviction(2));
    expect(scene.violations()).toEqual([expect.stringMatching(/^I1 evicting team\/api-1 leaves 1 healthy/)]);
  });

  it('I1 lets a pod go that was not ready: the budget loses nothing', () => {
    const scene = new Scene();
    scene.say(eviction(2, false));
    expect(scene.violations()).toEqual([]);
  });

  it('I2 catches a cordon before there is a node in its place', () => {
    const scene = new Scene();
    scene.cordon('i-workers-0');
    expect(scene.violations()).toEqual([
      expect.stringMatching(/^I2 cordoning .* leaves 2 usable nodes in workers, baseline 3/),
    ]);
  });

  it('I2 does not count a new node that is not Ready', () => {
    const scene = new Scene();
    scene.surge('i-new');
    scene.node('i-new').ready = false;
    scene.cordon('i-workers-0');
    expect(scene.violations()).toHaveLength(1);
  });

  it('I2 catches a termination that gives up a place the group needs', () => {
    const scene = new Scene();
    scene.node('i-workers-0').unschedulable = true;
    scene.deregister('i-workers-0');
    scene.terminate('i-workers-0');
    expect(scene.violations()).toEqual([expect.stringMatching(/^I2 workers is left with 2 instances, it had 3/)]);
  });

  it('I3 catches more surge than is allowed', () => {
    const scene = new Scene();
    scene.surge('i-new-1');
    scene.surge('i-new-2');
    expect(scene.violations()).toEqual([expect.stringMatching(/^I3 workers has 5 live instances, at most 4 allowed/)]);
  });

  it('I3 catches more nodes that boot at once than are allowed', () => {
    const scene = new Scene();
    scene.workers.desired = scene.masters.desired = 9;
    scene.add('i-1');
    scene.add('i-2', scene.masters);
    scene.add('i-3', scene.masters);
    expect(scene.violations().filter((text) => text.includes('boot at once'))).toEqual([
      'I3 3 nodes boot at once, at most 2 allowed',
    ]);
  });

  it('I4 catches the end of a node that still runs pods', () => {
    const scene = new Scene();
    scene.surge('i-new');
    scene.cordon('i-workers-0');
    scene.pods.set('node-of-i-workers-0', ['team/api-1']);
    scene.deregister('i-workers-0');
    scene.terminate('i-workers-0');
    expect(scene.violations()).toEqual([expect.stringMatching(/^I4 .* terminated with 1 pods: team\/api-1/)]);
  });

  it('I4 catches the end of a node without a cordon, and of one that is not outdated', () => {
    const scene = new Scene();
    scene.surge('i-new');
    scene.deregister('i-workers-0');
    scene.terminate('i-workers-0');
    scene.node('i-new').unschedulable = true;
    scene.deregister('i-new');
    scene.terminate('i-new', { decrement: false });
    expect(scene.violations()).toEqual([
      expect.stringMatching(/^I4 .* terminated without a cordon/),
      expect.stringMatching(/^I4 .* is not outdated, and its termination was no scale-down/),
    ]);
  });

  it('I4 lets a node go that others have uncordoned while the call was on its way, and no later or by its own doing', () => {
    const kubectl: Actor = { kind: 'client', name: 'kubectl/1' };
    const after = (ms: number, actor: Actor, readLagMs = 1_000): string[] => {
      const scene = new Scene({ readLagMs });
      scene.surge('i-new');
      scene.cordon('i-workers-0');
      scene.deregister('i-workers-0');
      scene.node('i-workers-0').unschedulable = false;
      scene.say({ kind: 'node-uncordoned', node: 'node-of-i-workers-0', instanceId: 'i-workers-0', actor, at: 5_000 });
      scene.terminate('i-workers-0', { at: 5_000 + ms });
      return scene.violations().filter((one) => one.includes('without a cordon'));
    };
    expect(after(900, kubectl)).toEqual([]);
    expect(after(1_000, kubectl)).toHaveLength(1);
    expect(after(900, client)).toHaveLength(1);
    expect(after(0, kubectl, 0)).toHaveLength(1);
  });

  it('I4 catches a group that ends a ready node by itself, and lets it end a dead one', () => {
    const scene = new Scene();
    scene.terminate('i-workers-0', { actor: world, decrement: false });
    scene.node('i-workers-1').ready = false;
    scene.terminate('i-workers-1', { actor: world, decrement: false });
    expect(scene.violations()).toEqual([expect.stringMatching(/^I4 the group itself ended ready node/)]);
  });

  it('I4 catches the end of a node that load balancers still send to', () => {
    const scene = new Scene();
    scene.surge('i-new');
    scene.cordon('i-workers-0');
    scene.terminate('i-workers-0');
    expect(scene.violations()).toEqual([expect.stringMatching(/^I4 .* while it is registered with ingress/)]);
  });

  it('I4 asks nobody to tell load balancers of an instance that somebody else has ended: they send nothing there, though it is on record', () => {
    const scene = new Scene();
    scene.surge('i-new');
    scene.terminate('i-workers-0', { decrement: false, actor: somebody });
    scene.cordon('i-workers-0');
    scene.terminate('i-workers-0');
    expect(scene.violations()).toEqual([]);
    scene.surge('i-newer');
    scene.cordon('i-workers-1');
    scene.terminate('i-workers-1');
    expect(scene.violations()).toContainEqual(
      expect.stringMatching(/^I4 node-of-i-workers-1 .* registered with ingress/),
    );
  });

  it('I5 catches a pod that is deleted instead of evicted, and any that gets no grace', () => {
    const scene = new Scene();
    scene.say(deletion());
    scene.say(deletion({ podKind: 'finished', gracePeriodSeconds: 0 }));
    scene.say(deletion({ podKind: 'finished' }));
    scene.say(deletion({ actor: world }));
    expect(scene.violations()).toEqual([
      'I5 team/api-1 was deleted, not evicted',
      'I5 team/api-1 was deleted without grace',
    ]);
  });

  it('I5 lets one deletion pass for an accepted eviction, and not a second one', () => {
    const scene = new Scene();
    scene.say(eviction(3));
    scene.say(deletion());
    scene.say(deletion());
    expect(scene.violations()).toHaveLength(1);
  });

  it('I6 catches two control-plane nodes in flight', () => {
    const scene = new Scene();
    scene.surge('i-new', scene.masters);
    scene.cordon('i-masters-0');
    expect(scene.violations()).toEqual([]);
    scene.surge('i-newer', scene.masters);
    scene.cordon('i-masters-1');
    expect(scene.violations()).toContain('I6 2 control-plane nodes cordoned at once');
  });

  it('I6 catches a worker that is cordoned while a control-plane node is in flight', () => {
    const scene = new Scene();
    scene.surge('i-new', scene.masters);
    scene.cordon('i-masters-0');
    scene.surge('i-worker');
    scene.cordon('i-workers-0');
    expect(scene.violations()).toEqual([expect.stringMatching(/^I6 .* while control-plane node .* is in flight/)]);
  });

  it('I6 does not count a control-plane node that somebody else has cordoned, until a client takes it out', () => {
    const kubectl: Actor = { kind: 'client', name: 'kubectl/v1' };
    const scene = new Scene();
    scene.surge('i-worker');
    scene.surge('i-new', scene.masters);
    scene.cordon('i-masters-0', kubectl);
    scene.cordon('i-workers-0');
    expect(scene.violations()).toEqual([]);
    scene.say({ kind: 'deregistered', loadBalancer: 'api', instanceId: 'i-masters-0' });
    scene.cordon('i-masters-1');
    expect(scene.violations()).toContain('I6 2 control-plane nodes cordoned at once');
  });

  it('I2 and I7 hold a client to what others made of the size, within limits, and not before it can know', () => {
    const autoscaler: Actor = { kind: 'client', name: 'cluster-autoscaler/1' };
    const grow = (scene: Scene, at: number, to: number): void => {
      const limits = { min: 3, max: 9 };
      const before = { ...limits, desired: scene.workers.desired };
      scene.workers.desired = to;
      const after = { ...limits, desired: to };
      scene.say({
        kind: 'group-changed',
        group: 'workers',
        before,
        after,
        by: 'SetDesiredCapacity',
        actor: autoscaler,
        at,
      });
    };
    const early = new Scene({ viewLagMs: 60_000 });
    early.surge('i-new');
    grow(early, 1_000, 5);
    early.cordon('i-workers-0', client, 2_000);
    expect(early.violations()).toEqual([]);
    const late = new Scene({ viewLagMs: 60_000 });
    late.surge('i-new');
    grow(late, 1_000, 5);
    late.cordon('i-workers-0', client, 62_000);
    expect(late.violations()).toEqual([
      expect.stringMatching(/^I2 cordoning .* leaves 3 usable nodes in workers, baseline 4/),
    ]);
    // Its own maximum is 5: what lies above was lent by the roll.
    grow(late, 70_000, 9);
    expect(late.baselines.get(`${cluster}/workers`)?.desired).toBe(5);
  });

  const somebody: Actor = { kind: 'client', name: 'kubectl/v1.31' };

  it('I7 lets an edit of the maximum be lost that a client could not know of when it wrote, and no older one', () => {
    const left = (editedAt: number, max: number): string[] => {
      const scene = new Scene({ readLagMs: 5_000 });
      const change = (from: number, to: number, at: number, actor: Actor): void => {
        scene.workers.max = to;
        const [before, after] = [from, to].map((one) => ({ min: 3, max: one, desired: 3 }));
        if (before && after) {
          scene.say({
            kind: 'group-changed',
            group: 'workers',
            before,
            after,
            by: 'UpdateAutoScalingGroup',
            actor,
            at,
          });
        }
      };
      change(5, 9, 0, client);
      change(9, 11, editedAt, somebody);
      change(11, 5, 60_000, client);
      scene.workers.max = max;
      scene.watch.atEnd(70_000);
      return scene.violations();
    };
    expect(left(59_000, 5)).toEqual([]);
    expect(left(59_000, 11)).toEqual([]);
    expect(left(59_000, 9)).toEqual([expect.stringMatching(/max is 9, was 11/)]);
    expect(left(54_000, 5)).toEqual([expect.stringMatching(/max is 5, was 11/)]);
  });

  it('I2 lets a node go whose instance somebody else has ended: it serves nobody, whatever group and node still show', () => {
    const scene = new Scene();
    scene.say({
      kind: 'instance-terminate-requested',
      group: 'workers',
      instanceId: 'i-workers-0',
      decrement: false,
      actor: somebody,
    });
    scene.cordon('i-workers-0');
    expect(scene.violations()).toEqual([]);
    scene.cordon('i-workers-1');
    expect(scene.violations()).toContainEqual(expect.stringMatching(/^I2 cordoning/));
  });

  it('I8 asks for a new node in the zone of the volumes of an old one, and for any node in that of a new one, which is surplus', () => {
    const zoned = (cordoned: string): string[] => {
      const scene = new Scene();
      scene.surge('i-new');
      scene.volumes = [['a']];
      const zone = { 'i-new': 'a', 'i-workers-0': 'a' } as Record<string, string>;
      for (const one of scene.nodes) one.labels['topology.kubernetes.io/zone'] = zone[one.instanceId] ?? 'b';
      scene.cordon(cordoned);
      return scene.violations().filter((one) => one.startsWith('I8'));
    };
    expect(zoned('i-workers-0')).toEqual([]);
    expect(zoned('i-new')).toEqual([]);
    const apart = new Scene();
    apart.volumes = [['a']];
    apart.node('i-workers-0').labels['topology.kubernetes.io/zone'] = 'a';
    apart.node('i-workers-1').labels['topology.kubernetes.io/zone'] = 'a';
    apart.cordon('i-workers-0');
    expect(apart.violations()).toContainEqual(expect.stringMatching(/^I8/));
  });

  it('I6 catches the last ready control-plane node being taken', () => {
    const scene = new Scene();
    scene.surge('i-new', scene.masters);
    for (const id of ['i-new', 'i-masters-1', 'i-masters-2']) scene.node(id).ready = false;
    scene.cordon('i-masters-0');
    expect(scene.violations()).toContainEqual(expect.stringMatching(/^I6 no ready control-plane node is left/));
  });

  it('I7 catches an absolute write that lowers desired, and lets a decrement pass', () => {
    const scene = new Scene();
    const change = {
      kind: 'group-changed' as const,
      group: 'workers',
      before: { min: 3, max: 5, desired: 4 },
      after: { min: 3, max: 5, desired: 3 },
    };
    scene.say({ ...change, by: 'SetDesiredCapacity' });
    scene.say({ ...change, by: 'TerminateInstanceInAutoScalingGroup' });
    scene.say({ ...change, by: 'SetDesiredCapacity', actor: { kind: 'world', name: 'autoscaler' } });
    expect(scene.violations()).toEqual(['I7 SetDesiredCapacity lowered workers from 4 to 3']);
  });

  it.each<[string, (scene: Scene) => void, RegExp]>([
    ['a limit', (scene) => (scene.workers.max = 9), /max is 9, was 5/],
    ['the size', (scene) => (scene.workers.desired = 4), /desired is 4, was 3/],
    ['protection', (scene) => (scene.workers.newInstancesProtected = true), /protection left changed/],
    [
      'a suspended process',
      (scene) => scene.workers.suspendedProcesses.push('AZRebalance'),
      /AZRebalance left suspended/,
    ],
    ['a tag', (scene) => (scene.workers.tags['clm/roll-id'] = 'x'), /tags left: clm\/roll-id/],
    ['a load balancer', (scene) => scene.deregister('i-workers-0'), /i-workers-0 is left out of ingress/],
    ['a cordon', (scene) => (scene.node('i-workers-0').unschedulable = true), /left cordoned/],
    [
      'a taint',
      (scene) => scene.node('i-workers-0').taints.push('decommission-pending:PreferNoSchedule'),
      /left tainted/,
    ],
    [
      'an exemption',
      (scene) =>
        (scene.node('i-workers-0').annotations['cluster-autoscaler.kubernetes.io/scale-down-disabled'] = 'true'),
      /left exempt from scale-down/,
    ],
  ])('I7 catches %s that a finished run leaves changed', (_what, leave, complaint) => {
    const scene = new Scene();
    leave(scene);
    scene.watch.atEnd(0);
    expect(scene.violations()).toEqual([expect.stringMatching(complaint)]);
    const other = new Scene();
    leave(other);
    other.watch.atEnd(0, new Set([cluster]));
    expect(other.violations()).toEqual([]);
  });

  it('I10 counts nodes that are lost, and none whose instances were told to end', () => {
    const scene = new Scene({ stormShare: 0.2, stormLagMs: 15_000 });
    const lose = (...ids: string[]): void => {
      for (const id of ids)
        scene.say({ kind: 'node-not-ready', node: scene.node(id).name, instanceId: id, at: 60_000, actor: world });
    };
    for (const id of ['i-workers-0', 'i-workers-1']) scene.terminate(id, { at: 1_000, actor: person });
    lose('i-workers-0', 'i-workers-1');
    scene.say({ ...eviction(3), at: 90_000 });
    expect(scene.violations()).toEqual([]);

    lose('i-workers-2', 'i-masters-0');
    scene.say({ ...eviction(3), at: 90_000 });
    expect(scene.violations()).toEqual(['I10 eviction-accepted 30000 ms into a storm of nodes that are not Ready']);
  });

  it('I10 catches the end of a lost node, although fewer are lost then, and lets go on when somebody else has ended it', () => {
    const lost = (): Scene => {
      const scene = new Scene({ stormShare: 0.2, stormLagMs: 15_000 });
      for (const id of ['i-workers-0', 'i-workers-1'])
        scene.say({ kind: 'node-not-ready', node: scene.node(id).name, instanceId: id, actor: world });
      scene.node('i-workers-0').unschedulable = true;
      scene.deregister('i-workers-0');
      return scene;
    };
    const ours = lost();
    ours.terminate('i-workers-0', { at: 30_000, decrement: false });
    expect(ours.violations()).toContain(
      'I10 instance-terminate-requested 30000 ms into a storm of nodes that are not Ready',
    );
    const theirs = lost();
    theirs.terminate('i-workers-0', { at: 30_000, actor: person });
    theirs.say({ ...eviction(3), at: 31_000 });
    expect(theirs.violations()).toEqual([]);
  });

  it("I11 catches a person's cordon that somebody else lifts", () => {
    const scene = new Scene();
    scene.surge('i-new');
    scene.cordon('i-workers-0', { kind: 'client', name: 'kubectl/v1.34' });
    scene.say({ kind: 'node-uncordoned', node: 'node-of-i-workers-0', instanceId: 'i-workers-0' });
    expect(scene.violations()).toEqual(['I11 node-of-i-workers-0 was cordoned by kubectl and is uncordoned by clm']);
  });

  it('I11 lets a program lift its own cordon, whatever rollout it names', () => {
    const scene = new Scene();
    scene.surge('i-new');
    scene.cordon('i-workers-0', { kind: 'client', name: 'clm/1 rollout/a' });
    scene.say({ kind: 'node-uncordoned', node: 'node-of-i-workers-0', instanceId: 'i-workers-0' });
    expect(scene.violations()).toEqual([]);
  });

  it('I13 catches a refused eviction that is asked again at once', () => {
    const scene = new Scene();
    const refused = {
      kind: 'eviction-refused' as const,
      namespace: 'team',
      pod: 'api-1',
      uid: 'u1',
      node: 'n',
      budgets: ['api'],
    };
    scene.say({ ...refused, at: 0 });
    scene.say({ ...refused, at: 5_000 });
    scene.say({ ...refused, at: 6_000 });
    expect(scene.violations()).toEqual([expect.stringMatching(/^I13 team\/api-1 asked again 1000 ms after a refusal/)]);
  });
});
