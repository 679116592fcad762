import type { z } from 'zod';
import type { RunFilter } from '../ports/e2e-store.ts';
import * as schemas from './e2e-schemas.ts';
import { unknownSubject } from './errors.ts';
import { defineRoute, type Route } from './route.ts';
import { actionAnswer, noQuery } from './schemas.ts';

/** As many results as a run may have, with what failed ones say: a conformance run has thousands. */
const largestImportBytes = 32 * 1024 * 1024;

/** History of end-to-end runs. */
export function e2eRoutes(): Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/e2e/runs',
      summary: 'End-to-end runs, newest first',
      query: schemas.e2eQuery,
      answer: schemas.e2eRunsAnswer,
      handle: async (backend, { query }) => ({ runs: await backend.store.e2e.runs(runFilter(query)) }),
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/e2e/runs/{id}',
      summary: 'One end-to-end run with its results',
      query: noQuery,
      answer: schemas.e2eRunAnswer,
      handle: async (backend, { params }) => {
        const id = params['id'] as string;
        const found = await backend.store.e2e.run(id);
        if (found === undefined) throw unknownSubject('end-to-end run', id, []);
        return found;
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/e2e/results',
      summary: 'Results of the newest runs, oldest first: for grids, flake rates and failures that say the same',
      query: schemas.e2eQuery,
      answer: schemas.e2eResultsAnswer,
      handle: async (backend, { query }) => ({ results: await backend.store.e2e.results(runFilter(query)) }),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/e2e/runs',
      summary: 'Keeps a run that was made elsewhere; somebody has to answer for it',
      query: noQuery,
      body: schemas.e2eImportBody,
      largestBodyBytes: largestImportBytes,
      answer: actionAnswer,
      handle: (backend, { body, operator }) => backend.importRun(body, operator),
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/e2e/quarantines',
      summary: 'Checks that are left out for a while, with who, why and until when',
      query: noQuery,
      answer: schemas.quarantinesAnswer,
      handle: async (backend) => ({ quarantines: await backend.checks.quarantines() }),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/e2e/quarantines',
      summary: 'Leaves a check out for a while: it is skipped, and blocks nothing',
      query: noQuery,
      body: schemas.quarantineBody,
      answer: actionAnswer,
      handle: (backend, { body, operator }) => backend.checks.quarantine(body, operator),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/e2e/quarantines/end',
      summary: 'Ends a quarantine before its time',
      query: noQuery,
      body: schemas.quarantineEndBody,
      answer: actionAnswer,
      handle: (backend, { body, operator }) => backend.checks.endQuarantine(body, operator),
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/e2e/tests',
      summary: 'Every check that history knows',
      query: noQuery,
      answer: schemas.e2eTestsAnswer,
      handle: async (backend) => ({ tests: await backend.store.e2e.tests() }),
    }),
    ...keptRoutes(),
  ];
}

/** What failed checks keep for people. */
function keptRoutes(): Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/e2e/kept',
      summary: 'What failed checks keep on clusters to be looked at, and until when',
      query: schemas.keptQuery,
      answer: schemas.keptAnswer,
      handle: async (backend, { query }) => ({ kept: await backend.kept.list(query.cluster) }),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/e2e/kept/release',
      summary: 'Takes away what failed checks keep on a cluster before its time',
      query: noQuery,
      body: schemas.releaseBody,
      answer: actionAnswer,
      handle: (backend, { body, operator }) => backend.kept.release(body, operator),
    }),
  ];
}

function runFilter(query: z.output<typeof schemas.e2eQuery>): RunFilter {
  const { cluster, limit, ...rest } = query;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return { ...given, ...(cluster === undefined ? {} : { clusterId: cluster }), limit };
}
