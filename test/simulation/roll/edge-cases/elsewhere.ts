/**
 * Edge cases of a roll without a test of their own in this folder: where they are tested, or why they are not. By number; which cases
 * there are is the list of the design's reference.
 */
export type Elsewhere = { file: string; name: string } | { notYet: string };

const unit = (file: string, name: string): Elsewhere => ({ file: `test/unit/roll/${file}.test.ts`, name });
const trouble = (name: string): Elsewhere => ({ file: 'test/simulation/roll/trouble.test.ts', name });
const whole = (name: string): Elsewhere => ({ file: 'test/simulation/roll/whole-roll.test.ts', name });
const matrix = {
  file: 'test/simulation/roll/crash-matrix.test.ts',
  name: 'ends like the crash-free roll when it is killed',
};
const untested: Elsewhere = { notYet: 'no test of its own yet; it can be simulated' };

const known: Record<number, Elsewhere> = {
  7: unit('drain', 'a pending pod whatever its budget says'),
  8: unit('drain', 'a pod that terminates already not a second time'),
  9: unit('drain', 'by a pod that is still terminating long after its grace, unless the node is dead'),
  13: unit('drain', 'by two budgets that select one pod'),
  23: trouble(
    'is reported with budget, pod, owner and node, while the rest of the pool is replaced and nothing is cordoned in vain',
  ),
  29: unit(
    'drain',
    'an unready pod of a budget that allows nothing, where its policy or enough healthy pods let it go',
  ),
  31: whole('shares the lane of a budget between two pools, one pod in flight at a time'),
  32: unit('drain', 'for a pod labelled to be left to finish, up to a limit'),
  36: unit('drain', 'by a pod that asks not to be moved, where the policy respects it'),
  38: unit('usability', 'not while the pod of a DaemonSet on it is not ready'),
  42: unit('usability', 'while a fifth of the nodes is not Ready'),
  48: unit('cordon', 'waits while pods find no node, more than when the roll began'),
  52: trouble('growing the group is followed: the roll ends with the size that the autoscaler wants'),
  62: trouble('whose describes are up to 30 s old leads to no second termination and no second launch'),
  71: unit('group-limits', "['$Latest'"),
  75: unit('group-limits', "['an instance refresh'"),
  78: unit('usability', 'about an instance that two nodes claim, or whose state this program does not know'),
  80: unit('usability', "['absent', 'load-balancer']"),
  82: unit('deregistering', 'gets its time from when they were asked, however long ago its drain began'),
  74: unit('foreign-changes', 'ends the roll when the group is gone or being deleted'),
  84: unit('cordon', 'of a node with volumes waits for a new node in its zone'),
  85: unit('cordon', 'of a node with volumes asks where its volumes can be used, not where it is'),
  86: unit('force', 'are detached before it is terminated, or have had five minutes'),
  87: unit('cordon', 'is never issued for a node that holds the only copy of data, unless the policy gives it up'),
  92: unit('cordon', 'waits while an etcd member is not ready'),
  107: trouble('pausing stops everything, and resuming goes on from there'),
  108: {
    file: 'test/simulation/roll/operator.test.ts',
    name: 'gives the group its old template, replaces the new nodes and leaves everything else as it was',
  },
  111: trouble('mid-roll is no loss: the tags of the group say what it was like before'),
  20: {
    file: 'test/integration/providers/kube-http.test.ts',
    name: 'takes other credentials from the kubeconfig after a 401, even for a mutation, and sends the call once more',
  },
};
for (let row = 95; row <= 104; row += 1) known[row] = matrix;

/** `tested`: numbers that have a test in this folder. */
export function elsewhere(tested: ReadonlySet<number>): Map<number, Elsewhere> {
  const all = new Map<number, Elsewhere>();
  for (let number = 1; number <= 111; number += 1) {
    if (!tested.has(number)) all.set(number, known[number] ?? untested);
  }
  return all;
}

/** Numbers that are listed although this folder tests them. */
export const listed = (): number[] => Object.keys(known).map(Number);
