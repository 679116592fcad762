/** What is asked about node rolls, and answered. */
import { z } from 'zod';
import { reason } from './schemas.ts';

const day = 86_400;
const name = z.string().min(1, 'is empty').max(256);
const forSeconds = (most: number, usual: number) =>
  z
    .int()
    .min(1)
    .max(most, `is longer than ${most / day} days`)
    .default(usual);

/** One thing done to the rolls of a cluster; `pool` absent = all that are under way. */
export const rollBody = z.discriminatedUnion('action', [
  z.strictObject({
    action: z.literal('pause'),
    cluster: name,
    pool: name.optional(),
    reason,
    forSeconds: forSeconds(30 * day, day),
  }),
  z.strictObject({
    action: z.enum(['resume', 'abort', 'rollback']),
    cluster: name,
    pool: name.optional(),
    reason,
  }),
  z.strictObject({
    action: z.literal('skip'),
    cluster: name,
    node: name,
    reason,
    forSeconds: forSeconds(30 * day, day),
  }),
  z.strictObject({ action: z.literal('unskip'), cluster: name, node: name, reason }),
  z.strictObject({
    action: z.literal('force-drain'),
    cluster: name,
    reason,
    /** Short: it lets clm delete pods that their budgets hold. */
    forSeconds: forSeconds(7 * day, 6 * 3600),
  }),
  z.strictObject({ action: z.literal('keep-budgets'), cluster: name, reason }),
]);

export type RollRequest = z.output<typeof rollBody>;
