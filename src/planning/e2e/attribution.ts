/** Whose failure is it: the change's, or the cluster's? Judged by how many clusters of the same version fail alike. Pure. */

export interface ClusterVerdict {
  cluster: string;
  /** Checks that failed for good at this version; empty = verified. */
  failing: readonly string[];
}

export interface Attribution {
  check: string;
  cause: 'change' | 'cluster' | 'unclear';
  failing: string[];
  /** Clusters with a verdict on this version. */
  judged: number;
  reason: string;
}

/** With fewer verdicts nobody can tell one from all. */
const leastForCluster = 3;
/** Half of the clusters is no accident of a cluster. */
const shareOfChange = 0.5;

/** One answer for each check that fails somewhere, the most widespread first. */
export function attributeFailures(verdicts: readonly ClusterVerdict[]): Attribution[] {
  const byCheck = new Map<string, string[]>();
  for (const { cluster, failing } of verdicts) {
    for (const check of new Set(failing)) byCheck.set(check, [...(byCheck.get(check) ?? []), cluster]);
  }
  return [...byCheck]
    .map(([check, failing]) => attribute(check, failing.sort(), verdicts.length))
    .sort((a, b) => b.failing.length - a.failing.length || a.check.localeCompare(b.check));
}

function attribute(check: string, failing: string[], judged: number): Attribution {
  const share = `${check} fails on ${failing.length} of ${judged} clusters with this version`;
  const answer = (cause: Attribution['cause'], reason: string): Attribution => ({
    check,
    cause,
    failing,
    judged,
    reason: `${share}: ${reason}`,
  });
  if (failing.length >= 2 && failing.length === judged) return answer('change', 'everywhere, so it is the change');
  if (failing.length >= 2 && failing.length / judged >= shareOfChange) {
    return answer('change', 'on so many that it is most likely the change');
  }
  if (failing.length === 1 && judged >= leastForCluster)
    return answer('cluster', 'the others pass, so it is the cluster');
  return answer('unclear', 'too few to tell the change from the cluster');
}
