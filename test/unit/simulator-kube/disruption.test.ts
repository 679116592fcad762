import { describe, expect, it } from 'vitest';
import { budgetDemand } from '../../../src/simulator/model/kube/controllers/disruption-controller.ts';
import { apps, budget, deployment, mergePatchType, policy, TestCluster } from './test-cluster.ts';

describe('what a budget demands', () => {
  it.each([
    { spec: { maxUnavailable: '30%' }, scale: 7, desired: 4 },
    { spec: { minAvailable: '50%' }, scale: 7, desired: 4 },
    { spec: { minAvailable: '50%' }, scale: 3, desired: 2 },
    { spec: { maxUnavailable: '1%' }, scale: 3, desired: 2 },
    { spec: { maxUnavailable: 0 }, scale: 3, desired: 3 },
    { spec: { maxUnavailable: 5 }, scale: 3, desired: 0 },
    { spec: { minAvailable: '100%' }, scale: 3, desired: 3 },
    { spec: { minAvailable: 5 }, scale: 3, desired: 5 },
    { spec: {}, scale: 3, desired: 0 },
  ])('$spec of $scale pods keeps $desired healthy', ({ spec, scale, desired }) => {
    expect(budgetDemand(spec, scale, () => scale)).toEqual({ expected: scale, desired });
  });

  it('cannot be known when the scale is unknown, unless it is a plain number of pods', () => {
    expect(budgetDemand({ maxUnavailable: 1 }, 3, () => undefined)).toBeUndefined();
    expect(budgetDemand({ minAvailable: '10%' }, 3, () => undefined)).toBeUndefined();
    expect(budgetDemand({ minAvailable: 1 }, 3, () => undefined)).toEqual({ expected: 3, desired: 1 });
  });
});

describe('budget status', () => {
  it('counts the scale of the controllers, not the pods that happen to be there', () => {
    const cluster = TestCluster.withNodes(3);
    cluster.create(`${apps}/deployments`, deployment('web', 4));
    cluster.create(policy, budget('web', { maxUnavailable: '50%' }));
    cluster.until(() => cluster.ready('app=web').length === 4);
    cluster.advance(500);
    expect(cluster.get(`${policy}/web`).status).toMatchObject({
      expectedPods: 4,
      desiredHealthy: 2,
      currentHealthy: 4,
      disruptionsAllowed: 2,
      observedGeneration: 1,
    });
    cluster.send('PATCH', `${apps}/deployments/web/scale`, { spec: { replicas: 8 } }, { type: mergePatchType });
    cluster.advance(100);
    expect(cluster.get(`${policy}/web`).status).toMatchObject({
      expectedPods: 8,
      desiredHealthy: 4,
      disruptionsAllowed: 0,
    });
  });

  it('allows nothing for no pods at all', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create(policy, budget('web', { minAvailable: 0 }));
    cluster.advance(500);
    expect(cluster.get(`${policy}/web`).status).toMatchObject({ expectedPods: 0, disruptionsAllowed: 0 });
  });

  it('fails safe for pods whose controller has no scale', () => {
    const cluster = TestCluster.withNodes(2);
    const template = {
      metadata: { labels: { app: 'agent' } },
      spec: { containers: [{ name: 'c', image: 'agent:1' }] },
    };
    cluster.create(`${apps}/daemonsets`, {
      metadata: { name: 'agent' },
      spec: { selector: { matchLabels: { app: 'agent' } }, template },
    });
    cluster.create(policy, budget('agent', { maxUnavailable: 1 }));
    cluster.until(() => cluster.ready('app=agent').length === 2);
    cluster.advance(500);
    const { status } = cluster.get(`${policy}/agent`);
    expect(status.disruptionsAllowed).toBe(0);
    expect(status.conditions).toMatchObject([{ type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed' }]);
  });
});
