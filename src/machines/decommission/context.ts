import { z } from 'zod';
import type { DecommissionInput, DecommissionState } from '../../domain/decommission.ts';
import { storedFailure, storedWait } from '../stored-shapes.ts';

const decommissionInput = z.object({
  clusterId: z.string(),
  channel: z.string(),
}) satisfies z.ZodType<DecommissionInput>;

export const decommissionContext = decommissionInput.extend({
  requestedAt: z.number(),
  asked: z.string().nullable(),
  since: z.number(),
  removed: z.array(z.string()),
  wait: storedWait.nullable(),
  failure: storedFailure.nullable(),
}) satisfies z.ZodType<DecommissionState>;
