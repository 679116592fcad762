import type { StepOutcome } from '../../ports/step.ts';
import type { Json } from '../../ports/store.ts';
import type { RollVisit } from './roll-context.ts';

const longestLookMs = 3_600_000;

/** `hold-roll`: a paused roll waits for somebody, or for the end of its pause. */
export async function holdRoll(visit: RollVisit): Promise<StepOutcome> {
  const { paused, progress, memory, nodesReplaced } = visit.step.context;
  const now = visit.now();
  const kept = { progress, memory, nodesReplaced };
  visit.ledger.leave(visit.step.id);
  if (paused?.expiresAt != null && now >= paused.expiresAt) {
    return { kind: 'done', output: { ...kept, next: 'again', reason: null } as unknown as Json };
  }
  const until = paused?.expiresAt == null ? '' : ` until ${new Date(paused.expiresAt).toISOString()}`;
  return {
    kind: 'waiting',
    reason: { code: 'paused', message: `paused by ${paused?.by ?? 'somebody'}${until}: ${paused?.reason ?? ''}` },
    wakeAt: Math.min(paused?.expiresAt ?? Number.POSITIVE_INFINITY, now + longestLookMs),
    progress: kept as unknown as Json,
  };
}
