import { transient } from '../../domain/failure.ts';
import type { PromotionOutput, PromotionState } from '../../domain/promotion.ts';
import { recordDigest } from '../../planning/pipeline/move-record.ts';
import type { StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json } from '../../ports/store.ts';
import { moveRecordWrite, recordOfPromotion } from '../move-record.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { proposalOf } from './proposal.ts';
import { takeMerge } from './take-merge.ts';

const heldLookMs = 5 * 60_000;
const pausedLookMs = 60 * 60_000;

/**
 * Pushes the fast-forward, with a lease on where the branch was when the move was decided (P7). The promotion has the target to itself
 * (its slot was taken when it was cleared), so a branch that is there already was moved by this one before a crash, unless the move is on
 * record as another's.
 */
export function moveBranch(deps: PipelineDependencies) {
  return async (input: StepInput<PromotionState>): Promise<StepOutcome> => {
    const { channel, target, commit, tree, branch, from, rolloutId } = input.context;
    if (branch === null || from === null) return { ...done({ kind: 'recheck' }), release: [input.id] };
    if (!input.leaseHeld()) {
      return { kind: 'failed', failure: transient('lease-lost', 'another daemon holds the lease') };
    }
    const review = input.context.review;
    if (review !== null && deps.scm?.merge !== undefined && !(await deps.source.isAncestor(from, commit))) {
      const merge = await deps.scm.merge(review, await proposalOf(deps, input.context));
      return takeMerge(deps, input, { commit: merge.commit, by: review.approvedBy?.join(', ') ?? 'clm' });
    }
    // before the push: a move that cannot be accounted for is not made
    const record = await recordOfPromotion(deps, input, { branch, from });
    if (record === undefined) return { ...done({ kind: 'recheck' }), release: [input.id] };
    const result = await deps.source.fastForward(branch, from, commit);
    deps.heads.forget();
    if (result.kind === 'refused') {
      if (result.reason === 'branch-moved') return { ...done({ kind: 'recheck' }), release: [input.id] };
      const output: PromotionOutput = { kind: 'held', code: `push-${result.reason}`, message: result.message };
      return {
        ...done(output),
        release: [input.id],
        journal: [{ kind: 'promotion-held', message: result.message, data: { code: output.code } }],
      };
    }
    await closeReview(deps, input.context);
    if (result.kind === 'already' && (await deps.store.fact('approved', `${target}/${commit}`)) !== undefined) {
      const message = `branch ${branch} is at ${commit.slice(0, 12)} already; proven on ${channel}, too`;
      return { ...done({ kind: 'moved' }), journal: [{ kind: 'promotion-met', message, data: { branch, target } }] };
    }
    return {
      ...done({ kind: 'moved' }),
      facts: [
        {
          kind: 'approved',
          key: `${target}/${commit}`,
          value: { by: 'promotion', from: channel, tree, rollout: rolloutId, at: input.now },
        },
        moveRecordWrite(record),
      ],
      messages: [{ to: `channel:${target}`, event: { type: 'HEAD_MOVED', commit } }],
      journal: [
        {
          kind: 'branch-moved',
          message: `branch ${branch} moved from ${from.slice(0, 12)} to ${commit.slice(0, 12)}: proven on ${channel}`,
          data: { branch, from, to: commit, tree, channel, target, rollout: rolloutId, record: recordDigest(record) },
        },
      ],
    };
  };
}

/** The branch has moved: what is left of the request is in the way, and no reason to fail. */
async function closeReview(deps: PipelineDependencies, context: PromotionState): Promise<void> {
  const { review, target, commit, branch } = context;
  if (review === null || deps.scm === undefined) return;
  try {
    await deps.scm.close(review, { target: branch ?? target, commit, title: '', body: '' });
  } catch (error) {
    deps.log.warn({ err: error, review: review.id }, 'closing a review failed');
  }
}

/** Held: looked at again by and by, or when somebody says so. */
export function holdPromotion() {
  return async (input: StepInput<PromotionState>): Promise<StepOutcome> => {
    const { problem } = input.context;
    const since = Math.max(problem?.since ?? input.now, 0);
    const again = { ...done({ kind: 'recheck' }), release: [input.id] };
    if (input.now - since >= heldLookMs || input.now < since) return again;
    const message = problem?.message ?? 'held';
    return {
      kind: 'waiting',
      reason: { code: problem?.code ?? 'held', message },
      wakeAt: since + heldLookMs,
      progress: message,
    };
  };
}

export function pausePromotion() {
  return async (input: StepInput<PromotionState>): Promise<StepOutcome> => {
    const { paused } = input.context;
    if (paused?.expiresAt != null && input.now >= paused.expiresAt) return done({ kind: 'recheck' });
    const message = `paused by ${paused?.by ?? ''}: ${paused?.reason ?? ''}`;
    const wakeAt = Math.min(paused?.expiresAt ?? Number.POSITIVE_INFINITY, input.now + pausedLookMs);
    // paused in the middle of a move: others may move the target meanwhile
    return { kind: 'waiting', reason: { code: 'paused', message }, wakeAt, progress: message, release: [input.id] };
  };
}

function done(output: PromotionOutput): StepOutcome & { kind: 'done' } {
  return { kind: 'done', output: output as unknown as Json };
}
