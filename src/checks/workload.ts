import type { KubeObject } from '../domain/kube-object.ts';
import { type CheckContext, CheckFailed, CheckInterrupted } from './contract.ts';
import { deployments, events, pods } from './resources.ts';

const warningsNamed = 3;

export interface SampleOptions {
  name: string;
  replicas: number;
  /** Pods on distinct nodes, spread over zones. */
  spread?: boolean;
  /** Changes of the pod template beside the usual: image, volumes, strategy and the like. */
  pod?: Record<string, unknown>;
  container?: Record<string, unknown>;
  strategy?: Record<string, unknown>;
  annotations?: Record<string, string>;
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
      ...(options.strategy === undefined ? {} : { strategy: options.strategy }),
      template: {
        metadata: { labels, ...(options.annotations === undefined ? {} : { annotations: options.annotations }) },
        spec: {
          ...samplePodSpec(context, options.container),
          ...(options.spread ? spreading(matchLabels) : {}),
          ...options.pod,
        },
      },
    },
  };
}

/** A small server that answers on port 80. */
export function samplePodSpec(context: CheckContext, container: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 5,
    containers: [
      {
        name: 'server',
        image: context.settings.serverImage,
        ports: [{ containerPort: 80, name: 'http' }],
        readinessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 2 },
        resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
        ...container,
      },
    ],
  };
}

function spreading(matchLabels: Record<string, string>): Record<string, unknown> {
  return {
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'topology.kubernetes.io/zone',
        // The scheduler's own word: where it cannot spread them, it says why, and a mere preference proves nothing.
        whenUnsatisfiable: 'DoNotSchedule',
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

export function isReady(pod: KubeObject): boolean {
  const conditions: { type: string; status: string }[] = pod.status?.conditions ?? [];
  return !pod.metadata.deletionTimestamp && conditions.some((c) => c.type === 'Ready' && c.status === 'True');
}

/** Why something outside the check took this pod away, or undefined: an eviction or a lost node is no verdict. */
export function takenAway(pod: KubeObject): string | undefined {
  const conditions: { type: string; status: string; reason?: string; message?: string }[] =
    pod.status?.conditions ?? [];
  const disrupted = conditions.find((one) => one.type === 'DisruptionTarget' && one.status === 'True');
  if (disrupted) return `${pod.metadata.name}: ${disrupted.reason ?? 'disrupted'}`;
  const reason: unknown = pod.status?.reason;
  if (reason === 'Evicted' || reason === 'NodeLost' || reason === 'Preempting' || reason === 'Shutdown') {
    return `${pod.metadata.name}: ${reason}`;
  }
  return undefined;
}

/** Throws CheckInterrupted when one of the pods was taken away. */
export function mustNotBeTaken(items: KubeObject[]): void {
  const taken = items.map(takenAway).find((why) => why !== undefined);
  if (taken !== undefined) throw new CheckInterrupted(`a pod of the check was taken away: ${taken}`);
}

const unpullable = new Set(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull']);
/** Characters of a container's last message that are repeated. */
const longestEnd = 200;
const notPulled = (image: string): string => `the image ${image} cannot be pulled`;

interface ContainerEnd {
  exitCode?: number;
  signal?: number;
  reason?: string;
  message?: string;
}

interface ContainerStatus {
  name?: string;
  restartCount?: number;
  state?: { waiting?: { reason?: string; message?: string }; running?: object; terminated?: ContainerEnd };
  lastState?: { terminated?: ContainerEnd };
}

const joined = (...parts: (string | undefined)[]): string => parts.filter(Boolean).join(': ');
const endOf = (status: ContainerStatus): ContainerEnd | undefined =>
  status.state?.terminated ?? status.lastState?.terminated;

/** `container main ended 3 times, last with exit code 1 (Error: no such file)` */
function endedWhy(status: ContainerStatus): string {
  const end = endOf(status) ?? {};
  const ends = (status.restartCount ?? 0) + (status.state?.terminated === undefined ? 0 : 1);
  const how = end.signal === undefined ? `exit code ${end.exitCode ?? 'unknown'}` : `signal ${end.signal}`;
  const why = joined(end.reason, end.message?.slice(0, longestEnd).trim());
  const times = ends > 1 ? ` ${ends} times, last` : '';
  return `container ${status.name ?? ''} ended${times} with ${how}${why === '' ? '' : ` (${why})`}`;
}

/** What keeps a pod from being ready, as far as its own status says so. */
export function whyPodNotReady(pod: KubeObject): string | undefined {
  if (isReady(pod)) return undefined;
  const statuses: ContainerStatus[] = pod.status?.containerStatuses ?? [];
  const waiting = statuses.map((status) => status.state?.waiting).find((state) => state?.reason !== undefined);
  if (waiting && unpullable.has(waiting.reason ?? '')) {
    const image = pod.spec?.containers?.[0]?.image as string | undefined;
    return `${pod.metadata.name}: ${joined(waiting.reason, waiting.message)}: ${notPulled(image ?? '')}`;
  }
  // Between two starts of a container that keeps ending it is not waiting; how it ended says more than that it waits.
  const ended = statuses.find((status) => endOf(status) !== undefined);
  const said = [waiting && joined(waiting.reason, waiting.message), ended && endedWhy(ended)].filter(Boolean);
  if (said.length > 0) return `${pod.metadata.name}: ${said.join('; ')}`;
  const conditions: { type: string; status: string; reason?: string; message?: string }[] =
    pod.status?.conditions ?? [];
  const unscheduled = conditions.find((one) => one.type === 'PodScheduled' && one.status === 'False');
  return unscheduled && `${pod.metadata.name}: ${unscheduled.reason ?? 'not scheduled'}: ${unscheduled.message ?? ''}`;
}

/** Waits until exactly `count` pods of the selector are there and ready. */
export function untilReady(
  context: CheckContext,
  selector: string,
  count: number,
  withinMs: number,
): Promise<KubeObject[]> {
  return explained(context, () =>
    context.until(
      `${count} ready pods of ${selector}`,
      pods,
      { namespace: context.namespace, labelSelector: selector },
      withinMs,
      (items) => {
        mustNotBeTaken(items);
        const ready = items.filter(isReady).length;
        if (ready === count && items.length === count) return undefined;
        const why = items.map(whyPodNotReady).find((reason) => reason !== undefined);
        return `${ready} of ${items.length} pods are ready${why === undefined ? '' : `; ${why}`}`;
      },
    ),
  );
}

/** Creates it and waits for all of its pods; a time-out names the warnings that the cluster gave. */
export async function deployAndAwait(
  context: CheckContext,
  options: SampleOptions,
  withinMs: number,
): Promise<KubeObject[]> {
  const from = context.clock.now();
  await context.kube.create(deployments, sampleDeployment(context, options));
  const items = await untilReady(context, `app=${options.name}`, options.replicas, withinMs);
  context.measure('action_duration_seconds', (context.clock.now() - from) / 1000, {
    resource: 'Deployment',
    action: 'create',
  });
  return items;
}

/** Waits until no pod of the selector is left. */
export async function untilNoPods(context: CheckContext, selector: string, withinMs: number): Promise<void> {
  await context.until(
    `the pods of ${selector} gone`,
    pods,
    { namespace: context.namespace, labelSelector: selector },
    withinMs,
    (left) => (left.length === 0 ? undefined : `${left.length} pods are left`),
  );
}

const probeRemedy =
  'The probe program of clm must be in a registry that the nodes reach: docker build -t REGISTRY/clm-probe:1 deploy/probe, push it, ' +
  'and name it: --set probe_image=REGISTRY/clm-probe:1, or the config item e2e_probe_image';

/** The wait's own error, with the cluster's recent warnings behind it. */
export async function explained<T>(context: CheckContext, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const warnings = error instanceof CheckInterrupted ? '' : await recentWarnings(context);
    if (error instanceof Error) {
      if (warnings) error.message += `; ${warnings}`;
      if (error.message.includes(notPulled(context.settings.probeImage))) error.message += `. ${probeRemedy}`;
    }
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

/** Zones of the nodes with these names. */
export async function zonesOfNodes(context: CheckContext, nodeNames: ReadonlySet<string>): Promise<string[]> {
  const found = await context.facts.schedulableNodes();
  const zones = found
    .filter((node) => nodeNames.has(node.metadata.name))
    .map((node) => node.metadata.labels?.['topology.kubernetes.io/zone'] ?? '');
  return [...new Set(zones)].sort();
}

/** Changes the number of replicas through the scale subresource. */
export async function scale(
  context: CheckContext,
  resource: typeof deployments,
  name: string,
  replicas: number,
): Promise<void> {
  await context.kube.patch(
    resource,
    context.namespace,
    name,
    { type: 'merge', body: { spec: { replicas } } },
    { subresource: 'scale' },
  );
}

/** Pods on nodes of their own, whatever the anti-affinity said. */
export function mustShareNoNode(items: KubeObject[]): Set<string> {
  const nodeNames = new Set(items.map((pod) => String(pod.spec?.nodeName)));
  if (nodeNames.size < items.length) {
    throw new CheckFailed(`${items.length} pods that exclude each other share nodes: ${[...nodeNames].join(', ')}`);
  }
  return nodeNames;
}
