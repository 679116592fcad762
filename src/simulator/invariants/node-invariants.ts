/** All checkers of the safety list, I1 … I14, and L3. Those of a run's end (L1, L2, L4) are in end-invariants.ts. */
import { authorityInvariants } from './authority-invariants.ts';
import { capacityInvariants } from './capacity-invariants.ts';
import type { Checker } from './checker.ts';
import { etcdInvariants } from './etcd-invariants.ts';
import { leavingInvariants } from './leaving-invariants.ts';
import { type Baselines, followOthers, type NodeLimits } from './limits.ts';
import { podInvariants } from './pod-invariants.ts';
import type { WorldTruth } from './truth.ts';

/** `baselines` is kept up to date with what others than the judged clients change. */
export function nodeInvariants(baselines: Baselines, limits: NodeLimits, truth: WorldTruth): Checker[] {
  const follower: Checker = {
    invariant: 'baseline',
    onEvent(event) {
      followOthers(baselines, limits, event);
      return undefined;
    },
  };
  return [
    follower,
    ...podInvariants(truth, limits),
    ...capacityInvariants(baselines, limits),
    ...leavingInvariants(limits),
    ...etcdInvariants(limits),
    ...authorityInvariants(truth, limits),
  ];
}
