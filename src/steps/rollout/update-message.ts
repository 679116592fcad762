import type { ClusterUpdateInput } from '../../domain/cluster-update.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import type { RolloutState } from '../../domain/rollout.ts';
import type { Json, OutboxMessage } from '../../ports/store.ts';

export function updateId(
  rollout: Pick<RolloutState, 'channel' | 'commit'>,
  clusterId: string,
  attempt: number,
): string {
  return `update:${rollout.channel}:${rollout.commit}:${clusterId}:${attempt}`;
}

/** Process ids of the updates in flight. */
export function childrenInFlight(context: RolloutState): string[] {
  return Object.entries(context.members)
    .filter(([, member]) => member.state === 'inFlight')
    .map(([cluster, member]) => updateId(context, cluster, member.attempt));
}

/** Starts the update of one cluster; a repeat finds the row there and is dropped. */
export function startUpdate(
  rolloutId: string,
  context: RolloutState,
  clusterId: string,
  policy: ChannelPolicy,
  fleetMaxParallel: number,
): OutboxMessage {
  const attempt = context.members[clusterId]?.attempt ?? 1;
  const input: ClusterUpdateInput = {
    clusterId,
    channel: context.channel,
    commit: context.commit,
    tree: context.tree,
    rolloutId,
    attempt,
    policy: {
      e2eProfile: policy.e2eProfile,
      blockLimitMs: policy.blockLimitMs,
      progressDeadlineMs: policy.progressDeadlineMs,
      channelMaxParallel: policy.maxParallel,
      fleetMaxParallel,
      ...(policy.e2eGate === undefined ? {} : { e2eGate: policy.e2eGate }),
      ...(policy.finish === undefined ? {} : { finish: policy.finish }),
    },
  };
  return {
    to: updateId(context, clusterId, attempt),
    event: { type: 'START', input: input as unknown as Json },
    start: {
      machine: 'clusterUpdate',
      parent: rolloutId,
      channel: context.channel,
      cluster: clusterId,
      commit: context.commit,
    },
  };
}
