import type { ChannelState } from '../../domain/channel.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import { parseApproved } from '../../planning/pipeline/facts.ts';
import type { CommitInfo } from '../../ports/channel-source.ts';
import type { StepInput } from '../../ports/step.ts';
import type { OutboxMessage } from '../../ports/store.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';

/**
 * No rollout of the channel is under way, nor about to be: one that was asked for a moment ago has no row yet, and what is started
 * beside it would take its updates from it. The message is asked for first, since it may become the row in between.
 */
export async function noRollout(
  deps: PipelineDependencies,
  channel: string,
  rollout: string | undefined,
): Promise<boolean> {
  if (rollout !== undefined && (await deps.store.isAwaited(rollout))) return false;
  return (await deps.store.rows({ machine: 'rollout', status: 'active', channel })).length === 0;
}

/** The rollout of a head, and the end of those that it replaces. */
export async function startRollout(
  deps: PipelineDependencies,
  input: StepInput<ChannelState>,
  policy: ChannelPolicy,
  info: CommitInfo,
  { rollout: id, firstAttempt }: { rollout: string; firstAttempt: number },
): Promise<{ messages: OutboxMessage[]; replaced: string; lane: string }> {
  const { channel } = input.context;
  const approved = parseApproved((await deps.store.fact('approved', `${channel}/${info.commit}`))?.value);
  const { lane, waived } = approved ?? { lane: 'normal' as const, waived: [] };
  const older = (await deps.store.rows({ machine: 'rollout', status: 'active', channel })).filter(
    (row) => row.id !== id,
  );
  // what goes before everything else waits for no pool or cluster to be completed
  const finish = policy.finish === undefined || lane !== 'normal' ? {} : { finish: policy.finish };
  const supersede = older.map(
    (row): OutboxMessage => ({ to: row.id, event: { type: 'SUPERSEDE', by: info.commit, ...finish } }),
  );
  const start: OutboxMessage = {
    to: id,
    event: {
      type: 'START',
      input: {
        channel,
        commit: info.commit,
        tree: info.tree,
        subject: info.subject,
        requestedAt: input.now,
        lane,
        waived,
        firstAttempt,
      },
    },
    start: { machine: 'rollout', parent: null, channel, cluster: '', commit: info.commit },
  };
  const replaced =
    older.length === 0 ? '' : `; it supersedes ${older.map((row) => row.commit.slice(0, 12)).join(', ')}`;
  // the older ones first: they start nothing more by the time the new one makes its plan
  return { messages: [...supersede, start], replaced, lane };
}
