import { z } from 'zod';

const checkResult = z.object({
  check: z.string(),
  /** What only informs never blocks. */
  gate: z.enum(['blocking', 'informing']),
  outcome: z.enum(['pass', 'fail', 'flaky', 'skipped', 'blocked', 'timedout', 'error', 'cancelled']),
  message: z.string(),
  skipCode: z.string().optional(),
  startedAt: z.number(),
  durationMs: z.number(),
  attempts: z.number().int(),
  leaked: z.array(z.string()),
  odds: z.string().optional(),
  /** Failures that say the same share it. */
  signature: z.string().optional(),
});

export const e2eRunInput = z.object({
  clusterId: z.string(),
  channel: z.string(),
  commit: z.string(),
  version: z.string(),
  updateId: z.string(),
  attempt: z.number().int(),
  profile: z.string(),
  /** `baseline`: before the change; `mid-roll`: while nodes are replaced; neither is evidence for a version. */
  purpose: z.enum(['verify', 'baseline', 'mid-roll']).optional(),
  /** Epoch ms: nodes made since then are new ones. */
  newSince: z.number().optional(),
  /** New nodes that have to be looked at, whenever they were made: each is the first of its pool. */
  newNodes: z.array(z.string()).max(20).optional(),
});

/** How many times checks that ended `error` (no verdict) are run again before the run ends `error`. */
export const maxRounds = 3;

export const e2eRunContext = e2eRunInput.extend({
  /** Round of the run: errors of the tool or the infrastructure lead to another one. */
  round: z.number().int(),
  startedAt: z.number(),
  /** Kept over restarts, so that a finished check is not run twice. */
  results: z.array(checkResult).max(100),
  running: z.array(z.string()).max(100),
  /** When the run is going to end, as far as is known. */
  endsAt: z.number(),
  total: z.number().int(),
  failures: z.number().int(),
  wait: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** Set on entering a final state. */
  result: z.enum(['passed', 'failed', 'error']).nullable(),
  failure: z.object({ kind: z.enum(['transient', 'terminal']), code: z.string(), message: z.string() }).nullable(),
});

export type E2eRunInput = z.infer<typeof e2eRunInput>;
export type E2eRunContext = z.infer<typeof e2eRunContext>;
export type StoredCheckResult = z.infer<typeof checkResult>;
