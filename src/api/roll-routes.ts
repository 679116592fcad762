/** Routes about node rolls. */

import { preflightSchema } from '../planning/roll/preflight.ts';
import { rollBody } from './roll-schemas.ts';
import { defineRoute, type Route } from './route.ts';
import { actionAnswer, noQuery } from './schemas.ts';

export function rollRoutes(): Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/clusters/{id}/roll-plan',
      summary: 'What a roll of all nodes would meet, by dry-run evictions: blocking budgets, zones, duration',
      query: noQuery,
      answer: preflightSchema,
      handle: (backend, { params, signal }) => backend.rolls.preview(params['id'] as string, signal),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/rolls',
      summary: 'Pauses, resumes, aborts or rolls back the node rolls of a cluster, or lays an override over them',
      query: noQuery,
      body: rollBody,
      answer: actionAnswer,
      handle: (backend, { body, operator }) => backend.rolls.act(body, operator),
    }),
  ];
}
