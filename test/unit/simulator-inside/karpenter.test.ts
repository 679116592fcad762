import { beforeEach, describe, expect, it } from 'vitest';
import { defaultImages } from '../../../src/simulator/model/aws/geography.ts';
import { karpenterDefinitions, loadBudget, nodeClass, nodePool, spikyPods } from '../../support/karpenter-objects.ts';
import { call, region } from '../simulator-aws/small-world.ts';
import type { Body } from '../simulator-kube/test-cluster.ts';
import { CloudCluster } from './cloud-cluster.ts';

const [image = '', other = ''] = defaultImages(region)
  .filter(({ architecture }) => architecture === 'x86_64')
  .map(({ id }) => id);

describe('the simulated Karpenter', () => {
  let cloud: CloudCluster;
  beforeEach(() => {
    cloud = new CloudCluster();
    cloud.apply(...karpenterDefinitions);
    cloud.install('karpenter', 'karpenter/karpenter:1.5');
  });

  const claims = (): Body[] => cloud.get('/apis/karpenter.sh/v1/nodeclaims').items;
  const names = (): string[] => claims().map((claim) => claim.metadata.name);
  const condition = (object: Body, type: string): Body =>
    object.status?.conditions?.find((one: Body) => one.type === type);
  const drifted = (): number => claims().filter((claim) => condition(claim, 'Drifted')?.status === 'True').length;
  const blocked = (): string[] =>
    cloud.get('/api/v1/events?fieldSelector=reason=DisruptionBlocked').items.map((one: Body) => one.message);
  const load = (replicas: number): void => {
    cloud.apply(spikyPods('spiky', replicas));
    cloud.until(() => cloud.ready('app=load').length === replicas);
    cloud.advance(60_000);
  };
  const change = (parts: Parameters<typeof nodePool>[1] = {}): void =>
    cloud.apply(nodePool('spiky', { labels: { generation: 'second' }, ...parts }));
  const install = (parts: Parameters<typeof nodePool>[1] = {}): void =>
    cloud.apply(nodeClass('spiky', image), nodePool('spiky', parts));

  it('makes a node for each pod that fits nowhere, of what the class and the pool say', () => {
    install();
    load(3);
    expect(claims()).toHaveLength(3);
    for (const claim of claims()) {
      expect(condition(claim, 'Ready').status).toBe('True');
      expect(claim.metadata.finalizers).toEqual(['karpenter.sh/termination']);
      const pool = cloud.get('/apis/karpenter.sh/v1/nodepools/spiky');
      const hash = 'karpenter.sh/nodepool-hash';
      expect(claim.metadata.annotations[hash]).toBe(pool.metadata.annotations[hash]);
      expect(condition(pool, 'Ready')).toMatchObject({ status: 'True', observedGeneration: 1 });
      const node = cloud.get(`/api/v1/nodes/${claim.status.nodeName}`);
      expect(node.metadata.labels).toMatchObject({
        'karpenter.sh/nodepool': 'spiky',
        'karpenter.sh/registered': 'true',
      });
      const [reservation] = call(cloud.world, 'ec2', 'DescribeInstances', {
        InstanceIds: [node.spec.providerID.split('/').at(-1)],
      })['Reservations'] as Body[];
      expect(reservation.Instances[0]).toMatchObject({ ImageId: image, InstanceType: 'm5.large' });
    }
    cloud.advance(600_000);
    expect(claims()).toHaveLength(3);
  });

  it('makes nothing of a class that finds no image, and says so', () => {
    cloud.apply(nodeClass('spiky', 'ami-0aaaaaaaaaaaaaaaa'), nodePool('spiky'), spikyPods('spiky', 1));
    cloud.advance(300_000);
    expect(claims()).toEqual([]);
    const made = cloud.get('/apis/karpenter.k8s.aws/v1/ec2nodeclasses/spiky');
    expect(condition(made, 'Ready')).toMatchObject({ status: 'False', reason: 'AMIsNotFound' });
    expect(condition(cloud.get('/apis/karpenter.sh/v1/nodepools/spiky'), 'Ready').status).toBe('False');
  });

  it('replaces what drifted within the budget of the pool, the new node before the old one', () => {
    install({ budget: '34%' });
    load(4);
    const before = names();
    let least = 4;
    let mostAway = 0;
    change({ budget: '1' });
    cloud.until(() => {
      const all = claims();
      const fresh = all.filter((one) => !before.includes(one.metadata.name));
      const ready = all.filter((one) => condition(one, 'Ready')?.status === 'True' && !one.metadata.deletionTimestamp);
      least = Math.min(least, ready.length);
      mostAway = Math.max(mostAway, all.filter((one) => one.metadata.deletionTimestamp).length);
      return fresh.length === 4 && all.length === 4 && ready.length === 4;
    }, 7_200_000);
    expect({ least, mostAway }).toEqual({ least: 4, mostAway: 1 });
    cloud.advance(600_000);
    expect(drifted()).toBe(0);
    expect(cloud.ready('app=load')).toHaveLength(4);
    expect(cloud.nodes()).toHaveLength(10);
    expect(blocked().join()).toContain('No allowed disruptions');
  });

  it.each([
    ['a label of the class', () => nodeClass('spiky', image, { tags: { team: 'new' } }), 'NodeClassDrifted'],
    ['another image', () => nodeClass('spiky', other), 'AMIDrift'],
    ['another instance type', () => nodePool('spiky', { type: 'm5.xlarge', budget: '0' }), 'RequirementsDrifted'],
  ])('sees drift by %s', (_what, changed, reason) => {
    install({ budget: '0' });
    load(1);
    cloud.apply(changed());
    cloud.advance(30_000);
    expect(condition(claims()[0], 'Drifted')).toMatchObject({ status: 'True', reason });
    cloud.advance(900_000);
    expect(claims()).toHaveLength(1);
  });

  it('leaves a node alone whose pods may not move, and says why; a grace period of the claim ends that', () => {
    install({ spec: { terminationGracePeriod: '10m' } });
    load(2);
    cloud.apply(loadBudget({ maxUnavailable: 0 }));
    cloud.advance(30_000);
    const before = names();
    const forced: string[] = [];
    cloud.world.subscribe((event) => {
      if (event.kind === 'eviction-accepted') forced.push('evicted');
    });
    change();
    cloud.advance(500_000);
    expect(names()).toEqual(expect.arrayContaining(before));
    cloud.until(() => names().length === 2 && names().every((name) => !before.includes(name)), 7_200_000);
    expect(forced).toEqual([]);
  });

  it('waits for a budget without a grace period for as long as it takes', () => {
    install();
    load(2);
    cloud.apply(loadBudget({ maxUnavailable: 0 }));
    cloud.advance(30_000);
    const before = names();
    change();
    cloud.advance(3_600_000);
    expect(names()).toEqual(before);
    expect(blocked()).toContain('pdb "default/load" prevents pod evictions');
    cloud.apply(loadBudget({ maxUnavailable: 1 }));
    cloud.until(() => names().length === 2 && names().every((name) => !before.includes(name)), 7_200_000);
  });
});
