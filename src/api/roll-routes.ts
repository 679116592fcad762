/** Routes about node rolls. */

import { rollBody } from './roll-schemas.ts';
import { defineRoute, type Route } from './route.ts';
import { actionAnswer, noQuery } from './schemas.ts';

export function rollRoutes(): Route[] {
  return [
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
