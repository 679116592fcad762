import { approvedVersions, fastForwardOnly, promotionsOnEvidence } from './approvals.ts';
import { accountableOverrides, checksApart, durableWaits, nothingTwice } from './order.ts';
import type { PipelineChecker, PipelineRecord } from './record.ts';
import { boundedFlight, failuresStop, holdsHold, vetoedVersions } from './starts.ts';

/** All checkers of the pipeline; P11 is judged from the simulated world instead. */
export const pipelineCheckers: PipelineChecker[] = [
  approvedVersions,
  vetoedVersions,
  promotionsOnEvidence,
  boundedFlight,
  failuresStop(),
  holdsHold(),
  checksApart,
  fastForwardOnly,
  durableWaits,
  accountableOverrides,
  nothingTwice,
];

export interface PipelineVerdict {
  /** Judgements made, by invariant. */
  checked: Record<string, number>;
  /** `P3: …` */
  violations: string[];
}

export function judgePipeline(record: PipelineRecord, checkers: PipelineChecker[] = pipelineCheckers): PipelineVerdict {
  const verdict: PipelineVerdict = { checked: {}, violations: [] };
  for (const checker of checkers) {
    const { checked, violations } = checker.check(record);
    verdict.checked[checker.invariant] = (verdict.checked[checker.invariant] ?? 0) + checked;
    verdict.violations.push(...violations.map((violation) => `${checker.invariant}: ${violation}`));
  }
  return verdict;
}
