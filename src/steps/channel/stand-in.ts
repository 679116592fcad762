/** What a channel stays on once its head was taken care of: the head, nothing while it is vetoed, or what stands in for it. */
import { firstOfRollout } from '../../domain/attempts.ts';
import type { ChannelState, StandIn } from '../../domain/channel.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import { rolloutOf } from '../../domain/rollout.ts';
import type { CommitInfo } from '../../ports/channel-source.ts';
import type { StepInput } from '../../ports/step.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { headFacts } from './head-facts.ts';

/** Rollouts that one version may have on one channel. */
const mostRollouts = 100;

export type Rest =
  /** Clusters that are behind are brought to `info`, and it is looked for drift from it. `reason`: why it is not the head. */
  | { kind: 'rests'; info: CommitInfo; reason: string | undefined }
  /** The head is vetoed, and nothing stands in for it: nothing is brought anywhere. */
  | { kind: 'vetoed'; reason: string }
  | { kind: 'held'; standIn: StandIn; reason: string }
  | { kind: 'start'; standIn: StandIn; info: CommitInfo; rollout: string; firstAttempt: number };

/** `veto`: of the head. */
export async function restOf(
  deps: PipelineDependencies,
  policy: ChannelPolicy,
  head: CommitInfo,
  veto: string | undefined,
  input: StepInput<ChannelState>,
): Promise<Rest> {
  const { standIn } = input.context;
  if (standIn === null || standIn.head !== head.commit) {
    return veto === undefined ? { kind: 'rests', info: head, reason: undefined } : { kind: 'vetoed', reason: veto };
  }
  const info = await deps.heads.commitInfo(standIn.commit);
  const facts = await headFacts(deps, policy, info, input);
  if (facts.veto !== undefined) return { kind: 'vetoed', reason: facts.veto };
  if (standIn.rollout !== null) return { kind: 'rests', info, reason: standIn.reason };
  if (facts.hold !== undefined) return { kind: 'held', standIn, reason: facts.hold };
  for (let number = 1; number <= mostRollouts; number += 1) {
    const rollout = rolloutOf(policy.name, info.commit, number);
    if ((await deps.store.load(rollout)) !== undefined) continue;
    return { kind: 'start', standIn, info, rollout, firstAttempt: firstOfRollout(number) };
  }
  return { kind: 'held', standIn, reason: `${info.commit.slice(0, 12)} came to ${policy.name} too often` };
}
