/** What is proposed for review. */
import type { PromotionState } from '../../domain/promotion.ts';
import type { RolloutState } from '../../domain/rollout.ts';
import { proposalBody } from '../../planning/pipeline/proposal-text.ts';
import type { Proposal } from '../../ports/scm.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { readEvidence } from '../rollout/read-evidence.ts';

export async function proposalOf(deps: PipelineDependencies, context: PromotionState): Promise<Proposal> {
  const { channel, target, commit, branch, rolloutId } = context;
  const { subject } = await deps.heads.commitInfo(commit);
  const rollout = (await deps.store.load(rolloutId))?.context as unknown as RolloutState | undefined;
  const evidence = rollout === undefined ? new Map() : await readEvidence(deps.store, rollout);
  return {
    target: branch ?? target,
    commit,
    title: `Promote ${commit.slice(0, 12)} to ${target}: ${subject}`,
    body: proposalBody({ channel, branch: branch ?? target, commit, rollout, evidence }),
  };
}
