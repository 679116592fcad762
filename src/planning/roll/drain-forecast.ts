/** How long the pods of a node will take to leave, from their grace, their budgets, and how long such pods took before. */
import type { PodView } from '../../domain/cluster-view.ts';
import { type ClusterIndex, workloadOf } from './cluster-index.ts';
import type { RollPlanInput } from './roll-plan.ts';

/** Until the replacement of a pod is ready and its budget allows the next one; nothing measures it per workload. */
const replacementMs = 30_000;

/**
 * Pods of one budget go one after the other, those of different budgets side by side. A budget that has room for more than one pod
 * does not wait for each replacement.
 */
export function predictDrainMs(
  pods: PodView[],
  index: Pick<ClusterIndex, 'budgetsOf'>,
  input: Pick<RollPlanInput, 'terminationMs' | 'now' | 'policy'>,
): number {
  let longest = 0;
  const lanes = new Map<string, { endMs: number; pods: number; allowed: number }>();
  for (const pod of pods) {
    const endMs = terminationMs(pod, input);
    const [budget] = index.budgetsOf(pod);
    if (!budget) {
      longest = Math.max(longest, endMs);
      continue;
    }
    const lane = lanes.get(budget.uid) ?? { endMs: 0, pods: 0, allowed: Math.max(1, budget.disruptionsAllowed) };
    lanes.set(budget.uid, { ...lane, endMs: lane.endMs + endMs, pods: lane.pods + 1 });
  }
  for (const lane of lanes.values()) {
    const waits = Math.max(0, Math.ceil(lane.pods / lane.allowed) - 1);
    longest = Math.max(longest, lane.endMs + waits * replacementMs);
  }
  return longest + input.policy.quietMs;
}

/** Measured for pods of its workload; its grace period is the most it can take, and the best guess before anything was measured. */
function terminationMs(pod: PodView, { terminationMs, now }: Pick<RollPlanInput, 'terminationMs' | 'now'>): number {
  const workload = workloadOf(pod);
  const measured = workload === undefined ? undefined : terminationMs.get(workload);
  const graceMs = pod.gracePeriodSeconds * 1000;
  if (pod.deletingAt === undefined) return measured ?? graceMs;
  // deletionTimestamp already includes the grace period.
  const left = pod.deletingAt - now;
  return Math.max(0, measured === undefined ? left : Math.min(left, left - graceMs + measured));
}
