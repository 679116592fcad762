/** The OpenAPI document of `/v1`, made from the same zod schemas that check every request. */
import { z } from 'zod';
import { explanationSchema, statusSchema } from '../planning/explain/status-document.ts';
import type { Route } from './route.ts';
import { errorAnswer, eventSchema, eventsQuery } from './schemas.ts';

type JsonObject = Record<string, unknown>;

/** Described once, and referred to wherever a whole document is one of them. */
const components = new Map<z.ZodType, string>([
  [statusSchema, 'Status'],
  [explanationSchema, 'Explanation'],
  [eventSchema, 'Event'],
  [errorAnswer, 'Error'],
]);

export function openApiDocument(routes: Route[], version: string): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  }
  paths['/v1/status/stream'] = {
    get: stream('The status document whenever it changes, at most 4 a second', statusSchema),
  };
  paths['/v1/events/stream'] = {
    get: {
      ...stream('The journal as it grows; Last-Event-ID or `after` continues where a client left off', eventSchema),
      parameters: queryParameters(
        eventsQuery.pick({ after: true, channel: true, cluster: true, commit: true, kind: true }),
      ),
    },
  };
  paths['/v1/openapi.json'] = {
    get: {
      summary: 'This document',
      responses: { 200: { description: 'OpenAPI 3.1', content: { 'application/json': {} } } },
    },
  };
  return {
    openapi: '3.1.0',
    info: {
      title: 'clm',
      version,
      description:
        'Cluster lifecycle manager. Served on a Unix socket that only its owner may open. Writes name who asks in the header x-clm-actor.',
    },
    paths,
    components: {
      schemas: Object.fromEntries([...components].map(([schema, name]) => [name, wholeSchema(schema, 'output')])),
    },
  };
}

function operation(route: Route): JsonObject {
  const parameters = [
    ...[...route.path.matchAll(/\{(\w+)\}/g)].map((match) => ({
      name: match[1],
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...queryParameters(route.query),
  ];
  const error = (description: string): JsonObject => ({
    description,
    content: { 'application/json': { schema: schemaOf(errorAnswer, 'output') } },
  });
  return {
    summary: route.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: { required: true, content: { 'application/json': { schema: schemaOf(route.body, 'input') } } },
        }),
    responses: {
      200: { description: 'Done', content: { 'application/json': { schema: schemaOf(route.answer, 'output') } } },
      400: error('The request is malformed; every problem is listed'),
      ...(route.path.includes('{') || route.method === 'POST'
        ? { 404: error('No such subject; near names are listed') }
        : {}),
      ...(route.method === 'POST' ? { 409: error('Refused: the state of things does not allow it') } : {}),
      503: error('The store cannot be read, or the daemon is stopping'),
    },
  };
}

function stream(summary: string, schema: z.ZodType): JsonObject {
  return {
    summary,
    responses: {
      200: {
        description: 'Server-sent events; each `data` is one document of this schema',
        content: { 'text/event-stream': { schema: schemaOf(schema, 'output') } },
      },
    },
  };
}

function queryParameters(query: z.ZodType): JsonObject[] {
  const schema = schemaOf(query, 'input') as { properties?: Record<string, unknown>; required?: string[] };
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    in: 'query',
    required: schema.required?.includes(name) ?? false,
    schema: property,
  }));
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
  const name = components.get(schema);
  return name === undefined ? wholeSchema(schema, io) : { $ref: `#/components/schemas/${name}` };
}

function wholeSchema(schema: z.ZodType, io: 'input' | 'output'): JsonObject {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as JsonObject;
  return rest;
}
