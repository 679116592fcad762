import { newsBody, notificationsAnswer } from './notification-schemas.ts';
import { defineRoute, type Route } from './route.ts';
import { actionAnswer, noQuery } from './schemas.ts';

/** News that people are told: what waits, and what was given up. */
export function notificationRoutes(): Route[] {
  const common = { method: 'POST', query: noQuery, body: newsBody, answer: actionAnswer } as const;
  return [
    defineRoute({
      method: 'GET',
      path: '/v1/notifications',
      summary: 'News that wait to be told, and those that were given up',
      query: noQuery,
      answer: notificationsAnswer,
      handle: (backend) => backend.notifications.list(),
    }),
    defineRoute({
      ...common,
      path: '/v1/notifications/resend',
      summary: 'Tries again to tell news that were given up',
      handle: (backend, { body, operator }) => backend.notifications.resend(body, operator),
    }),
    defineRoute({
      ...common,
      path: '/v1/notifications/drop',
      summary: 'Forgets news that were given up; the journal keeps what they were',
      handle: (backend, { body, operator }) => backend.notifications.drop(body, operator),
    }),
  ];
}
