import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  apps,
  type Body,
  budget,
  configMap,
  deployment,
  inDefault,
  mergePatchType,
  policy,
  TestCluster,
} from './test-cluster.ts';

const maps = `${inDefault}/configmaps`;

describe('the API', () => {
  it.each([
    ['GET', '/nope', undefined, 404],
    ['GET', '/api/v1/nopes', undefined, 404],
    ['PATCH', '/api/v1/nodes', {}, 405],
    ['POST', `${maps}/a`, {}, 405],
    ['POST', maps, configMap('Bad_Name', {}), 422],
    ['POST', maps, '{"kind":', 400],
    ['POST', maps, [1], 400],
    ['POST', maps, { kind: 'Secret', metadata: { name: 'x' } }, 400],
    ['POST', maps, { metadata: { name: 'x', namespace: 'other' } }, 400],
    ['POST', maps, { metadata: { name: 'x' }, data: { a: 1 } }, 400],
    ['POST', '/api/v1/namespaces/none/configmaps', configMap('a', {}), 404],
    ['POST', `${apps}/deployments`, { metadata: { name: 'x' }, spec: {} }, 422],
    [
      'POST',
      `${apps}/deployments`,
      { metadata: { name: 'x' }, spec: { template: { spec: { containers: 'none' } } } },
      400,
    ],
    ['POST', policy, budget('b', { minAvailable: 1, maxUnavailable: 1 }), 422],
    ['POST', policy, budget('b', { minAvailable: '5' }), 422],
    ['DELETE', `${maps}/none`, undefined, 404],
    ['GET', `${maps}?labelSelector=%3D%3D%3D`, undefined, 400],
    ['GET', `${inDefault}/pods?fieldSelector=spec.nope%3D1`, undefined, 400],
    ['GET', `${maps}?continue=zzz&limit=1`, undefined, 400],
    ['POST', `${maps}?dryRun=Some`, configMap('a', {}), 422],
  ])('%s %s answers with a Status object', (method, path, body, code) => {
    const cluster = new TestCluster();
    const answer = cluster.send(method, path, body);
    expect(answer.status).toBe(code);
    if (path !== '/nope')
      expect(answer.body).toMatchObject({ kind: 'Status', status: 'Failure', code, message: expect.any(String) });
    expect(cluster.model.truth().internalErrors).toEqual([]);
  });

  it('pages through a list as it was at its beginning', () => {
    const cluster = new TestCluster();
    for (const name of ['a', 'b', 'c', 'd']) cluster.create(maps, configMap(name, {}, { labels: { l: '1' } }));
    const first = cluster.get(`${maps}?limit=2&labelSelector=l%3D1`);
    expect(first.metadata.continue).toMatch(/.+/);
    cluster.send('DELETE', `${maps}/c`);
    const second = cluster.get(
      `${maps}?limit=2&labelSelector=l%3D1&continue=${encodeURIComponent(first.metadata.continue)}`,
    );
    expect([...first.items, ...second.items].map((each: Body) => each.metadata.name)).toEqual(['a', 'b', 'c', 'd']);
    expect(second.metadata.continue).toBeUndefined();
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  it('finds pods by node, phase and name', () => {
    const cluster = TestCluster.withNodes(2);
    cluster.create(`${apps}/deployments`, deployment('web', 4));
    cluster.until(() => cluster.ready('app=web').length === 4);
    const node = 'ip-10-0-0-1.eu-central-1.compute.internal';
    const there = cluster.get(`/api/v1/pods?fieldSelector=spec.nodeName%3D${node}`).items as Body[];
    expect(there.map((pod) => pod.metadata.name).sort()).toEqual(
      cluster
        .pods('app=web')
        .filter((pod) => pod.spec.nodeName === node)
        .map((pod) => pod.metadata.name)
        .sort(),
    );
    expect(cluster.get('/api/v1/pods?fieldSelector=status.phase%3DFailed').items).toEqual([]);
  });

  it('keeps an object with finalizers until they are gone', () => {
    const cluster = new TestCluster();
    cluster.create(maps, configMap('a', {}, { finalizers: ['example.com/hold'] }));
    expect(cluster.send('DELETE', `${maps}/a`).body.metadata.deletionTimestamp).toBeDefined();
    expect(
      cluster.send(
        'PATCH',
        `${maps}/a`,
        { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } },
        { type: mergePatchType },
      ).status,
    ).toBe(422);
    cluster.send('PATCH', `${maps}/a`, { metadata: { finalizers: null } }, { type: mergePatchType });
    expect(cluster.send('GET', `${maps}/a`).status).toBe(404);
  });

  it('furnishes namespaces, refuses new content while they go, and removes them when they are empty', () => {
    const cluster = TestCluster.withNodes(1);
    cluster.create('/api/v1/namespaces', { metadata: { name: 'probe' } });
    cluster.advance(100);
    expect(cluster.send('GET', '/api/v1/namespaces/probe/serviceaccounts/default').status).toBe(200);
    expect(cluster.get('/api/v1/namespaces/probe/configmaps/kube-root-ca.crt').data['ca.crt']).toContain('test');
    cluster.create('/apis/apps/v1/namespaces/probe/deployments', {
      ...deployment('web', 2),
      metadata: { name: 'web' },
    });
    cluster.until(() => cluster.ready('app=web').length === 2);
    expect(cluster.send('DELETE', '/api/v1/namespaces/probe').body.status.phase).toBe('Terminating');
    const late = cluster.send('POST', '/api/v1/namespaces/probe/configmaps', configMap('late', {}));
    expect(late).toMatchObject({ status: 403, body: { details: { causes: [{ reason: 'NamespaceTerminating' }] } } });
    cluster.until(() => cluster.send('GET', '/api/v1/namespaces/probe').status === 404);
    expect(cluster.pods('app=web')).toEqual([]);
  });

  it('serves custom resources, checks them against their schema, and removes them with their definition', () => {
    const cluster = new TestCluster();
    const properties = {
      spec: {
        type: 'object',
        required: ['size'],
        properties: { size: { type: 'integer', minimum: 1 }, mode: { type: 'string', default: 'fast' } },
      },
    };
    cluster.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: 'things.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'things', kind: 'Thing' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            subresources: { status: {} },
            schema: { openAPIV3Schema: { type: 'object', properties } },
          },
        ],
      },
    });
    const things = '/apis/example.com/v1/namespaces/default/things';
    cluster.until(() => cluster.send('GET', things).status === 200);
    const thing = (spec: object): object => ({ metadata: { name: 'one' }, spec });
    expect(cluster.send('POST', things, thing({})).status).toBe(422);
    expect(cluster.send('POST', things, thing({ size: 'x' })).status).toBe(422);
    expect(cluster.send('POST', things, thing({ size: 0 })).status).toBe(422);
    expect(cluster.create(things, thing({ size: 3, dropped: true })).spec).toEqual({ size: 3, mode: 'fast' });
    expect(cluster.get('/apis').groups.map((group: Body) => group.name)).toContain('example.com');
    cluster.send('DELETE', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com');
    cluster.until(() => cluster.send('GET', things).status === 404);
  });

  it('answers as if it were down when it is', () => {
    const cluster = new TestCluster();
    cluster.model.faults.apiDown = 'error';
    expect(cluster.send('GET', '/api/v1/nodes').status).toBe(503);
    cluster.model.faults.apiDown = 'refused';
    expect(cluster.model.apiReachable()).toBe(false);
  });
});

describe('mutated requests', () => {
  const bodies = [
    deployment('web', 1),
    budget('web', { minAvailable: 1 }),
    configMap('a', { k: 'v' }),
    { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'x' }] } },
  ];
  const paths = [
    `${apps}/deployments`,
    `${apps}/deployments/web`,
    policy,
    `${policy}/web`,
    maps,
    `${maps}/a`,
    `${inDefault}/pods`,
    `${inDefault}/pods/p`,
    '/api/v1/nodes',
    `${inDefault}/pods/p/eviction`,
    `${apps}/deployments/web/scale`,
    `${inDefault}/pods/p/status`,
  ];
  const types = [
    'application/json',
    mergePatchType,
    'application/strategic-merge-patch+json',
    'application/json-patch+json',
    'application/apply-patch+yaml',
  ];

  it('never break the world', () => {
    const cluster = TestCluster.withNodes(1);
    const replaced = (value: unknown, path: number[], by: unknown): unknown => {
      const [step, ...rest] = path;
      if (step === undefined || typeof value !== 'object' || value === null) return by;
      const keys = Object.keys(value);
      const key = keys[step % Math.max(1, keys.length)];
      if (key === undefined) return by;
      const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
      copy[key] = replaced(copy[key], rest, by);
      return copy;
    };
    fc.assert(
      fc.property(
        fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE', 'GET'),
        fc.constantFrom(...paths),
        fc.constantFrom(...types),
        fc.constantFrom(...bodies),
        fc.array(fc.nat(9), { minLength: 1, maxLength: 6 }),
        fc.oneof(
          fc.jsonValue({ maxDepth: 2 }),
          fc.constantFrom('%', '-1', 9e15, { $patch: 'delete' }, [{ op: 'add', path: '/spec', value: null }]),
        ),
        (method, path, type, body, where, by) => {
          const mutated = replaced(body, where, by);
          const text = type.includes('json-patch')
            ? [{ op: 'replace', path: `/${Object.keys(body)[where[0]! % 3]}`, value: by }]
            : mutated;
          const answer = cluster.send(method, `${path}?fieldManager=f&force=true`, JSON.stringify(text), { type });
          expect(cluster.model.truth().internalErrors).toEqual([]);
          // that one is a real server's own answer to an object that does not fit its kind
          if (!String(answer.body.message).startsWith('failed to create typed patch object'))
            expect(answer.status).toBeLessThan(500);
          cluster.advance(50);
        },
      ),
      { numRuns: 3_000, seed: Number(process.env['FC_SEED'] ?? 42), endOnFailure: true },
    );
    cluster.advance(60_000);
    expect(cluster.model.truth().internalErrors).toEqual([]);
    JSON.stringify(cluster.get('/api/v1/pods'));
  });
});
