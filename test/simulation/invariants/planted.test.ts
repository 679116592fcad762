/** Every invariant is violated once in a simulated world, by a client that does the very thing, and its checker says so. */
import { describe, expect, it } from 'vitest';
import { InvariantWatch } from '../../../src/simulator/invariants/checker.ts';
import { endInvariants, endStateOf, type RollEnd } from '../../../src/simulator/invariants/end-invariants.ts';
import { etcdInvariants } from '../../../src/simulator/invariants/etcd-invariants.ts';
import { type NodeLimits, takeBaselines } from '../../../src/simulator/invariants/limits.ts';
import { nodeInvariants } from '../../../src/simulator/invariants/node-invariants.ts';
import { truthOf } from '../../../src/simulator/invariants/world-truth.ts';
import type { AwsService } from '../../../src/simulator/model/aws/aws-request.ts';
import { EtcdWorld } from '../../support/etcd-world.ts';
import { cordon as cordonByHand, instanceOf, nodesOf, others, workloadsOn } from '../../support/roll-sim/people.ts';
import { storageClass } from '../../support/roll-sim/workloads.ts';
import { account, budget, clusterId, deployment, type PoolSpec, RollWorld, region } from '../../support/roll-world.ts';

const limits: NodeLimits = {
  surgeOf: () => 1,
  bootCap: 3,
  maxUnavailable: 0,
  evictionRetryMs: 4_500,
  others,
  stormShare: 0.2,
  stormLagMs: 15_000,
  deregisterTimeoutMs: 300_000,
  detachTimeoutMs: 300_000,
  protectedPodsStay: true,
  movesPerPod: 2,
  cloudCalls: { perSecond: 1, burst: 20, perStart: 5 },
  resumeMs: 3_600_000,
};

/** A cluster that is to be rolled, and a client that may do with it what it likes. */
class Rogue {
  readonly roll: RollWorld;
  readonly end: RollEnd;
  readonly watch: InvariantWatch;
  epoch = 1;

  constructor(pools: PoolSpec[], workloads: object[]) {
    this.roll = new RollWorld({ pools });
    this.roll.apply(storageClass, ...workloads);
    const truth = truthOf(this.roll.world);
    const baselines = takeBaselines(truth);
    for (const pool of pools) this.roll.outdate(pool.name);
    this.end = { groups: pools.map((pool) => pool.name), maxBlocked: 1 };
    this.watch = new InvariantWatch([...nodeInvariants(baselines, limits, truth), ...endInvariants(this.end)], truth);
    this.roll.world.subscribe((event) => this.watch.onEvent(event));
  }

  get agent(): string {
    return `clm/rogue epoch/${this.epoch}`;
  }

  aws(service: AwsService, action: string, params: Record<string, unknown>): void {
    const at = this.roll.world.clock.now();
    const mutates = !action.startsWith('Describe');
    this.watch.onCall({ at, cluster: clusterId, api: 'cloud', client: this.agent, action, mutates });
    const { agent } = this;
    const reply = this.roll.world.aws.handle({ account, region, service, action, params, userAgent: agent });
    if (!reply.ok) throw new Error(`${action}: ${reply.code}: ${reply.message}`);
  }

  kube(method: string, path: string, body?: object): number {
    const at = this.roll.world.clock.now();
    const mutates = method !== 'GET';
    const call = { at, cluster: clusterId, api: 'kube' as const, client: this.agent, action: `${method} ${path}` };
    this.watch.onCall({ ...call, mutates });
    return this.roll.kube.handle({
      method,
      path,
      query: new URLSearchParams(),
      userAgent: this.agent,
      contentType: method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      ...(body === undefined ? {} : { body }),
    }).status;
  }

  nodes(pool: string): string[] {
    const inPool = nodesOf(this.roll).filter((node) => node.metadata.labels?.['node.kubernetes.io/node-pool'] === pool);
    return inPool.map((node) => node.metadata.name).sort();
  }

  instance(node: string): string {
    const found = nodesOf(this.roll).find((one) => one.metadata.name === node);
    if (!found) throw new Error(`no node ${node}`);
    return instanceOf(found);
  }

  launch(pool: string, zone = 'eu-central-1a'): void {
    this.aws('autoscaling', 'LaunchInstances', {
      AutoScalingGroupName: pool,
      RequestedCapacity: 1,
      ClientToken: `t-${this.roll.world.clock.now()}`,
      AvailabilityZones: [zone],
    });
    this.roll.pass(1);
  }

  cordon(node: string): void {
    this.kube('PATCH', `/api/v1/nodes/${node}`, { spec: { unschedulable: true } });
  }

  uncordon(node: string): void {
    this.kube('PATCH', `/api/v1/nodes/${node}`, { spec: { unschedulable: null } });
  }

  /** The pod's uid goes along unless `blind`. */
  evict(pod: string, blind = false): number {
    const [namespace = '', name = ''] = pod.split('/');
    const uid = this.roll.kube.truth().pods.get(pod)?.metadata.uid;
    return this.kube('POST', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace },
      ...(blind ? {} : { deleteOptions: { preconditions: { uid } } }),
    });
  }

  delete(pod: string, gracePeriodSeconds?: number): void {
    const [namespace, name] = pod.split('/');
    const uid = this.roll.kube.truth().pods.get(pod)?.metadata.uid;
    this.kube('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`, {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      preconditions: { uid },
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    });
  }

  terminate(node: string, decrement = true): void {
    this.aws('autoscaling', 'TerminateInstanceInAutoScalingGroup', {
      InstanceId: this.instance(node),
      ShouldDecrementDesiredCapacity: decrement,
    });
  }

  pods(node: string): string[] {
    return workloadsOn(this.roll, node);
  }

  zoneOf(node: string): string {
    const found = nodesOf(this.roll).find((one) => one.metadata.name === node);
    return found?.metadata.labels?.['topology.kubernetes.io/zone'] ?? '';
  }

  busiest(pool: string): string {
    const nodes = this.nodes(pool).sort((a, b) => this.pods(b).length - this.pods(a).length);
    return nodes[0] ?? '';
  }

  /** Deaf and dumb: the kubelets of these nodes stop. */
  kill(nodes: string[]): void {
    for (const node of nodes) {
      this.roll.kube.instanceStopping(this.instance(node));
    }
    this.roll.pass(70);
  }

  caught(): string[] {
    return [...new Set(this.watch.violations.map((one) => one.invariant))].sort();
  }
}

const workers = (nodes = 3): PoolSpec[] => [{ name: 'workers', nodes }];
const web = [deployment('web', 6), budget('web', { minAvailable: 6 })];

const stateful = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'db', namespace: 'shop' },
  spec: {
    replicas: 1,
    serviceName: 'db',
    selector: { matchLabels: { app: 'db' } },
    template: {
      metadata: { labels: { app: 'db' } },
      spec: { containers: [{ name: 'main', image: 'db:1', resources: { requests: { cpu: '50m', memory: '64Mi' } } }] },
    },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'gp3',
          resources: { requests: { storage: '1Gi' } },
        },
      },
    ],
  },
};

/** An etcd that stands, and whoever does something to it. */
const planted = (world: EtcdWorld) => ({ world, roll: world.roll, etcd: world.etcd });

const kinds = (rogue: Rogue): string[] => rogue.caught();

describe('a planted violation is caught', () => {
  it('of I1: a pod of a budget at its limit is deleted', () => {
    const rogue = new Rogue(workers(), web);
    rogue.delete(rogue.pods(rogue.busiest('workers'))[0] ?? '');
    expect(kinds(rogue)).toContain('I1');
  });

  it('of I2: a node is cordoned with nothing in its place', () => {
    const rogue = new Rogue(workers(), []);
    rogue.cordon(rogue.nodes('workers')[0] ?? '');
    expect(kinds(rogue)).toEqual(['I2']);
  });

  it('of I2: a place is given up that the group needs', () => {
    const rogue = new Rogue(workers(), []);
    const node = rogue.nodes('workers')[0] ?? '';
    cordonByHand(rogue.roll, node, true);
    rogue.terminate(node);
    expect(kinds(rogue)).toEqual(['I2']);
  });

  it('of I3: a second surge node, and more boots than allowed', () => {
    const rogue = new Rogue(workers(), []);
    rogue.launch('workers');
    expect(kinds(rogue)).toEqual([]);
    rogue.launch('workers');
    expect(kinds(rogue)).toEqual(['I3']);
  });

  it('of I4: a node goes with pods on it', () => {
    const rogue = new Rogue(workers(), web);
    rogue.launch('workers');
    rogue.roll.pass(120);
    const node = rogue.busiest('workers');
    rogue.cordon(node);
    rogue.terminate(node);
    expect(kinds(rogue)).toEqual(['I4']);
  });

  it('of I4: a node goes while a load balancer sends to it', () => {
    const rogue = new Rogue([{ name: 'workers', nodes: 3, balancer: 'target-group' }], []);
    rogue.launch('workers');
    rogue.roll.pass(300);
    const node = rogue.nodes('workers')[0] ?? '';
    rogue.cordon(node);
    rogue.terminate(node);
    expect(kinds(rogue)).toEqual(['I4']);
  });

  it('of I4: a node goes with a volume that is still attached', () => {
    const rogue = new Rogue(workers(), [stateful]);
    const node = rogue.busiest('workers');
    rogue.launch('workers', rogue.zoneOf(node));
    rogue.roll.pass(120);
    rogue.cordon(node);
    const pod = rogue.pods(node)[0] ?? '';
    rogue.evict(pod);
    const gone = (): boolean => rogue.pods(node).length === 0;
    for (let i = 0; i < 1000 && !gone(); i += 1) rogue.roll.pass(0.1);
    rogue.terminate(node);
    expect(kinds(rogue)).toEqual(['I4']);
  });

  it('of I5: a pod is deleted, deleted without grace, and evicted whoever it is', () => {
    const rogue = new Rogue(workers(), [deployment('web', 6)]);
    const [first = '', second = ''] = rogue.pods(rogue.busiest('workers'));
    rogue.delete(first);
    expect(kinds(rogue)).toEqual(['I5']);
    const blind = new Rogue(workers(), [deployment('web', 6)]);
    blind.evict(second === '' ? first : (blind.pods(blind.busiest('workers'))[0] ?? ''), true);
    expect(kinds(blind)).toEqual(['I5']);
    const graceless = new Rogue(workers(), [deployment('web', 6)]);
    graceless.delete(graceless.pods(graceless.busiest('workers'))[0] ?? '', 0);
    expect(graceless.watch.violations.map((one) => one.message)).toEqual([expect.stringContaining('without grace')]);
  });

  it('of I6: two control-plane nodes at once', () => {
    const rogue = new Rogue([{ name: 'masters', nodes: 3, controlPlane: true }], []);
    rogue.launch('masters');
    rogue.roll.pass(400);
    const [first = '', second = ''] = rogue.nodes('masters');
    rogue.cordon(first);
    expect(kinds(rogue)).toEqual([]);
    rogue.cordon(second);
    expect(kinds(rogue)).toContain('I6');
  });

  it('of I7: desired is lowered by an absolute write', () => {
    const rogue = new Rogue(workers(), []);
    rogue.aws('autoscaling', 'SetDesiredCapacity', { AutoScalingGroupName: 'workers', DesiredCapacity: 2 });
    expect(kinds(rogue)).toEqual(['I7']);
  });

  it('of I7: a process is left suspended', () => {
    const rogue = new Rogue(workers(), []);
    rogue.aws('autoscaling', 'SuspendProcesses', {
      AutoScalingGroupName: 'workers',
      ScalingProcesses: ['AZRebalance'],
    });
    rogue.watch.atEnd(rogue.roll.world.clock.now());
    expect(kinds(rogue)).toEqual(['I7', 'L1']);
  });

  it('of I8: a node with a volume is cordoned, and the new node is in another zone', () => {
    const rogue = new Rogue(workers(1), [stateful]);
    const node = rogue.nodes('workers')[0] ?? '';
    rogue.launch('workers', rogue.zoneOf(node) === 'eu-central-1a' ? 'eu-central-1b' : 'eu-central-1a');
    rogue.roll.pass(120);
    rogue.cordon(node);
    expect(kinds(rogue)).toEqual(['I8']);
  });

  it('of I9: an earlier holder of the lease acts after a later one', () => {
    const rogue = new Rogue(workers(), []);
    const node = rogue.nodes('workers')[0] ?? '';
    const label = (): number => rogue.kube('PATCH', `/api/v1/nodes/${node}`, { metadata: { labels: { a: 'b' } } });
    label();
    rogue.epoch = 2;
    label();
    expect(kinds(rogue)).toEqual([]);
    rogue.epoch = 1;
    label();
    expect(kinds(rogue)).toEqual(['I9']);
  });

  it('of I10: a pod is evicted while half of the nodes have been lost', () => {
    const rogue = new Rogue(workers(4), [deployment('web', 8)]);
    const [first = '', second = '', third = ''] = rogue.nodes('workers');
    rogue.kill([first, second]);
    rogue.evict(rogue.pods(third)[0] ?? '');
    expect(kinds(rogue)).toEqual(['I10']);
  });

  it("of I11: a person's cordon is lifted", () => {
    const rogue = new Rogue(workers(), []);
    const node = rogue.nodes('workers')[0] ?? '';
    cordonByHand(rogue.roll, node, true);
    rogue.uncordon(node);
    expect(kinds(rogue)).toEqual(['I11']);
  });

  it('of I11: a pod that asks to stay is evicted', () => {
    const asking = deployment('web', 3) as { spec: { template: { metadata: { annotations?: object } } } };
    asking.spec.template.metadata.annotations = { 'karpenter.sh/do-not-disrupt': 'true' };
    const rogue = new Rogue(workers(), [asking]);
    rogue.evict(rogue.pods(rogue.busiest('workers'))[0] ?? '');
    expect(kinds(rogue)).toEqual(['I11']);
  });

  it('of I12: pods move again and again', () => {
    const rogue = new Rogue(workers(), [deployment('web', 1)]);
    for (let i = 0; i < 3; i += 1) {
      rogue.evict(rogue.pods(rogue.busiest('workers'))[0] ?? '');
      rogue.roll.pass(120);
    }
    expect(kinds(rogue)).toEqual(['I12']);
  });

  it('of I13: a refused eviction is asked again at once', () => {
    const rogue = new Rogue(workers(), web);
    const pod = rogue.pods(rogue.busiest('workers'))[0] ?? '';
    expect(rogue.evict(pod)).toBe(429);
    rogue.roll.pass(2);
    rogue.evict(pod);
    expect(kinds(rogue)).toEqual(['I13']);
  });

  it('of I13: the cloud is asked without pause', () => {
    const rogue = new Rogue(workers(), []);
    for (let i = 0; i < 22; i += 1) rogue.aws('autoscaling', 'DescribeAutoScalingGroups', {});
    expect(kinds(rogue)).toEqual(['I13']);
  });

  it('of I13: the cloud is asked without pause, by one process after the other', () => {
    const rogue = new Rogue(workers(), []);
    const ask = (times: number): void => {
      for (let i = 0; i < times; i += 1) rogue.aws('autoscaling', 'DescribeAutoScalingGroups', {});
    };
    ask(20);
    rogue.epoch = 2;
    ask(5);
    expect(kinds(rogue)).toEqual([]);
    // An earlier process that still asks is no new one.
    rogue.epoch = 1;
    ask(1);
    rogue.epoch = 2;
    ask(1);
    expect(rogue.watch.violations.map((one) => one.invariant)).toEqual(['I13', 'I13']);
  });

  it('of I14: a member of etcd ends while another one is out, and one is removed that a quorum needs', () => {
    const { roll, etcd, world } = planted(new EtcdWorld('fresh'));
    const [first, second, third] = etcd.members.map(({ instanceId = '' }) => instanceId);
    const end = (InstanceId = ''): void => {
      const params = { InstanceId, ShouldDecrementDesiredCapacity: false };
      roll.world.aws.handle({
        account,
        region,
        service: 'autoscaling',
        action: 'TerminateInstanceInAutoScalingGroup',
        params,
        userAgent: 'clm/rogue',
      });
    };
    end(first);
    expect(roll.violations()).toEqual([]);
    roll.pass(60);
    end(second);
    expect(roll.violations()).toEqual([`I14: ${second} ended, while member ${first} of etcd.kube-1.internal is out`]);
    roll.pass(1_800);
    // of three, two had no data any more: nobody who comes brings it back
    expect(world.etcd).toMatchObject({ lost: true });
    expect(world.etcd.members.find(({ instanceId }) => instanceId === third)?.up).toBe(true);
  });

  it('of I14: a member of etcd is removed while another one is out', () => {
    const { roll, etcd } = planted(new EtcdWorld('kept', 5));
    const [first, second, third] = etcd.members;
    roll.world.etcd.setSick(first?.instanceId ?? '', true);
    const host = roll.world.aws.handle({
      account,
      region,
      service: 'ec2',
      action: 'DescribeInstances',
      params: { InstanceIds: [third?.instanceId] },
      userAgent: 'kubectl',
    });
    const address = /"PrivateIpAddress":"([^"]+)"/.exec(JSON.stringify(host))?.[1] ?? '';
    const remove = {
      method: 'POST',
      host: address,
      port: 2379,
      path: '/v3/cluster/member/remove',
      client: 'clm/rogue',
    };
    expect(roll.world.etcd.answer({ ...remove, body: JSON.stringify({ ID: second?.id }) })).toMatchObject({
      status: 200,
    });
    expect(roll.violations()).toEqual([
      `I14: ${second?.instanceId} removed, while member etcd-0 of etcd.kube-1.internal is out`,
    ]);
  });

  it('of I14: a member ends while another one is out that the same client took out, however short a time ago', () => {
    const { roll, etcd } = planted(new EtcdWorld('kept', 5));
    const lag: NodeLimits = {
      surgeOf: () => 1,
      bootCap: 10,
      maxUnavailable: 0,
      evictionRetryMs: 5_000,
      etcdLagMs: 10_000,
      others: new Set(['aws-cli']),
    };
    const watch = new InvariantWatch(etcdInvariants(lag), truthOf(roll.world));
    roll.world.subscribe((event) => watch.onEvent(event));
    const end = (at: number, userAgent: string): void => {
      const params = { InstanceId: etcd.members[at]?.instanceId ?? '', ShouldDecrementDesiredCapacity: false };
      const call = { account, region, service: 'autoscaling' as const, params, userAgent };
      roll.world.aws.handle({ ...call, action: 'TerminateInstanceInAutoScalingGroup' });
      roll.pass(5);
    };
    // nobody can know of one that fell ill, or was ended by others, five seconds ago
    end(0, 'aws-cli/2');
    end(1, 'clm/rogue');
    expect(watch.violations).toEqual([]);
    end(2, 'clm/rogue');
    expect(watch.violations.map((one) => one.message)).toEqual([
      expect.stringMatching(/ ended, while member etcd-1 of /),
    ]);
    roll.pass(1_800);
    end(3, 'clm/rogue');
    end(4, 'clm/rogue');
    expect(watch.violations.map((one) => one.message).slice(1)).toEqual([
      expect.stringMatching(/ ended, while member etcd-3 of /),
    ]);
  });

  it('of L1: an outdated node is left', () => {
    const rogue = new Rogue(workers(), []);
    rogue.watch.atEnd(rogue.roll.world.clock.now());
    expect(kinds(rogue)).toEqual(['L1']);
  });

  it('of L2: nodes that could go stay because one cannot', () => {
    const rogue = new Rogue(workers(), [deployment('web', 1), budget('web', { maxUnavailable: 0 })]);
    rogue.watch.atEnd(rogue.roll.world.clock.now());
    expect(kinds(rogue)).toEqual(['L2']);
  });

  it('of L3: nothing is done any more once half of the nodes were lost and are back', () => {
    const rogue = new Rogue(workers(4), []);
    const [first = '', second = ''] = rogue.nodes('workers');
    rogue.kill([first, second]);
    // Their groups replace them; the storm is over, and nobody goes on.
    for (const node of [first, second])
      rogue.roll.call('ec2', 'TerminateInstances', { InstanceIds: [rogue.instance(node)] });
    rogue.roll.pass(2 * 3600);
    rogue.watch.atEnd(rogue.roll.world.clock.now());
    expect(kinds(rogue)).toContain('L3');
  });

  it('of L4: something is left that the undisturbed run does not leave', () => {
    const rogue = new Rogue(workers(), []);
    rogue.end.crashFree = endStateOf(truthOf(rogue.roll.world), clusterId);
    rogue.watch.atEnd(rogue.roll.world.clock.now());
    expect(kinds(rogue)).toEqual(['L1']);
    const node = rogue.nodes('workers')[0] ?? '';
    rogue.kube('PATCH', `/api/v1/nodes/${node}`, { metadata: { annotations: { 'clm/roll': 'x' } } });
    rogue.watch.atEnd(rogue.roll.world.clock.now());
    expect(kinds(rogue)).toEqual(['L1', 'L4']);
  });
});
