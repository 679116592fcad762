/** Gathers why a branch moved, at the moment of the move: facts and rows that say so may be gone later. */
import type { ChannelMove } from '../domain/channel.ts';
import type { MoveRecord } from '../domain/move-record.ts';
import type { PromotionState } from '../domain/promotion.ts';
import type { RolloutState } from '../domain/rollout.ts';
import { approvalsOf, policyDigest, proofOf } from '../planning/pipeline/move-record.ts';
import type { StepInput } from '../ports/step.ts';
import type { FactWrite, Json } from '../ports/store.ts';
import { type PipelineDependencies, policyOf } from './pipeline-dependencies.ts';
import { readEvidence } from './rollout/read-evidence.ts';

type Deps = Pick<PipelineDependencies, 'store' | 'pipeline'>;

/** undefined when the rollout that proved the version is not known any more. */
export async function recordOfPromotion(
  deps: Deps,
  { context, now }: StepInput<PromotionState>,
  { branch, from, merge }: { branch: string; from: string; merge?: { commit: string; by: string; url: string } },
): Promise<MoveRecord | undefined> {
  const { channel, target, commit, tree, rolloutId } = context;
  const state = (await deps.store.load(rolloutId))?.context as unknown as RolloutState | undefined;
  if (state === undefined || state.commit !== commit) return undefined;
  const maxFailures = policyOf(deps, channel)?.maxFailures ?? state.maxFailures;
  return {
    format: 1,
    branch,
    channel: target,
    from,
    to: merge?.commit ?? commit,
    tree,
    at: now,
    by: 'promotion',
    proof: proofOf({ id: rolloutId, state }, await readEvidence(deps.store, state), maxFailures),
    asked: merge === undefined ? null : { actor: merge.by, reason: `${merge.url} was merged`, waived: [] },
    approvals: [...(await approvals(deps, channel, commit)), ...(await approvals(deps, target, commit))],
    policy: policyDigest(deps.pipeline(), [channel, target]),
  };
}

/** A move that people asked for: nothing is proven yet, and what is skipped is a debt. */
export async function recordOfOverride(
  deps: Deps,
  move: ChannelMove,
  where: { channel: string; branch: string; from: string; to: string; tree: string; at: number },
): Promise<MoveRecord> {
  const { channel, branch, from, to, tree, at } = where;
  const { kind: by, by: actor, reason, waived } = move;
  return {
    format: 1,
    branch,
    channel,
    from,
    to,
    tree,
    at,
    by,
    proof: null,
    asked: { actor, reason, waived },
    approvals: await approvals(deps, channel, to),
    policy: policyDigest(deps.pipeline(), [channel]),
  };
}

/** Kept in the store until it is published. */
export function moveRecordWrite(record: MoveRecord): FactWrite {
  return { kind: 'move-record', key: `${record.channel}/${record.to}`, value: record as unknown as Json };
}

async function approvals({ store }: Deps, channel: string, commit: string) {
  return approvalsOf(await store.facts('approval', `${channel}/${commit}/`));
}
