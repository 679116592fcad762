import { describe, expect, it } from 'vitest';
import { toleratesTaint } from '../../../src/simulator/model/kube/controllers/node-fit.ts';
import { apps, deployment, inDefault, mergePatchType, strategicPatchType, TestCluster } from './test-cluster.ts';

const container = (requests: object = {}): object => ({
  containers: [{ name: 'c', image: 'app:1', resources: { requests } }],
});
const settle = (cluster: TestCluster): void => cluster.advance(30_000);

function spread(cluster: TestCluster, app: string, by: 'node' | 'zone'): number[] {
  const counts = new Map<string, number>();
  for (const pod of cluster.ready(`app=${app}`)) {
    const node = cluster.model.truth().nodes.get(pod.spec.nodeName ?? '');
    const key =
      by === 'node' ? (pod.spec.nodeName ?? '') : (node?.metadata.labels?.['topology.kubernetes.io/zone'] ?? '');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts.values()].sort();
}

describe('scheduling', () => {
  it('leaves pods pending whose requests fit nowhere, says why, and schedules them once a node comes', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create(`${apps}/deployments`, deployment('big', 2, container({ cpu: '1500m' })));
    settle(cluster);
    expect(cluster.ready('app=big')).toHaveLength(1);
    const waiting = cluster.pods('app=big').find((pod) => pod.spec.nodeName === undefined);
    expect(waiting?.status.conditions).toContainEqual(
      expect.objectContaining({
        type: 'PodScheduled',
        status: 'False',
        reason: 'Unschedulable',
        message:
          '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
      }),
    );
    cluster.launch();
    cluster.until(() => cluster.ready('app=big').length === 2);
  });

  it('puts no more pods on a node than it may run', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create(`${apps}/deployments`, deployment('many', 35));
    settle(cluster);
    expect(cluster.ready('app=many')).toHaveLength(29);
    const waiting = cluster.pods('app=many').find((pod) => pod.spec.nodeName === undefined);
    expect(waiting?.status.conditions?.[0]?.message).toMatch(
      /^0\/1 nodes are available: 1 Too many pods\. preemption: /,
    );
  });

  it('frees the room of pods that are gone', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create(`${apps}/deployments`, deployment('one', 1, container({ memory: '5Gi' })));
    cluster.create(`${apps}/deployments`, deployment('two', 1, container({ memory: '5Gi' })));
    settle(cluster);
    const running = cluster.ready('app=one').length === 1 ? 'one' : 'two';
    const other = running === 'one' ? 'two' : 'one';
    expect(cluster.ready(`app=${other}`)).toHaveLength(0);
    cluster.send('DELETE', `${apps}/deployments/${running}`);
    cluster.until(() => cluster.ready(`app=${other}`).length === 1);
  });

  it('obeys node selectors, taints and cordons', () => {
    const cluster = TestCluster.withNodes(2);
    const gpu = cluster.launch({ userData: '--node-labels=pool=gpu --register-with-taints=gpu=yes:NoSchedule' });
    cluster.until(() => cluster.readyNodes() === 3);
    cluster.create(`${apps}/deployments`, deployment('wrong', 1, { ...container(), nodeSelector: { pool: 'gpu' } }));
    const tolerant = {
      ...container(),
      nodeSelector: { pool: 'gpu' },
      tolerations: [{ key: 'gpu', operator: 'Exists' }],
    };
    cluster.create(`${apps}/deployments`, deployment('right', 1, tolerant));
    settle(cluster);
    expect(cluster.ready('app=wrong')).toHaveLength(0);
    expect(cluster.ready('app=right')[0]?.spec.nodeName).toBe(cluster.nodeName(gpu));
    cluster.send(
      'PATCH',
      `/api/v1/nodes/${cluster.nodeName(gpu)}`,
      { spec: { unschedulable: true } },
      { type: strategicPatchType },
    );
    cluster.send('DELETE', `${inDefault}/pods/${cluster.ready('app=right')[0]?.metadata.name}`);
    settle(cluster);
    expect(cluster.ready('app=right')).toHaveLength(0);
  });

  it('keeps pods with required anti-affinity on different nodes', () => {
    const cluster = TestCluster.withNodes(3);
    const term = { labelSelector: { matchLabels: { app: 'apart' } }, topologyKey: 'kubernetes.io/hostname' };
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
    cluster.create(`${apps}/deployments`, deployment('apart', 4, { ...container(), affinity }));
    settle(cluster);
    expect(spread(cluster, 'apart', 'node')).toEqual([1, 1, 1]);
    expect(cluster.pods('app=apart')).toHaveLength(4);
  });

  it('keeps the skew of topology spread constraints, even when that leaves a pod waiting', () => {
    const cluster = new TestCluster();
    for (const zone of ['a', 'a', 'b']) cluster.launch({ zone: `eu-central-1${zone}` });
    cluster.until(() => cluster.readyNodes() === 3);
    const topologySpreadConstraints = [
      {
        maxSkew: 1,
        topologyKey: 'topology.kubernetes.io/zone',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { app: 'even' } },
      },
    ];
    // Two fit into zone b, four into zone a.
    cluster.create(
      `${apps}/deployments`,
      deployment('even', 6, { ...container({ cpu: '700m' }), topologySpreadConstraints }),
    );
    settle(cluster);
    expect(spread(cluster, 'even', 'zone')).toEqual([2, 3]);
  });

  it('spreads pods that only prefer it as evenly as there is room, and puts the rest anywhere', () => {
    const cluster = new TestCluster();
    for (const zone of ['a', 'a', 'a', 'b']) cluster.launch({ zone: `eu-central-1${zone}` });
    cluster.until(() => cluster.readyNodes() === 4);
    const prefer = {
      maxSkew: 1,
      topologyKey: 'topology.kubernetes.io/zone',
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: { team: 'a' } },
    };
    // The node of zone b has the least room, so that nothing but the constraint speaks for it.
    const there = { nodeSelector: { 'kubernetes.io/hostname': 'ip-10-0-0-4.eu-central-1.compute.internal' } };
    cluster.create(`${apps}/deployments`, deployment('filler', 1, { ...container({ cpu: '1' }), ...there }));
    settle(cluster);
    // Two owners, so that nothing but the constraint knows them as one.
    for (const app of ['one', 'two']) {
      const pods = { ...container({ cpu: '400m' }), topologySpreadConstraints: [prefer] };
      const made = deployment(app, 2, pods) as { spec: { template: { metadata: { labels: object } } } };
      made.spec.template.metadata.labels = { app, team: 'a' };
      cluster.create(`${apps}/deployments`, made);
      settle(cluster);
    }
    expect(spread(cluster, 'one', 'zone')).toEqual([1, 1]);
    const all = cluster.ready('team=a').map((pod) => pod.spec.nodeName);
    expect(all.filter((node) => node === 'ip-10-0-0-4.eu-central-1.compute.internal')).toHaveLength(2);
    cluster.send('PATCH', `${apps}/deployments/one/scale`, { spec: { replicas: 9 } }, { type: mergePatchType });
    settle(cluster);
    expect(cluster.ready('app=one')).toHaveLength(9);
  });

  it('gives pods with a higher priority the room first', () => {
    const cluster = new TestCluster();
    cluster.create(`${apps}/deployments`, deployment('low', 1, container({ cpu: '1500m' })));
    cluster.create(
      `${apps}/deployments`,
      deployment('high', 1, { ...container({ cpu: '1500m' }), priorityClassName: 'system-cluster-critical' }),
    );
    cluster.launch();
    cluster.advance(120_000);
    expect(cluster.ready('app=high')).toHaveLength(1);
    expect(cluster.ready('app=low')).toHaveLength(0);
  });
});

describe('tolerations', () => {
  const taint = { key: 'k', value: 'v', effect: 'NoSchedule' };
  it.each([
    [{ key: 'k', value: 'v', effect: 'NoSchedule' }, true],
    [{ key: 'k', operator: 'Exists' }, true],
    [{ operator: 'Exists' }, true],
    [{ key: 'k', value: 'other' }, false],
    [{ key: 'k', operator: 'Exists', effect: 'NoExecute' }, false],
    [{ value: 'v' }, false],
  ])('%o tolerates k=v:NoSchedule: %s', (toleration, expected) => {
    expect(toleratesTaint([toleration], taint)).toBe(expected);
  });
});
