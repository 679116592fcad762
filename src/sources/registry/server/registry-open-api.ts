/** The OpenAPI document of the registry, made from the schemas that check its files. */
import { z } from 'zod';
import { clusterSchema, infrastructureAccountSchema, nodePoolSchema } from '../registry-schema.ts';
import { listFilters, type RegistryRoute } from './registry-routes.ts';

type JsonObject = Record<string, unknown>;

export function registryOpenApi(routes: RegistryRoute[], version: string): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const route of routes)
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Cluster registry',
      version,
      description:
        'Infrastructure accounts, clusters and node pools. Answers about one entry carry an ETag; with If-Match a change is made only to what the caller has seen.',
    },
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: {
        Cluster: schemaOf(clusterSchema),
        ClusterUpdate: partly(schemaOf(clusterSchema)),
        InfrastructureAccount: schemaOf(infrastructureAccountSchema),
        InfrastructureAccountUpdate: partly(schemaOf(infrastructureAccountSchema)),
        NodePool: schemaOf(nodePoolSchema),
        NodePoolUpdate: partly(schemaOf(nodePoolSchema)),
        ConfigValue: { type: 'object', properties: { value: { type: 'string' } }, required: ['value'] },
        Error: errorSchema,
      },
    },
    security: [{ bearer: [] }],
  };
}

const errorSchema = {
  type: 'object',
  properties: {
    message: { type: 'string' },
    problems: {
      type: 'array',
      items: {
        type: 'object',
        properties: { path: { type: 'string' }, message: { type: 'string' }, remedy: { type: 'string' } },
      },
    },
  },
};

/** Body and answer of each operation, by its name. */
const shapes: Record<string, { body?: string; answer?: string; list?: string }> = {
  listInfrastructureAccounts: { list: 'InfrastructureAccount' },
  createInfrastructureAccount: { body: 'InfrastructureAccount', answer: 'InfrastructureAccount' },
  getInfrastructureAccount: { answer: 'InfrastructureAccount' },
  updateInfrastructureAccount: { body: 'InfrastructureAccountUpdate', answer: 'InfrastructureAccount' },
  listClusters: { list: 'Cluster' },
  createCluster: { body: 'Cluster', answer: 'Cluster' },
  getCluster: { answer: 'Cluster' },
  updateCluster: { body: 'ClusterUpdate', answer: 'Cluster' },
  deleteCluster: {},
  addOrUpdateConfigItem: { body: 'ConfigValue', answer: 'ConfigValue' },
  deleteConfigItem: {},
  listNodePools: { list: 'NodePool' },
  createOrUpdateNodePool: { body: 'NodePool', answer: 'NodePool' },
  updateNodePool: { body: 'NodePoolUpdate', answer: 'NodePool' },
  deleteNodePool: {},
  addOrUpdateNodePoolConfigItem: { body: 'ConfigValue', answer: 'ConfigValue' },
  deleteNodePoolConfigItem: {},
};

function operation({ method, path, operation: operationId, summary }: RegistryRoute): JsonObject {
  const { body, answer, list } = shapes[operationId] ?? {};
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map((match) => parameter(match[1] as string, 'path')),
    ...(operationId === 'listClusters'
      ? [...listFilters.clusters, 'verbose'].map((name) => parameter(name, 'query'))
      : []),
    ...(operationId === 'listInfrastructureAccounts'
      ? listFilters.accounts.map((name) => parameter(name, 'query'))
      : []),
    ...(method === 'GET' || method === 'POST' ? [] : [parameter('If-Match', 'header')]),
  ];
  const items =
    list === undefined ? undefined : { type: 'object', properties: { items: { type: 'array', items: ref(list) } } };
  const content = items ?? (answer === undefined ? undefined : ref(answer));
  const [code, words] = method === 'POST' ? [201, 'Added'] : content === undefined ? [204, 'Removed'] : [200, 'Done'];
  return {
    operationId,
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(ref(body)) } }),
    responses: {
      [code]: { description: words, ...(content === undefined ? {} : { content: json(content) }) },
      400: { description: 'The request has problems; all are listed', content: json(ref('Error')) },
      401: { description: 'No valid bearer token' },
      403: { description: 'The token may only read' },
      ...(path.includes('{') ? { 404: { description: 'There is no such entry' } } : {}),
      ...(method === 'POST' ? { 409: { description: 'There is one already' } } : {}),
      ...(method === 'GET' || method === 'POST'
        ? {}
        : { 412: { description: 'It is not what If-Match names any more' } }),
    },
  };
}

function parameter(name: string, place: 'path' | 'query' | 'header'): JsonObject {
  return { name, in: place, required: place === 'path', schema: { type: 'string' } };
}

function ref(name: string): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}

function json(schema: JsonObject): JsonObject {
  return { 'application/json': { schema } };
}

function schemaOf(schema: z.ZodType): JsonObject {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      delete (jsonSchema as JsonObject)['remedy'];
    },
  }) as JsonObject;
  return rest;
}

function partly(schema: JsonObject): JsonObject {
  const { required: _required, ...rest } = schema;
  return rest;
}
