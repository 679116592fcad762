import { z } from 'zod';
import { storedFailure, storedPause, storedWait } from '../stored-shapes.ts';

export const promotionInput = z.object({
  channel: z.string(),
  target: z.string(),
  commit: z.string(),
  tree: z.string(),
  rolloutId: z.string(),
});

export const promotionContext = promotionInput.extend({
  /** Branch of the target and where it was when the move was decided. */
  branch: z.string().nullable(),
  from: z.string().nullable(),
  paused: storedPause.nullable(),
  /** Why the branch may not move. */
  problem: z.object({ code: z.string(), message: z.string(), since: z.number() }).nullable(),
  /** Commit of the target that already contains this one. */
  containedIn: z.string().nullable(),
  wait: storedWait.nullable(),
  failure: storedFailure.nullable(),
});

export type PromotionInput = z.infer<typeof promotionInput>;
export type PromotionContext = z.infer<typeof promotionContext>;

export type PromotionOutput =
  | { kind: 'cleared'; branch: string; from: string }
  | { kind: 'held'; code: string; message: string }
  | { kind: 'moved' }
  | { kind: 'contained'; in: string }
  | { kind: 'recheck' };
