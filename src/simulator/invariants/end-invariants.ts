/** L1, L2 and L4: what a run that had all it needed comes to. */
import type { Checker } from './checker.ts';
import { leaving } from './limits.ts';
import type { GroupTruth, WorldTruth } from './truth.ts';

export interface RollEnd {
  /** Names of the groups that were to be replaced. */
  groups: readonly string[];
  /** Nodes that may be left cordoned because their pods cannot move, at once. */
  maxBlocked: number;
  /** What the same run without crashes and faults leaves behind (see `endStateOf`); undefined: not compared. */
  crashFree?: unknown;
}

/** A budget that can never let a pod of the node go, or two that both claim one. */
function isBlocked(truth: WorldTruth, cluster: string, node: string): boolean {
  return truth.workloadPodsOn(cluster, node).some((pod) => {
    const budgets = truth.budgetsOf(cluster, pod);
    return budgets.length > 1 || budgets.some((one) => one.expectedPods > 0 && one.desiredHealthy >= one.expectedPods);
  });
}

function outdatedOf(group: GroupTruth): string[] {
  return group.instances
    .filter((one) => !leaving(one.lifecycleState) && one.launchTemplateVersion !== group.launchTemplateVersion)
    .map((one) => one.id);
}

/** L1: every outdated node is gone in the end; L2: those that cannot go are no reason for others to stay. */
function everyOldNodeGone(end: RollEnd): Checker[] {
  const left = (cluster: string, truth: WorldTruth, blocked: boolean): { node: string; cordoned: boolean }[] => {
    const nodes = truth.nodes(cluster);
    return truth
      .groups(cluster)
      .filter((group) => end.groups.includes(group.name))
      .flatMap(outdatedOf)
      .flatMap((id) => {
        const node = nodes.find((one) => one.instanceId === id);
        if ((node !== undefined && isBlocked(truth, cluster, node.name)) !== blocked) return [];
        return [{ node: node?.name ?? id, cordoned: node?.unschedulable === true }];
      });
  };
  return [
    {
      invariant: 'L1',
      onEvent: () => undefined,
      atEnd: (cluster, truth) => {
        if (left(cluster, truth, true).length > 0) return [];
        return left(cluster, truth, false).map(({ node }) => `${node} is still on the old template`);
      },
    },
    {
      invariant: 'L2',
      onEvent: () => undefined,
      atEnd: (cluster, truth) => {
        const blocked = left(cluster, truth, true);
        if (blocked.length === 0) return [];
        const others = left(cluster, truth, false).map(
          ({ node }) => `${node} could go and has not, while ${blocked[0]?.node} cannot`,
        );
        const parked = blocked.filter((one) => one.cordoned).length;
        if (parked > end.maxBlocked)
          others.push(`${parked} nodes are left cordoned that cannot be drained, at most ${end.maxBlocked}`);
        return others;
      },
    },
  ];
}

/** Counts and marks that a run leaves: no ids, names or times. */
export function endStateOf(truth: WorldTruth, cluster: string): unknown {
  const nodes = truth.nodes(cluster);
  return truth.groups(cluster).map((group) => {
    const live = group.instances.filter((one) => !leaving(one.lifecycleState));
    return {
      name: group.name,
      min: group.min,
      max: group.max,
      desired: group.desired,
      suspended: [...group.suspendedProcesses].sort(),
      protect: group.newInstancesProtected,
      tags: Object.keys(group.tags).sort(),
      live: live.length,
      outdated: outdatedOf(group).length,
      protectedInstances: live.filter((one) => one.protectedFromScaleIn).length,
      nodes: live
        .map((one) => {
          const node = nodes.find((each) => each.instanceId === one.id);
          if (!node) return 'none';
          const marks = Object.keys(node.annotations).filter((name) => /^clm\/|scale-down/.test(name));
          return JSON.stringify([node.ready, node.unschedulable, [...node.taints].sort(), marks.sort()]);
        })
        .sort(),
    };
  });
}

/** L4: crashes and faults that are over have left no trace. */
function endsLikeCrashFree(end: RollEnd): Checker {
  return {
    invariant: 'L4',
    onEvent: () => undefined,
    atEnd(cluster, truth) {
      if (end.crashFree === undefined) return [];
      const expected = JSON.stringify(end.crashFree);
      const found = JSON.stringify(endStateOf(truth, cluster));
      return found === expected ? [] : [`ends as ${found}, without crashes as ${expected}`];
    },
  };
}

/** `end` may be filled in until the run is over. */
export function endInvariants(end: RollEnd): Checker[] {
  return [...everyOldNodeGone(end), endsLikeCrashFree(end)];
}
