import { createHash } from 'node:crypto';
import { FailureError } from '../domain/failure.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { Clock } from '../support/clock.ts';
import { namespaces } from './resources.ts';
import { untilObjects } from './wait.ts';

/** Decision time that cleaning up may take before what is left counts as leaked. */
const cleanupWithinMs = 3 * 60_000;
/** Nobody's run takes longer: what carries an older stamp may be reaped by anybody. */
const expiresAfterMs = 6 * 3_600_000;

/** Eight characters that stand for a run in names and labels. */
export function runKey(runId: string): string {
  return createHash('sha256').update(runId).digest('hex').slice(0, 8);
}

/** Names derive from run and check, so a rerun after a kill finds what was left without having stored it. */
export function namespaceOf(runId: string, check: string): string {
  return `clm-e2e-${runKey(runId)}-${check.replaceAll('.', '-')}`.slice(0, 63);
}

export function labelsOf(runId: string, check: string): Record<string, string> {
  return { 'clm.e2e/run': runKey(runId), 'clm.e2e/check': check };
}

export async function createSandbox(kube: KubeCluster, runId: string, check: string, now: number): Promise<void> {
  const expires = new Date(now + expiresAfterMs).toISOString();
  await kube.create(namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: namespaceOf(runId, check),
      labels: { ...labelsOf(runId, check), 'pod-security.kubernetes.io/enforce': 'baseline' },
      annotations: { 'clm.e2e/expires-at': expires },
    },
  });
}

/** Deletes every namespace of the run (of one check when given) and waits until they are gone; returns what stayed. */
export async function removeSandboxes(
  kube: KubeCluster,
  clock: Clock,
  signal: AbortSignal,
  runId: string,
  check?: string,
): Promise<string[]> {
  const labelSelector = `clm.e2e/run=${runKey(runId)}${check === undefined ? '' : `,clm.e2e/check=${check}`}`;
  const { items } = await kube.list(namespaces, { labelSelector });
  if (items.length === 0) return [];
  for (const item of items) {
    if (item.metadata.deletionTimestamp) continue;
    const uid = item.metadata.uid;
    await kube.delete(namespaces, undefined, item.metadata.name, uid === undefined ? {} : { uid });
  }
  let left: string[] = [];
  try {
    await untilObjects({
      kube,
      clock,
      signal,
      what: 'namespaces of the run gone',
      resource: namespaces,
      options: { labelSelector },
      withinMs: cleanupWithinMs,
      judge: (found) => {
        left = found.map((item) => `namespace/${item.metadata.name}`);
        return left.length === 0 ? undefined : `left: ${left.join(', ')}`;
      },
    });
    return [];
  } catch (error) {
    if (signal.aborted) throw error;
    if (error instanceof FailureError && error.failure.kind === 'terminal') throw error;
    return left;
  }
}
