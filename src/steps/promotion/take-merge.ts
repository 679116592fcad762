/** A pull request that was merged on the forge: the merge counts when it brought exactly the tree that was proven. */
import type { PromotionOutput, PromotionState } from '../../domain/promotion.ts';
import { recordDigest } from '../../planning/pipeline/move-record.ts';
import type { StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json } from '../../ports/store.ts';
import { moveRecordWrite, recordOfPromotion } from '../move-record.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';

const unseenLookMs = 10_000;

export async function takeMerge(
  deps: PipelineDependencies,
  input: StepInput<PromotionState>,
  merge: { commit: string; by: string },
): Promise<StepOutcome> {
  const { context, now } = input;
  const { channel, target, commit, tree, branch, from, rolloutId, review } = context;
  const short = merge.commit.slice(0, 12);
  const what = `${review?.url ?? 'the pull request'} was merged by ${merge.by} as ${short}`;
  deps.heads.forget();
  const head = (await deps.heads.look(now)).byBranch.get(branch ?? target);
  if (head === undefined || !(await deps.source.isAncestor(merge.commit, head))) {
    const message = `${what}, which branch ${branch ?? target} does not show yet`;
    return {
      kind: 'waiting',
      reason: { code: 'merge-unseen', message },
      wakeAt: now + unseenLookMs,
      progress: message,
    };
  }
  const merged = await deps.source.commitInfo(merge.commit);
  if (merged.tree !== tree) {
    const message =
      `${what}, and what it brought is not what ${channel} has proven: ${target} has changes of its own; ` +
      `revert it, or clm approve ${short} --channel ${target} --reason …`;
    const output: PromotionOutput = { kind: 'held', code: 'merged-otherwise', message };
    const known = context.problem?.code === output.code;
    const journal = known ? [] : [{ kind: 'promotion-held', message, data: { code: output.code } }];
    return { kind: 'done', output: output as unknown as Json, journal };
  }
  const place = { branch: branch ?? target, from: from ?? merge.commit };
  const record = await recordOfPromotion(deps, input, {
    ...place,
    merge: { ...merge, url: review?.url ?? 'a pull request' },
  });
  const output: PromotionOutput = { kind: 'merged' };
  const value = { by: 'pull-request', from: channel, tree, rollout: rolloutId, at: now };
  const message = `branch ${branch ?? target} moved to ${short}, which brings ${commit.slice(0, 12)}, proven on ${channel}: ${what}`;
  const data = {
    branch: branch ?? target,
    from,
    to: merge.commit,
    commit,
    tree,
    channel,
    target,
    rollout: rolloutId,
    by: merge.by,
    ...(record === undefined ? {} : { record: recordDigest(record) }),
  };
  return {
    kind: 'done',
    output: output as unknown as Json,
    facts: [
      { kind: 'approved', key: `${target}/${merge.commit}`, value },
      ...(record === undefined ? [] : [moveRecordWrite(record)]),
    ],
    messages: [{ to: `channel:${target}`, event: { type: 'HEAD_MOVED', commit: merge.commit } }],
    journal: [{ kind: 'promotion-merged', message, data }],
  };
}

/** What the target has beside the version are merges that were taken here: a merge of the version brings its tree, and no other. */
export async function hasOnlyMerges(
  deps: PipelineDependencies,
  { target, commit }: PromotionState,
  from: string,
): Promise<boolean> {
  if (deps.scm?.merge === undefined) return false;
  const own = await deps.source.commitsBetween(commit, from, mostMerges);
  if (own.length === 0 || own.length === mostMerges) return false;
  for (const one of own) {
    const fact = (await deps.store.fact('approved', `${target}/${one.commit}`))?.value as { by?: unknown } | undefined;
    if (fact?.by !== 'pull-request') return false;
  }
  return true;
}

const mostMerges = 200;
