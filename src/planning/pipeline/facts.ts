/**
 * The documents beside the machines that the pipeline decides on, parsed. A fact that does not parse is not guessed at: readers get
 * undefined, which never counts as evidence.
 */
import { z } from 'zod';
import { waivables } from '../../domain/rollout.ts';
import { parsedOnce } from './parsed-once.ts';

const clusterFact = z.object({
  adopted: z.boolean().default(true),
  /** Cluster version that was recorded last; absent until the first update or a matching adoption. */
  currentVersion: z.string().nullable().default(null),
  commit: z.string().nullable().default(null),
  tree: z.string().nullable().default(null),
  /** Digest over everything that renders; null while an update has begun and not been recorded. */
  digest: z.string().nullable().default(null),
  /** An update has begun to change it, and none was recorded since. */
  touched: z.boolean().default(false),
  /** Only units that are known to be as this digest says: an update takes a unit out before it touches it. */
  digests: z
    .object({
      stacks: z.record(z.string(), z.string()),
      components: z.record(z.string(), z.string()),
      pools: z.record(z.string(), z.string()),
    })
    .default({ stacks: {}, components: {}, pools: {} }),
  /** Pinned at first contact (B1). */
  pinned: z.object({ account: z.string(), region: z.string(), kubeSystemUid: z.string() }).nullable().default(null),
  /** Key of the newest green evidence, and how old it is. */
  evidence: z.object({ key: z.string(), at: z.number(), profile: z.string() }).nullable().default(null),
  updatedAt: z.number().default(0),
});

export type ClusterFact = z.infer<typeof clusterFact>;

export const parseClusterFact = parsedOnce(clusterFact);

/** What is known of a cluster that was never recorded: nothing. */
export function unknownCluster(): ClusterFact {
  return clusterFact.parse({ adopted: false });
}

const evidenceFact = z.object({
  version: z.string(),
  tree: z.string(),
  result: z.enum(['passed', 'failed', 'error']),
  passed: z.number(),
  failed: z.number(),
  failures: z.array(z.object({ check: z.string(), outcome: z.string(), message: z.string() })).default([]),
  /** Checks that failed before the change too. */
  excused: z.array(z.string()).default([]),
  /** When the checks ran; inherited evidence keeps the time of the original. */
  at: z.number(),
  inheritedFrom: z.string().nullable().default(null),
});

export type EvidenceFact = z.infer<typeof evidenceFact>;

export const parseEvidence = parsedOnce(evidenceFact);

export function evidenceKey(clusterId: string, commit: string, attempt: number): string {
  return `${clusterId}/${commit}/${attempt}`;
}

const baselineFact = z.object({
  /** Cluster version that was measured; null = what was there at adoption. */
  version: z.string().nullable(),
  at: z.number(),
  /** null = the checks came to no verdict. */
  failures: z
    .array(z.object({ check: z.string(), outcome: z.string(), message: z.string(), signature: z.string().optional() }))
    .nullable(),
});

/** What the checks said before the last change; `key` is the cluster. */
export const parseBaseline = parsedOnce(baselineFact);

const adoptionFact = z.object({
  actor: z.string(),
  at: z.number(),
  /** Heads at first contact: accepted as they are; `matches` = every cluster ran it already. */
  heads: z.record(z.string(), z.object({ commit: z.string(), tree: z.string(), matches: z.boolean() })).default({}),
});

export type AdoptionFact = z.infer<typeof adoptionFact>;

export const parseAdoption = parsedOnce(adoptionFact);

const channelFact = z.object({
  head: z.string().nullable(),
  lastGood: z.string().nullable(),
  proven: z.string().nullable(),
  subject: z.string().nullable(),
  frozen: z.boolean().default(false),
  problem: z.object({ code: z.string(), message: z.string() }).nullable().default(null),
});

export const parseChannelFact = parsedOnce(channelFact);

const approvalFact = z.object({
  actor: z.string(),
  verdict: z.enum(['approved', 'rejected']),
  reason: z.string(),
  commit: z.string(),
  tree: z.string(),
  at: z.number(),
  expiresAt: z.number().nullable(),
});

export const parseApproval = parsedOnce(approvalFact);

const provenFact = z.object({ commit: z.string(), at: z.number(), adopted: z.boolean().default(false) });

/** `key` is `<channel>/<tree>`. */
export const parseProven = parsedOnce(provenFact);

const lanes = ['normal', 'hotfix', 'rollback', 'bypass'] as const;

const approvedFact = z.object({
  by: z.string(),
  lane: z.enum(lanes).default('normal'),
  waived: z.array(z.enum(waivables)).default([]),
  reason: z.string().default(''),
});

/** Why a head may be on its channel; `key` is `<channel>/<commit>`. */
export const parseApproved = parsedOnce(approvedFact);

const debtFact = z.object({
  commit: z.string(),
  skipped: z.array(z.string()),
  actor: z.string(),
  reason: z.string(),
  at: z.number(),
});

export type DebtFact = z.infer<typeof debtFact>;

/** A debt that cannot be read is still one: it holds promotions until somebody has looked. */
export function parseDebt(fact: { key: string; value: unknown }): DebtFact {
  const parsed = debtFact.safeParse(fact.value);
  const commit = fact.key.slice(fact.key.indexOf('/') + 1);
  return parsed.success ? parsed.data : { commit, skipped: [], actor: 'unknown', reason: 'cannot be read', at: 0 };
}
