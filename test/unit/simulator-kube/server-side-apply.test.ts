import { describe, expect, it } from 'vitest';
import {
  applyType,
  apps,
  type Body,
  configMap,
  deployment,
  inDefault,
  mergePatchType,
  TestCluster,
} from './test-cluster.ts';

const map = `${inDefault}/configmaps/m`;
const managers = (object: Body): string[] =>
  object.metadata.managedFields?.map((entry: Body) => `${entry.manager}:${entry.operation}`) ?? [];

function apply(cluster: TestCluster, manager: string, object: object, options = '', path = map) {
  const full = { apiVersion: 'v1', kind: 'ConfigMap', ...object };
  return cluster.send('PATCH', `${path}?fieldManager=${manager}${options}`, full, { type: applyType });
}

describe('server-side apply', () => {
  it('creates with 201, and applying the same again writes nothing', () => {
    const cluster = new TestCluster();
    const first = apply(cluster, 'a', configMap('m', { x: '1' }));
    const second = apply(cluster, 'a', configMap('m', { x: '1' }));
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
    expect(first.body.metadata.managedFields).toMatchObject([
      { manager: 'a', operation: 'Apply', fieldsV1: { 'f:data': { 'f:x': {} } } },
    ]);
  });

  it('conflicts over a field that another manager owns with another value, and force takes it', () => {
    const cluster = new TestCluster();
    apply(cluster, 'a', configMap('m', { x: '1', y: '1' }));
    const refused = apply(cluster, 'b', configMap('m', { x: '2' }));
    expect(refused).toMatchObject({
      status: 409,
      body: {
        message: 'Apply failed with 1 conflict: conflict with "a": .data.x',
        details: { causes: [{ field: '.data.x', reason: 'FieldManagerConflict' }] },
      },
    });
    const forced = apply(cluster, 'b', configMap('m', { x: '2' }), '&force=true');
    expect(forced.body.data).toEqual({ x: '2', y: '1' });
    // a no longer owns x: dropping it changes nothing; dropping y removes it.
    expect(apply(cluster, 'a', configMap('m', {})).body.data).toEqual({ x: '2' });
  });

  it('shares a field with the same value; it stays until its last owner drops it', () => {
    const cluster = new TestCluster();
    apply(cluster, 'a', configMap('m', { x: '1' }));
    expect(apply(cluster, 'b', configMap('m', { x: '1' })).status).toBe(200);
    expect(apply(cluster, 'a', configMap('m', { other: '1' })).body.data).toEqual({ x: '1', other: '1' });
    expect(apply(cluster, 'b', configMap('m', { b: '1' })).body.data).toEqual({ other: '1', b: '1' });
  });

  it('conflicts with what was changed by an update, and names its version', () => {
    const cluster = new TestCluster();
    apply(cluster, 'a', configMap('m', { x: '1' }));
    cluster.send('PATCH', map, { data: { x: '9' } }, { type: mergePatchType, agent: 'kubectl/1.31' });
    const refused = apply(cluster, 'a', configMap('m', { x: '1' }));
    expect(refused.body.message).toBe('Apply failed with 1 conflict: conflict with "kubectl" using v1: .data.x');
    const forced = apply(cluster, 'a', configMap('m', { x: '1' }), '&force=true');
    expect(managers(forced.body)).toEqual(['a:Apply']);
  });

  it('merges containers by name and removes only those that the manager gave up', () => {
    const cluster = new TestCluster();
    const path = `${apps}/deployments/web`;
    const side = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { template: { spec: { containers: [{ name: 'side', image: 's' }] } } },
    };
    apply(cluster, 'a', deployment('web', 1), '', path);
    const both = apply(cluster, 'b', side, '', path);
    expect(both.body.spec.template.spec.containers.map((each: Body) => each.name)).toEqual(['c', 'side']);
    const { spec: _, ...bare } = side;
    const without = apply(cluster, 'b', bare, '', path);
    expect(without.body.spec.template.spec.containers.map((each: Body) => each.name)).toEqual(['c']);
  });

  it('leaves labels and annotations of others alone and removes its own', () => {
    const cluster = new TestCluster();
    apply(cluster, 'a', configMap('m', {}, { labels: { mine: '1', old: '1' } }));
    cluster.send('PATCH', map, { metadata: { labels: { theirs: '1' } } }, { type: mergePatchType });
    expect(apply(cluster, 'a', configMap('m', {}, { labels: { mine: '1' } })).body.metadata.labels).toEqual({
      mine: '1',
      theirs: '1',
    });
  });

  it('does not fight the controllers over a deployment', () => {
    const cluster = TestCluster.withNodes(2);
    const path = `${apps}/deployments/web`;
    apply(cluster, 'clm', deployment('web', 2), '', path);
    cluster.until(() => cluster.ready('app=web').length === 2);
    cluster.advance(1_000);
    const before = cluster.get(path).metadata;
    const again = apply(cluster, 'clm', deployment('web', 2), '', path);
    expect(again.body.metadata).toMatchObject({ resourceVersion: before.resourceVersion, generation: 1 });
  });

  it('answers a dry run with the result, and a conflict, without writing', () => {
    const cluster = new TestCluster();
    expect(apply(cluster, 'a', configMap('m', { x: '1' }), '&dryRun=All').status).toBe(201);
    expect(cluster.send('GET', map).status).toBe(404);
    apply(cluster, 'a', configMap('m', { x: '1' }));
    expect(apply(cluster, 'a', configMap('m', { x: '2' }), '&dryRun=All').body.data).toEqual({ x: '2' });
    expect(apply(cluster, 'b', configMap('m', { x: '2' }), '&dryRun=All').status).toBe(409);
    expect(cluster.get(map).data).toEqual({ x: '1' });
  });

  it('works for custom resources, whose lists are whole', () => {
    const cluster = new TestCluster();
    cluster.model.seed([
      {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
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
              schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
            },
          ],
        },
      },
    ]);
    const path = '/apis/example.com/v1/namespaces/default/things/one';
    const thing = (list: string[]): object => ({
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      metadata: { name: 'one' },
      spec: { list },
    });
    expect(apply(cluster, 'a', thing(['x']), '', path).status).toBe(201);
    expect(apply(cluster, 'b', thing(['y']), '', path).status).toBe(409);
    expect(apply(cluster, 'b', thing(['y']), '&force=true', path).body.spec.list).toEqual(['y']);
  });

  it.each([
    [{ spec: { foo: 1 } }, '.spec.foo: field not declared in schema'],
    [{ spec: { replicas: 'many' } }, '.spec.replicas: expected numeric (int or float), got *value.valueUnstructured'],
    [{ metadata: { labels: ['a'] } }, '.metadata.labels: expected map, got &{[a]}'],
    [{ metadata: { labels: { a: 1 } } }, '.metadata.labels.a: expected string, got &value.valueUnstructured{Value:1}'],
    [
      { spec: { template: { spec: { containers: [{ name: 'c', imagge: 'x' }], tolerations: [{ kei: 'x' }] } } } },
      'errors:\n  .spec.template.spec.containers[name="c"].imagge: field not declared in schema\n' +
        '  .spec.template.spec.tolerations[0].kei: field not declared in schema',
    ],
    [{ speck: 1, specs: 2 }, '.speck: field not declared in schema'],
  ])(
    'refuses %j, which does not fit the schema, with an error of the server, however lenient it is asked to be',
    (more, said) => {
      const cluster = new TestCluster();
      const object = { apiVersion: 'apps/v1', kind: 'Deployment', ...more };
      const path = `${apps}/deployments/web`;
      const answer = apply(cluster, 'a', object, '&fieldValidation=Ignore&dryRun=All', path);
      const message = `failed to create typed patch object (default/web; apps/v1, Kind=Deployment): ${said}`;
      expect(answer).toMatchObject({ status: 500, body: { code: 500, message } });
      expect(answer.body.reason).toBeUndefined();
      expect(cluster.send('GET', path).status).toBe(404);
    },
  );
});
