import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { World } from '../../../src/simulator/model/world.ts';
import { type ServedWorld, serveWorld } from '../../../src/simulator/wire/serve.ts';
import { ScaledClock } from '../../../src/support/clock.ts';
import { poolTemplate, startMs, clusterId as writtenId } from '../../unit/simulator-aws/small-world.ts';
import { coreDnsObjects, probeImage } from '../../unit/simulator-inside/inside-cluster.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers of every kind are read
type Body = any;

const text = readFileSync(new URL('../../../examples/scenario.yaml', import.meta.url), 'utf8');
const { faults } = parse(text) as { faults: { kind: string; cluster?: string }[] };
const schema = JSON.parse(
  readFileSync(new URL('../../../registry/schemas/scenario.schema.json', import.meta.url), 'utf8'),
);

/** What the schema lets a fault of each kind say. */
const kinds = new Map<string, Body>();
for (const each of schema.properties.faults.items.anyOf ?? schema.properties.faults.items.oneOf)
  for (const kind of each.properties.kind.enum ?? [each.properties.kind.const])
    kinds.set(kind as string, each.properties);

const ids = [
  '786337131469:eu-central-1',
  '505244019255:eu-central-1',
  '505244019255:eu-west-1',
  '410344721490:eu-central-1',
];
const [flapping, masterless, cut, broken] = ids.map((place) => `aws:${place}:kube-1`) as [
  string,
  string,
  string,
  string,
];

describe('the example scenario', () => {
  test('shows every kind of fault, every part of a network that breaks, and every component', () => {
    expect(kinds.size).toBeGreaterThan(20);
    expect([...new Set(faults.map((each) => each.kind))].sort()).toEqual([...kinds.keys()].sort());
    const said = (kind: string) => faults.filter((each) => each.kind === kind).flatMap((each) => Object.keys(each));
    const common = ['at', 'for', 'every', 'title'];
    const network = Object.keys(kinds.get('network')).filter((each) => !common.includes(each));
    expect(network.filter((each) => !said('network').includes(each))).toEqual([]);
    const components = faults.flatMap((each) => ('component' in each ? [each.component] : []));
    expect(components.sort()).toEqual([...kinds.get('broken-component').component.enum].sort());
  });
});

/** The whole file, begun over the control endpoint; what it does to clusters is seen through their APIs at its time. */
describe('the example scenario, over the wire', () => {
  const world = new World({ seed: 1, startMs });
  const errors: unknown[] = [];
  let served: ServedWorld;
  let from: number;
  let runs = 0;

  const at = (minute: number): unknown => world.advanceTo(from + minute * 60_000);
  const pass = (seconds: number): unknown => world.advanceTo(world.clock.now() + seconds * 1000);

  async function kube(id: string, path: string, method = 'GET', body?: object): Promise<Body> {
    const answer = await fetch(`${served.kubeUrl(id)}${path}`, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
    });
    const said = await answer.text();
    const json = answer.headers.get('content-type')?.includes('json') === true;
    return { status: answer.status, headers: answer.headers, body: json ? JSON.parse(said) : said };
  }
  const core = '/api/v1/namespaces/default';
  const outcome = (id: string): Promise<string> =>
    kube(id, '/api/v1/nodes').then(
      ({ status }) => String(status),
      () => 'cut',
    );
  async function makePod(id: string, name: string, image = 'team/app:1', labels: object = { name }): Promise<void> {
    const pod = { metadata: { name, labels }, spec: { containers: [{ name: 'c', image }] } };
    expect((await kube(id, `${core}/pods`, 'POST', pod)).status).toBe(201);
  }
  const podStatus = async (id: string, name: string): Promise<Body> =>
    (await kube(id, `${core}/pods/${name}`)).body.status;
  const evict = (id: string, name: string, query = ''): Promise<Body> =>
    kube(id, `${core}/pods/${name}/eviction${query}`, 'POST', { metadata: { name } });
  async function nodesThatAre(id: string, type: string, ...statuses: string[]): Promise<number> {
    const { items } = (await kube(id, '/api/v1/nodes')).body as { items: Body[] };
    return items.filter(({ status }) =>
      status.conditions.some((each: Body) => each.type === type && statuses.includes(each.status as string)),
    ).length;
  }

  /** A probe in a Job of its own: the kind of its first error, or what it was answered. */
  async function job(args: string[], pod: object = {}, labels: object = {}): Promise<Body> {
    const name = `probe-${runs++}`;
    const spec = { restartPolicy: 'Never', containers: [{ name: 'probe', image: probeImage, args }], ...pod };
    const made = await kube(broken, '/apis/batch/v1/namespaces/default/jobs', 'POST', {
      metadata: { name },
      spec: { backoffLimit: 0, template: { metadata: { labels }, spec } },
    });
    expect(made.status).toBe(201);
    for (let i = 0; i < 40; i++) {
      pass(2);
      const { items } = (await kube(broken, `${core}/pods?labelSelector=job-name=${name}`)).body;
      const message = items[0]?.status.containerStatuses?.[0]?.state.terminated?.message;
      if (message === undefined) continue;
      const [target] = JSON.parse(message as string).targets;
      return target.errors?.[0]?.kind ?? target;
    }
    return 'no answer';
  }
  const toUrl = (url: string, pod: object = {}, labels: object = {}): Promise<Body> =>
    job(['http', '--url', url, '--timeout', '3s'], pod, labels).then((said) => said.statuses ?? said);

  beforeAll(async () => {
    for (const place of ids) {
      const [account = '', region = ''] = place.split(':');
      const id = `aws:${place}:kube-1`;
      world.addCluster({ id, account, region });
      for (const pool of ['masters', 'workers']) {
        const TemplateBody = JSON.stringify(poolTemplate(pool, 'ami-00000002')).replaceAll(writtenId, id);
        const params = { StackName: `nodepool-${pool}-${id.replaceAll(':', '-')}`, TemplateBody };
        const call = { account, region, service: 'cloudformation', action: 'CreateStack', params } as const;
        expect(world.aws.handle(call).ok).toBe(true);
      }
    }
    world.advanceTo(startMs + 20 * 60_000);
    world.kube(broken).seed([...coreDnsObjects(), ...addons(), ...web()]);
    world.advanceTo(startMs + 30 * 60_000);
    const clock = new ScaledClock(Math.round(world.clock.now() - new ScaledClock(0, 1).now()), 1);
    served = await serveWorld({
      world,
      host: '127.0.0.1',
      port: 0,
      clock,
      onError: (_handler, error) => errors.push(error),
    });
    from = world.clock.now();
    const answer = await fetch(`${served.controlUrl}/faults`, { method: 'POST', body: text });
    expect(((await answer.json()) as { started: string[] }).started).toHaveLength(faults.length);
  });
  afterAll(async () => {
    await served.stop();
    expect(errors).toEqual([]);
  });

  test('flapping-kubelet: a node is not ready, time and again', async () => {
    const seen: number[] = [];
    for (const minute of [69, 72, 74.5]) {
      at(minute);
      seen.push(await nodesThatAre(flapping, 'Ready', 'False', 'Unknown'));
    }
    expect(seen).toEqual([0, 1, 0]);
  });

  test('budgets: one that never allows, a status that lags, and one that others write', async () => {
    for (const id of [flapping, masterless, cut]) await makePod(id, 'p');
    pass(20);
    const budget = (id: string, name: string) =>
      kube(id, '/apis/policy/v1/namespaces/default/poddisruptionbudgets', 'POST', {
        metadata: { name },
        spec: { minAvailable: 0, selector: { matchLabels: { name: 'p' } } },
      });
    await budget(cut, 'open');
    pass(5);
    expect((await evict(flapping, 'p', '?dryRun=All')).status).toBe(201);
    at(75.2);
    expect(await evict(flapping, 'p')).toMatchObject({ status: 429, body: { reason: 'TooManyRequests' } });
    await budget(masterless, 'late');
    pass(60);
    const refused = await evict(masterless, 'p');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '10']);
    expect(await evict(cut, 'p')).toMatchObject({ status: 504, body: { reason: 'Timeout' } });
    at(80.2);
    expect((await evict(flapping, 'p')).status).toBe(201);
    expect((await evict(cut, 'p')).status).toBe(201);
    at(82);
    expect((await evict(masterless, 'p')).status).toBe(201);
    // And again, by its period.
    expect(await nodesThatAre(flapping, 'Ready', 'False', 'Unknown')).toBe(1);
  });

  test('registry-overload: a cluster gets no images; then all get them slowly', async () => {
    const waiting = async (name: string): Promise<string | undefined> =>
      (await podStatus(broken, name)).containerStatuses?.[0]?.state.waiting?.reason;
    at(82.1);
    await makePod(broken, 'without', 'never/seen:1');
    pass(20);
    expect(await waiting('without')).toMatch(/ErrImagePull|ImagePullBackOff/);
    at(85.1);
    for (const name of ['one', 'two', 'three']) await makePod(flapping, name, `team/${name}:2`);
    pass(15);
    const running = async (): Promise<string[]> =>
      Promise.all(['one', 'two', 'three'].map(async (name) => (await podStatus(flapping, name)).phase as string));
    expect(await running()).toEqual(['Pending', 'Pending', 'Pending']);
    at(89);
    await makePod(flapping, 'four', 'team/four:2');
    pass(20);
    expect((await podStatus(flapping, 'four')).phase).toBe('Running');
    expect((await podStatus(broken, 'without')).phase).toBe('Running');
  });

  test('api-needs-master, api-down: the API is gone, answers errors, and is back', async () => {
    at(90.2);
    expect([await outcome(cut), await outcome(masterless)]).toEqual(['cut', '200']);
    const [, account = '', region = ''] = masterless.split(':');
    const group = world.aws
      .truth()
      .groups(masterless)
      .find((each) => each.name === 'masters');
    const InstanceIds = (group?.members ?? []).map((each) => each.instanceId);
    const call = { account, region, service: 'ec2', action: 'TerminateInstances', params: { InstanceIds } } as const;
    expect(world.aws.handle(call).ok).toBe(true);
    at(91.2);
    expect([await outcome(cut), await outcome(masterless)]).toEqual(['200', 'cut']);
    at(92.2);
    expect(await outcome(cut)).toBe('503');
    at(93.2);
    expect(await outcome(cut)).toBe('200');
  });

  test('broken-component: scheduler, endpoint slices, workloads and the audit log stand still', async () => {
    const slices =
      '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name=web';
    const endpoints = async (): Promise<number> =>
      ((await kube(broken, slices)).body.items as Body[]).flatMap((each) => each.endpoints ?? []).length;
    const deployment = '/apis/apps/v1/namespaces/default/deployments/web';
    const scale = async (replicas: number): Promise<void> => {
      const { body } = await kube(broken, deployment);
      expect((await kube(broken, deployment, 'PUT', { ...body, spec: { ...body.spec, replicas } })).status).toBe(200);
      pass(40);
    };
    const replicas = async (): Promise<number> => (await kube(broken, deployment)).body.status.replicas as number;
    at(95.1);
    await makePod(broken, 'unplaced');
    pass(30);
    expect(await podStatus(broken, 'unplaced')).not.toHaveProperty('containerStatuses');
    at(98.1);
    expect((await podStatus(broken, 'unplaced')).phase).toBe('Running');
    expect(await endpoints()).toBe(2);
    await scale(4);
    expect([await replicas(), await endpoints()]).toEqual([4, 2]);
    at(101.1);
    expect(await endpoints()).toBe(4);
    await scale(2);
    expect(await replicas()).toBe(4);
    at(104.1);
    expect(await replicas()).toBe(2);
    const written = async (name: string): Promise<boolean> =>
      String((await kube(broken, '/logs/kube-audit.log')).body).includes(name);
    await makePod(broken, 'secretly');
    at(106.1);
    await makePod(broken, 'openly');
    expect([await written('secretly'), await written('openly')]).toEqual([false, true]);
  });

  test('network: a probe Job says what it reaches, and what no more', async () => {
    const { items } = (await kube(broken, '/api/v1/nodes')).body as { items: Body[] };
    const inZone = (zone: string): object => {
      const here = items.filter(({ metadata }) => metadata.labels['topology.kubernetes.io/zone'] === zone);
      const worker = here.find(({ metadata }) => metadata.labels['node.kubernetes.io/role'] === 'worker');
      return { nodeName: worker.metadata.name };
    };
    const pinned = (await kube(broken, `${core}/pods/pinned`)).body;
    const pod = `http://${pinned.status.podIP}:8080/`;
    const ok = { 200: 1 };
    expect([await toUrl(pod, inZone('eu-central-1b')), await toUrl('http://web/')]).toEqual([ok, ok]);
    at(110.1);
    expect(await toUrl(pod, inZone('eu-central-1b'))).toBe('timeout');
    expect(await toUrl(pod, inZone('eu-central-1c'))).toEqual(ok);
    const outside = await job(['http', '--url', 'http://example.com/', '--timeout', '9s'], inZone('eu-central-1c'));
    expect(outside.ms.min).toBeGreaterThanOrEqual(500);
    at(113.1);
    const { clusterIP } = (await kube(broken, `${core}/services/web`)).body.spec;
    expect([await toUrl(`http://${clusterIP}/`), await toUrl(pod)]).toEqual(['timeout', ok]);
    at(116.1);
    expect(await toUrl(pod)).toBe('unreachable');
    at(118.2);
    const locked = { locked: 'yes' };
    const metadata = (): Promise<Body> =>
      job(['metadata', '--path', 'latest/meta-data/placement/availability-zone', '--timeout', '1s']);
    expect([await toUrl(pod, {}, locked), (await metadata()).errors ?? []]).toEqual(['timeout', []]);
    at(119.1);
    expect([await toUrl(pod, {}, locked), await metadata()]).toEqual([ok, 'timeout']);
    at(122.1);
    const lookup = (name = 'web.default'): Promise<Body> => job(['dns', '--name', name, '--timeout', '9s']);
    expect((await lookup()).ms.min).toBeGreaterThanOrEqual(1000);
    at(125.1);
    expect(await lookup()).toBe('dns-servfail');
    at(129.8);
    const quick = await lookup();
    expect([quick.rcode, quick.ms.max < 1000]).toEqual(['NOERROR', true]);
    const usage = async (): Promise<number> =>
      (await kube(broken, '/apis/metrics.k8s.io/v1beta1/nodes')).status as number;
    expect(await usage()).toBe(200);
    at(130.9);
    expect(await usage()).toBe(503);
    at(132.5);
    expect([await usage(), await nodesThatAre(broken, 'KernelDeadlock', 'True')]).toEqual([200, 0]);
    at(133.2);
    expect(await nodesThatAre(broken, 'KernelDeadlock', 'True')).toBeGreaterThan(2);
    at(135.5);
    expect(await nodesThatAre(broken, 'KernelDeadlock', 'True')).toBe(0);
  });

  test('public-record: a name has an address while it lasts', async () => {
    const lookup = (): Promise<Body> => job(['dns', '--name', 'partner.example.org.', '--timeout', '9s']);
    at(136.2);
    expect((await lookup()).answers).toEqual(['192.0.2.1']);
    at(139.5);
    expect((await lookup()).answers ?? []).toEqual([]);
  });

  test('is over at its end: what has one acts no more', async () => {
    at(200);
    const { faults: played } = (await (await fetch(`${served.controlUrl}/faults`)).json()) as { faults: Body[] };
    const acting = played.filter(
      (each) => each.acting && each.fault.for !== undefined && each.fault.every === undefined,
    );
    expect(acting.map((each) => each.fault.kind)).toEqual([]);
    expect([await outcome(masterless), await outcome(cut)]).toEqual(['200', '200']);
  });
});

function deployment(name: string, namespace: string, image: string, more: object = {}): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name, image }], ...more } },
    },
  };
}

function addons(): object[] {
  const detector = deployment('node-problem-detector', 'kube-system', 'node-problem-detector:v0.8') as Body;
  delete detector.spec.replicas;
  return [
    { ...detector, kind: 'DaemonSet' },
    deployment('metrics-server', 'kube-system', 'metrics-server/metrics-server:v0.8.0'),
    {
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
    },
  ];
}

/** Servers behind a service, one by itself in a zone, and a policy that lets some pods ask nobody. */
function web(): object[] {
  const args = ['serve', '--http', '8080'];
  const server = { name: 'web', image: probeImage, args, ports: [{ name: 'http', containerPort: 8080 }] };
  const servers = deployment('web', 'default', probeImage, { containers: [server] }) as Body;
  servers.spec.replicas = 2;
  return [
    servers,
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'pinned', namespace: 'default' },
      spec: {
        nodeSelector: { 'topology.kubernetes.io/zone': 'eu-central-1a', 'node.kubernetes.io/role': 'worker' },
        containers: [server],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'locked', namespace: 'default' },
      spec: { podSelector: { matchLabels: { locked: 'yes' } }, policyTypes: ['Egress'], egress: [] },
    },
  ];
}
