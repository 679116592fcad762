import { describe, expect, it } from 'vitest';
import {
  apps,
  type Body,
  deployment,
  inDefault,
  mergePatchType,
  strategicPatchType,
  TestCluster,
} from './test-cluster.ts';

const probe = { readinessProbe: { httpGet: { path: '/', port: 80 }, initialDelaySeconds: 5 } };

describe('deployments', () => {
  it('roll to a new template within maxSurge and maxUnavailable, and say when they are done', () => {
    const cluster = TestCluster.withNodes(3);
    const pod = { containers: [{ name: 'c', image: 'nginx:1', ...probe }] };
    const rolling = { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } };
    cluster.create(`${apps}/deployments`, deployment('web', 5, pod, rolling));
    cluster.until(() => cluster.get(`${apps}/deployments/web`).status.availableReplicas === 5);
    const image = { spec: { template: { spec: { containers: [{ name: 'c', image: 'nginx:2' }] } } } };
    cluster.send('PATCH', `${apps}/deployments/web`, image, { type: strategicPatchType });
    let fewest = 5;
    let most = 0;
    const done = (): boolean => {
      const active = cluster.pods('app=web').filter((each) => !each.metadata.deletionTimestamp);
      fewest = Math.min(fewest, cluster.ready('app=web').length);
      most = Math.max(most, active.length);
      return cluster.ready('app=web').filter((each) => each.spec.containers[0]?.image === 'nginx:2').length === 5;
    };
    cluster.until(done);
    expect({ fewest, most }).toEqual({ fewest: 4, most: 6 });
    cluster.advance(1_000);
    const { status, metadata } = cluster.get(`${apps}/deployments/web`);
    expect(status).toMatchObject({ observedGeneration: 2, replicas: 5, updatedReplicas: 5, availableReplicas: 5 });
    expect(status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' }),
    );
    expect(metadata.annotations['deployment.kubernetes.io/revision']).toBe('2');
    const sets = cluster.get(`${apps}/replicasets`).items as Body[];
    expect(sets.map((set) => set.spec.replicas).sort()).toEqual([0, 5]);
  });

  it('stall with ProgressDeadlineExceeded and keep the old pods when the new ones never become ready', () => {
    const cluster = TestCluster.withNodes(3, { behaviours: [{ image: 'broken', neverReady: true }] });
    cluster.create(`${apps}/deployments`, deployment('web', 4, {}, { progressDeadlineSeconds: 60 }));
    cluster.until(() => cluster.ready('app=web').length === 4);
    const image = { spec: { template: { spec: { containers: [{ name: 'c', image: 'broken:1' }] } } } };
    cluster.send('PATCH', `${apps}/deployments/web`, image, { type: strategicPatchType });
    cluster.advance(120_000);
    expect(cluster.ready('app=web')).toHaveLength(3);
    expect(cluster.get(`${apps}/deployments/web`).status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }),
    );
  });

  it('recreate: no new pod before the last old one is gone', () => {
    const cluster = TestCluster.withNodes(3);
    cluster.create(`${apps}/deployments`, deployment('web', 3, {}, { strategy: { type: 'Recreate' } }));
    cluster.until(() => cluster.ready('app=web').length === 3);
    const image = { spec: { template: { spec: { containers: [{ name: 'c', image: 'nginx:2' }] } } } };
    cluster.send('PATCH', `${apps}/deployments/web`, image, { type: strategicPatchType });
    let mixed = false;
    cluster.until(() => {
      mixed ||= new Set(cluster.pods('app=web').map((pod) => pod.spec.containers[0]?.image)).size > 1;
      return cluster.ready('app=web').filter((pod) => pod.spec.containers[0]?.image === 'nginx:2').length === 3;
    });
    expect(mixed).toBe(false);
  });

  it('hand their pods back when they are deleted in the background, and keep them when orphaned', () => {
    const cluster = TestCluster.withNodes(2);
    cluster.create(`${apps}/deployments`, deployment('gone', 2));
    cluster.create(`${apps}/deployments`, deployment('kept', 2));
    cluster.until(() => cluster.ready().filter((pod) => pod.metadata.namespace === 'default').length === 4);
    cluster.send('DELETE', `${apps}/deployments/gone`);
    cluster.send('DELETE', `${apps}/deployments/kept`, { propagationPolicy: 'Orphan' });
    cluster.advance(60_000);
    expect(cluster.pods('app=gone')).toHaveLength(0);
    expect(cluster.pods('app=kept')).toHaveLength(2);
    const [set] = cluster.get(`${apps}/replicasets`).items as Body[];
    expect(set.metadata.ownerReferences).toBeUndefined();
  });
});

describe('daemon sets', () => {
  const agent = {
    metadata: { name: 'agent' },
    spec: {
      selector: { matchLabels: { app: 'agent' } },
      template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'c', image: 'agent:1' }] } },
    },
  };

  it('run one pod on every node, cordoned ones and later ones too, but none on a foreign taint', () => {
    const cluster = TestCluster.withNodes(2);
    cluster.create(`${apps}/daemonsets`, agent);
    cluster.until(() => cluster.ready('app=agent').length === 2);
    cluster.launch();
    cluster.launch({ userData: '--register-with-taints=dedicated=gpu:NoSchedule' });
    cluster.until(() => cluster.readyNodes() === 4);
    cluster.advance(30_000);
    expect(cluster.ready('app=agent')).toHaveLength(3);
    expect(cluster.get(`${apps}/daemonsets/agent`).status).toMatchObject({
      desiredNumberScheduled: 3,
      numberAvailable: 3,
      observedGeneration: 1,
    });
  });

  it('start no second pod on a node while the first one still goes', () => {
    const cluster = TestCluster.withNodes(1, { behaviours: [{ image: 'agent', stopAfterMs: 20_000 }] });
    cluster.create(`${apps}/daemonsets`, agent);
    cluster.until(() => cluster.ready('app=agent').length === 1);
    const [first] = cluster.pods('app=agent');
    cluster.send('DELETE', `${inDefault}/pods/${first!.metadata.name}`);
    cluster.advance(15_000);
    expect(cluster.pods('app=agent').map((pod) => pod.metadata.uid)).toEqual([first!.metadata.uid]);
    cluster.advance(20_000);
    expect(cluster.ready('app=agent')).toHaveLength(1);
  });

  it('roll one node after the other', () => {
    const cluster = TestCluster.withNodes(3);
    cluster.create(`${apps}/daemonsets`, agent);
    cluster.until(() => cluster.ready('app=agent').length === 3);
    cluster.advance(1_000);
    const image = { spec: { template: { spec: { containers: [{ name: 'c', image: 'agent:2' }] } } } };
    cluster.send('PATCH', `${apps}/daemonsets/agent`, image, { type: strategicPatchType });
    let fewest = 3;
    cluster.until(() => {
      fewest = Math.min(fewest, cluster.ready('app=agent').length);
      return cluster.ready('app=agent').filter((pod) => pod.spec.containers[0]?.image === 'agent:2').length === 3;
    });
    expect(fewest).toBe(2);
  });

  it('keep the templates that they had, and go back to one', () => {
    const cluster = TestCluster.withNodes(2);
    cluster.create(`${apps}/daemonsets`, agent);
    cluster.until(() => cluster.ready('app=agent').length === 2);
    const path = `${apps}/daemonsets/agent`;
    const revisions = (): unknown[] =>
      (cluster.get(`${apps}/controllerrevisions`).items as Body[])
        .map((each) => [
          each.revision,
          each.data.spec.template.spec.containers[0].image,
          each.data.spec.template.$patch,
        ])
        .sort();
    const image = (to: string): void => {
      const containers = [{ name: 'c', image: to }];
      const body = { spec: { revisionHistoryLimit: 1, template: { spec: { containers } } } };
      cluster.send('PATCH', path, body, { type: 'application/strategic-merge-patch+json' });
      cluster.until(() => {
        const ready = cluster.ready('app=agent');
        return ready.length === 2 && ready.every((pod) => pod.spec.containers[0]?.image === to);
      });
      cluster.advance(5_000);
    };
    image('agent:2');
    expect(revisions()).toEqual([
      [1, 'agent:1', 'replace'],
      [2, 'agent:2', 'replace'],
    ]);
    image('agent:1');
    expect(revisions()).toEqual([
      [2, 'agent:2', 'replace'],
      [3, 'agent:1', 'replace'],
    ]);
    image('agent:3');
    expect(revisions()).toEqual([
      [3, 'agent:1', 'replace'],
      [4, 'agent:3', 'replace'],
    ]);
    const [kept] = cluster.get(`${apps}/controllerrevisions`).items as Body[];
    expect(cluster.pods('app=agent').map((pod) => pod.metadata.labels?.['controller-revision-hash'])).toContain(
      (cluster.get(`${apps}/controllerrevisions`).items as Body[]).find((each) => each.revision === 4).metadata.labels[
        'controller-revision-hash'
      ],
    );
    expect(kept.metadata.ownerReferences[0]).toMatchObject({ kind: 'DaemonSet', name: 'agent', controller: true });
    cluster.send('DELETE', path);
    cluster.advance(60_000);
    expect(revisions()).toEqual([]);
  });
});

describe('stateful sets', () => {
  const claim = {
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'gp3', resources: { requests: { storage: '1Gi' } } },
  };
  const database = (replicas: number): object => ({
    metadata: { name: 'db' },
    spec: {
      serviceName: 'db',
      replicas,
      selector: { matchLabels: { app: 'db' } },
      template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'c', image: 'db:1', ...probe }] } },
      volumeClaimTemplates: [claim],
    },
  });

  it('start in order, each pod with its own volume in its zone, and shrink from the end', () => {
    const cluster = TestCluster.withNodes(3);
    cluster.model.seed([
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: 'gp3' },
        provisioner: 'ebs.csi.aws.com',
        volumeBindingMode: 'WaitForFirstConsumer',
      },
    ]);
    cluster.create(`${apps}/statefulsets`, database(3));
    let disorder = false;
    cluster.until(() => {
      const ready = new Set(cluster.ready('app=db').map((pod) => pod.metadata.name));
      disorder ||=
        cluster.pods('app=db').some((pod) => pod.metadata.name === 'db-2') && !(ready.has('db-0') && ready.has('db-1'));
      return ready.size === 3;
    });
    expect(disorder).toBe(false);
    const claims = cluster.get(`${inDefault}/persistentvolumeclaims`).items as Body[];
    expect(claims.map((each) => `${each.metadata.name}:${each.status.phase}`)).toEqual([
      'data-db-0:Bound',
      'data-db-1:Bound',
      'data-db-2:Bound',
    ]);
    const pod = cluster.get(`${inDefault}/pods/db-1`);
    const node = cluster.get(`/api/v1/nodes/${pod.spec.nodeName}`);
    const volume = cluster.get(`/api/v1/persistentvolumes/${claims[1].spec.volumeName}`);
    expect(volume.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values).toEqual([
      node.metadata.labels['topology.kubernetes.io/zone'],
    ]);
    cluster.advance(5_000);
    expect(cluster.get('/apis/storage.k8s.io/v1/volumeattachments').items).toHaveLength(3);
    cluster.send('PATCH', `${apps}/statefulsets/db/scale`, { spec: { replicas: 1 } }, { type: mergePatchType });
    cluster.until(() => cluster.pods('app=db').length === 1);
    expect(cluster.pods('app=db')[0]?.metadata.name).toBe('db-0');
  });

  it('roll from the end down to their partition; below it a pod comes back as it was', () => {
    const cluster = TestCluster.withNodes(3);
    const set = database(3) as Body;
    delete set.spec.volumeClaimTemplates;
    set.spec.updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 2 } };
    cluster.create(`${apps}/statefulsets`, set);
    cluster.until(() => cluster.ready('app=db').length === 3);
    const containers = [{ name: 'c', image: 'db:2' }];
    const patch = { spec: { template: { spec: { containers } } } };
    cluster.send('PATCH', `${apps}/statefulsets/db`, patch, { type: 'application/strategic-merge-patch+json' });
    const images = (): string[] =>
      cluster
        .ready('app=db')
        .map((pod) => `${pod.metadata.name} ${pod.spec.containers[0]?.image}`)
        .sort();
    cluster.until(() => images().includes('db-2 db:2'));
    cluster.send('DELETE', `${inDefault}/pods/db-0`);
    cluster.advance(5_000);
    cluster.until(() => images().length === 3);
    expect(images()).toEqual(['db-0 db:1', 'db-1 db:1', 'db-2 db:2']);
    const { status } = cluster.get(`${apps}/statefulsets/db`);
    expect([status.currentReplicas, status.updatedReplicas]).toEqual([2, 1]);
    const revisions = cluster.get(`${apps}/controllerrevisions`).items as Body[];
    expect(revisions.map((each) => each.metadata.name).sort()).toEqual(
      [status.currentRevision, status.updateRevision].sort(),
    );
    const events = (cluster.get(`${inDefault}/events`).items as Body[]).map((each) => each.message);
    expect(events).toContain('create Pod db-0 in StatefulSet db successful');
    expect(events).toContain('delete Pod db-2 in StatefulSet db successful');
  });
});

describe('jobs', () => {
  const job = (name: string, command: string[], spec: object = {}): object => ({
    metadata: { name },
    spec: {
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox', command }] } },
      ...spec,
    },
  });
  const jobs = '/apis/batch/v1/namespaces/default/jobs';

  it('complete when their command ends well, and show its output', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create(jobs, job('hello', ['sh', '-c', 'echo "hello world"; exit 0']));
    cluster.until(() => cluster.get(`${jobs}/hello`).status.conditions?.[1]?.type === 'Complete');
    const [pod] = cluster.pods('job-name=hello');
    expect(pod?.status.phase).toBe('Succeeded');
    expect(cluster.send('GET', `${inDefault}/pods/${pod?.metadata.name}/log`).body).toBe('hello world\n');
    expect(cluster.get(`${jobs}/hello`).status).toMatchObject({ succeeded: 1, completionTime: expect.any(String) });
  });

  it('fail after their back-off limit', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create(jobs, job('bad', ['sh', '-c', 'exit 3'], { backoffLimit: 2 }));
    cluster.until(() => cluster.get(`${jobs}/bad`).status.conditions?.[1]?.type === 'Failed', 600_000);
    expect(cluster.get(`${jobs}/bad`).status).toMatchObject({
      failed: 3,
      conditions: [{ type: 'FailureTarget' }, { type: 'Failed', reason: 'BackoffLimitExceeded' }],
    });
  });
});

describe('endpoint slices', () => {
  it('follow readiness and removal of pods, and stop when their controller is broken', () => {
    const cluster = TestCluster.withNodes(2);
    cluster.create(`${inDefault}/services`, {
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
    });
    cluster.create(`${apps}/deployments`, deployment('web', 2));
    const slices =
      '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name=web';
    const readyAddresses = (): string[] =>
      (cluster.get(slices).items as Body[]).flatMap((slice) =>
        slice.endpoints.filter((each: Body) => each.conditions.ready).flatMap((each: Body) => each.addresses),
      );
    cluster.until(() => readyAddresses().length === 2);
    expect(cluster.get(slices).items[0].ports).toEqual([{ name: '', protocol: 'TCP', port: 8080 }]);
    cluster.model.faults.endpointSlices = 'broken';
    const before = readyAddresses();
    const [pod] = cluster.ready('app=web');
    cluster.send('DELETE', `${inDefault}/pods/${pod!.metadata.name}`);
    cluster.advance(20_000);
    expect(readyAddresses()).toEqual(before);
    cluster.model.faults.endpointSlices = 'ok';
    cluster.advance(60_000);
    expect(readyAddresses().sort()).toEqual(
      cluster
        .ready('app=web')
        .map((each) => each.status.podIP)
        .sort(),
    );
  });
});
