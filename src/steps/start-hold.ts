/** Why nothing may start somewhere now: an override of somebody, a closed window, a branch that cannot be trusted. */
import { windowsOf } from '../domain/pipeline.ts';
import type { Waivable } from '../domain/rollout.ts';
import { parseChannelFact } from '../planning/pipeline/facts.ts';
import { describeHold, holdOn, type Override, readOverrides } from '../planning/pipeline/overrides.ts';
import { judgeWindows } from '../planning/pipeline/windows.ts';
import { type PipelineDependencies, policyOf } from './pipeline-dependencies.ts';

export interface StartHold {
  reason: string;
  /** When it ends by itself; null = nobody knows. */
  until: number | null;
  /** Work in flight rests too, as far as `finish` says. */
  rests: boolean;
}

interface Where {
  channel: string;
  cluster?: string;
  waived: readonly Waivable[];
}

export async function startHold(deps: PipelineDependencies, where: Where, now: number): Promise<StartHold | undefined> {
  return startHoldIn(deps, readOverrides(await deps.store.facts('override')), where, now);
}

export async function startHoldIn(
  deps: PipelineDependencies,
  overrides: Override[],
  where: Where,
  now: number,
): Promise<StartHold | undefined> {
  const hold = holdOn(overrides, where, now);
  if (hold !== undefined) return { reason: describeHold(hold), until: hold.expiresAt, rests: true };
  const policy = policyOf(deps, where.channel);
  if (policy !== undefined && !where.waived.includes('windows')) {
    const verdict = judgeWindows(windowsOf(deps.pipeline(), policy), 'updates', now);
    if (!verdict.open) return { reason: withOpening(verdict), until: verdict.opensAt, rests: true };
  }
  const state = parseChannelFact((await deps.store.fact('channel', where.channel))?.value);
  if (state?.frozen !== true) return undefined;
  return { reason: state.problem?.message ?? 'its branch is not in order', until: null, rests: false };
}

export function withOpening(closed: { reason: string; opensAt: number | null }): string {
  return closed.opensAt === null
    ? closed.reason
    : `${closed.reason}; opens at ${new Date(closed.opensAt).toISOString()}`;
}

/** What the rollout that a cluster update belongs to need not wait for. */
export async function waivedBy(deps: Pick<PipelineDependencies, 'store'>, parent: string | null): Promise<Waivable[]> {
  const context = parent === null ? undefined : (await deps.store.load(parent))?.context;
  const waived = (context as { waived?: unknown } | null | undefined)?.waived;
  return Array.isArray(waived) ? (waived as Waivable[]) : [];
}
