/** Why a proven version may not go on now: people, the calendar, debts, or another channel that has yet to prove it. */
import { type ChannelPolicy, windowsOf } from '../../domain/pipeline.ts';
import type { PromotionState } from '../../domain/promotion.ts';
import { parseDebt } from '../../planning/pipeline/facts.ts';
import {
  describeHold,
  holdOn,
  pinOn,
  promotionHold,
  readOverrides,
  vetoOn,
} from '../../planning/pipeline/overrides.ts';
import { judgeWindows } from '../../planning/pipeline/windows.ts';
import { upstreamOf } from '../channel/head-facts.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { waivedBy, withOpening } from '../start-hold.ts';

export interface PromotionHold {
  code: string;
  message: string;
  until: number | null;
}

export async function promotionHolds(
  deps: PipelineDependencies,
  { channel, target, commit, tree, rolloutId }: PromotionState,
  policy: ChannelPolicy,
  now: number,
): Promise<PromotionHold | undefined> {
  const overrides = readOverrides(await deps.store.facts('override'));
  const veto = vetoOn(overrides, { commit, tree }, now);
  if (veto !== undefined) return { code: 'vetoed', message: describeHold(veto), until: veto.expiresAt };
  const hold =
    holdOn(overrides, { channel: target }, now) ??
    pinOn(overrides, { channel: target, commit }, now) ??
    promotionHold(overrides, { channel, commit }, now);
  if (hold !== undefined) return { code: 'held', message: describeHold(hold), until: hold.expiresAt };
  const rollout = (await deps.store.load(rolloutId))?.context as { lane?: unknown } | undefined;
  const debts = rollout?.lane === 'hotfix' ? [] : await deps.store.facts('debt', `${channel}/`);
  const [first] = debts;
  if (first !== undefined) {
    const debt = parseDebt(first);
    const message = `${channel} owes evidence for ${debt.commit.slice(0, 12)} (${debt.skipped.join(', ')}), put there by ${debt.actor}: ${debt.reason}`;
    return { code: 'debt-open', message, until: null };
  }
  const waived = await waivedBy(deps, rolloutId);
  const verdict = judgeWindows(windowsOf(deps.pipeline(), policy), 'promotions', now);
  if (!verdict.open && !waived.includes('windows')) {
    return { code: 'window-closed', message: withOpening(verdict), until: verdict.opensAt };
  }
  if (policy.needs !== 'all') return undefined;
  for (const upstream of upstreamOf(deps, target)) {
    if ((await deps.store.fact('proven', `${upstream}/${tree}`)) !== undefined) continue;
    return { code: 'upstream-missing', message: `${target} waits until ${upstream} has proven it too`, until: null };
  }
  return undefined;
}
