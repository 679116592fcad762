import type { PromotionOutput, PromotionState } from '../../domain/promotion.ts';
import { parseApproval } from '../../planning/pipeline/facts.ts';
import { lookAgainAfter } from '../../planning/pipeline/look-again.ts';
import type { StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json } from '../../ports/store.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { proposalOf } from './proposal.ts';
import { takeMerge } from './take-merge.ts';

/** At first; then as often as the branches are looked at, which is how soon a merge is noticed at the latest. */
const reviewLookMs = 60_000;

/** Proposes the move for review and waits for it; clm itself pushes the fast-forward once it is approved. */
export function reviewPromotion(deps: PipelineDependencies) {
  return async (input: StepInput<PromotionState>): Promise<StepOutcome> => {
    const { context } = input;
    const proposal = await proposalOf(deps, context);
    if (deps.scm === undefined) {
      return done({ kind: 'held', code: 'scm-missing', message: 'this daemon has nowhere to open pull requests' }, []);
    }
    if (context.review === null) {
      const { id, url } = await deps.scm.propose(proposal);
      const message = `${context.commit.slice(0, 12)} is proposed for ${context.target}: ${url}`;
      return done({ kind: 'proposed', id, url }, [{ kind: 'promotion-proposed', message, data: { id, url } }]);
    }
    const state = await deps.scm.review(context.review, proposal);
    if (state.kind === 'merged') return takeMerge(deps, input, state);
    const own = await ownApprovals(deps, context, input.now);
    const rejected = own.find((one) => one.verdict === 'rejected');
    if (state.kind === 'refused' || rejected !== undefined) {
      const message =
        rejected === undefined
          ? (state as { message: string }).message
          : `rejected by ${rejected.actor}: ${rejected.reason}`;
      const code = 'review-refused';
      // the journal hears of a refusal once, not at every look
      const news = context.problem?.code === code ? [] : [{ kind: 'promotion-held', message, data: { code } }];
      return done({ kind: 'held', code, message }, news);
    }
    const by = state.kind === 'approved' ? state.by : own.map((one) => one.actor);
    if (by.length > 0) {
      const message = `${context.commit.slice(0, 12)} for ${context.target} is approved by ${by.join(', ')}`;
      return done({ kind: 'reviewed', by }, [{ kind: 'promotion-approved', message, data: { by } }]);
    }
    const message = `${context.review.url}: ${(state as { message: string }).message}`;
    const waited = context.wait?.code === 'review-pending' ? input.now - context.wait.since : 0;
    const mostMs = Math.max(reviewLookMs, deps.pollIntervalMs);
    return {
      kind: 'waiting',
      reason: { code: 'review-pending', message },
      wakeAt: input.now + lookAgainAfter(waited, { firstMs: reviewLookMs, mostMs }),
      progress: message,
    };
  };
}

/** `clm approve` counts as well: plain git has no reviews of its own. */
async function ownApprovals(deps: PipelineDependencies, { target, commit, tree }: PromotionState, now: number) {
  const facts = await deps.store.facts('approval', `${target}/${commit}/review/`);
  return facts
    .flatMap((fact) => parseApproval(fact.value) ?? [])
    .filter((one) => one.tree === tree && (one.expiresAt === null || one.expiresAt > now));
}

function done(output: PromotionOutput, journal: { kind: string; message: string; data?: Json }[]): StepOutcome {
  return { kind: 'done', output: output as unknown as Json, journal };
}
