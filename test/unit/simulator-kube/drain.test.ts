import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../src/simulator/model/kube/kinds.ts';
import { apps, budget, deployment, inDefault, policy, strategicPatchType, TestCluster } from './test-cluster.ts';

const victim = 'ip-10-0-0-1.eu-central-1.compute.internal';
const daemon = {
  metadata: { name: 'agent' },
  spec: {
    selector: { matchLabels: { app: 'agent' } },
    template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'c', image: 'agent:1' }] } },
  },
};

function busyCluster(seed: number): TestCluster {
  const cluster = TestCluster.withNodes(3, {}, seed);
  const probe = { containers: [{ name: 'c', image: 'nginx:1', readinessProbe: { initialDelaySeconds: 5 } }] };
  for (const name of ['one', 'two', 'three']) {
    cluster.create(`${apps}/deployments`, deployment(name, 3, probe));
    cluster.create(policy, budget(name, { maxUnavailable: 1 }));
  }
  cluster.create(`${apps}/daemonsets`, daemon);
  cluster.until(() => cluster.ready().length === 12);
  cluster.advance(2_000);
  return cluster;
}

/** As a patient client drains: evicts what is no daemon, again and again, until nothing is left. */
function drain(cluster: TestCluster): { refusals: number } {
  cluster.send('PATCH', `/api/v1/nodes/${victim}`, { spec: { unschedulable: true } }, { type: strategicPatchType });
  const left = (): Pod[] =>
    [...cluster.model.truth().podsOn(victim).values()].filter(
      (pod) => pod.metadata.ownerReferences?.[0]?.kind !== 'DaemonSet',
    );
  let refusals = 0;
  for (let round = 0; left().length > 0; round++) {
    if (round > 50) throw new Error('the drain does not end');
    for (const pod of left()) {
      if (pod.metadata.deletionTimestamp) continue;
      const answer = cluster.evict(pod, { deleteOptions: { preconditions: { uid: pod.metadata.uid } } });
      if (answer.status === 429) refusals += 1;
      else expect(answer.status).toBe(201);
    }
    cluster.advance(1_000);
  }
  return { refusals };
}

describe('draining and replacing a node', () => {
  it('never takes a budget below its demand, moves every pod, and ends with all ready on the new node too', () => {
    const cluster = busyCluster(1);
    const { refusals } = drain(cluster);
    const accepted = cluster.events.filter((event) => event.kind === 'eviction-accepted');
    expect(accepted.length).toBeGreaterThanOrEqual(3);
    for (const event of accepted) {
      for (const { healthy, desiredHealthy } of event.budgets)
        expect(healthy - 1).toBeGreaterThanOrEqual(desiredHealthy);
    }
    expect(cluster.events.filter((event) => event.kind === 'eviction-refused')).toHaveLength(refusals);
    cluster.model.instanceStopping('i-0');
    cluster.advance(20_000);
    cluster.model.instanceGone('i-0');
    const replacement = cluster.launch();
    cluster.until(() => cluster.ready().length === 12 && cluster.readyNodes() === 3);
    expect(cluster.model.truth().nodes.has(victim)).toBe(false);
    expect(cluster.ready('app=agent').map((pod) => pod.spec.nodeName)).toContain(cluster.nodeName(replacement));
    expect(cluster.model.truth().internalErrors).toEqual([]);
  });

  it('keeps containers running no longer than their grace period', () => {
    const cluster = TestCluster.withNodes(1, { stopMs: { median: 60_000, sigma: 0.01 } });
    cluster.create(`${apps}/deployments`, deployment('web', 1, { terminationGracePeriodSeconds: 10 }));
    cluster.until(() => cluster.ready('app=web').length === 1);
    const [pod] = cluster.ready('app=web');
    cluster.send('DELETE', `${inDefault}/pods/${pod!.metadata.name}`);
    const gone = (): boolean => !cluster.pods('app=web').some((each) => each.metadata.uid === pod!.metadata.uid);
    cluster.advance(9_000);
    expect(gone()).toBe(false);
    cluster.advance(1_100);
    expect(gone()).toBe(true);
  });

  it('cuts the grace short when the pod is deleted again with less', () => {
    const cluster = TestCluster.withNodes(1, { stopMs: { median: 60_000, sigma: 0.01 } });
    cluster.create(`${apps}/deployments`, deployment('web', 1, { terminationGracePeriodSeconds: 300 }));
    cluster.until(() => cluster.ready('app=web').length === 1);
    const [pod] = cluster.ready('app=web');
    const path = `${inDefault}/pods/${pod!.metadata.name}`;
    cluster.send('DELETE', path);
    cluster.send('DELETE', path, { gracePeriodSeconds: 2 });
    cluster.advance(2_100);
    expect(cluster.send('GET', path).status).toBe(404);
    expect(cluster.events.filter((event) => event.kind === 'pod-delete-requested')).toMatchObject([
      { gracePeriodSeconds: 300, podKind: 'workload', uidPrecondition: false },
      { gracePeriodSeconds: 2 },
    ]);
  });

  it('holds a slowly stopping pod on its node until it is over, while its replacement runs elsewhere', () => {
    const cluster = TestCluster.withNodes(2, { behaviours: [{ image: 'slow', stopAfterMs: 25_000 }] });
    cluster.create(`${apps}/deployments`, deployment('web', 1, { containers: [{ name: 'c', image: 'slow:1' }] }));
    cluster.until(() => cluster.ready('app=web').length === 1);
    const [pod] = cluster.ready('app=web');
    cluster.evict(pod!);
    cluster.until(() => cluster.ready('app=web').length === 1);
    expect(cluster.pods('app=web')).toHaveLength(2);
    cluster.advance(26_000);
    expect(cluster.pods('app=web')).toHaveLength(1);
  });
});

describe('the same seed', () => {
  const history = (seed: number): string => {
    const cluster = busyCluster(seed);
    drain(cluster);
    cluster.advance(600_000);
    const objects = ['pods', 'nodes', 'replicasets.apps', 'poddisruptionbudgets.policy'].map((key) => [
      ...cluster.model.truth().objects(key).values(),
    ]);
    return createHash('sha256')
      .update(JSON.stringify([cluster.events, objects]))
      .digest('hex');
  };

  it('gives the same history, byte for byte, and another seed another one', () => {
    expect(history(7)).toBe(history(7));
    expect(history(7)).not.toBe(history(8));
  });
});

describe('an idle cluster', () => {
  it('costs nothing: no timer fires in a day once it has settled', () => {
    const cluster = busyCluster(1);
    cluster.advance(3_600_000);
    const { revision } = cluster.model.truth();
    expect(cluster.clock.advanceTo(cluster.clock.now() + 86_400_000)).toBe(0);
    expect(cluster.model.truth().revision).toBe(revision);
  });
});
