import { describe, expect, it } from 'vitest';
import { builtinResources } from '../../../src/simulator/model/kube/resource-definition.ts';
import { sampleName, sampleObjects } from './sample-objects.ts';
import { inDefault, mergePatchType, strategicPatchType, TestCluster } from './test-cluster.ts';

const key = (each: (typeof builtinResources)[number]): string => `${each.apiVersion}/${each.plural}`;
const having = (subresource: string) =>
  builtinResources.filter((each) => each.subresources.includes(subresource)).map((each) => [key(each), each] as const);

function made(cluster: TestCluster, at: string, definition: (typeof builtinResources)[number]): string {
  const root = definition.group === '' ? '/api/v1' : `/apis/${definition.apiVersion}`;
  const list = `${root}/${definition.namespaced ? 'namespaces/default/' : ''}${definition.plural}`;
  const { apiVersion, kind } = definition;
  const name = sampleName(at);
  cluster.create(list, { apiVersion, kind, metadata: { name }, ...sampleObjects[at] });
  return `${list}/${name}`;
}

const condition = {
  type: 'Sampled',
  status: 'True',
  lastTransitionTime: '2026-01-01T00:00:00Z',
  reason: 'R',
  message: 'm',
};
const { reason: _, message: __, ...bareCondition } = condition;
const apiConditions = ['v1/services', 'policy/v1/poddisruptionbudgets'];

/** A status that no controller of its own writes: most kinds have conditions, some do not. */
const sampleStatus: Record<string, Record<string, unknown>> = {
  'v1/persistentvolumes': { reason: 'Sampled' },
  'v1/resourcequotas': { used: { pods: '3' } },
  'batch/v1/cronjobs': { lastSuccessfulTime: '2026-01-01T00:00:00Z' },
  'networking.k8s.io/v1/ingresses': { loadBalancer: { ingress: [{ hostname: 'sampled' }] } },
  'storage.k8s.io/v1/volumeattachments': { attached: true },
};
const statusOf = (at: string): Record<string, unknown> =>
  sampleStatus[at] ?? { conditions: [apiConditions.includes(at) ? condition : bareCondition] };

describe('status', () => {
  it.each(having('status'))('%s/status takes the status alone, and nothing else changes it', (at, definition) => {
    const cluster = new TestCluster();
    const one = made(cluster, at, definition);
    cluster.advance(60_000);
    const sampled = statusOf(at);
    const before = cluster.get(one);
    const next = { status: { ...before.status, ...sampled }, metadata: { labels: { a: 'no' } } };
    const set = cluster.send('PATCH', `${one}/status`, next, { type: mergePatchType });
    expect(set).toMatchObject({ status: 200, body: { status: sampled } });
    expect(set.body.metadata.labels?.a).toBeUndefined();
    expect(cluster.get(`${one}/status`)).toEqual(cluster.get(one));
    const gone = Object.fromEntries(Object.keys(sampled).map((field) => [field, null]));
    const other = { metadata: { labels: { a: 'yes' } }, status: gone };
    const kept = cluster.send('PATCH', one, other, { type: mergePatchType }).body;
    expect(kept.metadata.labels.a).toBe('yes');
    expect(kept.status).toMatchObject(sampled);
    expect(cluster.send('POST', `${one}/status`, {}).status).toBe(405);
  });
});

describe('scale', () => {
  it.each(having('scale'))(
    '%s/scale is read, replaced and patched, and refuses what is no number of replicas',
    (at, definition) => {
      const cluster = new TestCluster();
      const one = `${made(cluster, at, definition)}/scale`;
      const scale = cluster.get(one);
      expect(scale).toMatchObject({ kind: 'Scale', apiVersion: 'autoscaling/v1', spec: {} });
      expect(scale.status.selector).toBe('app=sample');
      expect(cluster.send('PUT', one, { ...scale, spec: { replicas: 2 } }).body.spec).toEqual({ replicas: 2 });
      expect(cluster.send('PUT', one, { ...scale, spec: { replicas: 3 } }).status).toBe(409);
      const patched = cluster.send('PATCH', one, { spec: { replicas: 4 } }, { type: mergePatchType });
      expect(patched.body.spec.replicas).toBe(4);
      const strategic = cluster.send('PATCH', one, { spec: { replicas: 5 } }, { type: strategicPatchType });
      expect(strategic.body.spec.replicas).toBe(5);
      for (const replicas of [-1, 'x', 1.5]) {
        const refused = cluster.send('PATCH', one, { spec: { replicas } }, { type: mergePatchType });
        expect(refused.body).toMatchObject({ kind: 'Status', status: 'Failure' });
      }
      expect(cluster.get(one).spec.replicas).toBe(5);
    },
  );
});

describe('other subresources', () => {
  it('pods/binding puts a pod on a node once', () => {
    const cluster = TestCluster.withNodes(1);
    const node = [...cluster.model.truth().nodes.keys()][0];
    cluster.create(`${inDefault}/pods`, {
      metadata: { name: 'p' },
      spec: { schedulerName: 'mine', containers: [{ name: 'c', image: 'nginx:1' }] },
    });
    cluster.advance(60_000);
    expect(cluster.get(`${inDefault}/pods/p`).spec.nodeName).toBeUndefined();
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'p' },
      target: { kind: 'Node', name: node },
    };
    expect(cluster.send('POST', `${inDefault}/pods/p/binding`, binding).status).toBe(201);
    cluster.advance(60_000);
    expect(cluster.get(`${inDefault}/pods/p`)).toMatchObject({
      spec: { nodeName: node },
      status: { phase: 'Running' },
    });
    expect(cluster.send('POST', `${inDefault}/pods/p/binding`, binding).status).toBe(409);
  });

  it('serviceaccounts/token issues a token for the account', () => {
    const cluster = new TestCluster();
    const answer = cluster.send('POST', `${inDefault}/serviceaccounts/default/token`, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: ['a'], expirationSeconds: 600 },
    });
    expect(answer).toMatchObject({ status: 201, body: { kind: 'TokenRequest', spec: { audiences: ['a'] } } });
    const payload = answer.body.status.token.split('.')[1];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { sub: string };
    expect(claims.sub).toBe('system:serviceaccount:default:default');
    expect(cluster.send('POST', `${inDefault}/serviceaccounts/none/token`, {}).status).toBe(404);
  });

  it('namespaces/finalize lets a namespace go', () => {
    const cluster = new TestCluster();
    cluster.create('/api/v1/namespaces', { metadata: { name: 'going' }, spec: { finalizers: ['example.com/mine'] } });
    cluster.send('DELETE', '/api/v1/namespaces/going');
    cluster.advance(60_000);
    const going = cluster.get('/api/v1/namespaces/going');
    expect(going.status.phase).toBe('Terminating');
    const answer = cluster.send('PUT', '/api/v1/namespaces/going/finalize', { ...going, spec: { finalizers: [] } });
    expect(answer.status).toBe(200);
    expect(cluster.send('GET', '/api/v1/namespaces/going').status).toBe(404);
  });
});
