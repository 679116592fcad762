import type { KubeObject } from '../../domain/kube-object.ts';
import type { CheckContext } from '../contract.ts';
import { deployments, events, nodes, pods } from '../resources.ts';

/** A small server image that every cluster can pull; `e2e_image` in the registry replaces it (air-gapped clusters). */
const defaultImage = 'nginx:1.27-alpine';
const warningsNamed = 3;

export interface SampleOptions {
  name: string;
  replicas: number;
  /** Pods on distinct nodes, spread over zones. */
  spread: boolean;
}

/** A deployment whose selectors really select its pods: spreading rules without a selector spread nothing. */
export function sampleDeployment(context: CheckContext, options: SampleOptions): KubeObject {
  const labels = { ...context.labels, app: options.name };
  const matchLabels = { app: options.name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: options.name, namespace: context.namespace, labels },
    spec: {
      replicas: options.replicas,
      selector: { matchLabels },
      template: {
        metadata: { labels },
        spec: {
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 5,
          containers: [
            {
              name: 'server',
              image: context.cluster.configItems['e2e_image'] ?? defaultImage,
              ports: [{ containerPort: 80, name: 'http' }],
              readinessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 2 },
              resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
            },
          ],
          ...(options.spread ? spreading(matchLabels) : {}),
        },
      },
    },
  };
}

function spreading(matchLabels: Record<string, string>): Record<string, unknown> {
  return {
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'topology.kubernetes.io/zone',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels },
      },
    ],
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels } },
        ],
      },
    },
  };
}

/** Nodes that take a pod without special tolerations. */
export async function schedulableNodes(context: CheckContext): Promise<KubeObject[]> {
  const { items } = await context.kube.list(nodes);
  return items.filter((node) => {
    const taints: { effect: string }[] = node.spec?.taints ?? [];
    const conditions: { type: string; status: string }[] = node.status?.conditions ?? [];
    const ready = conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
    return ready && !node.spec?.unschedulable && !taints.some((taint) => taint.effect !== 'PreferNoSchedule');
  });
}

export function isReady(pod: KubeObject): boolean {
  const conditions: { type: string; status: string }[] = pod.status?.conditions ?? [];
  return !pod.metadata.deletionTimestamp && conditions.some((c) => c.type === 'Ready' && c.status === 'True');
}

/** What keeps a pod from being ready, as far as its own status says so. */
function whyNotReady(pod: KubeObject): string | undefined {
  if (isReady(pod)) return undefined;
  const statuses: { state?: { waiting?: { reason?: string; message?: string } } }[] =
    pod.status?.containerStatuses ?? [];
  const waiting = statuses.map((status) => status.state?.waiting).find((state) => state?.reason !== undefined);
  if (waiting) return `${pod.metadata.name}: ${[waiting.reason, waiting.message].filter(Boolean).join(': ')}`;
  const conditions: { type: string; status: string; reason?: string; message?: string }[] =
    pod.status?.conditions ?? [];
  const unscheduled = conditions.find((one) => one.type === 'PodScheduled' && one.status === 'False');
  return unscheduled && `${pod.metadata.name}: ${unscheduled.reason ?? 'not scheduled'}: ${unscheduled.message ?? ''}`;
}

/** Creates it and waits for all of its pods; a time-out names the warnings that the cluster gave. */
export async function deployAndAwait(
  context: CheckContext,
  options: SampleOptions,
  withinMs: number,
): Promise<KubeObject[]> {
  await context.kube.create(deployments, sampleDeployment(context, options));
  try {
    return await context.until(
      `${options.replicas} ready pods of ${options.name}`,
      pods,
      { namespace: context.namespace, labelSelector: `app=${options.name}` },
      withinMs,
      (items) => {
        const ready = items.filter(isReady).length;
        if (ready === options.replicas && items.length === options.replicas) return undefined;
        const why = items.map(whyNotReady).find((reason) => reason !== undefined);
        return `${ready} of ${items.length} pods are ready${why === undefined ? '' : `; ${why}`}`;
      },
    );
  } catch (error) {
    const warnings = await recentWarnings(context);
    if (error instanceof Error && warnings) error.message += `; ${warnings}`;
    throw error;
  }
}

async function recentWarnings(context: CheckContext): Promise<string> {
  try {
    const { items } = await context.kube.list(events, { namespace: context.namespace });
    return items
      .filter((event) => event.type === 'Warning')
      .slice(-warningsNamed)
      .map((event) => `${event.reason}: ${event.message}`)
      .join('; ');
  } catch {
    // Collecting is a courtesy: the wait's own answer is the verdict.
    return '';
  }
}
