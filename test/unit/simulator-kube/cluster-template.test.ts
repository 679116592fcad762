import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { KubeModel } from '../../../src/simulator/model/kube/kube-model.ts';
import type { WorldEvent } from '../../../src/simulator/model/seams.ts';
import type { World } from '../../../src/simulator/model/world.ts';
import { kubeInconsistencies } from '../../support/kube-consistency.ts';
import {
  addLike,
  anonymous,
  aws,
  createPools,
  everything,
  freezeDeep,
  identitiesIn,
  type Place,
  place,
  send,
  settledWorld,
  templateOf,
} from './template-world.ts';
import type { Body } from './test-cluster.ts';

const first = place('first');
const copy = place('copy', '999999999999');
const other = place('other');
const team = '/api/v1/namespaces/team';
const deployments = '/apis/apps/v1/namespaces/team/deployments';
const minute = 60_000;

const advance = (world: World, ms: number): number => world.advanceTo(world.clock.now() + ms);

function podsOf(model: KubeModel, app: string) {
  return [...model.truth().pods.values()].filter((pod) => pod.metadata.labels?.['app'] === app);
}

/** A pod that asks an address once, and ends well when it answers. */
function ask(model: KubeModel, name: string, url: string): void {
  const container = { name: 'probe', image: 'clm-probe:1', args: ['http', '--url', url] };
  const asks = { metadata: { name: `asks-${name}` }, spec: { restartPolicy: 'Never', containers: [container] } };
  expect(send(model, 'POST', `${team}/pods`, { apiVersion: 'v1', kind: 'Pod', ...asks }).status).toBe(201);
}

/** What people and controllers do to a cluster in a quarter of an hour. */
function live(world: World, cluster: Place): void {
  const model = world.kube(cluster.id);
  const image = { spec: { template: { spec: { containers: [{ name: 'c', image: 'nginx:2' }] } } } };
  expect(send(model, 'PATCH', `${deployments}/web`, image).status).toBe(200);
  expect(send(model, 'PATCH', `${deployments}/probe/scale`, { spec: { replicas: 4 } }).status).toBe(200);
  advance(world, 2 * minute);
  const [one, two] = podsOf(model, 'web');
  const evict = (name: string): number =>
    send(model, 'POST', `${team}/pods/${name}/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace: 'team' },
    }).status;
  expect(evict(one?.metadata.name ?? '')).toBe(201);
  expect(evict(two?.metadata.name ?? '')).toBe(429);
  expect(send(model, 'DELETE', `${team}/pods/db-0`).status).toBe(200);
  expect(send(model, 'PATCH', `${deployments}/thick/scale`, { spec: { replicas: 7 } }).status).toBe(200);
  const home = podsOf(model, 'web')[2]?.spec.nodeName;
  expect(send(model, 'PATCH', `/api/v1/nodes/${home}`, { metadata: { labels: { disk: 'fast' } } }).status).toBe(200);
  advance(world, 2 * minute);
  const node = podsOf(model, 'db')[1]?.spec.nodeName ?? '';
  expect(send(model, 'PATCH', `/api/v1/nodes/${node}`, { spec: { unschedulable: true } }).status).toBe(200);
  const instance = model.truth().nodes.get(node)?.spec.providerID?.split('/').at(-1);
  aws(world, cluster, 'autoscaling', 'TerminateInstanceInAutoScalingGroup', {
    InstanceId: instance,
    ShouldDecrementDesiredCapacity: false,
  });
  const widget = { apiVersion: 'example.org/v1', kind: 'Widget', metadata: { name: 'two' }, spec: { size: 2 } };
  expect(send(model, 'POST', '/apis/example.org/v1/namespaces/team/widgets', widget).status).toBe(201);
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'late' }, spec: { ports: [{ port: 80 }] } };
  expect(send(model, 'POST', `${team}/services`, service).status).toBe(201);
  for (const name of ['web', 'probe']) ask(model, name, `http://${name}.team.svc.cluster.local/`);
  advance(world, 8 * minute);
}

/** Short, so that a difference is told at once: nobody reads a diff of megabytes. */
function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/** What the cluster has come to, whatever its names and times. */
function summary(model: KubeModel): object {
  const truth = model.truth();
  const pods = [...truth.pods.values()].map(({ metadata, spec, status }) => {
    const name = metadata.ownerReferences?.[0]?.name ?? metadata.name;
    const images = spec.containers.map((each) => each.image).join();
    const home = truth.nodes.get(spec.nodeName ?? '')?.metadata.labels?.['node.kubernetes.io/role'];
    return `${name.startsWith('ip-') ? 'node' : name} ${images} ${status.phase} ${truth.trulyReady(truth.pods.get(`${metadata.namespace}/${metadata.name}`)!)} ${home}`;
  });
  const fields = (key: string, pick: (object: { spec: object; status: object }) => unknown): unknown[] =>
    [...truth.objects(key).values()].map((object) => [
      key,
      object.metadata.name.replace(/-?[0-9]{5,}$|pvc-.*$/, ''),
      pick(object as never),
    ]);
  const without = (value: object, ...names: string[]): object =>
    Object.fromEntries(Object.entries(value ?? {}).filter(([name]) => !names.includes(name)));
  return {
    pods: pods.sort(),
    nodes: truth.nodes.size,
    sets: fields('replicasets.apps', ({ status }) => without(status, 'observedGeneration')),
    deployments: fields('deployments.apps', ({ status }) => without(status, 'conditions')),
    statefulSets: fields('statefulsets.apps', ({ status }) => without(status)),
    daemonSets: fields('daemonsets.apps', ({ status }) => without(status)),
    budgets: fields('poddisruptionbudgets.policy', ({ status }) => without(status, 'conditions')),
    claims: fields('persistentvolumeclaims', ({ status }) => status),
    volumes: fields('persistentvolumes', ({ status }) => status),
    attached: fields('volumeattachments.storage.k8s.io', ({ status }) => status).map((each) => (each as unknown[])[2]),
    jobs: fields('jobs.batch', ({ status }) => (status as { succeeded?: number }).succeeded),
    widgets: fields('widgets.example.org', ({ spec }) => spec),
    services: fields('services', ({ spec }) => (spec as { clusterIP?: string }).clusterIP),
    endpoints: [...truth.objects('endpointslices.discovery.k8s.io').values()].map(
      (slice) => (slice['endpoints'] as unknown[] | null)?.length,
    ),
    problems: kubeInconsistencies(model),
  };
}

describe('A cluster that is started from a template', () => {
  it('equals the one that was started object by object, but for identities', () => {
    const world = settledWorld({ first, copies: [copy] });
    const model = addLike(world, copy, templateOf(world.kube(first.id)));
    const before = everything(world.kube(first.id), true);
    const after = everything(model, true);
    const theirs = new Set(identitiesIn(before));
    expect(identitiesIn(after).filter((each) => theirs.has(each))).toEqual([]);
    expect(anonymous(after)).toEqual(anonymous(before));
    expect(kubeInconsistencies(model)).toEqual([]);
    expect(model.truth().revision).toBe(world.kube(first.id).truth().revision);
  });

  it('goes on as one does that was started object by object', () => {
    const world = settledWorld({ first, copies: [copy] });
    addLike(world, copy, templateOf(world.kube(first.id)));
    const slowly = settledWorld({ first: copy, seed: 'another' });
    for (const each of [world, slowly]) live(each, copy);
    expect(summary(world.kube(copy.id))).toEqual(summary(slowly.kube(copy.id)));
    for (const name of ['web', 'probe'])
      expect(send(world.kube(copy.id), 'GET', `${team}/pods/asks-${name}`).body.status.phase).toBe('Succeeded');
    expect(podsOf(world.kube(copy.id), 'picky')[0]?.status.phase).toBe('Running');
    expect(podsOf(world.kube(copy.id), 'thick').filter((pod) => pod.spec.nodeName === undefined)).toHaveLength(1);
  });

  it('has nothing in common with the template and its other copies that a change could reach', () => {
    const world = settledWorld({ first, copies: [copy, other] });
    const template = templateOf(world.kube(first.id));
    for (const each of everything(world.kube(first.id), true)) freezeDeep(each);
    addLike(world, copy, template);
    const sibling = addLike(world, other, template);
    const bystanders = (): string => digest([everything(world.kube(first.id), true), everything(sibling, true)]);
    const before = bystanders();
    live(world, copy);
    expect(world.kube(copy.id).truth().internalErrors).toEqual([]);
    expect(bystanders()).toBe(before);
    expect(podsOf(sibling, 'probe')).toHaveLength(2);
  });

  it('is a picture: what happens to the template afterwards is not in it', () => {
    const world = settledWorld({ first, copies: [copy] });
    const template = templateOf(world.kube(first.id));
    const before = anonymous(everything(world.kube(first.id), true));
    live(world, first);
    expect(anonymous(everything(addLike(world, copy, template), true))).toEqual(before);
  });

  it('has the same history again for the same seed, and uids that no other cluster has', () => {
    const history = (seed: string): { text: string; uids: string[] } => {
      const world = settledWorld({ first, copies: [copy, other], seed });
      const events: WorldEvent[] = [];
      const template = templateOf(world.kube(first.id));
      world.subscribe((event) => events.push(event));
      const models = [world.kube(first.id), addLike(world, copy, template), addLike(world, other, template)];
      live(world, copy);
      const objects = models.map((model) => everything(model, true));
      return {
        text: digest([events, objects]),
        uids: objects.flatMap((list) => list.map(({ metadata }) => metadata.uid)),
      };
    };
    const one = history('a');
    expect(history('a').text).toBe(one.text);
    expect(new Set(one.uids).size).toBe(one.uids.length);
    const another = new Set(history('b').uids);
    expect(one.uids.filter((uid) => another.has(uid))).toEqual([]);
  });

  it('does what its controllers have planned: the hourly job', () => {
    const world = settledWorld({ first, copies: [copy] });
    const model = addLike(world, copy, templateOf(world.kube(first.id)));
    expect(model.truth().objects('jobs.batch').size).toBe(0);
    advance(world, 40 * minute);
    const [job] = [...model.truth().objects('jobs.batch').values()];
    expect(job?.['status']).toMatchObject({ succeeded: 1 });
  });

  it('tells the world of its nodes, renews their Leases, and has no history for watches', () => {
    const world = settledWorld({ first, copies: [copy] });
    const heard: WorldEvent[] = [];
    world.subscribe((event) => heard.push(event));
    const model = addLike(world, copy, templateOf(world.kube(first.id)));
    const ready = heard.flatMap((event) => (event.kind === 'node-ready' ? [event.node] : []));
    const { revision } = model.truth();
    const names = [...model.truth().nodes.keys()];
    expect(ready).toEqual(names);
    advance(world, minute);
    const renewals = [world.kube(first.id), model].map((each) => {
      const path = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
      const { items } = send(each, 'GET', path).body;
      return items.map((lease: Body) => lease.spec.renewTime).sort();
    });
    expect(renewals[1]).toEqual(renewals[0]);
    expect(world.clock.now() - Date.parse(renewals[1][0])).toBeLessThan(10_000);
    const typesFrom = (version: number): string[] => {
      const types: string[] = [];
      const query = new URLSearchParams({ watch: 'true', resourceVersion: String(version) });
      model.watch(
        { method: 'GET', path: `${team}/pods`, query },
        { event: ({ type }) => types.push(type), closed: () => undefined },
      );
      send(model, 'PATCH', `${team}/pods/db-0`, { metadata: { labels: { seen: `at-${version}` } } });
      return types;
    };
    expect(typesFrom(revision - 1)).toEqual(['ERROR']);
    expect(typesFrom(model.truth().revision)).toEqual(['MODIFIED']);
  });

  it('answers load balancers and pods, and keeps the images on its nodes', () => {
    const world = settledWorld({ first, copies: [copy] });
    const model = addLike(world, copy, templateOf(world.kube(first.id)));
    const answering = [...model.truth().nodes.values()].filter((node) =>
      model.instanceAnswers(node.spec.providerID?.split('/').at(-1) ?? '', 7777),
    );
    expect(answering.map((node) => node.metadata.name)).toEqual([podsOf(model, 'port')[0]?.spec.nodeName]);
    const servers = podsOf(model, 'probe');
    for (const [i, server] of servers.entries()) ask(model, String(i), `http://${server.status.podIP}:8080/`);
    advance(world, minute);
    const phases = servers.map((_, i) => send(model, 'GET', `${team}/pods/asks-${i}`).body.status.phase);
    expect(phases).toEqual(['Succeeded', 'Succeeded']);
    const { pulls } = world.registry.stats;
    const agent = podsOf(model, 'agent')[0];
    send(model, 'DELETE', `/api/v1/namespaces/kube-system/pods/${agent?.metadata.name}`);
    advance(world, minute);
    const agents = podsOf(model, 'agent').filter((pod) => model.truth().trulyReady(pod));
    expect(agents).toHaveLength(9);
    expect(agents).not.toContain(agent);
    expect(world.registry.stats.pulls).toBe(pulls);
  });

  it('has nothing that its controllers would write otherwise', () => {
    const world = settledWorld({ first, copies: [copy] });
    const model = addLike(world, copy, templateOf(world.kube(first.id)));
    const slices = (): string => JSON.stringify([...model.truth().objects('endpointslices.discovery.k8s.io').values()]);
    const before = slices();
    for (const kind of [
      'services',
      'deployments.apps',
      'statefulsets.apps',
      'daemonsets.apps',
      'poddisruptionbudgets.policy',
    ])
      for (const [key, object] of [...model.truth().objects(kind)]) {
        const [group = '', version] = object.apiVersion.split('/');
        const root = version === undefined ? '/api/v1' : `/apis/${group}/${version}`;
        const [namespace, name] = key.split('/');
        const path = `${root}/namespaces/${namespace}/${kind.split('.')[0]}/${name}`;
        expect(send(model, 'PATCH', path, { metadata: { labels: { touched: 'yes' } } }).status).toBe(200);
      }
    const { revision } = model.truth();
    advance(world, minute);
    expect(slices()).toBe(before);
    expect(model.truth().revision).toBe(revision);
  });

  it('takes instances that are left over as new nodes', () => {
    const world = settledWorld({ first, copies: [copy] });
    aws(world, copy, 'autoscaling', 'SetDesiredCapacity', { AutoScalingGroupName: 'copy-workers', DesiredCapacity: 8 });
    const template = templateOf(world.kube(first.id));
    advance(world, 2 * minute);
    const model = addLike(world, copy, template);
    expect(model.truth().nodes.size).toBe(9);
    advance(world, 3 * minute);
    expect(model.truth().nodes.size).toBe(11);
  });
});

describe('A template', () => {
  const problemsOf = (model: KubeModel): string[] => {
    const taken = model.template();
    return 'problems' in taken ? taken.problems : [];
  };

  it('is not taken of a cluster that is not at rest, or where something is broken', () => {
    const world = settledWorld({ first });
    const model = world.kube(first.id);
    expect(problemsOf(model)).toEqual([]);
    send(model, 'PATCH', `${deployments}/probe/scale`, { spec: { replicas: 3 } });
    expect(problemsOf(model)).toEqual([expect.stringMatching(/^it is not at rest: \d+ things/)]);
    advance(world, 2 * minute);
    model.faults.scheduler = 'broken';
    expect(problemsOf(model)).toEqual(["its fault 'scheduler' is on"]);
    model.faults.scheduler = 'ok';
    model.runtimeFaults.set({ metadata: 'broken' as never });
    expect(problemsOf(model)).toEqual(['something in it is broken']);
    model.runtimeFaults.clear();
    expect(problemsOf(model)).toEqual([]);
  });

  it('is not taken of a cluster whose programs or volumes hold what only they can know', () => {
    const world = settledWorld({ first });
    const model = world.kube(first.id);
    const labels = { app: 'external-dns' };
    const image = 'registry.k8s.io/external-dns/external-dns:v0.15.0';
    model.seed([
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'external-dns', namespace: 'team' },
        spec: {
          replicas: 1,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: 'c', image }] } },
        },
      },
    ]);
    advance(world, 5 * minute);
    expect(problemsOf(model).join()).toContain('program that cannot be gone on from');
  });

  it('fits only instances that are like its own, and as old', () => {
    const world = settledWorld({ first });
    const template = templateOf(world.kube(first.id));
    const problems = (cluster: Place): string[] => {
      const made = world.addClusterLike(cluster, template);
      return 'problems' in made ? made.problems : [];
    };
    expect(problems(copy).join('\n')).toMatch(/^[1-9] running instances are missing/m);
    createPools(world, copy);
    advance(world, 5 * minute);
    // They run, and are younger than the nodes that they would be.
    expect(problems(copy).join('\n')).toMatch(/running instances are missing that are as old/);
    expect(world.hasCluster(copy.id)).toBe(false);
    expect(problems(first)).toEqual([`${first.id} is there already`]);
    expect(problems({ ...other, region: 'eu-west-1' })).toEqual(['the template is of eu-central-1']);
    expect(problems({ ...other, kubernetesVersion: 'v1.30.0' } as Place)).toEqual(['the template runs v1.31.4']);
  });
});
