/** Evidence beyond time: hours of healthy clusters, nodes replaced, clusters whose own checks passed. */
import type { SoakDemands } from '../../../domain/pipeline.ts';
import { closed, type GateVerdict, inconclusive, open } from './gate-verdict.ts';

export interface SoakEvidence {
  /** Observed healthy time, in ms, and the same summed over the clusters that were healthy in it. */
  observedMs: number;
  requiredMs: number;
  clusterMs: number;
  nodesReplaced: number;
  passes: number;
  /** Clusters that soak now. */
  clusters: number;
}

const hourMs = 3_600_000;

/** Hours still grow while it soaks; what the updates have shown does not, so that a lack of it is for people to judge. */
export function judgeSoakDemands(demands: SoakDemands, evidence: SoakEvidence, now: number): GateVerdict {
  const missingMs = Math.max(0, evidence.requiredMs - evidence.observedMs);
  const hours = evidence.clusterMs / hourMs;
  const missingHours = Math.max(0, (demands.clusterHours ?? 0) - hours);
  if (missingMs > 0 || missingHours > 0) {
    const waitMs = Math.max(
      missingMs,
      evidence.clusters === 0 ? missingMs : (missingHours / evidence.clusters) * hourMs,
    );
    return closed(
      `soaked ${shares(demands, evidence)}`,
      'time, while the clusters stay healthy',
      Math.round(now + waitMs),
    );
  }
  const lacking: string[] = [];
  // a version that replaces no node at all is not asked for replaced nodes
  if (evidence.nodesReplaced > 0 && evidence.nodesReplaced < (demands.nodesReplaced ?? 0)) {
    lacking.push(`${evidence.nodesReplaced} of ${demands.nodesReplaced} nodes replaced`);
  }
  if (evidence.passes < (demands.passes ?? 0)) {
    lacking.push(`checks of ${evidence.passes} of ${demands.passes} clusters passed against it`);
  }
  if (lacking.length === 0) return open(`soaked ${shares(demands, evidence)}`);
  return inconclusive(
    `too little was seen: ${lacking.join(', ')}`,
    'somebody who judges it: clm resume … --reason …, after lowering what is asked',
  );
}

function shares(demands: SoakDemands, evidence: SoakEvidence): string {
  const percent = evidence.requiredMs === 0 ? 100 : Math.floor((100 * evidence.observedMs) / evidence.requiredMs);
  const hours =
    demands.clusterHours === undefined
      ? ''
      : `, ${(evidence.clusterMs / hourMs).toFixed(1)} of ${demands.clusterHours} cluster-hours`;
  return `${percent}% of its time${hours}`;
}
