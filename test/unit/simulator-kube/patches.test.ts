import { describe, expect, it } from 'vitest';
import { jsonPatch, mergePatch } from '../../../src/simulator/model/kube/json-patch.ts';
import { strategicMerge } from '../../../src/simulator/model/kube/strategic-merge.ts';
import {
  applyType,
  apps,
  type Body,
  configMap,
  deployment,
  inDefault,
  mergePatchType,
  strategicPatchType,
  TestCluster,
} from './test-cluster.ts';

describe('JSON patch', () => {
  it.each([
    [[{ op: 'add', path: '/a/-', value: 3 }], { a: [1, 2, 3], b: { c: 'x' } }],
    [[{ op: 'add', path: '/a/0', value: 0 }], { a: [0, 1, 2], b: { c: 'x' } }],
    [[{ op: 'remove', path: '/b/c' }], { a: [1, 2], b: {} }],
    [[{ op: 'replace', path: '/b/c', value: 'y' }], { a: [1, 2], b: { c: 'y' } }],
    [[{ op: 'move', from: '/b/c', path: '/d' }], { a: [1, 2], b: {}, d: 'x' }],
    [[{ op: 'copy', from: '/a', path: '/b/e' }], { a: [1, 2], b: { c: 'x', e: [1, 2] } }],
    [
      [
        { op: 'test', path: '/b/c', value: 'x' },
        { op: 'add', path: '/b/x~1y', value: 1 },
      ],
      { a: [1, 2], b: { c: 'x', 'x/y': 1 } },
    ],
  ])('%j', (patch, expected) => {
    expect(jsonPatch({ a: [1, 2], b: { c: 'x' } }, patch)).toEqual(expected);
  });

  it.each([
    [{ op: 'remove', path: '/none' }],
    [{ op: 'replace', path: '/a/7', value: 1 }],
    [{ op: 'add', path: '/none/x', value: 1 }],
    [{ op: 'test', path: '/a', value: [2] }],
  ])('refuses %j', (operation) => {
    expect(() => jsonPatch({ a: [1] }, [operation])).toThrow();
  });

  it('leaves the original as it was', () => {
    const original = { a: { b: 1 } };
    jsonPatch(original, [{ op: 'replace', path: '/a/b', value: 2 }]);
    expect(original).toEqual({ a: { b: 1 } });
  });
});

describe('merge patch', () => {
  it('removes by null, merges objects and replaces lists', () => {
    expect(mergePatch({ a: { b: 1, c: 2 }, l: [1, 2] }, { a: { b: null, d: 3 }, l: [3] })).toEqual({
      a: { c: 2, d: 3 },
      l: [3],
    });
  });
});

describe('strategic merge patch', () => {
  const pod = {
    spec: {
      containers: [
        { name: 'a', image: '1', env: [{ name: 'X', value: '1' }] },
        { name: 'b', image: '1' },
      ],
      tolerations: [{ key: 'k' }],
    },
  };
  it.each([
    [{ containers: [{ name: 'b', image: '2' }] }, ['a=1', 'b=2']],
    [{ containers: [{ name: 'c', image: '1' }] }, ['a=1', 'b=1', 'c=1']],
    [{ containers: [{ name: 'a', $patch: 'delete' }] }, ['b=1']],
    [{ containers: [{ $patch: 'replace' }, { name: 'z', image: '9' }] }, ['z=9']],
    [
      { containers: [{ name: 'b', image: '2' }], '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] },
      ['b=2', 'a=1'],
    ],
  ])('%j', (spec, expected) => {
    const result = strategicMerge('Pod', pod, { spec }) as Body;
    expect(result.spec.containers.map((each: Body) => `${each.name}=${each.image}`)).toEqual(expected);
  });

  it('merges lists inside merged items, replaces lists without a key, and deletes from sets', () => {
    const result = strategicMerge(
      'Pod',
      { ...pod, metadata: { finalizers: ['x/a', 'x/b'] } },
      {
        metadata: { '$deleteFromPrimitiveList/finalizers': ['x/a'] },
        spec: { containers: [{ name: 'a', env: [{ name: 'Y', value: '2' }] }], tolerations: [{ key: 'other' }] },
      },
    ) as Body;
    expect(result.spec.containers[0].env).toEqual([
      { name: 'X', value: '1' },
      { name: 'Y', value: '2' },
    ]);
    expect(result.spec.tolerations).toEqual([{ key: 'other' }]);
    expect(result.metadata.finalizers).toEqual(['x/b']);
  });
});

describe('patches over the API', () => {
  it('that change nothing write nothing', () => {
    const cluster = new TestCluster();
    cluster.create(`${inDefault}/configmaps`, configMap('a', { k: '1' }));
    const before = cluster.get(`${inDefault}/configmaps/a`).metadata.resourceVersion;
    const answer = cluster.send('PATCH', `${inDefault}/configmaps/a`, { data: { k: '1' } }, { type: mergePatchType });
    expect(answer.body.metadata.resourceVersion).toBe(before);
  });

  it('with a stale resourceVersion conflict', () => {
    const cluster = new TestCluster();
    cluster.create(`${inDefault}/configmaps`, configMap('a', { k: '1' }));
    const patch = { metadata: { resourceVersion: '1' }, data: { k: '2' } };
    expect(cluster.send('PATCH', `${inDefault}/configmaps/a`, patch, { type: mergePatchType }).status).toBe(409);
  });

  it('never change a stored version that somebody still holds', () => {
    const cluster = new TestCluster();
    cluster.create(`${apps}/deployments`, deployment('web', 1));
    const held = cluster.get(`${apps}/deployments/web`);
    const text = JSON.stringify(held);
    const spec = {
      template: {
        spec: {
          containers: [
            { name: 'c', image: 'nginx:2' },
            { name: 'd', image: 'x' },
          ],
        },
      },
    };
    cluster.send('PATCH', `${apps}/deployments/web`, { spec }, { type: strategicPatchType });
    cluster.send(
      'PATCH',
      `${apps}/deployments/web`,
      [{ op: 'add', path: '/spec/template/spec/containers/0/command', value: ['x'] }],
      { type: 'application/json-patch+json' },
    );
    cluster.send(
      'PATCH',
      `${apps}/deployments/web?fieldManager=m`,
      { ...deployment('web', 3), metadata: { name: 'web', labels: { a: 'b' } } },
      { type: applyType },
    );
    expect(JSON.stringify(held)).toBe(text);
    expect(cluster.get(`${apps}/deployments/web`).metadata.generation).toBeGreaterThan(1);
  });

  it('of the status leave the rest alone, and the other way round', () => {
    const cluster = TestCluster.withNodes(1);
    const path = '/api/v1/nodes/ip-10-0-0-1.eu-central-1.compute.internal';
    cluster.send(
      'PATCH',
      `${path}/status`,
      { spec: { unschedulable: true }, status: { phase: 'one' } },
      { type: mergePatchType },
    );
    cluster.send('PATCH', path, { status: { phase: 'two' } }, { type: mergePatchType });
    const node = cluster.get(path);
    expect(node.spec.unschedulable).toBeUndefined();
    expect(node.status.phase).toBe('one');
  });

  it('keep no empty lists and maps where there may be none, so that a template without annotations is still the same one', () => {
    const cluster = new TestCluster();
    const { template: before } = cluster.create(`${apps}/deployments`, deployment('web', 1)).spec;
    const annotations = { x: 'y' };
    const patch = (template: object): Body =>
      cluster.send('PATCH', `${apps}/deployments/web`, { spec: { template } }, { type: mergePatchType }).body;
    expect(patch({ metadata: { annotations } }).spec.template.metadata.annotations).toEqual(annotations);
    const back = patch({ metadata: { annotations: { x: null } }, spec: { nodeSelector: {}, tolerations: [] } });
    expect(back.spec.template).toEqual(before);
    const roles = '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles';
    expect(cluster.create(roles, { metadata: { name: 'none' }, rules: [] }).rules).toEqual([]);
  });
});
