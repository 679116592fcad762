import { beforeEach, describe, expect, it } from 'vitest';
import { InsideCluster, type ProbeRun } from './inside-cluster.ts';

function errorKinds(run: ProbeRun): string[] {
  return run.result.targets.flatMap((target: { errors?: { kind: string }[] }) =>
    (target.errors ?? []).map((error) => error.kind),
  );
}

describe('a service', () => {
  let inside: InsideCluster;
  beforeEach(() => {
    inside = new InsideCluster();
    inside.serve('web', { replicas: 3, args: ['--body', 'hello'] });
  });

  it('is reached by name, and spreads over all of its pods', () => {
    const run = inside.probe(['http', '--url', 'http://web/', '--count', '40']);
    expect(run.code).toBe(0);
    const [target] = run.result.targets;
    expect(target.statuses).toEqual({ 200: 40 });
    expect(target.bodies).toEqual({ hello: 40 });
    expect(Object.keys(target.servers).sort()).toEqual(
      inside.cluster
        .ready('app=web')
        .map((pod) => pod.metadata.name)
        .sort(),
    );
  });

  it('is refused without a ready endpoint, and a pod is not one before it says so', () => {
    inside.serve('slow', { replicas: 0, args: ['--ready-after', '40s'] });
    inside.cluster.send(
      'PATCH',
      '/apis/apps/v1/namespaces/default/deployments/slow',
      { spec: { replicas: 1 } },
      {
        type: 'application/merge-patch+json',
      },
    );
    inside.settle(15_000);
    expect(inside.cluster.pods('app=slow')[0]?.status.phase).toBe('Running');
    expect(errorKinds(inside.probe(['http', '--url', 'http://slow/']))).toEqual(['refused']);
    inside.settle(45_000);
    expect(inside.probe(['http', '--url', 'http://slow/']).code).toBe(0);
  });

  it('keeps a client at one pod when it asks for affinity', () => {
    inside.serve('sticky', { replicas: 3, service: { sessionAffinity: 'ClientIP' } });
    const run = inside.probe(['http', '--url', 'http://sticky/', '--count', '30']);
    expect(Object.values(run.result.targets[0].servers)).toEqual([30]);
  });

  it('answers on the node port of every node', () => {
    inside.serve('ported', { service: { type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: 30123 }] } });
    const run = inside.probe(['http', '--url', 'http://10.0.0.1:30123/', '--url', 'http://10.0.0.2:30123/']);
    expect(run.code).toBe(0);
  });

  it('is lost on a node whose kube-proxy is down, and on no other', () => {
    const node = 'ip-10-0-0-1.eu-central-1.compute.internal';
    inside.faults.set({ proxyDown: [node] });
    const address = inside.cluster.get('/api/v1/namespaces/default/services/web').spec.clusterIP;
    const args = ['http', '--url', `http://${address}/`];
    expect(errorKinds(inside.probe(args, { nodeName: node }))).toEqual(['timeout']);
    expect(inside.probe(args, { nodeName: node.replace('0-1.', '0-2.') }).code).toBe(0);
    expect(inside.probe(['http', '--url', `http://${inside.podAddress('web')}:8080/`], { nodeName: node }).code).toBe(
      0,
    );
    inside.faults.clear();
    expect(inside.probe(args, { nodeName: node }).code).toBe(0);
  });

  it('stays refused while the endpoint controller does not work', () => {
    inside.cluster.model.faults.endpointSlices = 'broken';
    inside.serve('late');
    expect(errorKinds(inside.probe(['http', '--url', 'http://late/']))).toEqual(['refused']);
  });

  it('writes what it was asked into the pod log', () => {
    inside.probe(['http', '--url', 'http://web/status/404', '--count', '20']);
    const lines = inside.cluster.ready('app=web').flatMap((pod) => inside.log(pod.metadata.name).split('\n'));
    expect(lines.filter((line) => line.includes('GET /status/404 404') && line.includes('clm-probe/1'))).toHaveLength(
      20,
    );
  });
});

describe('a pod address', () => {
  it('refuses a port that nobody listens on, and is silent once the pod is gone', () => {
    const inside = new InsideCluster();
    inside.serve('web');
    const address = inside.podAddress('web');
    expect(errorKinds(inside.probe(['tcp', '--address', `${address}:9`]))).toEqual(['refused']);
    inside.cluster.send('DELETE', '/apis/apps/v1/namespaces/default/deployments/web');
    inside.settle(60_000);
    expect(errorKinds(inside.probe(['tcp', '--address', `${address}:8080`]))).toEqual(['timeout']);
  });

  it('echoes over TCP and UDP', () => {
    const inside = new InsideCluster();
    inside.serve('echo', { args: ['--tcp', '7', '--udp', '7'] });
    const address = `${inside.podAddress('echo')}:7`;
    expect(inside.probe(['tcp', '--address', address, '--send', 'x1']).result.targets[0].received).toBe('x1');
    expect(inside.probe(['udp', '--address', address]).result.targets[0].received).toBe('ping');
  });

  it('is cut off where the wire, the plugin or the packet size says so', () => {
    const inside = new InsideCluster();
    inside.serve('web', { replicas: 1, pod: { nodeName: 'ip-10-0-0-1.eu-central-1.compute.internal' } });
    const far = { nodeName: 'ip-10-0-0-2.eu-central-1.compute.internal' };
    const near = { nodeName: 'ip-10-0-0-1.eu-central-1.compute.internal' };
    const url = `http://${inside.podAddress('web')}:8080/`;
    const ask = (pod: object, ...more: string[]): string[] =>
      errorKinds(inside.probe(['http', '--url', url, '--timeout', '2s', ...more], pod));
    expect(ask(far)).toEqual([]);
    inside.faults.set({ links: [{ from: 'eu-central-1a', to: 'eu-central-1b', lossPercent: 100 }] });
    expect(ask(far)).toEqual(['timeout']);
    expect(ask(near)).toEqual([]);
    inside.faults.set({ links: [{ from: '*', to: '*', mtu: 1400 }] });
    expect(ask(far)).toEqual([]);
    expect(ask(far, '--body', 'x'.repeat(2000))).toEqual(['timeout']);
    expect(ask(near, '--body', 'x'.repeat(2000))).toEqual([]);
    inside.faults.set({ links: [{ from: '*', to: '*', lossPercent: 30 }] });
    const lossy = inside.probe(['http', '--url', url, '--count', '20', '--timeout', '30s'], far).result.targets[0];
    expect(lossy.succeeded).toBe(20);
    expect(lossy.ms.max).toBeGreaterThanOrEqual(1000);
    inside.faults.set({ links: [], cniDown: [near.nodeName] });
    expect(ask(far)).toEqual(['timeout']);
  });
});

describe('outside of the cluster', () => {
  it('is reached by name, unless egress is cut', () => {
    const inside = new InsideCluster();
    const ask = (): ProbeRun => inside.probe(['http', '--url', 'http://example.com/', '--timeout', '2s']);
    expect(ask().result.targets[0].statuses).toEqual({ 200: 1 });
    inside.faults.set({ links: [{ from: '*', to: 'outside', lossPercent: 100 }] });
    expect(errorKinds(ask())).toEqual(['timeout']);
  });

  it('tells a pod about its instance, unless that is blocked', () => {
    const inside = new InsideCluster();
    const ask = (pod: object = {}): ProbeRun =>
      inside.probe(['metadata', '--path', 'latest/meta-data/placement/availability-zone', '--timeout', '1s'], {
        nodeName: 'ip-10-0-0-2.eu-central-1.compute.internal',
        ...pod,
      });
    expect(ask().result.targets[0].bodies).toEqual({ 'eu-central-1b': 1 });
    inside.faults.set({ metadata: 'blocked' });
    expect(errorKinds(ask())).toEqual(['timeout']);
    expect(ask({ hostNetwork: true }).code).toBe(0);
  });
});

describe('the API server', () => {
  it('answers pods by name: health to everybody, objects to a token', () => {
    const inside = new InsideCluster();
    const base = 'https://kubernetes.default.svc';
    const open = inside.probe(['http', '--url', `${base}/readyz`, '--url', `${base}/api/v1/nodes`, '--insecure']);
    expect(open.result.targets.map((each: { statuses: object }) => each.statuses)).toEqual([{ 200: 1 }, { 401: 1 }]);
    const known = inside.probe(['http', '--url', `${base}/api/v1/nodes`, '--service-account']);
    expect(known.result.targets[0].statuses).toEqual({ 200: 1 });
    expect(errorKinds(inside.probe(['http', '--url', `${base}/readyz`]))).toEqual(['tls']);
  });

  it('is gone for pods when its last master is', () => {
    const inside = new InsideCluster();
    const userData =
      '--node-labels=node.kubernetes.io/role=master --register-with-taints=node-role.kubernetes.io/control-plane:NoSchedule';
    const master = inside.cluster.launch({ userData });
    inside.settle(180_000);
    const ask = (): ProbeRun =>
      inside.probe(['http', '--url', 'https://kubernetes.default/livez', '--insecure', '--timeout', '3s']);
    expect(ask().code).toBe(0);
    inside.cluster.model.instanceStopping(master.id);
    expect(errorKinds(ask())).toEqual(['timeout']);
  });
});
