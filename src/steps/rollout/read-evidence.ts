import type { RolloutState } from '../../domain/rollout.ts';
import { type EvidenceFact, evidenceKey, parseEvidence } from '../../planning/pipeline/facts.ts';
import type { ReadStore } from '../../ports/store.ts';

/** Evidence of every member's last attempt, by its key. */
export async function readEvidence(
  store: Pick<ReadStore, 'fact'>,
  rollout: Pick<RolloutState, 'commit' | 'members'>,
): Promise<Map<string, EvidenceFact>> {
  const evidence = new Map<string, EvidenceFact>();
  for (const [cluster, member] of Object.entries(rollout.members)) {
    const key = evidenceKey(cluster, rollout.commit, member.attempt);
    const parsed = parseEvidence((await store.fact('evidence', key))?.value);
    if (parsed !== undefined) evidence.set(key, parsed);
  }
  return evidence;
}
