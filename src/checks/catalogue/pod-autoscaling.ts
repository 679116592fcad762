import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';
import { probe, probeContainer } from '../probe.ts';
import { deployments, horizontalPodAutoscalers, services } from '../resources.ts';
import { webPort } from '../web-servers.ts';
import { deployAndAwait, explained } from '../workload.ts';

const most = 2;
const withinMs = 6 * 60_000;
const metric = 'clm_e2e_load';
const outside = 'clm-e2e-outside';

/** Catalogue row 38. */
export const podAutoscaling = defineCheck({
  id: 'autoscale.hpa',
  title: 'Pods become more under load and fewer without, by processor and by a metric of their own',
  area: 'autoscaling',
  requires: ['metrics-api'],
  uses: [horizontalPodAutoscalers],
  withinMs: 45 * 60_000,
  expectedMs: 4 * 60_000,
  minNodes: 1,
  async run(context) {
    await context.sandbox();
    await context.step('by processor', () => byProcessor(context));
    const missing = await context.facts.lacks('custom-metrics');
    if (missing !== undefined) {
      context.note('by a metric of the pods', 'skipped', `CAPABILITY_ABSENT: ${missing}`);
      if (context.settings.expects.has('custom-metrics'))
        throw new CheckFailed(`the registry declares custom-metrics for this cluster (e2e_expects): ${missing}`);
      return 'up and down by processor';
    }
    await context.step('by a metric of the pods', () => byMetric(context));
    const more = await byOthers(context);
    return `up and down by processor, ${['by a metric of the pods', ...more].join(', ')}`;
  },
});

/** Busy pods ask for a tenth of what they take. */
async function byProcessor(context: CheckContext): Promise<void> {
  const name = 'busy';
  const container = (args: string[]): Record<string, unknown> => ({
    ...probeContainer(context, args),
    name: 'server',
    ports: [],
    readinessProbe: null,
    resources: { requests: { cpu: '20m', memory: '32Mi' }, limits: { cpu: '200m', memory: '128Mi' } },
  });
  const busy = container(['burn', '--cpu', '1', '--for', '24h']);
  await deployAndAwait(context, { name, replicas: 1, container: busy }, 3 * 60_000);
  const target = { type: 'Utilization', averageUtilization: 100 };
  await context.kube.create(
    horizontalPodAutoscalers,
    autoscalerOf(context, name, { type: 'Resource', resource: { name: 'cpu', target } }),
  );
  await untilReplicas(context, name, most, 'under load');
  await context.kube.patch(deployments, context.namespace, name, {
    type: 'json',
    body: [{ op: 'replace', path: '/spec/template/spec/containers/0/args', value: ['sleep', '--for', 'forever'] }],
  });
  await untilReplicas(context, name, 1, 'without load');
}

async function byMetric(context: CheckContext): Promise<void> {
  const name = 'measured';
  const container = {
    ...probeContainer(context, ['serve', '--http', String(webPort), '--metric', `${metric}=10`]),
    name: 'server',
    ports: [{ containerPort: webPort, name: 'http' }],
    readinessProbe: { httpGet: { path: '/readyz', port: webPort }, periodSeconds: 2 },
  };
  await context.kube.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: context.namespace },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: webPort, protocol: 'TCP' }] },
  });
  // As kube-metrics-adapter reads it; other adapters find the metric by their own rules.
  const annotations = {
    'metric-config.pods.clm-e2e-load.json-path/path': '/metrics',
    'metric-config.pods.clm-e2e-load.prometheus/port': String(webPort),
    'prometheus.io/scrape': 'true',
    'prometheus.io/port': String(webPort),
  };
  await deployAndAwait(context, { name, replicas: 1, container, annotations }, 3 * 60_000);
  const target = { type: 'AverageValue', averageValue: '5' };
  const autoscaler = autoscalerOf(context, name, { type: 'Pods', pods: { metric: { name: metric }, target } });
  await context.kube.create(horizontalPodAutoscalers, {
    ...autoscaler,
    metadata: { ...autoscaler.metadata, annotations },
  });
  await untilReplicas(context, name, most, 'under load');
  // Each of them says it by itself: the service is asked until all have heard it.
  const url = `http://${name}/metric/${metric}?value=1`;
  const args = ['http', '--method', 'PUT', '--url', url, '--count', '40', '--interval', '100ms'];
  await probe(context, { name: 'calm', args });
  await untilReplicas(context, name, 1, 'without load');
}

/** Which of the others there are, the cluster says: adapters find them by rules of their own. */
async function byOthers(context: CheckContext): Promise<string[]> {
  const kinds = (context.settings.get('hpa_metrics') ?? '').split(/[\s,]+/);
  const done: string[] = [];
  if (kinds.includes('object') || kinds.includes('external')) await meter(context);
  for (const kind of ['object', 'external'] as const) {
    const what = `by ${kind === 'object' ? 'a metric of a service' : 'a number from outside'}`;
    if (!kinds.includes(kind)) {
      context.note(what, 'skipped', `CONFIG_MISSING: e2e_hpa_metrics does not name ${kind}`);
      continue;
    }
    await context.step(what, () => following(context, kind));
    done.push(what);
  }
  return done;
}

/** One server whose numbers others are scaled by. */
async function meter(context: CheckContext): Promise<void> {
  const name = 'meter';
  await context.kube.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: context.namespace },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: webPort, protocol: 'TCP' }] },
  });
  const container = {
    ...probeContainer(context, ['serve', '--http', String(webPort), '--metric', `${metric}=0`]),
    name: 'server',
    ports: [{ containerPort: webPort, name: 'http' }],
    readinessProbe: { httpGet: { path: '/readyz', port: webPort }, periodSeconds: 2 },
  };
  const annotations = { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(webPort) };
  await deployAndAwait(context, { name, replicas: 1, container, annotations }, 3 * 60_000);
}

/** Pods that are idle themselves follow the meter. */
async function following(context: CheckContext, kind: 'object' | 'external'): Promise<void> {
  const name = `by-${kind}`;
  await says(context, kind, 10);
  await deployAndAwait(context, { name, replicas: 1 }, 3 * 60_000);
  const target = { type: 'Value', value: '5' };
  const describedObject = { apiVersion: 'v1', kind: 'Service', name: 'meter' };
  const selector = { matchLabels: { type: 'json-path' } };
  const measured =
    kind === 'object'
      ? { type: 'Object', object: { metric: { name: metric }, describedObject, target } }
      : { type: 'External', external: { metric: { name: outside, selector }, target } };
  const autoscaler = autoscalerOf(context, name, measured);
  // As kube-metrics-adapter reads it.
  const annotations = {
    [`metric-config.external.${outside}.json-path/endpoint`]: `http://meter.${context.namespace}/progress`,
    [`metric-config.external.${outside}.json-path/json-key`]: '$.value',
  };
  await context.kube.create(horizontalPodAutoscalers, {
    ...autoscaler,
    metadata: { ...autoscaler.metadata, ...(kind === 'external' ? { annotations } : {}) },
  });
  await untilReplicas(context, name, most, 'under load');
  await says(context, kind, 1);
  await untilReplicas(context, name, 1, 'without load');
}

async function says(context: CheckContext, kind: 'object' | 'external', value: number): Promise<void> {
  const args =
    kind === 'object'
      ? ['--method', 'PUT', '--url', `http://meter/metric/${metric}?value=${value}`]
      : ['--method', 'POST', '--url', 'http://meter/progress', '--body', JSON.stringify({ value })];
  await probe(context, { name: `say-${kind}-${value}`, args: ['http', '--retry-for', '30s', ...args] });
}

function autoscalerOf(context: CheckContext, name: string, measured: object): KubeObject {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name, namespace: context.namespace },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      minReplicas: 1,
      maxReplicas: most,
      metrics: [measured],
      // The usual five minutes are for workloads that matter.
      behavior: { scaleDown: { stabilizationWindowSeconds: 0 } },
    },
  };
}

async function untilReplicas(context: CheckContext, name: string, wanted: number, when: string): Promise<void> {
  const from = context.clock.now();
  const selector = { namespace: context.namespace, fieldSelector: `metadata.name=${name}` };
  const direction = wanted === 1 ? 'down' : 'up';
  await explained(context, () =>
    context.until(`${wanted} pods of ${name} ${when}`, deployments, selector, withinMs, ([found]) => {
      const replicas = Number(found?.spec?.replicas ?? 1);
      const ready = Number(found?.status?.readyReplicas ?? 0);
      if (replicas === wanted && ready === wanted) return undefined;
      return `${replicas} are wanted, ${ready} are ready`;
    }),
  ).catch(async (error: unknown) => {
    const said = await wordsOf(context, name);
    if (error instanceof Error && said !== '') error.message += `; its autoscaler says ${said}`;
    throw error;
  });
  context.measure('hpa_seconds', (context.clock.now() - from) / 1000, { direction });
}

async function wordsOf(context: CheckContext, name: string): Promise<string> {
  const found = await context.kube.get(horizontalPodAutoscalers, context.namespace, name).catch(() => undefined);
  const conditions = (found?.status?.conditions ?? []) as {
    type: string;
    status: string;
    reason?: string;
    message?: string;
  }[];
  return conditions
    .filter((one) => one.status === 'False')
    .map((one) => `${one.type}: ${one.reason ?? ''}: ${one.message ?? ''}`)
    .join('; ');
}
