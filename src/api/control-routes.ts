import * as bodies from './control-schemas.ts';
import { defineRoute, type Route } from './route.ts';
import { actionAnswer, noQuery } from './schemas.ts';

/** Commands of the pipeline. */
export function controlRoutes(): Route[] {
  const common = { method: 'POST', query: noQuery, answer: actionAnswer } as const;
  return [
    defineRoute({
      ...common,
      path: '/v1/overrides',
      summary: 'Freezes, pins, holds, skips or vetoes until it is ended or expires',
      body: bodies.overrideBody,
      handle: (backend, { body, operator }) => backend.control.override(body, operator),
    }),
    defineRoute({
      ...common,
      path: '/v1/overrides/end',
      summary: 'Ends a freeze, pin, hold, skip or veto',
      body: bodies.overrideEndBody,
      handle: (backend, { body, operator }) => backend.control.endOverride(body, operator),
    }),
    defineRoute({
      ...common,
      path: '/v1/approvals',
      summary: 'Approves or rejects one version at one gate, at its review, or as the head of a channel',
      body: bodies.approveBody,
      handle: (backend, { body, operator }) => backend.control.approve(body, operator),
    }),
    defineRoute({
      ...common,
      path: '/v1/promotions',
      summary: 'Promotes a proven version to a channel now, or picks its change around the channels between',
      body: bodies.promoteBody,
      handle: (backend, { body, operator }) => backend.control.promote(body, operator),
    }),
    defineRoute({
      ...common,
      path: '/v1/hotfixes',
      summary: 'Puts a commit on a channel ahead of its evidence, and leaves a debt',
      body: bodies.hotfixBody,
      handle: (backend, { body, operator }) => backend.control.hotfix(body, operator),
    }),
    defineRoute({
      ...common,
      path: '/v1/rollbacks',
      summary: 'Puts an earlier proven version back on a channel by a new commit, and vetoes the one that is left',
      body: bodies.rollbackBody,
      handle: (backend, { body, operator }) => backend.control.rollback(body, operator),
    }),
    defineRoute({
      ...common,
      path: '/v1/stop-the-line',
      summary: 'Stops everything between two nodes, and starts nothing, until the fleet is resumed or it expires',
      body: bodies.stopTheLineBody,
      handle: (backend, { body, operator }) => backend.control.stopTheLine(body, operator),
    }),
  ];
}
