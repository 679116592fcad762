import { z } from 'zod';
import type { BisectInput, BisectState } from '../../domain/bisect.ts';
import { storedFailure, storedWait } from '../stored-shapes.ts';

const bisectInput = z.object({
  channel: z.string(),
  commit: z.string(),
  tree: z.string(),
  rolloutId: z.string(),
}) satisfies z.ZodType<BisectInput>;

const candidate = z.object({ commit: z.string(), tree: z.string() });
const trial = z.object({
  commit: z.string(),
  cluster: z.string(),
  attempt: z.number().int(),
  result: z.enum(['inFlight', 'passed', 'failed', 'none']),
});

export const bisectContext = bisectInput.extend({
  good: candidate.nullable(),
  candidates: z.array(candidate).max(200).nullable(),
  clusters: z.array(z.object({ id: z.string(), code: z.string() })).max(1000),
  trials: z.array(trial).max(100),
  limits: z.object({ clusters: z.number().int(), attempts: z.number().int() }),
  verdict: z
    .object({
      kind: z.enum(['culprit', 'inconclusive', 'cancelled']),
      message: z.string(),
      culprit: z.string().nullable(),
      revert: z.string().nullable(),
    })
    .nullable(),
  wait: storedWait.nullable(),
  failure: storedFailure.nullable(),
}) satisfies z.ZodType<BisectState>;
