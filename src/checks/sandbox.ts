import { createHash } from 'node:crypto';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { Clock } from '../support/clock.ts';
import { namespaces, resourceQuotas, serviceAccounts } from './resources.ts';
import { untilObjects } from './wait.ts';

/** Nobody's run takes longer: what carries an older stamp may be reaped by anybody. */
const expiresAfterMs = 6 * 3_600_000;
/** No check may take more of a cluster than this, whatever goes wrong in it. */
const mostPods = 60;

/** Eight characters that stand for a run in names and labels. */
export function runKey(runId: string): string {
  return createHash('sha256').update(runId).digest('hex').slice(0, 8);
}

/** Names derive from run, check and attempt, so a rerun after a kill finds what was left without having stored it. */
export function namespaceOf(runId: string, check: string, attempt = 1): string {
  const tail = attempt === 1 ? '' : `-r${attempt}`;
  return `clm-e2e-${runKey(runId)}-${check.replaceAll('.', '-')}`.slice(0, 63 - tail.length) + tail;
}

export function labelsOf(runId: string, check: string): Record<string, string> {
  return { 'clm.e2e/run': runKey(runId), 'clm.e2e/check': check };
}

export interface SandboxInput {
  namespace: string;
  now: number;
  podSecurity: 'privileged' | 'baseline' | 'restricted';
  pods: number;
}

/** The namespace of a check, with the date after which it is litter and a quota that keeps an accident small. */
export async function createSandbox(kube: KubeCluster, input: SandboxInput): Promise<void> {
  await kube.create(namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: input.namespace,
      labels: { 'pod-security.kubernetes.io/enforce': input.podSecurity },
      annotations: { 'clm.e2e/expires-at': new Date(input.now + expiresAfterMs).toISOString() },
    },
  });
  await kube.create(resourceQuotas, {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'safety', namespace: input.namespace },
    spec: {
      hard: {
        pods: String(Math.max(input.pods, mostPods)),
        persistentvolumeclaims: '10',
        'services.loadbalancers': '3',
      },
    },
  });
}

/** Controllers need a moment; one that is longer than this is nobody. */
const furnishedWithinMs = 30_000;

/** Waits for the service account without which the API server takes no pod. Throws CheckTimedOut when nobody makes it. */
export async function untilFurnished(input: {
  kube: KubeCluster;
  clock: Clock;
  signal: AbortSignal;
  namespace: string;
}): Promise<void> {
  await untilObjects({
    ...input,
    what: `the service account of namespace ${input.namespace}`,
    resource: serviceAccounts,
    options: { namespace: input.namespace, fieldSelector: 'metadata.name=default' },
    withinMs: furnishedWithinMs,
    judge: (items) => (items.length > 0 ? undefined : 'nobody has made it'),
  });
}
