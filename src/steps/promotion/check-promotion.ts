import type { ChannelPolicy } from '../../domain/pipeline.ts';
import type { PromotionOutput, PromotionState } from '../../domain/promotion.ts';
import type { RolloutState } from '../../domain/rollout.ts';
import { parseAdoption, parseChannelFact } from '../../planning/pipeline/facts.ts';
import { judgeGate } from '../../planning/pipeline/gate.ts';
import { lookAgainAfter } from '../../planning/pipeline/look-again.ts';
import type { StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json } from '../../ports/store.ts';
import { type PipelineDependencies, policyOf } from '../pipeline-dependencies.ts';
import { readEvidence } from '../rollout/read-evidence.ts';
import { promotionHolds } from './promotion-holds.ts';
import { hasOnlyMerges } from './take-merge.ts';

/** Whoever ends a hold says so; what else may have ended is looked for. */
const holdLookMs = 60_000;
const knownHoldLookMs = 5 * 60_000;
const seldomMs = 15 * 60_000;

/** Looks again at everything that speaks against the move: evidence, freezes, and where the target is. */
export function checkPromotion(deps: PipelineDependencies) {
  return async (input: StepInput<PromotionState>): Promise<StepOutcome> => {
    const { context } = input;
    const policy = policyOf(deps, context.target);
    if (policy === undefined)
      return held(context, 'target-unknown', `channel ${context.target} is not in the pipeline file any more`);
    if (parseAdoption((await deps.store.fact('adoption', 'fleet'))?.value) === undefined) {
      return held(context, 'not-adopted', 'the fleet is only observed until `clm adopt`');
    }
    const doubt = await doubtAboutEvidence(deps, context);
    if (doubt !== undefined) return held(context, 'evidence-missing', doubt);
    const hold = await promotionHolds(deps, context, policy, input.now);
    if (hold !== undefined) {
      // what the target has meanwhile by a later commit waits for nothing any more
      const contained = await containedIn(deps, input, policy.branch);
      if (contained !== undefined) return contained;
      const { code, message, until } = hold;
      const waited = context.wait?.code === code ? input.now - context.wait.since : 0;
      const firstMs = until === null ? holdLookMs : knownHoldLookMs;
      // another upstream says nothing to those who wait for it: it is noticed as soon as a merge is
      const mostMs = code === 'upstream-missing' ? Math.max(firstMs, deps.pollIntervalMs) : seldomMs;
      const look = input.now + lookAgainAfter(waited, { firstMs, mostMs });
      const wakeAt = Math.max(input.now + 1, Math.min(look, until ?? look));
      // the journal hears of a reason once, not at every look
      const told = context.wait?.code === code;
      const said = `${context.commit.slice(0, 12)} waits before ${context.target}: ${message}`;
      const journal = told ? [] : [{ kind: 'promotion-waits', message: said, data: { code, until } }];
      return { kind: 'waiting', reason: { code, message }, wakeAt, progress: message, journal };
    }
    return whereTheTargetIs(deps, input, policy);
  };
}

/** The gate is judged once more, on what is stored now: evidence of another version, or none, moves no branch (P2). */
async function doubtAboutEvidence(deps: PipelineDependencies, context: PromotionState): Promise<string | undefined> {
  const { channel, commit, tree, rolloutId } = context;
  const rollout = (await deps.store.load(rolloutId))?.context as unknown as RolloutState | undefined;
  if (rollout === undefined || rollout.commit !== commit) return `its rollout ${rolloutId} is not known any more`;
  if ((await deps.store.fact('proven', `${channel}/${tree}`)) === undefined)
    return `${commit} is not proven on ${channel}`;
  const evidence = await readEvidence(deps.store, rollout);
  const maxFailures = policyOf(deps, channel)?.maxFailures ?? rollout.maxFailures;
  const verdict = judgeGate({ commit, tree, members: rollout.members, maxFailures, evidence });
  return verdict.open ? undefined : verdict.reason;
}

async function whereTheTargetIs(
  deps: PipelineDependencies,
  input: StepInput<PromotionState>,
  policy: ChannelPolicy,
): Promise<StepOutcome> {
  const { context } = input;
  const { branch } = policy;
  const look = await deps.heads.look(input.now);
  const problem = look.problems.get(branch);
  if (problem !== undefined) return held(context, `target-branch-${problem.kind}`, problem.message);
  const from = look.byBranch.get(branch);
  if (from === undefined) return held(context, 'target-branch-missing', `branch ${branch} was not found`);
  const target = parseChannelFact((await deps.store.fact('channel', context.target))?.value);
  if (target?.frozen === true)
    return held(context, 'target-frozen', target.problem?.message ?? `channel ${context.target} is frozen`);
  const contained = await containedIn(deps, input, branch);
  if (contained !== undefined) return contained;
  const mergeable = policy.promotion === 'pull-request' && (await hasOnlyMerges(deps, context, from));
  if (!mergeable && !(await deps.source.isAncestor(from, context.commit))) {
    const message =
      `branch ${branch} is at ${from.slice(0, 12)}, which ${context.commit.slice(0, 12)} does not contain: ` +
      'merge it back into the first channel';
    return held(context, 'target-diverged', message);
  }
  const needsReview = policy.promotion === 'pull-request' && context.review?.approvedBy == null;
  if (needsReview) return done({ kind: 'review', branch, from }, []);
  // one promotion at a time moves a target, so that each knows whose move it was
  const slots = [{ name: `move:${context.target}`, limit: 1 }];
  return { ...done({ kind: 'cleared', branch, from }, []), admit: [{ holder: input.id, slots }] };
}

/** The end of a promotion whose target has gone past its commit; undefined when it has not, or when that cannot be said. */
async function containedIn(
  deps: PipelineDependencies,
  { context, now }: StepInput<PromotionState>,
  branch: string,
): Promise<StepOutcome | undefined> {
  const look = await deps.heads.look(now);
  const from = look.problems.has(branch) ? undefined : look.byBranch.get(branch);
  if (from === undefined || from === context.commit) return undefined;
  if (!(await deps.source.isAncestor(context.commit, from))) return undefined;
  const message = `${context.target} is at ${from.slice(0, 12)}, which contains ${context.commit.slice(0, 12)} already`;
  return done({ kind: 'contained', in: from }, [{ kind: 'promotion-superseded', message }]);
}

/** The journal hears of a reason once, not at every look. */
function held(context: PromotionState, code: string, message: string): StepOutcome {
  const news = context.problem?.code === code ? [] : [{ kind: 'promotion-held', message, data: { code } }];
  return done({ kind: 'held', code, message }, news);
}

function done(output: PromotionOutput, journal: { kind: string; message: string; data?: Json }[]): StepOutcome {
  return { kind: 'done', output: output as unknown as Json, journal };
}
