/** Clusters that came to a channel after its rollout was over, or were pinned or skipped in it: brought to its version one by one. */
import { attemptsEach, firstOfChannel } from '../../domain/attempts.ts';
import { type CatchUp, type ChannelState, versionOn } from '../../domain/channel.ts';
import type { ClusterUpdateInput } from '../../domain/cluster-update.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import type { RolloutState } from '../../domain/rollout.ts';
import { isBeingCreated } from '../../planning/lifecycle/cluster-lifecycle.ts';
import { evidenceKey, parseClusterFact } from '../../planning/pipeline/facts.ts';
import { pinOn, readOverrides, skipOn } from '../../planning/pipeline/overrides.ts';
import type { CommitInfo } from '../../ports/channel-source.ts';
import type { JournalNote, StepInput } from '../../ports/step.ts';
import type { Json, OutboxMessage } from '../../ports/store.ts';
import { membersOf, type PipelineDependencies } from '../pipeline-dependencies.ts';
import { updateId } from '../rollout/update-message.ts';
import { startHoldIn } from '../start-hold.ts';
import { noRollout } from './start-rollout.ts';

export interface CatchUpStart {
  catchUps: Record<string, CatchUp>;
  messages: OutboxMessage[];
  journal: JournalNote[];
}

/** Starts what is behind, within the channel's limits; undefined when there is nothing to start now. */
export async function startCatchUps(
  deps: PipelineDependencies,
  input: StepInput<ChannelState>,
  policy: ChannelPolicy,
  info: CommitInfo,
): Promise<CatchUpStart | undefined> {
  const { context, now } = input;
  const { channel } = context;
  if (!(await noRollout(deps, channel, versionOn(context)?.rollout))) return undefined;
  const behind = await clustersBehind(deps, input, info);
  if (behind.length === 0) return undefined;
  const overrides = readOverrides(await deps.store.facts('override'));
  const hold = await startHoldIn(deps, overrides, { channel, waived: [] }, now);
  if (hold !== undefined) return undefined;
  // a cluster that could not be created says nothing of those that are there: it has never run anything
  const unborn = new Set(deps.registry().clusters.flatMap((cluster) => (isBeingCreated(cluster) ? [cluster.id] : [])));
  const failing = Object.entries(context.catchUps).filter(
    ([id, one]) => one.state === 'failed' && !unborn.has(id),
  ).length;
  // the same trouble on the next cluster helps nobody: what failed is tried again, nothing new begins (P4)
  const chosenFrom = failing > policy.maxFailures ? behind.filter((id) => context.catchUps[id] !== undefined) : behind;
  const flying = Object.values(context.catchUps).filter((one) => one.state === 'inFlight').length;
  const chosen = chosenFrom.slice(0, Math.max(0, policy.maxParallel - flying));
  if (chosen.length === 0) return undefined;
  const catchUps = { ...context.catchUps };
  const messages: OutboxMessage[] = [];
  const journal: JournalNote[] = [];
  for (const cluster of chosen) {
    const attempt = await freeAttempt(deps, channel, info.commit, cluster, firstOfChannel);
    if (attempt === undefined) continue;
    const failures = catchUps[cluster]?.failures ?? 0;
    catchUps[cluster] = { attempt, state: 'inFlight', failures, retryAt: 0, message: '' };
    messages.push(startMessage(deps, { id: input.id, channel }, policy, { cluster, attempt, info }));
    const message = `${cluster} catches up with ${info.commit.slice(0, 12)} on ${channel}`;
    journal.push({ kind: 'cluster-catches-up', message, data: { cluster, attempt, commit: info.commit } });
  }
  return messages.length === 0 ? undefined : { catchUps, messages, journal };
}

async function clustersBehind(
  deps: PipelineDependencies,
  { context, now }: StepInput<ChannelState>,
  info: CommitInfo,
): Promise<string[]> {
  const { channel, catchUps } = context;
  const facts = new Map((await deps.store.facts('cluster')).map((fact) => [fact.key, parseClusterFact(fact.value)]));
  const overrides = readOverrides(await deps.store.facts('override'));
  const rollout = versionOn(context)?.rollout;
  const row = rollout === undefined ? undefined : await deps.store.load(rollout);
  const members = (row?.context as unknown as RolloutState | undefined)?.members ?? {};
  const busy = new Set(
    (await deps.store.rows({ machine: 'clusterUpdate', channel, status: 'active' })).map((one) => one.cluster),
  );
  const retried = new Map(
    (await deps.store.facts('retry')).map(({ key, value }) => [key, value as { commit?: unknown }]),
  );
  return membersOf(deps, channel).eligible.flatMap(({ id }) => {
    const known = catchUps[id];
    if (busy.has(id) || known?.state === 'inFlight' || (known?.state === 'failed' && now < known.retryAt)) return [];
    const fact = facts.get(id);
    // recorded, and not seen to differ since
    if (fact?.commit === info.commit && fact.digest !== null) return [];
    const member = members[id];
    // what failed in the rollout itself waits for somebody who says that it should be tried again
    const failed = member !== undefined && member.joined !== true && ['failed', 'aborted'].includes(member.state);
    if (failed && retried.get(id)?.commit !== info.commit) return [];
    const kept = pinOn(overrides, { channel, cluster: id, commit: info.commit }, now) ?? skipOn(overrides, id, now);
    return kept === undefined ? [id] : [];
  });
}

/** A number of the starter's own that no update and no evidence of this version has; undefined when there is none left. */
export async function freeAttempt(
  deps: PipelineDependencies,
  channel: string,
  commit: string,
  cluster: string,
  first: number,
): Promise<number | undefined> {
  for (let attempt = first; attempt < first + attemptsEach; attempt += 1) {
    const taken =
      (await deps.store.load(updateId({ channel, commit }, cluster, attempt))) ??
      (await deps.store.fact('evidence', evidenceKey(cluster, commit, attempt)));
    if (taken === undefined) return attempt;
  }
  return undefined;
}

export function startMessage(
  deps: PipelineDependencies,
  parent: { id: string; channel: string },
  policy: ChannelPolicy,
  { cluster, attempt, info }: { cluster: string; attempt: number; info: CommitInfo },
): OutboxMessage {
  const { channel } = parent;
  const start: ClusterUpdateInput = {
    clusterId: cluster,
    channel,
    commit: info.commit,
    tree: info.tree,
    rolloutId: parent.id,
    attempt,
    policy: {
      e2eProfile: policy.e2eProfile,
      ...(policy.e2eGate === undefined ? {} : { e2eGate: policy.e2eGate }),
      blockLimitMs: policy.blockLimitMs,
      progressDeadlineMs: policy.progressDeadlineMs,
      channelMaxParallel: policy.maxParallel,
      fleetMaxParallel: deps.pipeline().maxParallel,
      ...(policy.finish === undefined ? {} : { finish: policy.finish }),
    },
  };
  return {
    to: updateId({ channel, commit: info.commit }, cluster, attempt),
    event: { type: 'START', input: start as unknown as Json },
    start: { machine: 'clusterUpdate', parent: parent.id, channel, cluster, commit: info.commit },
  };
}
