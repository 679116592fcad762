/**
 * What a cluster's last versions were rendered from: commit, and the cluster as the registry had it. Rendering is pure, so this is all
 * that is needed to say what was applied; a digest tells whether the answer is right.
 */
import { z } from 'zod';
import type { Cluster } from '../../domain/cluster.ts';
import type { FactWrite } from '../../ports/store.ts';

const lifecycle = z.enum(['requested', 'creating', 'ready', 'decommission-requested', 'decommissioned']);
const items = z.record(z.string(), z.string());
const cluster = z.object({
  id: z.string(),
  alias: z.string(),
  localId: z.string(),
  infrastructureAccount: z.string(),
  region: z.string(),
  provider: z.string(),
  apiServerUrl: z.string(),
  channel: z.string(),
  environment: z.string(),
  criticalityLevel: z.number(),
  lifecycleStatus: lifecycle,
  configItems: items,
  nodePools: z.array(
    z.object({
      name: z.string(),
      profile: z.string(),
      instanceTypes: z.array(z.string()),
      discountStrategy: z.enum(['none', 'spot', 'spot_max_price']),
      minSize: z.number(),
      maxSize: z.number(),
      configItems: items,
    }),
  ),
}) satisfies z.ZodType<Cluster>;

const sourceSchema = z.object({ commit: z.string(), cluster, at: z.number() });
const factSchema = z.object({
  /** The version that was recorded last: everything of it was applied. */
  recorded: sourceSchema.nullable(),
  /** Versions of updates that began afterwards and were not recorded, newest first: parts of them may be applied. */
  begun: z.array(sourceSchema),
});

export type AppliedSource = z.infer<typeof sourceSchema>;
export type AppliedSources = z.infer<typeof factSchema>;

export const appliedKind = 'applied';
/** Updates that are superseded one after the other are kept so far back. */
const keptBegun = 4;

export function parseAppliedSources(value: unknown): AppliedSources {
  const parsed = factSchema.safeParse(value);
  return parsed.success ? parsed.data : { recorded: null, begun: [] };
}

/** An update is about to touch the cluster. Idempotent. */
export function withBegun(before: AppliedSources, source: AppliedSource): AppliedSources {
  const others = before.begun.filter((one) => !sameSource(one, source));
  return { ...before, begun: [source, ...others].slice(0, keptBegun) };
}

/** Everything of this version is applied. */
export function asRecorded(source: AppliedSource): AppliedSources {
  return { recorded: source, begun: [] };
}

export function appliedWrite(clusterId: string, sources: AppliedSources): FactWrite {
  return { kind: appliedKind, key: clusterId, value: sources };
}

function sameSource(a: AppliedSource, b: AppliedSource): boolean {
  return a.commit === b.commit && JSON.stringify(a.cluster) === JSON.stringify(b.cluster);
}
