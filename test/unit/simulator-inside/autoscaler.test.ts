import { beforeEach, describe, expect, it } from 'vitest';
import { call, clusterId, poolTemplate } from '../simulator-aws/small-world.ts';
import type { Body } from '../simulator-kube/test-cluster.ts';
import { CloudCluster } from './cloud-cluster.ts';

describe('the cluster autoscaler', () => {
  let cloud: CloudCluster;
  beforeEach(() => {
    cloud = new CloudCluster();
    tag('workers');
  });

  function tag(group: string): void {
    const Tags = [
      {
        ResourceId: group,
        ResourceType: 'auto-scaling-group',
        Key: 'k8s.io/cluster-autoscaler/enabled',
        Value: 'true',
        PropagateAtLaunch: false,
      },
    ];
    call(cloud.world, 'autoscaling', 'CreateOrUpdateTags', { Tags });
  }
  function install(...args: string[]): void {
    cloud.install('autoscaler', 'autoscaling/cluster-autoscaler:v1.31', args);
  }
  function group(name = 'workers'): Body {
    const found = call(cloud.world, 'autoscaling', 'DescribeAutoScalingGroups', { AutoScalingGroupNames: [name] });
    return (found['AutoScalingGroups'] as Body[])[0];
  }
  /** Pods of more than half a node each. */
  function load(replicas: number, pod: object = {}, metadata: object = {}): void {
    cloud.apply({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'load', namespace: 'default' },
      spec: {
        replicas,
        selector: { matchLabels: { app: 'load' } },
        template: {
          metadata: { labels: { app: 'load' }, ...metadata },
          spec: {
            nodeSelector: { 'node.kubernetes.io/role': 'worker' },
            containers: [{ name: 'c', image: 'x:1', resources: { requests: { cpu: '1100m' } } }],
            ...pod,
          },
        },
      },
    });
  }

  it('adds as many nodes as waiting pods need, within the limits of the group', () => {
    install();
    load(5);
    cloud.until(() => cloud.ready('app=load').length === 5, 600_000);
    expect(group()).toMatchObject({ DesiredCapacity: 5 });
    const told = cloud.get('/api/v1/namespaces/default/events?fieldSelector=reason=TriggeredScaleUp').items;
    expect(told[0].message).toBe('pod triggered scale-up: [{workers 3->5 (max: 6)}]');
    load(9);
    cloud.advance(600_000);
    expect(group()).toMatchObject({ DesiredCapacity: 6, MaxSize: 6 });
    expect(cloud.ready('app=load')).toHaveLength(6);
  });

  it('does nothing without its pods, for groups that are not tagged, or for pods that fit no group', () => {
    load(5);
    cloud.advance(300_000);
    expect(group().DesiredCapacity).toBe(3);
    cloud.model.runtimeFaults.set({ addons: { 'cluster-autoscaler': 'off' } });
    install();
    cloud.advance(300_000);
    expect(group().DesiredCapacity).toBe(3);
    load(0);
    cloud.advance(60_000);
    load(5, { nodeSelector: { nowhere: 'true' } });
    cloud.model.runtimeFaults.clear();
    cloud.advance(300_000);
    expect(group().DesiredCapacity).toBe(3);
    expect(group('masters').DesiredCapacity).toBe(3);
  });

  it('takes nodes away that nobody needs, after a while, by draining them', () => {
    install('--scale-down-unneeded-time=5m', '--scale-down-delay-after-add=5m');
    load(5);
    cloud.until(() => cloud.ready('app=load').length === 5, 600_000);
    const moved: string[] = [];
    cloud.world.subscribe((event) => {
      if (event.kind === 'eviction-accepted') moved.push(event.actor.name);
    });
    cloud.advance(60_000);
    load(0);
    cloud.advance(240_000);
    expect(group().DesiredCapacity).toBe(5);
    cloud.advance(1_800_000);
    expect(group().DesiredCapacity).toBe(3);
    expect(new Set(moved)).toEqual(new Set(moved.length > 0 ? ['cluster-autoscaler'] : []));
    expect(cloud.nodes()).toHaveLength(6);
  });

  it('keeps nodes that are annotated, or whose pods may not move', () => {
    install('--scale-down-unneeded-time=2m', '--scale-down-delay-after-add=2m');
    load(5);
    cloud.until(() => cloud.ready('app=load').length === 5, 600_000);
    const added = cloud.ready('app=load').map((pod) => pod.spec.nodeName ?? '');
    for (const node of cloud.nodes())
      cloud.send('PATCH', `/api/v1/nodes/${node}`, {
        metadata: { annotations: { 'cluster-autoscaler.kubernetes.io/scale-down-disabled': 'true' } },
      });
    load(0);
    cloud.advance(1_200_000);
    expect(group().DesiredCapacity).toBe(5);
    const pinned = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'pinned',
        namespace: 'default',
        annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false' },
      },
      spec: { nodeName: added[0], containers: [{ name: 'c', image: 'x' }] },
    };
    cloud.apply(pinned);
    for (const node of cloud.nodes())
      cloud.send('PATCH', `/api/v1/nodes/${node}`, {
        metadata: { annotations: { 'cluster-autoscaler.kubernetes.io/scale-down-disabled': null } },
      });
    cloud.advance(2_400_000);
    expect(group().DesiredCapacity).toBe(3);
    expect(cloud.nodes()).toContain(added[0]);
  });

  it('leaves pods within their budgets, and gives a node back that it cannot empty', () => {
    install(
      '--scale-down-unneeded-time=2m',
      '--scale-down-delay-after-add=2m',
      '--scale-down-utilization-threshold=0.9',
    );
    cloud.apply({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'load', namespace: 'default' },
      spec: { maxUnavailable: 0, selector: { matchLabels: { app: 'load' } } },
    });
    load(5);
    cloud.until(() => cloud.ready('app=load').length === 5, 600_000);
    const before = cloud
      .ready('app=load')
      .map((pod) => pod.metadata.uid)
      .sort();
    cloud.advance(1_800_000);
    expect(
      cloud
        .ready('app=load')
        .map((pod) => pod.metadata.uid)
        .sort(),
    ).toEqual(before);
    const taints = cloud.nodes().flatMap((node) => cloud.get(`/api/v1/nodes/${node}`).spec.taints ?? []);
    expect(taints.filter((taint: { key: string }) => taint.key.startsWith('ToBeDeleted'))).toEqual([]);
  });

  it('balances groups of one kind over their zones', () => {
    for (const zone of ['a', 'b']) {
      const template = JSON.parse(
        JSON.stringify(poolTemplate(`zonal-${zone}`)).replace('{"Fn::GetAZs":""}', `["eu-central-1${zone}"]`),
      );
      template.Resources.AutoScalingGroup.Properties.MinSize = 1;
      template.Resources.AutoScalingGroup.Properties.MaxSize = 5;
      call(cloud.world, 'cloudformation', 'CreateStack', {
        StackName: `${clusterId.replaceAll(':', '-')}-${zone}`,
        TemplateBody: JSON.stringify(template),
      });
    }
    cloud.advance(600_000);
    expect(group('zonal-a')).toBeDefined();
    call(cloud.world, 'autoscaling', 'DeleteTags', {
      Tags: [{ ResourceId: 'workers', ResourceType: 'auto-scaling-group', Key: 'k8s.io/cluster-autoscaler/enabled' }],
    });
    tag('zonal-a');
    tag('zonal-b');
    install('--balance-similar-node-groups=true');
    load(11);
    cloud.until(() => cloud.ready('app=load').length === 11, 900_000);
    expect(Math.abs(group('zonal-a').DesiredCapacity - group('zonal-b').DesiredCapacity)).toBeLessThanOrEqual(1);
  });
});
