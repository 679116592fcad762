/**
 * Clusters that the registry asks for and that are not there yet: each is brought up by an update of its own, apart from rollouts, on
 * the channel's version that is known to be good. It joins rollouts once it is ready.
 */
import { firstOfChannel } from '../../domain/attempts.ts';
import type { ChannelState } from '../../domain/channel.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import { isBeingCreated } from '../../planning/lifecycle/cluster-lifecycle.ts';
import { readOverrides, skipOn } from '../../planning/pipeline/overrides.ts';
import type { CommitInfo } from '../../ports/channel-source.ts';
import type { StepInput } from '../../ports/step.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { startHoldIn } from '../start-hold.ts';
import { type CatchUpStart, freeAttempt, startMessage } from './catch-up.ts';

/** Starts creations within the channel's limits; undefined when there is nothing to start now. */
export async function startCreations(
  deps: PipelineDependencies,
  input: StepInput<ChannelState>,
  policy: ChannelPolicy,
  rests: CommitInfo | undefined,
): Promise<CatchUpStart | undefined> {
  const { context, now } = input;
  const { channel } = context;
  const asked = deps.registry().clusters.filter((cluster) => cluster.channel === channel && isBeingCreated(cluster));
  if (asked.length === 0 || input.state === 'paused') return undefined;
  if ((await deps.store.fact('adoption', 'fleet')) === undefined) return undefined;
  const overrides = readOverrides(await deps.store.facts('override'));
  if ((await startHoldIn(deps, overrides, { channel, waived: [] }, now)) !== undefined) return undefined;
  const updates = await deps.store.rows({ machine: 'clusterUpdate', status: 'active' });
  const busy = new Set(updates.map((row) => row.cluster));
  const waiting = asked.filter(({ id }) => {
    const known = context.catchUps[id];
    if (busy.has(id) || known?.state === 'inFlight') return false;
    return (known?.state !== 'failed' || now >= known.retryAt) && skipOn(overrides, id, now) === undefined;
  });
  const flying = Object.values(context.catchUps).filter((one) => one.state === 'inFlight').length;
  const chosen = waiting.slice(0, Math.max(0, policy.maxParallel - flying));
  const info = chosen.length === 0 ? undefined : await versionFor(deps, input, rests);
  if (info === undefined) return undefined;
  const start: CatchUpStart = { catchUps: { ...context.catchUps }, messages: [], journal: [] };
  for (const { id: cluster } of chosen) {
    const attempt = await freeAttempt(deps, channel, info.commit, cluster, firstOfChannel);
    if (attempt === undefined) continue;
    const failures = start.catchUps[cluster]?.failures ?? 0;
    start.catchUps[cluster] = { attempt, state: 'inFlight', failures, retryAt: 0, message: '' };
    start.messages.push(startMessage(deps, { id: input.id, channel }, policy, { cluster, attempt, info }));
    const message = `${cluster} is created on ${channel} with ${info.commit.slice(0, 12)}`;
    start.journal.push({ kind: 'cluster-creation', message, data: { cluster, attempt, commit: info.commit } });
  }
  return start.messages.length === 0 ? undefined : start;
}

/**
 * `rests`, the channel's version when nothing moves there; while something does, what was proven before. A channel that has proven nothing yet
 * gives a new cluster what it is giving its others.
 */
async function versionFor(
  deps: PipelineDependencies,
  { context }: StepInput<ChannelState>,
  rests: CommitInfo | undefined,
): Promise<CommitInfo | undefined> {
  if (rests !== undefined) return rests;
  const commit = context.proven ?? context.handled;
  return commit === null ? undefined : deps.heads.commitInfo(commit);
}
