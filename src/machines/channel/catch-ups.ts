/** What becomes of a channel's own cluster updates when they report: the reducer's part. */
import type { CatchUp } from '../../domain/channel.ts';
import type { UpdateResult } from '../../domain/cluster-update.ts';

const hourMs = 3_600_000;
const longestWaitMs = 24 * hourMs;

export function afterCatchUp(
  catchUps: Record<string, CatchUp>,
  event: { child: string; cluster: string; output: unknown; now: number },
): Record<string, CatchUp> {
  const known = catchUps[event.cluster];
  if (known === undefined || known.state !== 'inFlight' || !event.child.endsWith(`:${known.attempt}`)) return catchUps;
  const { result, failure } = event.output as UpdateResult;
  const { [event.cluster]: _, ...others } = catchUps;
  if (result !== 'failed') return others;
  const failures = known.failures + 1;
  const retryAt = event.now + Math.min(hourMs * 2 ** (failures - 1), longestWaitMs);
  const message = failure?.message ?? 'it failed';
  return { ...others, [event.cluster]: { ...known, state: 'failed', failures, retryAt, message } };
}
