/** Nodes that nobody lives in: objects that say Ready, and no kubelet that renews their lease. */
import { FailureError } from '../domain/failure.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { Clock } from '../support/clock.ts';
import { pause } from './pause.ts';
import { leases, nodes } from './resources.ts';

/** Kubelets renew every 10 s; a lease that is older than this by our clock, which may be another, is looked at twice. */
const suspiciousMs = 2 * 60_000;
/** Long enough for two renewals. */
const lookAgainAfterMs = 25_000;

/**
 * Names of nodes whose lease is missing, or was not renewed while this looked. Costs 25 s of decision time where a lease looks old,
 * else one list. Whoever may not list leases learns nothing: then no node counts as silent.
 */
export async function silentNodes(kube: KubeCluster, clock: Clock): Promise<ReadonlySet<string>> {
  const names = (await kube.list(nodes)).items.map((node) => node.metadata.name);
  const first = await renewals(kube);
  if (first === undefined) return new Set();
  const suspects = names.filter((name) => {
    const renewedAt = Date.parse(first.get(name) ?? '');
    return Number.isNaN(renewedAt) || clock.now() - renewedAt >= suspiciousMs;
  });
  if (suspects.length === 0) return new Set();
  await pause(clock, lookAgainAfterMs, new AbortController().signal);
  const second = await renewals(kube);
  if (second === undefined) return new Set();
  return new Set(suspects.filter((name) => second.get(name) === first.get(name)));
}

/** Renewal times by node, as the cluster writes them; undefined when they may not be read. */
async function renewals(kube: KubeCluster): Promise<Map<string, string> | undefined> {
  try {
    const { items } = await kube.list(leases, { namespace: 'kube-node-lease' });
    return new Map(items.map((lease) => [lease.metadata.name, String(lease.spec?.renewTime ?? '')]));
  } catch (error) {
    if (error instanceof FailureError && error.failure.code === 'kube-forbidden') return undefined;
    throw error;
  }
}
