import { beforeEach, describe, expect, it } from 'vitest';
import type { Pod } from '../../../src/simulator/model/kube/kinds.ts';
import { apps, type Body, budget, deployment, inDefault, mergePatchType, policy, TestCluster } from './test-cluster.ts';

const merge = { type: mergePatchType };

/** What the Eviction API answers, case by case; each title names one case. */
describe('the Eviction API answers', () => {
  let cluster: TestCluster;
  beforeEach(() => {
    cluster = TestCluster.withNodes(3);
    cluster.create(`${apps}/deployments`, deployment('web', 3));
    cluster.until(() => cluster.ready('app=web').length === 3);
    cluster.advance(20_000);
  });

  function guard(spec: object, name = 'web'): void {
    cluster.create(policy, budget(name, spec, 'web'));
    cluster.advance(1_000);
  }
  const first = (): Pod => cluster.ready('app=web')[0] as Pod;
  const status = (): Body => cluster.get(`${policy}/web`).status;
  const setStatus = (changes: object): unknown =>
    cluster.send('PATCH', `${policy}/web/status`, { status: changes }, merge);
  function unready(pod: Pod): Pod {
    const conditions = pod.status.conditions?.map((each) =>
      each.type === 'Ready' ? { ...each, status: 'False' } : each,
    );
    cluster.send('PATCH', `${inDefault}/pods/${pod.metadata.name}/status`, { status: { conditions } }, merge);
    cluster.advance(100);
    return cluster.get(`${inDefault}/pods/${pod.metadata.name}`) as Pod;
  }

  it.each(['Succeeded', 'Failed', 'Pending'])('201 for a pod that is %s, whatever its budget says', (phase) => {
    guard({ maxUnavailable: 0 });
    const pod = first();
    cluster.send('PATCH', `${inDefault}/pods/${pod.metadata.name}/status`, { status: { phase } }, merge);
    expect(cluster.evict(pod).status).toBe(201);
  });

  it('201 for a pod with a deletionTimestamp; a shorter grace shortens what is left', () => {
    guard({ maxUnavailable: 0 });
    const pod = first();
    cluster.send('DELETE', `${inDefault}/pods/${pod.metadata.name}?gracePeriodSeconds=60`);
    const ends = (): number =>
      Date.parse(cluster.get(`${inDefault}/pods/${pod.metadata.name}`).metadata.deletionTimestamp);
    const before = ends();
    expect(cluster.evict(pod, { deleteOptions: { gracePeriodSeconds: 5 } }).status).toBe(201);
    expect(ends()).toBe(before - 55_000);
  });

  it('201 without a budget, and says why in the condition DisruptionTarget', () => {
    const pod = first();
    expect(cluster.evict(pod).status).toBe(201);
    expect(cluster.get(`${inDefault}/pods/${pod.metadata.name}`).status.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' }),
    );
  });

  it('500 for a pod with more than one budget, again and again until the specs change', () => {
    guard({ maxUnavailable: 3 });
    guard({ maxUnavailable: 3 }, 'other');
    const answer = cluster.evict(first());
    expect(answer.status).toBe(500);
    expect(answer.body.message).toMatch(/^This pod has more than one PodDisruptionBudget/);
    cluster.advance(600_000);
    expect(cluster.evict(first()).status).toBe(500);
  });

  it('201 for an unready pod under AlwaysAllow, without a decrement', () => {
    guard({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    const pod = unready(first());
    const before = status();
    expect(cluster.evict(pod).status).toBe(201);
    expect(status().disruptedPods).toEqual(before.disruptedPods);
    expect(status().disruptionsAllowed).toBe(before.disruptionsAllowed);
  });

  it('429 for ever for an unready pod under IfHealthyBudget while its app is below its budget', () => {
    guard({ minAvailable: 3 });
    const pod = unready(first());
    for (let hour = 0; hour < 3; hour++) {
      expect(cluster.evict(pod).status).toBe(429);
      cluster.advance(3_600_000);
    }
  });

  it('201 for an unready pod under no policy when enough others are healthy, and 429 when nothing healthy is demanded', () => {
    guard({ minAvailable: 2 });
    expect(cluster.evict(unready(first())).status).toBe(201);
    const other = TestCluster.withNodes(1);
    other.create(`${apps}/deployments`, deployment('web', 1));
    other.until(() => other.ready('app=web').length === 1);
    other.create(policy, budget('web', { minAvailable: 0 }));
    other.advance(1_000);
    cluster = other;
    setStatus({ disruptionsAllowed: 0 });
    expect(other.evict(unready(first())).status).toBe(429);
  });

  it('429 with Retry-After 10 while the budget has not observed its generation', () => {
    guard({ maxUnavailable: 1 });
    cluster.model.faults.disruptionLagMs = 60_000;
    cluster.send('PATCH', `${policy}/web`, { spec: { maxUnavailable: 2 } }, merge);
    const answer = cluster.evict(first());
    expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '10' } });
    expect(answer.body.details.causes[0].message).toMatch(/is still being processed by the server\.$/);
  });

  it('429 with Retry-After 10 for an unready pod that changes meanwhile', () => {
    guard({ minAvailable: 2 });
    cluster.model.faults.budgetConflicts = true;
    expect(cluster.evict(unready(first()))).toMatchObject({ status: 429, headers: { 'retry-after': '10' } });
  });

  it('429 without Retry-After when no disruption is allowed, with what is needed and what there is', () => {
    guard({ minAvailable: 3 });
    const answer = cluster.evict(first());
    expect(answer).toMatchObject({ status: 429, body: { reason: 'TooManyRequests' } });
    expect(answer.headers?.['retry-after']).toBeUndefined();
    expect(answer.body.details.retryAfterSeconds).toBeUndefined();
    expect(answer.body.details.causes).toEqual([
      { reason: 'DisruptionBudget', message: 'The disruption budget web needs 3 healthy pods and has 3 currently' },
    ]);
  });

  it('403 when the budget allows a negative number', () => {
    guard({ maxUnavailable: 1 });
    setStatus({ disruptionsAllowed: -1 });
    const answer = cluster.evict(first());
    expect(answer).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
    expect(answer.body.message).toContain('pdb disruptions allowed is negative');
  });

  it('403 when more than 2000 evictions wait for their confirmation', () => {
    guard({ maxUnavailable: 1 });
    const at = new Date(cluster.clock.now()).toISOString();
    const disruptedPods = Object.fromEntries(Array.from({ length: 2001 }, (_, i) => [`p-${i}`, at]));
    setStatus({ disruptedPods });
    const answer = cluster.evict(first());
    expect(answer.status).toBe(403);
    expect(answer.body.message).toContain('DisruptedPods map too big');
  });

  it('504 with Retry-After 10 when the status of the budget cannot be written for conflicts', () => {
    guard({ maxUnavailable: 1 });
    cluster.model.faults.budgetConflicts = true;
    const answer = cluster.evict(first());
    expect(answer).toMatchObject({ status: 504, headers: { 'retry-after': '10' }, body: { reason: 'Timeout' } });
    expect(answer.body.message).toBe(`Timeout: couldn't update PodDisruptionBudget "web" due to conflicts`);
    expect(cluster.evict(first(), {}, '?dryRun=All').status).toBe(201);
    cluster.model.faults.budgetConflicts = false;
    expect(cluster.evict(first()).status).toBe(201);
  });

  it.each([
    ['uid', { uid: 'another' }],
    ['resourceVersion', { resourceVersion: '1' }],
  ])('409 when the precondition on the %s does not hold', (_what, preconditions) => {
    expect(cluster.evict(first(), { deleteOptions: { preconditions } })).toMatchObject({
      status: 409,
      body: { reason: 'Conflict' },
    });
  });

  it('403 with the cause NamespaceTerminating in a namespace that goes', () => {
    cluster.create('/api/v1/namespaces', { metadata: { name: 'going' } });
    cluster.create('/api/v1/namespaces/going/pods', {
      metadata: { name: 'p', labels: { in: 'going' }, finalizers: ['example.com/hold'] },
      spec: { containers: [{ name: 'c', image: 'nginx:1' }] },
    });
    cluster.send('DELETE', '/api/v1/namespaces/going');
    expect(cluster.evict(cluster.pods('in=going')[0] as Pod)).toMatchObject({
      status: 403,
      body: { reason: 'Forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } },
    });
  });

  it('whatever an admission webhook answers, as a fault has it', () => {
    const id = cluster.model.callFaults.add({
      kind: 'server-error',
      verb: 'create',
      resource: 'pods/eviction',
      status: 500,
      message: 'Internal error occurred: failed calling webhook "guard.example.com": context deadline exceeded',
    });
    const answer = cluster.evict(first());
    expect(answer).toMatchObject({ status: 500, body: { reason: 'InternalError' } });
    expect(answer.body.message).toContain('failed calling webhook');
    cluster.model.callFaults.remove(id);
    expect(cluster.evict(first()).status).toBe(201);
  });

  it('201 for what is accepted, not for what is done: a finalizer keeps the pod; a refused delete keeps the budget for two minutes', () => {
    guard({ maxUnavailable: 1 });
    const pod = first();
    const held = { metadata: { finalizers: ['example.com/hold'] } };
    cluster.send('PATCH', `${inDefault}/pods/${pod.metadata.name}`, held, merge);
    const other = cluster.ready('app=web')[1] as Pod;
    expect(cluster.evict(other, { deleteOptions: { preconditions: { uid: 'another' } } }).status).toBe(409);
    expect(status().disruptionsAllowed).toBe(0);
    cluster.advance(119_000);
    expect(status().disruptionsAllowed).toBe(0);
    cluster.advance(2_000);
    expect(status().disruptionsAllowed).toBe(1);
    expect(cluster.evict(pod).status).toBe(201);
    cluster.advance(300_000);
    expect(cluster.get(`${inDefault}/pods/${pod.metadata.name}`).metadata.deletionTimestamp).toBeDefined();
  });
});
