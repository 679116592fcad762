/**
 * How far clm has brought a cluster's life, beside what the registry says: a registry may be a file that nobody writes, or be told a
 * moment later. What clm knows goes before a registry that is behind; what people write there goes before what clm knew.
 */
import { z } from 'zod';
import type { Cluster, LifecycleStatus } from '../../domain/cluster.ts';
import type { FactWrite } from '../../ports/store.ts';

/** `key` is the cluster. */
export const lifecycleKind = 'lifecycle';
/** Kind of the journal entries that say the same; their data is the fact. */
export const lifecycleNote = 'cluster-lifecycle';

const lifecycleFact = z.object({
  status: z.enum(['creating', 'ready', 'decommissioned']),
  at: z.number(),
  /** What a decommissioned cluster has left in its account. */
  leftovers: z.array(z.string()).optional(),
});

export type LifecycleFact = z.infer<typeof lifecycleFact>;

export function parseLifecycle(value: unknown): LifecycleFact | undefined {
  const parsed = lifecycleFact.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

export function lifecycleWrite(clusterId: string, fact: LifecycleFact): FactWrite {
  const { status, at, leftovers } = fact;
  return {
    kind: lifecycleKind,
    key: clusterId,
    value: { status, at, ...(leftovers === undefined ? {} : { leftovers }) },
  };
}

/** What the journal of one commit says of its cluster's life. */
export function lifecycleSaid(journal: readonly { kind: string; data: unknown }[]): LifecycleFact | undefined {
  const entry = journal.findLast((one) => one.kind === lifecycleNote);
  return entry === undefined ? undefined : parseLifecycle(entry.data);
}

/** The status that counts. A decommissioned cluster is made anew only when somebody writes `requested`. */
export function effectiveLifecycle(registry: LifecycleStatus, known: LifecycleFact | undefined): LifecycleStatus {
  if (known === undefined) return registry;
  switch (registry) {
    case 'requested':
      return known.status === 'decommissioned' ? 'requested' : known.status;
    case 'creating':
      return known.status;
    case 'ready':
      return known.status;
    case 'decommission-requested':
      return known.status === 'decommissioned' ? 'decommissioned' : 'decommission-requested';
    case 'decommissioned':
      return 'decommissioned';
  }
}

/** The clusters with the status that counts. */
export function withLifecycle(clusters: Cluster[], known: ReadonlyMap<string, LifecycleFact>): Cluster[] {
  if (known.size === 0) return clusters;
  return clusters.map((cluster) => {
    const lifecycleStatus = effectiveLifecycle(cluster.lifecycleStatus, known.get(cluster.id));
    return lifecycleStatus === cluster.lifecycleStatus ? cluster : { ...cluster, lifecycleStatus };
  });
}

/** It is not there yet, or not whole: the channel brings it up by itself, apart from rollouts. */
export function isBeingCreated({ lifecycleStatus }: Pick<Cluster, 'lifecycleStatus'>): boolean {
  return lifecycleStatus === 'requested' || lifecycleStatus === 'creating';
}
