import { describeHold, readOverrides, vetoOn } from '../../planning/pipeline/overrides.ts';
import type { StepOutcome } from '../../ports/step.ts';
import { clusterOf, type PipelineDependencies } from '../pipeline-dependencies.ts';
import { startHold, waivedBy } from '../start-hold.ts';
import { beginsLife, done, type UpdateInput, type UpdateStep, waiting } from './update-step.ts';

const holdLookMs = 60_000;

/** Takes the slots of channel, fleet and cluster; the store counts them in the commit (P3), and wakes who waits for one. */
export function admitUpdate(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const { clusterId, channel, policy } = input.context;
    const waived = await waivedBy(deps, input.parent);
    const hold = await startHold(deps, { channel, cluster: clusterId, waived }, input.now);
    if (hold !== undefined) {
      const wakeAt = Math.min(input.now + holdLookMs, hold.until ?? Number.POSITIVE_INFINITY);
      return waiting({ code: 'held', message: hold.reason }, wakeAt);
    }
    // it may have been vetoed while this waited for its turn; whoever started it may end it meanwhile
    const overrides = readOverrides(await deps.store.facts('override'));
    const veto = vetoOn(overrides, input.context, input.now);
    if (veto !== undefined) {
      const wakeAt = Math.min(input.now + holdLookMs, veto.expiresAt ?? Number.POSITIVE_INFINITY);
      return waiting({ code: 'held', message: describeHold(veto) }, wakeAt);
    }
    const handover = await askHolder(deps, input);
    if (handover !== undefined) return handover;
    const cluster = clusterOf(deps, clusterId);
    const begun = cluster?.lifecycleStatus === 'requested' ? beginsLife(input, 'creating') : undefined;
    return done(
      { kind: 'next' },
      {
        ...(begun === undefined ? {} : { facts: begun.facts }),
        admit: [
          {
            holder: input.id,
            slots: [
              { name: `cluster:${clusterId}`, limit: 1 },
              { name: `channel:${channel}`, limit: policy.channelMaxParallel },
              { name: 'fleet', limit: policy.fleetMaxParallel },
            ],
          },
        ],
        journal: [
          {
            kind: 'update-started',
            message: `${clusterId} starts on ${input.context.commit.slice(0, 12)}, attempt ${input.context.attempt}`,
            data: { rollout: input.context.rolloutId, attempt: input.context.attempt },
          },
          ...(begun?.journal ?? []),
        ],
      },
    );
  };
}

/** An older update that still has the cluster is asked to stop: its rollout may have ended while it was stalled. */
async function askHolder(deps: PipelineDependencies, input: UpdateInput): Promise<StepOutcome | undefined> {
  const { context } = input;
  const { clusterId, commit, asked } = context;
  const holder = (await deps.store.slotHolders(`cluster:${clusterId}`)).find((id) => id !== input.id);
  if (holder === undefined || holder === asked) return undefined;
  const [theirs, ours] = await Promise.all([deps.store.load(holder), deps.store.load(input.id)]);
  if (theirs === undefined || ours === undefined || theirs.machine !== 'clusterUpdate') return undefined;
  if (theirs.createdAt >= ours.createdAt) return undefined;
  const finish = context.policy.finish === undefined ? {} : { finish: context.policy.finish };
  return done(
    { kind: 'again', asked: holder },
    { messages: [{ to: holder, event: { type: 'SUPERSEDE', by: commit, ...finish } }] },
  );
}
