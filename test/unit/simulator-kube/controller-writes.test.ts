import { describe, expect, it } from 'vitest';
import { applyType, apps, type Body, deployment, inDefault, mergePatchType, TestCluster } from './test-cluster.ts';

const events = `${inDefault}/events`;
const said = (cluster: TestCluster, namespace = 'default'): string[] =>
  cluster
    .get(`/api/v1/namespaces/${namespace}/events`)
    .items.map((each: Body) => `${each.source.component} ${each.involvedObject.kind} ${each.type} ${each.reason}`);

describe('Events of controllers', () => {
  it('tell the life of a deployment, and of its pods and nodes', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create(`${apps}/deployments`, deployment('web', 2));
    cluster.until(() => cluster.ready('app=web').length === 2);
    cluster.send('PATCH', `${apps}/deployments/web`, { spec: { replicas: 1 } }, { type: mergePatchType });
    cluster.advance(60_000);
    const all = said(cluster);
    for (const each of [
      'node-controller Node Normal RegisteredNode',
      'kubelet Node Normal NodeReady',
      'deployment-controller Deployment Normal ScalingReplicaSet',
      'replicaset-controller ReplicaSet Normal SuccessfulCreate',
      'replicaset-controller ReplicaSet Normal SuccessfulDelete',
      'default-scheduler Pod Normal Scheduled',
      'kubelet Pod Normal Pulled',
      'kubelet Pod Normal Started',
      'kubelet Pod Normal Killing',
    ])
      expect(all).toContain(each);
    const scaled = cluster.get(events).items.filter((each: Body) => each.reason === 'ScalingReplicaSet');
    expect(scaled.map((each: Body) => each.message)).toEqual([
      expect.stringMatching(/^Scaled up replica set web-\w+ from 0 to 2$/),
      expect.stringMatching(/^Scaled down replica set web-\w+ from 2 to 1$/),
    ]);
    expect(cluster.model.truth().internalErrors).toEqual([]);
  });

  it('count up what repeats, and are gone an hour after the last time', () => {
    const cluster = TestCluster.withNodes(1);
    const huge = { containers: [{ name: 'c', image: 'x', resources: { requests: { cpu: '99' } } }] };
    cluster.create(`${inDefault}/pods`, { metadata: { name: 'huge' }, spec: huge });
    cluster.advance(10_000);
    for (let i = 0; i < 3; i++) {
      const taints = [{ key: 'k', value: String(i), effect: 'PreferNoSchedule' }];
      const node = [...cluster.model.truth().nodes.keys()][0];
      cluster.send('PATCH', `/api/v1/nodes/${node}`, { spec: { taints } }, { type: mergePatchType });
      cluster.advance(10_000);
    }
    const failed = cluster.get(`${events}?fieldSelector=involvedObject.name%3Dhuge`).items;
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject({ reason: 'FailedScheduling', type: 'Warning' });
    expect(failed[0].count).toBeGreaterThan(3);
    expect(failed[0].message).toContain('Insufficient cpu');
    cluster.advance(3_601_000);
    expect(cluster.get(events).items).toEqual([]);
  });

  it('reach a watch as they happen, and are the same through both groups', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.get(events);
    const watch = cluster.watch(`${events}?resourceVersion=${cluster.model.truth().revision}`);
    cluster.create(`${inDefault}/pods`, { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'x' }] } });
    cluster.advance(60_000);
    const reasons = watch.events.map((event) => (event.object as Body).reason);
    expect(reasons).toEqual(['Scheduled', 'Pulled', 'Created', 'Started']);
    const other = cluster.get('/apis/events.k8s.io/v1/namespaces/default/events').items as Body[];
    expect(other.find((each) => each.reason === 'Started')).toMatchObject({
      regarding: { kind: 'Pod', name: 'p' },
      note: 'Started container c',
    });
  });

  it('are bounded, and change nothing else whether anybody looks at them or not', () => {
    const run = (look: boolean): string => {
      const cluster = TestCluster.withNodes(2, { mostEvents: 10 });
      cluster.create(`${apps}/deployments`, deployment('web', 20));
      for (let i = 0; i < 10; i++) {
        cluster.advance(5_000);
        if (look) expect(cluster.get('/api/v1/events').items.length).toBeLessThanOrEqual(10);
      }
      return JSON.stringify(cluster.pods().map(({ metadata, status }) => [metadata.uid, metadata.name, status]));
    };
    expect(run(true)).toBe(run(false));
  });
});

describe('managedFields of controllers', () => {
  it('name who made a pod, who keeps its status, and who did what to a deployment', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create(`${apps}/deployments`, deployment('web', 1));
    cluster.until(() => cluster.ready('app=web').length === 1);
    const pod = cluster.get(`${inDefault}/pods/${cluster.pods('app=web')[0]?.metadata.name}`);
    const owners = pod.metadata.managedFields.map((each: Body) => `${each.manager} ${each.subresource ?? ''}`);
    expect(owners).toEqual(['kube-controller-manager ', 'kubelet status']);
    expect(pod.metadata.managedFields[0].fieldsV1['f:spec']['f:containers']).toHaveProperty('k:{"name":"c"}');
    const web = cluster.get(`${apps}/deployments/web`).metadata.managedFields as Body[];
    expect(web.map((each) => each.manager)).toEqual(['test', 'kube-controller-manager', 'kube-controller-manager']);
    expect(Object.keys(web[2].fieldsV1)).toEqual(['f:status']);
  });

  it('make server-side apply conflict with a scale, and not with what nobody else set', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create(`${apps}/deployments`, deployment('web', 1));
    const scale = { spec: { replicas: 3 } };
    cluster.send('PATCH', `${apps}/deployments/web/scale`, scale, { type: mergePatchType, agent: 'kubectl/v1' });
    const wanted = { apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: 2 } };
    const refused = cluster.send('PATCH', `${apps}/deployments/web?fieldManager=m`, wanted, { type: applyType });
    expect(refused.status).toBe(409);
    expect(refused.body.message).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas',
    );
    const paused = { ...wanted, spec: { minReadySeconds: 1 } };
    expect(cluster.send('PATCH', `${apps}/deployments/web?fieldManager=m`, paused, { type: applyType }).status).toBe(
      200,
    );
  });
});

describe('replication controllers', () => {
  it('keep as many pods as they ask for', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create(`${inDefault}/replicationcontrollers`, {
      metadata: { name: 'old' },
      spec: {
        replicas: 2,
        selector: { app: 'old' },
        template: { metadata: { labels: { app: 'old' } }, spec: { containers: [{ name: 'c', image: 'nginx:1' }] } },
      },
    });
    cluster.until(() => cluster.ready('app=old').length === 2);
    cluster.evict(cluster.pods('app=old')[0] as never);
    cluster.advance(60_000);
    expect(cluster.ready('app=old')).toHaveLength(2);
    expect(cluster.get(`${inDefault}/replicationcontrollers/old`).status.readyReplicas).toBe(2);
  });
});
