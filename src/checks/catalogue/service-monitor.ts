import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, CheckTimedOut, defineCheck } from '../contract.ts';
import { probe } from '../probe.ts';
import { services } from '../resources.ts';
import { serveWeb, webPort } from '../web-servers.ts';

const name = 'observed';
const withinMs = 4 * 60_000;
const everyMs = 10_000;
const metric = 'clm_e2e_marker';

interface Prometheus {
  /** Path of its API by way of the API server. */
  base: string;
  labels: Record<string, string>;
}

/** Catalogue row 43. */
export const serviceMonitor = defineCheck({
  id: 'obs.servicemonitor',
  title: 'Prometheus finds a ServiceMonitor, scrapes what it names, follows its value, and forgets it',
  area: 'observability',
  requires: ['prometheus'],
  withinMs: 18 * 60_000,
  expectedMs: 3 * 60_000,
  async run(context) {
    await context.sandbox();
    const prometheus = await find(context);
    await serveWeb(context, { name, replicas: 1, body: 'ok' });
    await setValue(context, 1);
    const monitors = await context.kube.resourceOf('monitoring.coreos.com/v1', 'ServiceMonitor');
    const from = context.clock.now();
    await context.kube.patch(services, context.namespace, name, {
      type: 'merge',
      body: { metadata: { labels: { 'clm-observed': context.runKey } } },
    });
    await context.kube.create(monitors, {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'ServiceMonitor',
      metadata: { name, namespace: context.namespace, labels: prometheus.labels },
      spec: {
        selector: { matchLabels: { 'clm-observed': context.runKey } },
        endpoints: [{ port: 'http', interval: '15s' }],
      },
    });
    await context.step('it becomes a target', () =>
      untilTrue(context, 'a target that is up', async () => {
        const [target] = await targets(context, prometheus);
        return target === undefined
          ? 'there is no target of it'
          : target.health === 'up'
            ? undefined
            : `its target is ${target.health}: ${target.lastError}`;
      }),
    );
    context.measure('target_seconds', (context.clock.now() - from) / 1000);
    await context.step('its value can be asked for', () => untilValue(context, prometheus, 1));
    context.measure('sample_seconds', (context.clock.now() - from) / 1000);
    await setValue(context, 2);
    await context.step('its value is followed', () => untilValue(context, prometheus, 2));
    await context.kube.delete(monitors, context.namespace, name);
    await context.step('deleted, it is forgotten', () =>
      untilTrue(context, 'no target any more', async () => {
        const left = await targets(context, prometheus);
        return left.length === 0 ? undefined : 'its target is still there';
      }),
    );
    return 'found, scraped, followed, forgotten';
  },
});

/** The server that the setting names (`namespace/service:port`), or a service called so; the labels that it selects monitors by. */
async function find(context: CheckContext): Promise<Prometheus> {
  const kind = await context.kube.resourceOf('monitoring.coreos.com/v1', 'Prometheus');
  const [server] = (await context.kube.list(kind)).items;
  if (server === undefined)
    throw new CheckFailed('there is no object of kind Prometheus: nothing takes ServiceMonitors');
  const labels = (server.spec?.serviceMonitorSelector?.matchLabels ?? {}) as Record<string, string>;
  const set = /^([^/]+)\/([^:]+):(.+)$/.exec(context.settings.get('prometheus_service') ?? '');
  if (set !== null) return { base: `/api/v1/namespaces/${set[1]}/services/${set[2]}:${set[3]}/proxy/api/v1`, labels };
  const { items } = await context.kube.list(services);
  const found = items.find((item) => item.metadata.name.includes('prometheus') && portOf(item) !== undefined);
  if (found === undefined) {
    throw new CheckFailed(
      'no service is called prometheus and has port 9090: say where it is in e2e_prometheus_service (namespace/service:port)',
    );
  }
  const { namespace = '', name: service } = found.metadata;
  return { base: `/api/v1/namespaces/${namespace}/services/${service}:${portOf(found) ?? ''}/proxy/api/v1`, labels };
}

function portOf(service: KubeObject): string | undefined {
  const ports = (service.spec?.ports ?? []) as { name?: string; port: number }[];
  const port = ports.find((one) => one.port === 9090);
  return port && (port.name ?? String(port.port));
}

async function setValue(context: CheckContext, value: number): Promise<void> {
  const url = `http://${name}/metric/${metric}?value=${value}`;
  const seen = await probe(context, {
    name: `set-${value}`,
    args: ['http', '--method', 'PUT', '--url', url, '--retry-for', '30s'],
  });
  const statuses = Object.keys(seen.targets[0]?.statuses ?? {}).join();
  if (statuses !== '204')
    throw new CheckFailed(
      `the sample server on port ${webPort} took the value with ${statuses || 'no answer'}, not 204`,
    );
}

async function ask<T>(context: CheckContext, prometheus: Prometheus, path: string): Promise<T> {
  const { status, body } = await context.kube.raw(`${prometheus.base}/${path}`);
  if (status !== 200)
    throw new CheckFailed(
      `Prometheus answers ${status} at ${prometheus.base}/${path.split('?')[0] ?? ''}: ${body.slice(0, 120)}`,
    );
  return (JSON.parse(body) as { data: T }).data;
}

async function targets(
  context: CheckContext,
  prometheus: Prometheus,
): Promise<{ health: string; lastError: string }[]> {
  const { activeTargets } = await ask<{
    activeTargets: { labels: Record<string, string>; health: string; lastError: string }[];
  }>(context, prometheus, 'targets?state=active');
  return activeTargets.filter((target) => target.labels['namespace'] === context.namespace);
}

async function untilValue(context: CheckContext, prometheus: Prometheus, value: number): Promise<void> {
  const query = encodeURIComponent(`${metric}{namespace="${context.namespace}"}`);
  await untilTrue(context, `${metric} = ${value}`, async () => {
    const { result } = await ask<{ result: { value: [number, string] }[] }>(
      context,
      prometheus,
      `query?query=${query}`,
    );
    const seen = result[0]?.value[1];
    return Number(seen) === value ? undefined : seen === undefined ? 'there is no such series' : `it is ${seen}`;
  });
}

async function untilTrue(context: CheckContext, what: string, look: () => Promise<string | undefined>): Promise<void> {
  const deadline = context.clock.now() + withinMs;
  for (;;) {
    const missing = await look();
    if (missing === undefined) return;
    if (context.clock.now() >= deadline)
      throw new CheckTimedOut(`${what}: not within ${withinMs / 1000} s; ${missing}`);
    await context.pause(everyMs);
  }
}
