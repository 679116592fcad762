import { describe, expect, it } from 'vitest';
import { apps, deployment, mergePatchType, strategicPatchType, TestCluster } from './test-cluster.ts';

const nested = (more: object): object =>
  deployment('web', 1, { containers: [{ name: 'c', image: 'nginx:1', ...more }] });
const list = `${apps}/deployments`;
const unknown = 'unknown field "spec.template.spec.containers[0].imagge"';

describe('field validation', () => {
  it('refuses unknown fields at any depth when it is strict, with every path at once', () => {
    const body = { ...nested({ imagge: 'x' }), spek: 1 };
    const answer = new TestCluster().send('POST', `${list}?fieldValidation=Strict`, body);
    expect(answer).toMatchObject({ status: 400, body: { reason: 'BadRequest' } });
    expect(answer.body.message).toBe(
      `Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: ${unknown}, unknown field "spek"`,
    );
  });

  it('warns by default and drops the field, and keeps quiet when told to ignore', () => {
    const cluster = new TestCluster();
    const warned = cluster.send('POST', list, nested({ imagge: 'x' }));
    expect(warned.headers?.['warning']).toBe(`299 - "${unknown.replaceAll('"', '\\"')}"`);
    expect(warned.body.spec.template.spec.containers[0].imagge).toBeUndefined();
    const more = { spec: { template: { spec: { containers: [{ name: 'c', imagge: 'x' }] } } } };
    const ignored = cluster.send('PATCH', `${list}/web?fieldValidation=Ignore`, more, { type: strategicPatchType });
    expect([ignored.status, ignored.headers]).toEqual([200, undefined]);
  });

  it('calls a patch invalid that makes an object which cannot be read', () => {
    const cluster = new TestCluster();
    cluster.create(list, nested({}));
    const wrong = cluster.send('PATCH', `${list}/web`, { spec: { replicas: 'many' } }, { type: strategicPatchType });
    expect(wrong).toMatchObject({ status: 422, body: { reason: 'Invalid' } });
    expect(wrong.body.message).toContain('patch: Invalid value: "map[spec:map[replicas:many]]"');
    const strict = `${list}/web?fieldValidation=Strict`;
    const refused = cluster.send('PATCH', strict, { spec: { x: 1 } }, { type: mergePatchType });
    expect(refused.status).toBe(422);
    expect(refused.body.message).toContain('strict decoding error: unknown field "spec.x"');
  });

  it.each([
    [{ replicas: 3e9 }, 'number 3000000000 into Go struct field Deployment.spec.replicas of type int32'],
    [{ replicas: 1.5 }, 'number 1.5 into Go struct field Deployment.spec.replicas of type int32'],
    [{ paused: 'yes' }, 'string into Go struct field Deployment.spec.paused of type bool'],
    [{ strategy: { rollingUpdate: { maxSurge: [] } } }, 'array into Go struct field'],
    [{ template: { metadata: { creationTimestamp: 'noon' } } }, 'parsing time "noon"'],
    [{ template: { spec: { containers: [{ resources: { limits: { cpu: 'x' } } }] } } }, 'quantities must match'],
  ])('refuses %j by its type', (spec, message) => {
    const answer = new TestCluster().send('POST', list, { metadata: { name: 'x' }, spec });
    expect(answer.status).toBe(400);
    expect(answer.body.message).toContain(message);
  });

  it('prunes custom resources by their schema, and refuses what it would prune when it is strict', () => {
    const cluster = new TestCluster();
    const spec = {
      type: 'object',
      properties: { a: { type: 'string' }, free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
    };
    cluster.create('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: 'samples.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'samples', kind: 'Sample' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
          },
        ],
      },
    });
    cluster.advance(5_000);
    const samples = '/apis/example.com/v1/namespaces/default/samples';
    const body = { metadata: { name: 's' }, spec: { a: 'x', b: 'y', free: { any: 1 } }, other: 1 };
    const strict = cluster.send('POST', `${samples}?fieldValidation=Strict`, body);
    expect(strict.body.message).toContain('strict decoding error: unknown field "spec.b", unknown field "other"');
    expect(cluster.create(samples, body)).toMatchObject({ spec: { a: 'x', free: { any: 1 } } });
    expect(cluster.get(`${samples}/s`).spec.b).toBeUndefined();
    const document = cluster.get('/openapi/v3/apis/example.com/v1');
    expect(document.components.schemas['com.example.v1.Sample'].properties.spec).toEqual(spec);
  });
});

describe('OpenAPI', () => {
  it('has a document for every group and version, whose references all lead somewhere', () => {
    const cluster = new TestCluster();
    const { paths } = cluster.get('/openapi/v3');
    expect(Object.keys(paths)).toContain('apis/apps/v1');
    for (const path of Object.keys(paths)) {
      const { components } = cluster.get(`/openapi/v3/${path}`);
      const names = [...JSON.stringify(components).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(
        (match) => match[1],
      );
      expect(names.filter((name) => components.schemas[name as string] === undefined)).toEqual([]);
    }
  });

  it('tells how lists merge and which fields are required', () => {
    const { schemas } = new TestCluster().get('/openapi/v3/api/v1').components;
    const podSpec = schemas['io.k8s.api.core.v1.PodSpec'];
    expect(podSpec.required).toEqual(['containers']);
    expect(podSpec.properties.containers).toMatchObject({ 'x-kubernetes-patch-merge-key': 'name' });
    expect(schemas['io.k8s.api.core.v1.Container'].properties.ports).toMatchObject({
      'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
    });
  });

  it('has the definitions in version 2 as well, as JSON and as protobuf', () => {
    const cluster = new TestCluster();
    const { definitions } = cluster.get('/openapi/v2');
    expect(definitions['io.k8s.api.policy.v1.PodDisruptionBudgetSpec'].properties.minAvailable.format).toBe(
      'int-or-string',
    );
    const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
    const encoded = cluster.send('GET', '/openapi/v2', undefined, { accept }).body as Uint8Array;
    expect(Buffer.from(encoded).subarray(0, 5)).toEqual(Buffer.from([0x0a, 3, 0x32, 0x2e, 0x30]));
    expect(encoded.length).toBeGreaterThan(50_000);
  });
});
