import { z } from 'zod';
import type { PromotionInput, PromotionState } from '../../domain/promotion.ts';
import { storedFailure, storedPause, storedWait } from '../stored-shapes.ts';

const promotionInput = z.object({
  channel: z.string(),
  target: z.string(),
  commit: z.string(),
  tree: z.string(),
  rolloutId: z.string(),
}) satisfies z.ZodType<PromotionInput>;

export const promotionContext = promotionInput.extend({
  branch: z.string().nullable(),
  from: z.string().nullable(),
  paused: storedPause.nullable(),
  problem: z.object({ code: z.string(), message: z.string(), since: z.number() }).nullable(),
  containedIn: z.string().nullable(),
  review: z.object({ id: z.string(), url: z.string(), approvedBy: z.array(z.string()).nullable() }).nullable(),
  wait: storedWait.nullable(),
  failure: storedFailure.nullable(),
}) satisfies z.ZodType<PromotionState>;

export type PromotionContext = PromotionState;
