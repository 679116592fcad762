import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readProtobuf } from '../../../src/simulator/model/kube/protobuf/request-body.ts';
import { builtinResources } from '../../../src/simulator/model/kube/resource-definition.ts';
import { protobufBody } from '../../support/kube-protobuf.ts';
import { sampleName, sampleObjects } from './sample-objects.ts';
import { apps, type Body, configMap, deployment, inDefault, TestCluster } from './test-cluster.ts';

const type = 'application/vnd.kubernetes.protobuf';

interface Pair {
  command: string;
  path: string;
  json: object;
  /** Base64. */
  protobuf: string;
}

/** What kubectl 1.31 sent as JSON and kubectl 1.33 as protobuf, for the same command. */
const recorded = JSON.parse(
  readFileSync(`${import.meta.dirname}/../../integration/simulator-kube/recorded/kubectl-bodies.json`, 'utf8'),
) as Pair[];

/** JSON as a client writes it has nulls where protobuf has nothing. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(kept.map(([key, each]) => [key, withoutNulls(each)]));
}

describe('bodies in protobuf', () => {
  it.each(recorded.map((each) => [each.command, each] as const))('of "%s" mean what its JSON means', (_, pair) => {
    expect(readProtobuf(Buffer.from(pair.protobuf, 'base64'), 'Any')).toEqual(withoutNulls(pair.json));
  });

  it.each(builtinResources.map((each) => [`${each.apiVersion}/${each.plural}`, each] as const))(
    'create %s as JSON does',
    (at, { apiVersion, kind, group, namespaced, plural }) => {
      const object = { apiVersion, kind, metadata: { name: sampleName(at) }, ...sampleObjects[at] };
      const path = `${group === '' ? '/api/v1' : `/apis/${apiVersion}`}/${namespaced ? 'namespaces/default/' : ''}${plural}`;
      const answers = [object, protobufBody(object)].map((body) => {
        const sent = body instanceof Uint8Array ? { type } : {};
        const { status, body: answer } = new TestCluster().send('POST', path, body, sent);
        return { status, answer };
      });
      expect(answers[1]).toEqual(answers[0]);
      expect(answers[1]?.status).toBe(201);
    },
  );

  it('keep zeros that are values and drop those that are none, read quantities, times, numbers or texts, and any JSON', () => {
    const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Gi' } } };
    const object = {
      ...deployment('web', 0, {
        containers: [
          {
            name: 'c',
            image: 'nginx:1',
            resources: { requests: { cpu: '1500m' } },
            livenessProbe: { httpGet: { path: '/', port: 'http' }, initialDelaySeconds: 0 },
            ports: [{ containerPort: 80, hostPort: 0 }],
          },
        ],
        terminationGracePeriodSeconds: 0,
        volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec: claim } } }],
        tolerations: [{ key: 'k', operator: 'Exists', tolerationSeconds: 0 }],
      }),
      metadata: {
        name: 'web',
        managedFields: [
          { manager: 'm', operation: 'Update', fieldsV1: { 'f:spec': {} }, time: '2026-01-02T03:04:05Z' },
        ],
      },
    };
    const read = readProtobuf(protobufBody(object as never), 'Deployment') as Body;
    expect(read.spec).toMatchObject({ replicas: 0 });
    expect(read.spec.template.spec).toMatchObject({
      containers: [
        {
          resources: { requests: { cpu: '1500m' } },
          livenessProbe: { httpGet: { path: '/', port: 'http' } },
          ports: [{ containerPort: 80 }],
        },
      ],
      terminationGracePeriodSeconds: 0,
      volumes: [{ name: 'v', ephemeral: { volumeClaimTemplate: { spec: claim } } }],
      tolerations: [{ key: 'k', operator: 'Exists', tolerationSeconds: 0 }],
    });
    const text = JSON.stringify(read);
    expect(text).not.toContain('initialDelaySeconds');
    expect(text).not.toContain('hostPort');
    expect(read.metadata).toEqual(object.metadata);
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      spec: { renewTime: '2026-01-02T03:04:05.000678Z' },
    };
    expect(readProtobuf(protobufBody(lease), 'Lease')).toEqual(lease);
  });

  it('delete, evict, scale, bind and ask for tokens', () => {
    const cluster = TestCluster.withNodes(2);
    cluster.create(`${apps}/deployments`, deployment('web', 2));
    cluster.until(() => cluster.ready('app=web').length === 2, 120_000);
    const [first, second] = cluster.pods('app=web').map((pod) => pod.metadata);
    const pods = `${inDefault}/pods`;
    const send = (method: string, path: string, object: object) =>
      cluster.send(method, path, protobufBody(object as never), { type });
    const preconditions = { uid: 'another' };
    const options = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions };
    expect(send('DELETE', `${pods}/${first?.name}`, options)).toMatchObject({ status: 409 });
    expect(send('DELETE', `${pods}/${first?.name}`, { ...options, preconditions: { uid: first?.uid } }).status).toBe(
      200,
    );
    expect(cluster.send('GET', `${pods}/${first?.name}`).status).toBe(404);
    const deleteOptions = { dryRun: ['All'], gracePeriodSeconds: 7 };
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: second?.name }, deleteOptions };
    expect(send('POST', `${pods}/${second?.name}/eviction`, eviction).status).toBe(201);
    expect(cluster.get(`${pods}/${second?.name}`).metadata.deletionTimestamp).toBeUndefined();
    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'web' }, spec: { replicas: 3 } };
    expect(send('PUT', `${apps}/deployments/web/scale`, scale).body.spec).toEqual({ replicas: 3 });
    expect(send('PUT', `${apps}/deployments/web/scale`, { ...scale, spec: {} }).body.spec).toEqual({ replicas: 0 });
    cluster.create(pods, {
      metadata: { name: 'p' },
      spec: { schedulerName: 'mine', containers: [{ name: 'c', image: 'i' }] },
    });
    const node = cluster.model.truth().objects('nodes').keys().next().value;
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'p' },
      target: { kind: 'Node', name: node },
    };
    expect(send('POST', `${pods}/p/binding`, binding).status).toBe(201);
    expect(cluster.get(`${pods}/p`).spec.nodeName).toBe(node);
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: ['a'], expirationSeconds: 700 },
    };
    expect(send('POST', `${inDefault}/serviceaccounts/default/token`, request)).toMatchObject({
      status: 201,
      body: { spec: { audiences: ['a'], expirationSeconds: 700 }, status: { token: expect.any(String) } },
    });
  });

  it('have a definition with every kind of schema', () => {
    const schema = {
      type: 'object',
      required: ['spec'],
      properties: {
        spec: {
          type: 'object',
          'x-kubernetes-preserve-unknown-fields': true,
          properties: {
            size: { type: 'integer', minimum: 0, default: 0, enum: [0, 1, 2] },
            any: { 'x-kubernetes-int-or-string': true },
            list: { type: 'array', items: { type: 'string', pattern: '^a' } },
            map: { type: 'object', additionalProperties: { type: 'boolean' } },
            open: { type: 'object', additionalProperties: true },
          },
        },
      },
    };
    const definition = {
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
            schema: { openAPIV3Schema: schema },
            subresources: { status: {} },
          },
        ],
      },
    };
    const cluster = new TestCluster();
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const made = cluster.send('POST', path, protobufBody(definition), { type });
    expect(made).toMatchObject({ status: 201, body: { spec: definition.spec } });
    cluster.advance(5_000);
    // Objects of its own have no message.
    const thing = cluster.send('POST', '/apis/example.com/v1/namespaces/default/things', Buffer.from('k8s\0'), {
      type,
    });
    expect(thing).toMatchObject({ status: 415, body: { reason: 'UnsupportedMediaType' } });
    expect(thing.body.message).not.toContain('protobuf');
  });

  it('that cannot be read are bad requests, with the reason', () => {
    const cluster = new TestCluster();
    const good = protobufBody({ ...configMap('a', { k: 'v' }), apiVersion: 'v1', kind: 'ConfigMap' });
    const path = `${inDefault}/configmaps`;
    const message = (body: Uint8Array): string => {
      const answer = cluster.send('POST', path, body, { type });
      expect(answer).toMatchObject({ status: 400, body: { kind: 'Status', reason: 'BadRequest', code: 400 } });
      return answer.body.message as string;
    };
    expect(message(Buffer.from('{"kind":"ConfigMap"}'))).toMatch(
      /^the object provided is unrecognized \(must be of type ConfigMap\): provided data does not appear to be a protobuf message, expected prefix \[107 56 115 0\] \([0-9a-f]+\)$/,
    );
    expect(message(good.subarray(0, good.length - 3))).toContain('must be of type ConfigMap');
    expect(message(Buffer.concat([good.subarray(0, 6), Buffer.from([0xff, 0xff, 0xff])]))).toContain('unrecognized');
    expect(message(Buffer.from('k8s\0'))).toContain("Object 'Kind' is missing");
    expect(message(protobufBody({ apiVersion: 'v1', kind: 'Secret' }))).toContain('cannot be handled as a ConfigMap');
    const renamed = Buffer.from(good.toString('latin1').replace('ConfigMap', 'ConfigMop'), 'latin1');
    expect(message(renamed)).toBe(
      'ConfigMop in version "v1" cannot be handled as a ConfigMap: no kind "ConfigMop" is registered for version "v1"',
    );
    expect(cluster.model.truth().internalErrors).toEqual([]);
    expect(cluster.send('POST', path, good, { type }).status).toBe(201);
  });

  it('are answered in JSON, and not at all to who takes nothing but protobuf', () => {
    const cluster = new TestCluster();
    const both = cluster.send('GET', `${inDefault}/configmaps`, undefined, { accept: `${type},application/json` });
    expect(both).toMatchObject({ status: 200, body: { kind: 'ConfigMapList' } });
    const only = { accept: type, type };
    const made = cluster.send('POST', `${inDefault}/configmaps`, configMap('a', {}), { accept: type });
    expect(made).toMatchObject({ status: 406, body: { reason: 'NotAcceptable', code: 406 } });
    expect(cluster.send('GET', `${inDefault}/configmaps/a`, undefined, only).status).toBe(406);
    expect(cluster.send('GET', `${inDefault}/configmaps/a`).status).toBe(404);
  });
});
