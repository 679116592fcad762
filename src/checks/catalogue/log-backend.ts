import { type CheckContext, CheckFailed, CheckTimedOut, defineCheck } from '../contract.ts';
import { nodesToAskFrom, probe } from '../probe.ts';

const withinMs = 4 * 60_000;
const everyMs = 10_000;
const mostNodes = 5;

/** Catalogue row 45. */
export const logBackend = defineCheck({
  id: 'obs.logs',
  title: 'A line that a pod writes is found in the log backend, from every node that was tried',
  area: 'observability',
  requires: ['log-backend'],
  withinMs: 8 * 60_000,
  expectedMs: 60_000,
  minNodes: 1,
  plan: async (context) =>
    pathOf(context, '') === undefined
      ? {
          code: 'CONFIG_MISSING',
          message:
            'e2e_logs_query must be namespace/service:port/path?query, with {marker} where the searched text belongs',
        }
      : undefined,
  async run(context) {
    await context.sandbox();
    const nodes = await nodesToAskFrom(context, mostNodes);
    const from = context.clock.now();
    const wanted = new Map<string, string>();
    for (const [index, node] of nodes.entries()) {
      // What is searched for is not what must be found: an answer that repeats the question proves nothing.
      const secret = `node-${index}-wrote-this`;
      wanted.set(secret, node);
      await probe(context, { name: `log-${index}`, node, args: ['log', '--text', `${markerOf(context)} ${secret}`] });
    }
    const deadline = context.clock.now() + withinMs;
    for (;;) {
      const { status, body } = await context.kube.raw(pathOf(context, markerOf(context)) as string);
      if (status >= 400 && status < 500)
        throw new CheckFailed(
          `the log backend answers ${status}: ${body.slice(0, 160)}; is e2e_logs_query a query that it knows?`,
        );
      for (const secret of [...wanted.keys()]) if (status === 200 && body.includes(secret)) wanted.delete(secret);
      if (wanted.size === 0) break;
      if (context.clock.now() >= deadline) {
        const why = status === 200 ? '' : `; the log backend answers ${status}: ${body.slice(0, 120)}`;
        throw new CheckTimedOut(
          `lines written on ${[...wanted.values()].join(', ')} are not found within ${withinMs / 1000} s${why}`,
        );
      }
      await context.pause(everyMs);
    }
    context.measure('log_delay_seconds', (context.clock.now() - from) / 1000);
    return `lines of ${nodes.length} nodes are found`;
  },
});

const markerOf = (context: CheckContext): string => `clm-e2e-${context.runKey}`;

/** The query by way of the API server's proxy, so that nothing but the API must be reachable. */
function pathOf(context: CheckContext, marker: string): string | undefined {
  const set = /^([^/\s]+)\/([^/:\s]+):([^/\s]+)(\/.*)$/.exec(context.settings.get('logs_query') ?? '');
  if (!set?.[4]?.includes('{marker}')) return undefined;
  const [path = '', ...query] = set[4]
    .replaceAll('{marker}', marker)
    .replaceAll('{namespace}', context.namespace)
    .split('?');
  const encoded = query.join('?').replace(/[^&=]+/g, (part) => encodeURIComponent(decoded(part)));
  const tail = query.length === 0 ? '' : `?${encoded}`;
  return `/api/v1/namespaces/${set[1]}/services/${set[2]}:${set[3]}/proxy${path}${tail}`;
}

/** A query may be written as it is, or encoded already. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
