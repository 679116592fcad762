import { z } from 'zod';
import type { DecommissionInput, DecommissionState } from '../../domain/decommission.ts';
import { storedFailure, storedWait } from '../stored-shapes.ts';

const decommissionInput = z.object({
  clusterId: z.string(),
  channel: z.string(),
}) satisfies z.ZodType<DecommissionInput>;

const poolDrain = z.object({
  child: z.string(),
  round: z.number().int(),
  state: z.enum(['running', 'rolled', 'aborted', 'failed']),
  reason: z.string().nullable(),
  blocked: z.string().nullable(),
});

export const decommissionContext = decommissionInput.extend({
  requestedAt: z.number(),
  asked: z.string().nullable(),
  since: z.number(),
  removed: z.array(z.string()),
  drains: z.record(z.string(), poolDrain),
  paused: z.boolean(),
  wait: storedWait.nullable(),
  failure: storedFailure.nullable(),
}) satisfies z.ZodType<DecommissionState>;
