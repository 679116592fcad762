/** Parts that the contexts of several machines have in common. Plain JSON: they are stored in rows. */
import { z } from 'zod';
import type { GateRecord } from '../domain/gate.ts';
import type { Finish } from '../domain/pipeline.ts';
import type { StoredFailure, StoredPause, StoredWait } from '../domain/stored.ts';

export const storedFailure = z.object({
  kind: z.enum(['transient', 'terminal']),
  code: z.string(),
  message: z.string(),
});

/** Why a process waits; `since` is decision time, epoch ms, of the first wait with this code. */
export const storedWait = z.object({
  code: z.string(),
  message: z.string(),
  since: z.number(),
  data: z.unknown().optional(),
});

/** Who paused it and why; `expiresAt` null = until somebody resumes it. */
export const storedPause = z.object({
  by: z.string(),
  reason: z.string(),
  expiresAt: z.number().nullable(),
  finish: z.literal('pool').optional(),
});

export type { StoredFailure, StoredPause, StoredWait };

/** What a gate said when it was asked last. */
export const storedGate = z.object({
  name: z.string(),
  state: z.enum(['open', 'closed', 'inconclusive']),
  reason: z.string(),
  openedBy: z.string(),
  earliest: z.number().nullable(),
  since: z.number(),
  unansweredSince: z.number().nullable(),
}) satisfies z.ZodType<GateRecord>;

/** The wait after one more STEP_WAITING: `since` is kept while the code stays the same. */
export function nextWait(
  previous: StoredWait | null,
  reason: { code: string; message: string; data?: unknown },
  now: number,
): StoredWait {
  const since = previous !== null && previous.code === reason.code ? previous.since : now;
  return {
    code: reason.code,
    message: reason.message,
    since,
    ...(reason.data === undefined ? {} : { data: reason.data }),
  };
}

/** A failure without what only the engine needs. */
export function keepFailure(failure: { kind: 'transient' | 'terminal'; code: string; message: string }): StoredFailure {
  return { kind: failure.kind, code: failure.code, message: failure.message };
}

export function pauseOf(event: { by: string; reason: string; expiresAt?: number; finish?: Finish }): StoredPause {
  const { by, reason, expiresAt = null, finish } = event;
  return { by, reason, expiresAt, ...(finish === 'pool' ? { finish } : {}) };
}
