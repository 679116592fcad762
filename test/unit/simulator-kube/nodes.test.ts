import { describe, expect, it } from 'vitest';
import { kubeletFlags } from '../../../src/simulator/model/kube/user-data.ts';
import { apps, type Body, deployment, inDefault, mergePatchType, TestCluster } from './test-cluster.ts';

const master = {
  userData:
    '--node-labels=node.kubernetes.io/role=master --register-with-taints=node.kubernetes.io/role=master:NoSchedule',
};

describe('nodes', () => {
  it('register with what their user data says, and are NotReady first', () => {
    const cluster = new TestCluster();
    const instance = cluster.launch({
      userData: 'a\n--node-labels=x=1,y.z/a=b \\\n  --register-with-taints=t=u:NoExecute,w:NoSchedule\n',
    });
    cluster.until(() => cluster.model.truth().nodes.size === 1);
    const name = cluster.nodeName(instance);
    const node = cluster.get(`/api/v1/nodes/${name}`);
    expect(node.metadata.labels).toMatchObject({
      x: '1',
      'y.z/a': 'b',
      'kubernetes.io/hostname': name,
      'topology.kubernetes.io/zone': 'eu-central-1a',
      'node.kubernetes.io/instance-type': 'm5.large',
    });
    expect(node.spec.providerID).toBe('aws:///eu-central-1a/i-0');
    expect(node.spec.taints.map((taint: Body) => `${taint.key}=${taint.value ?? ''}:${taint.effect}`)).toEqual([
      't=u:NoExecute',
      'w=:NoSchedule',
      'node.kubernetes.io/not-ready=:NoSchedule',
    ]);
    expect(cluster.readyNodes()).toBe(0);
    cluster.until(() => cluster.readyNodes() === 1);
    cluster.advance(1_000);
    expect(cluster.get(`/api/v1/nodes/${name}`).spec.taints.map((taint: Body) => taint.key)).toEqual(['t', 'w']);
    expect(cluster.events.map((event) => event.kind)).toEqual(['node-added', 'node-ready']);
  });

  it('read flags from quoted user data', () => {
    expect(kubeletFlags('ARGS="--node-labels=a=b" --register-with-taints="k=v:NoSchedule"')).toEqual({
      labels: { a: 'b' },
      taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }],
    });
  });

  it('never become ready from a bad image', () => {
    const cluster = new TestCluster();
    cluster.launch({ neverReady: true });
    cluster.advance(1_800_000);
    expect(cluster.model.truth().nodes.size).toBe(1);
    expect(cluster.readyNodes()).toBe(0);
  });

  it('renew their lease without writing anything', () => {
    const cluster = TestCluster.withNodes(1);
    const [name] = [...cluster.model.truth().nodes.keys()];
    const path = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${name}`;
    const before = cluster.get(path);
    const revision = cluster.model.truth().revision;
    cluster.advance(3_600_000);
    expect(cluster.model.truth().revision).toBe(revision);
    const seconds = (Date.parse(cluster.get(path).spec.renewTime) - Date.parse(before.spec.renewTime)) / 1000;
    expect(seconds).toBe(3600);
  });

  it('carry mirror pods of the control plane when they are masters, and these come back when deleted', () => {
    const cluster = new TestCluster();
    const instance = cluster.launch(master);
    const pod = `/api/v1/namespaces/kube-system/pods/kube-apiserver-${cluster.nodeName(instance)}`;
    expect(cluster.model.instanceAnswers('i-0', 443)).toBe(false);
    cluster.until(() => cluster.model.instanceAnswers('i-0', 443));
    expect(cluster.get(pod).metadata).toMatchObject({
      annotations: { 'kubernetes.io/config.mirror': expect.any(String) },
      ownerReferences: [{ kind: 'Node' }],
    });
    const { uid } = cluster.get(pod).metadata;
    cluster.send('DELETE', pod);
    cluster.until(() => cluster.get(pod).metadata.uid !== undefined && cluster.get(pod).metadata.uid !== uid);
  });

  it('go Unknown about 40 s after their machine stopped, with the unreachable taints, and their pods are not ready', () => {
    const cluster = TestCluster.withNodes(2);
    cluster.create(`${apps}/deployments`, deployment('web', 4));
    cluster.until(() => cluster.ready('app=web').length === 4);
    const name = 'ip-10-0-0-1.eu-central-1.compute.internal';
    cluster.model.instanceStopping('i-0');
    const stoppedAt = cluster.clock.now();
    expect(cluster.ready('app=web').length).toBeLessThan(4);
    cluster.until(() => cluster.readyNodes() === 1);
    const seconds = (cluster.clock.now() - stoppedAt) / 1000;
    expect(seconds).toBeGreaterThan(30);
    expect(seconds).toBeLessThan(45);
    cluster.advance(1_000);
    const taints = cluster
      .get(`/api/v1/nodes/${name}`)
      .spec.taints.map((taint: Body) => `${taint.key}:${taint.effect}`);
    expect(taints).toEqual(['node.kubernetes.io/unreachable:NoSchedule', 'node.kubernetes.io/unreachable:NoExecute']);
    expect(cluster.events.filter((event) => event.kind === 'node-not-ready')).toHaveLength(1);
    // Five minutes of patience, then the taint evicts.
    cluster.advance(310_000);
    const there = [...cluster.model.truth().podsOn(name).values()].filter(
      (pod) => pod.metadata.labels?.['app'] === 'web',
    );
    expect(there.every((pod) => pod.metadata.deletionTimestamp !== undefined)).toBe(true);
    expect(cluster.ready('app=web')).toHaveLength(4);
  });

  it('vanish with their pods soon after their instance is gone, and workloads come back elsewhere', () => {
    const cluster = TestCluster.withNodes(2);
    cluster.create(`${apps}/deployments`, deployment('web', 4));
    cluster.until(() => cluster.ready('app=web').length === 4);
    cluster.model.instanceGone('i-0');
    cluster.until(() => cluster.model.truth().nodes.size === 1, 10_000);
    cluster.until(() => cluster.ready('app=web').length === 4, 60_000);
    expect(cluster.model.truth().podsOn('ip-10-0-0-1.eu-central-1.compute.internal').size).toBe(0);
    expect(cluster.get('/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases').items).toHaveLength(1);
    expect(cluster.model.truth().internalErrors).toEqual([]);
  });

  it('get the cordon taint and report the cordon with its actor', () => {
    const cluster = TestCluster.withNodes(1);
    const path = '/api/v1/nodes/ip-10-0-0-1.eu-central-1.compute.internal';
    cluster.send('PATCH', path, { spec: { unschedulable: true } }, { type: mergePatchType, agent: 'clm/1.0' });
    cluster.advance(500);
    expect(cluster.get(path).spec.taints).toMatchObject([
      { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' },
    ]);
    cluster.send('PATCH', path, { spec: { unschedulable: null } }, { type: mergePatchType, agent: 'clm/1.0' });
    cluster.advance(500);
    expect(cluster.get(path).spec.taints).toBeUndefined();
    expect(cluster.events.slice(-2)).toMatchObject([
      { kind: 'node-cordoned', instanceId: 'i-0', actor: { kind: 'client', name: 'clm' } },
      { kind: 'node-uncordoned' },
    ]);
  });

  it('evict at once what does not tolerate a NoExecute taint', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create(`${apps}/deployments`, deployment('web', 1));
    cluster.until(() => cluster.ready('app=web').length === 1);
    const taints = [{ key: 'out', effect: 'NoExecute' }];
    cluster.send(
      'PATCH',
      '/api/v1/nodes/ip-10-0-0-1.eu-central-1.compute.internal',
      { spec: { taints } },
      { type: mergePatchType },
    );
    cluster.until(() => cluster.pods('app=web').every((pod) => pod.spec.nodeName === undefined), 60_000);
  });
});

describe('health checks from outside', () => {
  it('are answered by the node when nothing claims the port, else by ready pods that do', () => {
    const cluster = TestCluster.withNodes(2);
    expect(cluster.model.instanceAnswers('i-0', 9999)).toBe(true);
    expect(cluster.model.instanceAnswers('i-none', 9999)).toBe(false);
    const term = { labelSelector: { matchLabels: { app: 'in' } }, topologyKey: 'kubernetes.io/hostname' };
    const pod = {
      containers: [{ name: 'c', image: 'skipper', ports: [{ containerPort: 9999, hostPort: 9999 }] }],
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
    };
    cluster.create(`${apps}/deployments`, deployment('in', 1, pod));
    cluster.until(() => cluster.ready('app=in').length === 1);
    const answers = ['i-0', 'i-1'].map((id) => cluster.model.instanceAnswers(id, 9999));
    expect(answers.sort()).toEqual([false, true]);
  });

  it('are answered through node ports while the service has a ready pod', () => {
    const cluster = TestCluster.withNodes(2);
    cluster.create(`${inDefault}/services`, {
      metadata: { name: 'in' },
      spec: { type: 'NodePort', selector: { app: 'in' }, ports: [{ port: 80, nodePort: 31000 }] },
    });
    expect(cluster.model.instanceAnswers('i-0', 31_000)).toBe(false);
    cluster.create(`${apps}/deployments`, deployment('in', 1));
    cluster.until(() => cluster.ready('app=in').length === 1);
    expect(cluster.model.instanceAnswers('i-0', 31_000)).toBe(true);
    expect(cluster.model.instanceAnswers('i-1', 31_000)).toBe(true);
  });
});
