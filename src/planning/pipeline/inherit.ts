/** When a cluster that a commit does not change may keep what it has earned. */
import type { ClusterFact } from './facts.ts';

export type Inheritance = { inherits: true; from: string; at: number } | { inherits: false; reason: string };

/** `digest` is what the new commit renders to. The age counts from the original run of the checks, however often it was inherited. */
export function inheritableEvidence(
  fact: ClusterFact | undefined,
  next: { digest: string; profile: string },
  limits: { evidenceMaxAgeMs: number; now: number },
): Inheritance {
  if (fact === undefined || fact.digest === null) return { inherits: false, reason: 'its state is not known' };
  if (fact.digest !== next.digest) return { inherits: false, reason: 'the commit changes it' };
  if (fact.evidence === null) return { inherits: false, reason: 'it has no green evidence yet' };
  if (fact.evidence.profile !== next.profile) {
    return { inherits: false, reason: `its evidence is of profile ${fact.evidence.profile}, not ${next.profile}` };
  }
  const age = limits.now - fact.evidence.at;
  if (age < 0 || age > limits.evidenceMaxAgeMs) return { inherits: false, reason: 'its evidence is too old' };
  return { inherits: true, from: fact.evidence.key, at: fact.evidence.at };
}
