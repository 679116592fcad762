import { activeChildren, type ClusterUpdateState } from '../../domain/cluster-update.ts';
import type { OutboxMessage } from '../../ports/store.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { done, type UpdateStep, waiting } from './update-step.ts';

const backstopMs = 5 * 60_000;
const pausedLookMs = 60 * 60_000;

/** Children under way are told to stop between two nodes, and waited for: they leave no node cordoned behind. */
export function stopUpdate(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const { context } = input;
    const { stop, clusterId } = context;
    const children = activeChildren(context);
    const untold = stop?.finish === 'pool' ? children.filter((child) => !isRoll(context, child)) : children;
    if (stop !== null && !stop.told && untold.length > 0) {
      const reason = stop.intent === 'superseded' ? `superseded by ${stop.by}` : `the cluster update ${stop.intent}`;
      const messages = untold.map((to): OutboxMessage => ({ to, event: { type: 'ABORT', by: input.id, reason } }));
      return done({ kind: 'told' }, { messages });
    }
    const alive = await stillAlive(deps, children);
    if (alive.length > 0) {
      const message = `${alive.length} parts finish what they have in hand: ${alive.join(', ')}`;
      return waiting({ code: 'children-stopping', message }, input.now + backstopMs);
    }
    deps.sessions.release(clusterId);
    if (stop?.intent === 'failed') return done({ kind: 'stopped' });
    const word =
      stop?.intent === 'superseded' ? `is superseded by ${stop.by.slice(0, 12)}` : `is aborted by ${stop?.by ?? ''}`;
    const message = `the update of ${clusterId} to ${context.commit.slice(0, 12)} ${word}`;
    return done({ kind: 'stopped' }, { journal: [{ kind: `update-${stop?.intent ?? 'aborted'}`, message }] });
  };
}

/** A quarantined part will never report, and must not keep the cluster for ever. */
async function stillAlive(deps: PipelineDependencies, children: string[]): Promise<string[]> {
  const alive: string[] = [];
  for (const child of children) {
    const row = await deps.store.load(child);
    // one that is not there yet has its START on the way, one that has ended its report
    if (row?.status !== 'quarantined') alive.push(child);
  }
  return alive;
}

/** A roll may complete its pool where `finish: pool` says so; other children are told at once. */
function isRoll(context: Pick<ClusterUpdateState, 'rolls'>, child: string): boolean {
  return Object.values(context.rolls).some((roll) => roll.child === child);
}

export function pauseUpdate(): UpdateStep {
  return async (input) => {
    const { context } = input;
    const { paused } = context;
    if (paused?.expiresAt != null && input.now >= paused.expiresAt) return done({ kind: 'resume' });
    const by = paused?.by ?? '';
    const reason = paused?.reason ?? '';
    const untold = activeChildren(context)
      .filter((child) => !context.told.includes(child))
      .filter((child) => paused?.finish !== 'pool' || !isRoll(context, child));
    if (untold.length > 0) {
      const messages = untold.map((to): OutboxMessage => ({ to, event: { type: 'PAUSE', by, reason } }));
      return done({ kind: 'told', told: [...context.told, ...untold] }, { messages });
    }
    const wakeAt = Math.min(paused?.expiresAt ?? Number.POSITIVE_INFINITY, input.now + pausedLookMs);
    return waiting({ code: 'paused', message: `paused by ${by}: ${reason}` }, wakeAt);
  };
}

/** Fails again and again: it keeps trying, slowly, while the others go on. */
export function holdStalled(): UpdateStep {
  return async (input) => {
    const { stall, failure } = input.context;
    if (stall === null || input.now >= stall.retryAt) return done({ kind: 'resume' });
    const message = `fails again and again, is tried again at ${new Date(stall.retryAt).toISOString()}: ${failure?.message ?? ''}`;
    return waiting({ code: 'stalled', message }, stall.retryAt);
  };
}
