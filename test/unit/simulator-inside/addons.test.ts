import { beforeEach, describe, expect, it } from 'vitest';
import { CloudCluster } from './cloud-cluster.ts';

const service = '/api/v1/namespaces/default/services/web';

describe('a service of type LoadBalancer', () => {
  let cloud: CloudCluster;
  beforeEach(() => {
    cloud = new CloudCluster();
  });
  const hostname = (): string | undefined => cloud.get(service).status.loadBalancer?.ingress?.[0]?.hostname;

  it('gets a classic load balancer that reaches its pods, and loses it again', () => {
    cloud.install('lb', 'registry.example.org/aws-cloud-controller-manager:v1');
    cloud.serve('web', { type: 'LoadBalancer' });
    expect(cloud.get(service).metadata.finalizers).toEqual(['service.kubernetes.io/load-balancer-cleanup']);
    expect(cloud.classicBalancers()).toHaveLength(1);
    expect(cloud.classicBalancers()[0].Instances).toHaveLength(3);
    cloud.advance(120_000);
    expect(cloud.http(`http://${hostname()}/`)).toEqual({ status: '200', body: 'web' });
    const name = hostname();
    cloud.send('DELETE', service);
    cloud.advance(5_000);
    expect(cloud.send('GET', service).status).toBe(404);
    expect(cloud.classicBalancers()).toEqual([]);
    cloud.advance(120_000);
    expect(cloud.http(`http://${name}/`)).toEqual({ error: 'dns-nxdomain' });
  });

  it('gets a network load balancer by annotation', () => {
    cloud.install('lb', 'aws-load-balancer-controller:v2');
    cloud.serve(
      'web',
      { type: 'LoadBalancer' },
      {
        annotations: { 'service.beta.kubernetes.io/aws-load-balancer-type': 'nlb' },
      },
    );
    cloud.advance(300_000);
    expect(cloud.networkBalancers()).toMatchObject([{ Type: 'network', DNSName: hostname() }]);
    expect(cloud.http(`http://${hostname()}/`)).toEqual({ status: '200', body: 'web' });
  });

  it('answers nothing while no instance is healthy', () => {
    cloud.install('lb', 'aws-cloud-controller-manager:v1');
    cloud.serve('web', { type: 'LoadBalancer' });
    cloud.advance(120_000);
    cloud.send('PATCH', '/apis/apps/v1/namespaces/default/deployments/web', { spec: { replicas: 0 } });
    cloud.advance(120_000);
    expect(cloud.http(`http://${hostname()}/`)).toEqual({ error: 'reset' });
  });

  it('waits for ever without its controller: none installed, deleted, or switched off', () => {
    cloud.serve('web', { type: 'LoadBalancer' });
    cloud.advance(60_000);
    expect(hostname()).toBeUndefined();
    cloud.model.runtimeFaults.set({ addons: { 'load-balancer': 'off' } });
    cloud.install('lb', 'aws-cloud-controller-manager:v1');
    expect(hostname()).toBeUndefined();
    cloud.model.runtimeFaults.clear();
    cloud.advance(5_000);
    expect(hostname()).toContain('elb.amazonaws.com');
    cloud.send('DELETE', '/apis/apps/v1/namespaces/kube-system/deployments/lb');
    cloud.advance(60_000);
    cloud.send('DELETE', service);
    cloud.advance(60_000);
    expect(cloud.get(service).metadata.deletionTimestamp).toBeDefined();
  });
});

describe('an ingress', () => {
  let cloud: CloudCluster;
  beforeEach(() => {
    cloud = new CloudCluster();
    cloud.install('ingress', 'ingress-nginx/controller:v1.11', ['--publish-service=kube-system/ingress'], {
      container: { ports: [{ containerPort: 80 }, { containerPort: 443 }] },
    });
    cloud.apply(
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'ingress', namespace: 'kube-system' },
        spec: {
          selector: { app: 'ingress' },
          ports: [
            { name: 'http', port: 80 },
            { name: 'https', port: 443 },
          ],
        },
      },
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'IngressClass',
        metadata: { name: 'nginx' },
        spec: { controller: 'k8s.io/ingress-nginx' },
      },
    );
    cloud.serve('one');
    cloud.serve('two');
    route({ '/': 'one', '/two': 'two' });
  });

  function route(paths: Record<string, string>, extra: object = {}): void {
    cloud.apply({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        ingressClassName: 'nginx',
        rules: [
          {
            host: 'web.example.org',
            http: {
              paths: Object.entries(paths).map(([path, name]) => ({
                path,
                pathType: 'Prefix',
                backend: { service: { name, port: { number: 80 } } },
              })),
            },
          },
        ],
        ...extra,
      },
    });
    cloud.advance(2_000);
  }
  const ask = (url: string, ...more: string[]) => cloud.http(url, '--connect', 'ingress.kube-system:80', ...more);

  it('routes hosts and paths to services', () => {
    expect(ask('http://web.example.org/').body).toBe('one');
    expect(ask('http://web.example.org./').body).toBe('one');
    expect(ask('http://web.example.org/twofold')).toMatchObject({ status: '404', body: 'not found' });
    expect(ask('http://other.example.org/')).toMatchObject({ status: '404', body: 'default backend - 404' });
    expect(
      cloud.get('/apis/networking.k8s.io/v1/namespaces/default/ingresses/web').status.loadBalancer.ingress,
    ).toEqual([{ ip: cloud.get('/api/v1/namespaces/kube-system/services/ingress').spec.clusterIP }]);
  });

  it('passes on who asked, and how', () => {
    const target = cloud.probe('http', '--url', 'http://web.example.org/echo', '--connect', 'ingress.kube-system:80');
    const pod = cloud.ready('app=one')[0]?.metadata.name ?? '';
    const lines = String(cloud.get(`/api/v1/namespaces/default/pods/${pod}/log`));
    expect(target.code).toBe(0);
    expect(lines).toContain('GET /echo 200');
    expect(Object.keys(target.result.targets[0].bodies)[0]).toContain('"method":"GET"');
  });

  it('says 503 without ready pods, 502 when they refuse, and follows a change', () => {
    cloud.send('PATCH', '/apis/apps/v1/namespaces/default/deployments/one', { spec: { replicas: 0 } });
    cloud.advance(60_000);
    expect(ask('http://web.example.org/').status).toBe('503');
    route({ '/': 'two' });
    expect(ask('http://web.example.org/')).toMatchObject({ status: '200', body: 'two' });
    cloud.send('PATCH', '/api/v1/namespaces/default/services/two', {
      spec: { ports: [{ name: 'http', port: 80, targetPort: 99 }] },
    });
    cloud.advance(2_000);
    expect(ask('http://web.example.org/').status).toBe('502');
  });

  it('ends TLS and sends plain requests there', () => {
    route({ '/': 'one' }, { tls: [{ hosts: ['web.example.org'], secretName: 'missing' }] });
    const tls = cloud.http('https://web.example.org/', '--connect', 'ingress.kube-system:443');
    expect(tls).toMatchObject({ status: '200', tls: { trusted: false } });
    expect(tls.tls.subject).toContain('Fake Certificate');
  });

  it('is broken when its controller is', () => {
    cloud.model.runtimeFaults.set({ addons: { ingress: 'broken' } });
    expect(ask('http://web.example.org/').status).toBe('500');
    cloud.send('PATCH', '/apis/apps/v1/namespaces/kube-system/deployments/ingress', { spec: { replicas: 0 } });
    cloud.advance(60_000);
    expect(ask('http://web.example.org/').error).toBe('refused');
  });
});

describe('external-dns', () => {
  let cloud: CloudCluster;
  beforeEach(() => {
    cloud = new CloudCluster();
    cloud.world.internet.zone('example.org');
    cloud.install('lb', 'aws-cloud-controller-manager:v1');
  });
  const ask = (name: string) => {
    const server = cloud.world.internet.zone('example.org').nameServers[0]?.address ?? '';
    return cloud.probe('dns', '--name', name, '--type', 'CNAME', '--server', server).result.targets[0];
  };
  const annotate = (name: string | null): void => {
    cloud.send('PATCH', service, {
      metadata: { annotations: { 'external-dns.alpha.kubernetes.io/hostname': name } },
    });
    cloud.advance(130_000);
  };

  it('publishes the name of a service, changes it, and takes it back', () => {
    cloud.install('dns', 'external-dns:v0.15', ['--txt-owner-id=me', '--domain-filter=example.org']);
    cloud.serve('web', { type: 'LoadBalancer' });
    annotate('web.example.org');
    expect(ask('web.example.org').answers).toEqual([cloud.get(service).status.loadBalancer.ingress[0].hostname]);
    expect(cloud.world.internet.zone('example.org').values('cname-web.example.org', 'TXT')[0]).toContain('owner=me');
    cloud.advance(120_000);
    expect(cloud.http('http://web.example.org/')).toEqual({ status: '200', body: 'web' });
    annotate('other.example.org');
    expect(ask('web.example.org').rcode).toBe('NXDOMAIN');
    expect(ask('other.example.org').answers).toHaveLength(1);
    cloud.send('DELETE', service);
    cloud.advance(130_000);
    expect(ask('other.example.org').rcode).toBe('NXDOMAIN');
  });

  it('leaves names of others alone, keeps names under upsert-only, and does nothing when it is off', () => {
    cloud.install('dns', 'external-dns:v0.15', ['--policy=upsert-only']);
    const zone = cloud.world.internet.zone('example.org');
    zone.set('taken.example.org', 'A', 60, ['52.1.1.1']);
    cloud.serve('web', { type: 'LoadBalancer' });
    annotate('taken.example.org');
    expect(zone.values('taken.example.org', 'A')).toEqual(['52.1.1.1']);
    annotate('web.example.org');
    expect(ask('web.example.org').answers).toHaveLength(1);
    annotate(null);
    expect(ask('web.example.org').answers).toHaveLength(1);
    cloud.model.runtimeFaults.set({ addons: { 'external-dns': 'off' } });
    annotate('late.example.org');
    expect(ask('late.example.org').rcode).toBe('NXDOMAIN');
  });
});

describe('the metrics API', () => {
  it('serves usage of nodes and pods while its server runs', () => {
    const cloud = new CloudCluster();
    const path = '/apis/metrics.k8s.io/v1beta1/nodes';
    expect(cloud.send('GET', path).status).toBe(404);
    cloud.apply({
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1beta1.metrics.k8s.io' },
      spec: {
        group: 'metrics.k8s.io',
        version: 'v1beta1',
        service: { name: 'metrics-server', namespace: 'kube-system' },
        groupPriorityMinimum: 100,
        versionPriority: 100,
      },
    });
    expect(cloud.send('GET', path).status).toBe(503);
    const available = () =>
      cloud.get('/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io').status.conditions[0].status;
    expect(available()).toBe('False');
    cloud.install('metrics-server', 'metrics-server/metrics-server:v0.7.2');
    expect(available()).toBe('True');
    expect(cloud.get(path).items).toHaveLength(6);
    const pods = cloud.get('/apis/metrics.k8s.io/v1beta1/namespaces/kube-system/pods').items;
    expect(pods.length).toBeGreaterThan(10);
    expect(pods[0].containers[0].usage.memory).toMatch(/^\d+Ki$/);
    cloud.model.runtimeFaults.set({ addons: { 'metrics-server': 'off' } });
    expect(cloud.send('GET', path).status).toBe(503);
  });
});

describe('the API server', () => {
  it('passes requests on to services and pods', () => {
    const cloud = new CloudCluster();
    cloud.serve('web');
    expect(cloud.get(`${service}:http/proxy/hostname`)).toBe(cloud.ready('app=web')[0]?.metadata.name);
    const pod = cloud.ready('app=web')[0]?.metadata.name ?? '';
    expect(cloud.send('GET', `/api/v1/namespaces/default/pods/${pod}:8080/proxy/status/418`).status).toBe(418);
    cloud.send('PATCH', '/apis/apps/v1/namespaces/default/deployments/web', { spec: { replicas: 0 } });
    cloud.advance(60_000);
    expect(cloud.send('GET', `${service}:http/proxy/`).status).toBe(503);
  });

  it('writes an audit log, until that breaks', () => {
    const cloud = new CloudCluster();
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'marked' },
      spec: { containers: [{ name: 'c', image: 'x' }] },
    };
    const events = () =>
      String(cloud.get('/logs/kube-audit.log'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .filter((event) => event.objectRef.name === 'marked');
    cloud.send('POST', '/api/v1/namespaces/default/pods', pod);
    cloud.send('PATCH', '/api/v1/namespaces/default/pods/marked', { metadata: { labels: { a: 'b' } } });
    expect(events().map((event) => [event.verb, event.responseStatus.code])).toEqual([
      ['create', 201],
      ['patch', 200],
    ]);
    expect(events()[0]).toMatchObject({
      stage: 'ResponseComplete',
      userAgent: 'test/1',
      annotations: { 'authorization.k8s.io/decision': 'allow' },
    });
    cloud.model.faults.auditLog = 'broken';
    cloud.send('DELETE', '/api/v1/namespaces/default/pods/marked');
    expect(events()).toHaveLength(2);
  });
});

describe('node-problem-detector', () => {
  it('keeps the conditions of its nodes as the scenario has them', () => {
    const cloud = new CloudCluster();
    cloud.install('npd', 'node-problem-detector:v0.8');
    const name = cloud.ready('app=npd')[0]?.spec.nodeName ?? '';
    const deadlock = () =>
      cloud
        .get(`/api/v1/nodes/${name}`)
        .status.conditions.find((each: { type: string }) => each.type === 'KernelDeadlock');
    expect(deadlock().status).toBe('False');
    cloud.model.runtimeFaults.set({ nodeProblems: { [name]: ['KernelDeadlock'] } });
    cloud.advance(5_000);
    expect(deadlock()).toMatchObject({ status: 'True', reason: 'ProblemDetected' });
  });
});
