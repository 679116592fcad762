/** What a route is: the server registers it, the OpenAPI document is made from it. */
import type { z } from 'zod';
import type { ApiBackend, Operator } from './backend.ts';

interface RouteRequest {
  params: Record<string, string>;
  query: unknown;
  body: unknown;
  operator: Operator;
  signal: AbortSignal;
}

export interface Route {
  method: 'GET' | 'POST';
  /** OpenAPI form: `/v1/clusters/{id}`. */
  path: string;
  summary: string;
  query: z.ZodType;
  body?: z.ZodType;
  /** Where a body may be larger than others. */
  largestBodyBytes?: number;
  answer: z.ZodType;
  handle(backend: ApiBackend, request: RouteRequest): Promise<unknown>;
}

/** A route whose handler sees its own parsed types. */
export function defineRoute<Query extends z.ZodType, Body extends z.ZodType = z.ZodNever>(definition: {
  method: 'GET' | 'POST';
  path: string;
  summary: string;
  query: Query;
  body?: Body;
  largestBodyBytes?: number;
  answer: z.ZodType;
  handle(
    backend: ApiBackend,
    request: Omit<RouteRequest, 'query' | 'body'> & { query: z.output<Query>; body: z.output<Body> },
  ): Promise<unknown>;
}): Route {
  return definition;
}
