/** The `/v1` routes as data: the server registers them, the OpenAPI document is made from them. */
import { z } from 'zod';
import { nearMatches } from '../domain/near-matches.ts';
import { explanationSchema, statusSchema } from '../planning/explain/status-document.ts';
import { controlRoutes } from './control-routes.ts';
import { e2eRoutes } from './e2e-routes.ts';
import { unknownSubject } from './errors.ts';
import { notificationRoutes } from './notification-routes.ts';
import { rollRoutes } from './roll-routes.ts';
import { listRollouts } from './rollout-list.ts';
import { defineRoute, type Route } from './route.ts';
import * as schemas from './schemas.ts';

/** All routes that answer with one JSON document; streams are apart (streams.ts). */
export function apiRoutes(): Route[] {
  return [
    ...readRoutes(),
    ...actionRoutes(),
    ...controlRoutes(),
    ...rollRoutes(),
    ...e2eRoutes(),
    ...notificationRoutes(),
  ];
}

const clusterSchema = statusSchema.shape.clusters.element;

function readRoutes(): Route[] {
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/status',
      summary: 'Where every change is, and why it is not further',
      query: schemas.noQuery,
      answer: statusSchema,
      handle: (backend) => backend.status(),
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/clusters',
      summary: 'Clusters of the registry with their version and state',
      query: schemas.clustersQuery,
      answer: z.object({ at: z.iso.datetime(), clusters: z.array(clusterSchema) }),
      handle: async (backend, { query }) => {
        const status = await backend.status();
        const clusters = status.clusters.filter(
          (cluster) =>
            (query.channel === undefined || cluster.channel === query.channel) &&
            (query.state === undefined || cluster.state === query.state),
        );
        return { at: status.at, clusters };
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/clusters/{id}',
      summary: 'One cluster, by id or alias',
      query: schemas.noQuery,
      answer: clusterSchema,
      handle: async (backend, { params }) => {
        const name = params['id'] as string;
        const { clusters } = await backend.status();
        const found = clusters.find((cluster) => cluster.id === name || cluster.alias === name);
        if (found !== undefined) return found;
        throw unknownSubject(
          'cluster',
          name,
          nearMatches(
            name,
            clusters.flatMap((one) => [one.id, one.alias]),
          ),
        );
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/rollouts',
      summary: 'Rollouts, newest first',
      query: schemas.rolloutsQuery,
      answer: schemas.rolloutsAnswer,
      handle: (backend, { query }) => listRollouts(backend, query),
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/why/{subject}',
      summary: 'Why a cluster, channel or commit is where it is, and what has to happen next',
      query: schemas.noQuery,
      answer: explanationSchema,
      handle: async (backend, { params }) => {
        const name = params['subject'] as string;
        const answer = await backend.explain(name);
        if (answer.found) return answer.explanation;
        throw unknownSubject('cluster, channel or commit', name, answer.near);
      },
    }),
    defineRoute({
      method: 'GET',
      path: '/v1/events',
      summary: 'The journal of decisions, oldest first; the newest `limit` unless `after` is given',
      query: schemas.eventsQuery,
      answer: schemas.eventsAnswer,
      handle: async (backend, { query }) => {
        const { after, before, limit, ...filter } = query;
        const given = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
        if (after !== undefined) {
          return { events: await backend.store.journal({ ...given, afterId: after, limit }) };
        }
        const page = before === undefined ? {} : { beforeId: before };
        const newest = await backend.store.journal({ ...given, ...page, limit, newestFirst: true });
        return { events: newest.reverse() };
      },
    }),
  ];
}

function actionRoutes(): Route[] {
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/adopt',
      summary: 'Lets the daemon change the fleet; with dryRun=true says what it would meet',
      query: schemas.adoptQuery,
      body: schemas.adoptBody,
      answer: schemas.adoptAnswer,
      handle: (backend, { query, body, operator, signal }) =>
        query.dryRun === 'true' ? backend.previewAdoption(signal) : backend.adopt(operator, body.reason, signal),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/pause',
      summary: 'Starts nothing new in the scope until it is resumed or the pause expires',
      query: schemas.noQuery,
      body: schemas.pauseBody,
      answer: schemas.actionAnswer,
      handle: (backend, { body, operator }) => backend.pause(body, operator),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/resume',
      summary: 'Ends pauses of the scope',
      query: schemas.noQuery,
      body: schemas.resumeBody,
      answer: schemas.actionAnswer,
      handle: (backend, { body, operator }) => backend.resume(body, operator),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/retry',
      summary: 'Tries again what has failed, halted or backs off in the scope',
      query: schemas.noQuery,
      body: schemas.retryBody,
      answer: schemas.actionAnswer,
      handle: (backend, { body, operator }) => backend.retry(body, operator),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/confirm',
      summary: 'Accepts a registry read that was held back because it loses too many clusters',
      query: schemas.noQuery,
      body: schemas.confirmBody,
      answer: schemas.actionAnswer,
      handle: (backend, { body, operator }) => backend.confirmRegistry(body.reason, operator),
    }),
    defineRoute({
      method: 'POST',
      path: '/v1/refresh',
      summary: 'Looks at git and the registry now',
      query: schemas.noQuery,
      answer: schemas.actionAnswer,
      handle: (backend) => backend.refresh(),
    }),
  ];
}
