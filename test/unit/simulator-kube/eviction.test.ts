import { describe, expect, it } from 'vitest';
import { apps, type Body, budget, deployment, inDefault, mergePatchType, policy, TestCluster } from './test-cluster.ts';

function clusterWith(replicas: number, spec: object | undefined, pod: object = {}): TestCluster {
  const cluster = TestCluster.withNodes(3);
  cluster.create(`${apps}/deployments`, deployment('web', replicas, pod));
  cluster.until(
    () =>
      cluster.pods('app=web').length === replicas &&
      cluster.pods('app=web').every((each) => each.status.phase === 'Running'),
  );
  cluster.advance(20_000);
  if (spec) cluster.create(policy, budget('web', spec));
  cluster.advance(1_000);
  return cluster;
}

const status = (cluster: TestCluster): Body => cluster.get(`${policy}/web`).status;

describe('eviction', () => {
  it('deletes a pod without a budget, gives it its grace and says why in its status', () => {
    const cluster = clusterWith(2, undefined);
    const [pod] = cluster.ready('app=web');
    const answer = cluster.evict(pod!);
    expect(answer).toMatchObject({ status: 201, body: { kind: 'Status', status: 'Success', code: 201 } });
    const going = cluster.get(`${inDefault}/pods/${pod!.metadata.name}`);
    expect(going.metadata.deletionGracePeriodSeconds).toBe(30);
    expect(going.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', reason: 'EvictionByEvictionAPI' }),
    );
  });

  it('takes one disruption from the budget, refuses the next with 429 and no Retry-After, and recovers', () => {
    const cluster = clusterWith(3, { maxUnavailable: 1 });
    const [first, second] = cluster.ready('app=web');
    expect(cluster.evict(first!).status).toBe(201);
    const refused = cluster.evict(second!);
    expect(refused.status).toBe(429);
    expect(refused.headers).toBeUndefined();
    expect(refused.body).toMatchObject({
      reason: 'TooManyRequests',
      details: {
        causes: [
          {
            reason: 'DisruptionBudget',
            message: expect.stringMatching(/^The disruption budget web needs 2 healthy pods and has \d currently$/),
          },
        ],
      },
    });
    cluster.until(() => cluster.ready('app=web').length === 3);
    cluster.advance(1_000);
    expect(cluster.evict(second!).status).toBe(201);
  });

  it('answers a dry run like a real eviction and changes nothing', () => {
    const cluster = clusterWith(3, { maxUnavailable: 1 });
    const [pod] = cluster.ready('app=web');
    const revision = cluster.model.truth().revision;
    expect(cluster.evict(pod!, {}, '?dryRun=All').status).toBe(201);
    expect(cluster.evict(pod!, {}, '?dryRun=All').status).toBe(201);
    expect(cluster.model.truth().revision).toBe(revision);
    expect(cluster.events.some((event) => event.kind === 'eviction-accepted')).toBe(false);
  });

  it('refuses with 500 for a pod under two budgets', () => {
    const cluster = clusterWith(3, { maxUnavailable: 1 });
    cluster.create(policy, budget('second', { maxUnavailable: 3 }, 'web'));
    cluster.advance(1_000);
    const answer = cluster.evict(cluster.ready('app=web')[0]!);
    expect(answer.status).toBe(500);
    expect(answer.body.message).toContain('more than one PodDisruptionBudget');
  });

  it('says that the budget is still being processed, with Retry-After 10, while its status lags behind its spec', () => {
    const cluster = clusterWith(3, { maxUnavailable: 1 });
    cluster.model.faults.disruptionLagMs = 5_000;
    cluster.send('PATCH', `${policy}/web`, { spec: { maxUnavailable: 2 } }, { type: mergePatchType });
    const answer = cluster.evict(cluster.ready('app=web')[0]!);
    expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '10' } });
    expect(answer.body.details.causes[0].message).toContain('still being processed');
    cluster.advance(6_000);
    expect(cluster.evict(cluster.ready('app=web')[0]!).status).toBe(201);
  });

  it('takes the budget before the delete: another uid answers 409 and the disruption stays taken for two minutes', () => {
    const cluster = clusterWith(3, { maxUnavailable: 1 });
    const [pod] = cluster.ready('app=web');
    const answer = cluster.evict(pod!, { deleteOptions: { preconditions: { uid: 'another' } } });
    expect(answer.status).toBe(409);
    cluster.advance(60_000);
    expect(status(cluster)).toMatchObject({
      disruptionsAllowed: 0,
      disruptedPods: { [pod!.metadata.name]: expect.any(String) },
    });
    expect(cluster.evict(cluster.ready('app=web')[1]!).status).toBe(429);
    cluster.advance(61_000);
    expect(status(cluster).disruptionsAllowed).toBe(1);
    expect(status(cluster).disruptedPods).toBeUndefined();
  });

  it('ignores the budget for pods that are pending, finished or already going', () => {
    const cluster = clusterWith(
      3,
      { maxUnavailable: 0 },
      { containers: [{ name: 'c', image: 'nginx:1', resources: { requests: { cpu: '1' } } }] },
    );
    cluster.send('PATCH', `${apps}/deployments/web/scale`, { spec: { replicas: 9 } }, { type: mergePatchType });
    cluster.advance(30_000);
    const pending = cluster.pods('app=web').find((each) => each.status.phase === 'Pending');
    expect(cluster.evict(pending!).status).toBe(201);
    const [ready] = cluster.ready('app=web');
    expect(cluster.evict(ready!).status).toBe(429);
    cluster.send('DELETE', `${inDefault}/pods/${ready!.metadata.name}`);
    expect(cluster.evict(ready!).status).toBe(201);
  });

  it.each([
    { policyName: undefined, unready: 1, allowed: true, why: 'the healthy ones suffice' },
    { policyName: undefined, unready: 2, allowed: false, why: 'the budget is broken already' },
    { policyName: 'IfHealthyBudget', unready: 2, allowed: false, why: 'the budget is broken already' },
    { policyName: 'AlwaysAllow', unready: 2, allowed: true, why: 'the policy allows it' },
  ])(
    'evicts an unready pod under $policyName with $unready unready: $allowed, because $why',
    ({ policyName, unready, allowed }) => {
      const cluster = clusterWith(3, {
        minAvailable: 2,
        ...(policyName ? { unhealthyPodEvictionPolicy: policyName } : {}),
      });
      const broken = cluster.pods('app=web').slice(0, unready);
      for (const pod of broken) {
        const conditions = pod.status.conditions?.map((each) =>
          each.type === 'Ready' ? { ...each, status: 'False' } : each,
        );
        cluster.send(
          'PATCH',
          `${inDefault}/pods/${pod.metadata.name}/status`,
          { status: { conditions } },
          { type: mergePatchType },
        );
      }
      cluster.advance(100);
      const answer = cluster.evict(
        cluster.pods('app=web').find((each) => each.metadata.uid === broken[0]!.metadata.uid)!,
      );
      expect(answer.status).toBe(allowed ? 201 : 429);
    },
  );

  it.each([
    { name: 'none', body: {}, code: 404 },
    { name: 'none', body: { metadata: { name: 'another' } }, code: 400 },
  ])('answers $code for $name with $body', ({ name, body, code }) => {
    const cluster = clusterWith(1, undefined);
    expect(cluster.send('POST', `${inDefault}/pods/${name}/eviction`, body).status).toBe(code);
  });

  it('tells the checkers what was true when it accepted and refused', () => {
    const cluster = clusterWith(3, { maxUnavailable: 1 });
    const [first, second] = cluster.ready('app=web');
    cluster.evict(first!);
    cluster.evict(second!);
    const kinds = cluster.events.filter((event) => event.kind.startsWith('eviction-'));
    expect(kinds).toMatchObject([
      {
        kind: 'eviction-accepted',
        uid: first!.metadata.uid,
        actor: { kind: 'client', name: 'test' },
        budgets: [{ name: 'web', healthy: 3, desiredHealthy: 2, allowedBefore: 1, podWasReady: true }],
      },
      { kind: 'eviction-refused', uid: second!.metadata.uid, budgets: ['web'] },
    ]);
  });
});
