/** Shapes of the routes of end-to-end history. */
import { z } from 'zod';
import { reason } from './schemas.ts';

const name = z.string().min(1).max(300);
const whole = z.string().regex(/^\d+$/, 'must be a whole number').transform(Number);

export const e2eQuery = z.strictObject({
  cluster: name.optional(),
  channel: name.optional(),
  commit: name.optional(),
  profile: name.optional(),
  /** Epoch ms: started at or after. */
  since: whole.optional(),
  limit: whole.pipe(z.int().min(1).max(1000)).default(100),
});

const e2eRun = z.object({
  id: z.string(),
  kind: z.enum(['cluster-update', 'periodic', 'manual', 'conformance', 'imported']),
  profile: z.string(),
  trigger: z.string(),
  channel: z.string(),
  commit: z.string(),
  clusterId: z.string(),
  provider: z.string(),
  region: z.string(),
  environment: z.string(),
  kubernetesVersion: z.string(),
  startedAt: z.number(),
  finishedAt: z.number(),
  verdict: z.enum(['pass', 'flaky', 'fail', 'error', 'cancelled']),
  reason: z.string(),
  runnerVersion: z.string(),
  contact: z.string(),
  headers: z.record(z.string(), z.string()),
});

const e2eResult = z.object({
  runId: z.string(),
  test: z.string(),
  outcome: z.enum(['pass', 'fail', 'flaky', 'skipped', 'blocked', 'timedout', 'error', 'cancelled']),
  attempts: z.number(),
  startedAt: z.number(),
  durationMs: z.number(),
  message: z.string(),
  signature: z.string(),
  skipCode: z.string(),
  leaked: z.number(),
  nodes: z.array(z.string()),
});

export const e2eImportBody = z.object({
  run: e2eRun.extend({ kind: z.literal('imported'), contact: z.string().min(1) }),
  tests: z
    .array(z.object({ key: name, title: z.string(), area: z.string(), gate: z.enum(['blocking', 'informing']) }))
    .max(10_000),
  results: z.array(e2eResult).max(10_000),
});

const longestQuarantineDays = 90;

export const quarantineBody = z.strictObject({
  check: name,
  /** Id or alias; everywhere unless given. */
  cluster: name.optional(),
  reason,
  issue: z.string().max(500).optional(),
  forSeconds: z
    .int()
    .min(60)
    .max(longestQuarantineDays * 86_400, `is longer than ${longestQuarantineDays} days`),
});

export const quarantineEndBody = z.strictObject({ check: name, cluster: name.optional(), reason });

export const quarantinesAnswer = z.object({
  quarantines: z.array(
    z.object({
      check: z.string(),
      cluster: z.string().optional(),
      until: z.number(),
      reason: z.string(),
      actor: z.string(),
      issue: z.string().optional(),
    }),
  ),
});

export const keptQuery = z.strictObject({ cluster: name.optional() });

export const keptAnswer = z.object({
  kept: z.array(
    z.object({
      run: z.string(),
      cluster: z.string(),
      alias: z.string(),
      check: z.string(),
      namespace: z.string(),
      /** Epoch ms. */
      until: z.number(),
    }),
  ),
});

/** Without a check, all that is kept on the cluster. */
export const releaseBody = z.strictObject({ cluster: name, check: name.optional(), reason });

export const e2eRunsAnswer = z.object({ runs: z.array(e2eRun) });
export const e2eRunAnswer = z.object({ run: e2eRun, results: z.array(e2eResult) });
export const e2eResultsAnswer = z.object({
  results: z.array(e2eResult.extend({ clusterId: z.string(), channel: z.string(), commit: z.string() })),
});
export const e2eTestsAnswer = z.object({
  tests: z.array(
    z.object({
      key: z.string(),
      title: z.string(),
      area: z.string(),
      gate: z.enum(['blocking', 'informing']),
      firstSeen: z.number(),
      lastSeen: z.number(),
    }),
  ),
});
