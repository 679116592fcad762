import type { KubeAnswer, KubeRequest } from './api-request.ts';
import type { ClusterCore } from './cluster-core.ts';
import type { Fields } from './object.ts';
import { SchemaSet } from './openapi-schemas.ts';
import { openApiV2Answer } from './openapi-v2.ts';
import type { ResourceDefinition } from './resource-definition.ts';

/** Documents of groups that no CustomResourceDefinition touches: the same for all clusters of a version. */
const builtinDocuments = new Map<string, Fields>();

/**
 * OpenAPI v3: the list of documents, and one document a group and version with the schemas of all its kinds, as far as clients go by
 * it: field validation, `kubectl explain`, three-way merges.
 */
export function openApiAnswer(core: ClusterCore, request: KubeRequest): KubeAnswer | undefined {
  if (request.method === 'GET' && request.path === '/openapi/v2') return openApiV2Answer(core, request);
  if (request.method !== 'GET' || !/^\/openapi\/v3(\/|$)/.test(request.path)) return undefined;
  const name = request.path.slice('/openapi/v3'.length).replace(/^\//, '');
  if (name === '') return { status: 200, body: { paths: documentList(core) } };
  const [root, ...rest] = name.split('/');
  const [group, version] = root === 'api' ? ['', rest[0]] : [rest[0], rest[1]];
  if (root !== 'api' && root !== 'apis') return undefined;
  const definitions = [...core.resources.all()].filter((each) => each.group === group && each.version === version);
  if (definitions.length === 0) return undefined;
  if (definitions.some((each) => each.custom)) return { status: 200, body: documentOf(core, name, definitions) };
  const key = `${core.options.kubernetesVersion} ${name}`;
  let document = builtinDocuments.get(key);
  if (!document) {
    document = documentOf(core, name, definitions);
    builtinDocuments.set(key, document);
  }
  return { status: 200, body: document };
}

function documentList(core: ClusterCore): Fields {
  const paths: Fields = {};
  for (const { group, version, custom } of core.resources.all()) {
    const path = group === '' ? `api/${version}` : `apis/${group}/${version}`;
    // Clients keep a document for as long as its hash stays.
    const hash = custom ? `${core.clusterId}-${core.store.revision}` : core.options.kubernetesVersion;
    paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${encodeURIComponent(hash)}` };
  }
  return paths;
}

function documentOf(core: ClusterCore, name: string, definitions: readonly ResourceDefinition[]): Fields {
  const schemas = new SchemaSet('v3');
  const paths: Fields = {};
  for (const definition of definitions) addPaths(paths, name, definition, schemas.add(definition));
  const info = { title: 'Kubernetes', version: core.options.kubernetesVersion };
  return { openapi: '3.0.0', info, paths, components: { schemas: schemas.all } };
}

function addPaths(paths: Fields, name: string, definition: ResourceDefinition, schema: Fields): void {
  const { namespaced, plural, kind, group, version, custom } = definition;
  const list = `/${name}/${namespaced ? 'namespaces/{namespace}/' : ''}${plural}`;
  const parameter = (each: string): Fields => ({
    name: each,
    in: 'query',
    schema: { type: 'string', uniqueItems: true },
  });
  const operation = (action: string, parameters: string[], types: string[] = []): Fields => ({
    operationId: `${action}${kind}`,
    parameters: parameters.map(parameter),
    ...(types.length === 0
      ? {}
      : { requestBody: { content: Object.fromEntries(types.map((type) => [type, { schema }])) } }),
    responses: { '200': { description: 'OK', content: { 'application/json': { schema } } } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, version, kind },
  });
  const writing = ['dryRun', 'fieldManager', 'fieldValidation'];
  const json = ['application/json', 'application/yaml'];
  const patches = ['application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json'];
  if (!custom) patches.push('application/strategic-merge-patch+json');
  paths[list] = { post: operation('post', writing, json), get: operation('list', ['labelSelector', 'fieldSelector']) };
  if (!definition.verbs.includes('patch')) return;
  paths[`${list}/{name}`] = {
    get: operation('get', []),
    put: operation('put', writing, json),
    patch: operation('patch', [...writing, 'force'], patches),
    delete: operation('delete', ['dryRun', 'gracePeriodSeconds', 'propagationPolicy']),
  };
}
