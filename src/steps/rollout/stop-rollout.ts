import type { RolloutOutput, RolloutState } from '../../domain/rollout.ts';
import type { StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json, OutboxMessage } from '../../ports/store.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { childrenInFlight } from './update-message.ts';

const backstopMs = 5 * 60_000;
const pausedLookMs = 60 * 60_000;

/** Superseded or aborted: the updates in flight are told, and waited for. */
export function stopRollout(deps: PipelineDependencies) {
  return async (input: StepInput<RolloutState>): Promise<StepOutcome> => {
    const { context } = input;
    const { stop } = context;
    const children = childrenInFlight(context);
    const by = stop?.by ?? '';
    const event: OutboxMessage['event'] =
      input.state === 'superseding'
        ? { type: 'SUPERSEDE', by, ...(stop?.finish === undefined ? {} : { finish: stop.finish }) }
        : { type: 'ABORT', by, reason: stop?.reason ?? 'the rollout was aborted' };
    if (stop !== null && !stop.told && children.length > 0) {
      return done({ kind: 'told', children }, { messages: children.map((to) => ({ to, event })) });
    }
    const alive = await stillAlive(deps, children);
    if (alive.length === 0) {
      const word = input.state === 'superseding' ? `superseded by ${by.slice(0, 12)}` : `aborted by ${by}`;
      const message = `${context.commit.slice(0, 12)} on ${context.channel} is ${word}`;
      return done(
        { kind: 'stopped' },
        { journal: [{ kind: `rollout-${input.state === 'superseding' ? 'superseded' : 'aborted'}`, message }] },
      );
    }
    const message = `${alive.length} cluster updates finish what they have in hand`;
    return {
      kind: 'waiting',
      reason: { code: 'children-stopping', message },
      wakeAt: input.now + backstopMs,
      progress: message,
    };
  };
}

/** A quarantined update will never report, and must not keep the rollout for ever. */
async function stillAlive(deps: PipelineDependencies, children: string[]): Promise<string[]> {
  const alive: string[] = [];
  for (const child of children) {
    const row = await deps.store.load(child);
    // one that is not there yet has its START on the way, one that has ended its report
    if (row?.status !== 'quarantined') alive.push(child);
  }
  return alive;
}

/** Paused: nothing new starts, and what is in flight holds still as soon as it can. */
export function pauseRollout() {
  return async (input: StepInput<RolloutState>): Promise<StepOutcome> => {
    const { context } = input;
    const { paused } = context;
    if (paused?.expiresAt != null && input.now >= paused.expiresAt) {
      return done(
        { kind: 'expired' },
        { journal: [{ kind: 'pause-expired', message: `the pause of ${input.id} is over` }] },
      );
    }
    const untold = childrenInFlight(context).filter((child) => !context.told.includes(child));
    const by = paused?.by ?? '';
    const reason = paused?.reason ?? '';
    if (untold.length > 0) {
      const messages = untold.map((to): OutboxMessage => ({ to, event: { type: 'PAUSE', by, reason } }));
      return done({ kind: 'told', children: untold }, { messages });
    }
    return {
      kind: 'waiting',
      reason: { code: 'paused', message: `paused by ${by}: ${reason}` },
      wakeAt: Math.min(paused?.expiresAt ?? Number.POSITIVE_INFINITY, input.now + pausedLookMs),
      progress: `${by}: ${reason}`,
    };
  };
}

function done(
  output: RolloutOutput,
  effects: { messages?: OutboxMessage[]; journal?: { kind: string; message: string }[] },
): StepOutcome {
  return { kind: 'done', output: output as unknown as Json, ...effects };
}
