import type { Checker } from './checker.ts';
import type { GroupTruth, NodeTruth, WorldTruth } from './truth.ts';

/** What the owner of the scenario allows; the checkers hold any client to it. */
export interface NodeLimits {
  /** Nodes above the baseline that a group may have at once, blocked ones that keep their place included. */
  surgeOf(baseline: number): number;
  /** Instances of a cluster that may be on their way to their first node object at once. */
  bootCap: number;
  /** Ready nodes below the baseline that a client may cause in a group. */
  maxUnavailable: number;
  /** Shortest time between two refused evictions of one pod. */
  evictionRetryMs: number;
}

/** Limits of groups as they stood when the watch began: what a finished roll has to put back. */
export type Baselines = Map<string, GroupTruth>;

const key = (cluster: string, group: string): string => `${cluster}/${group}`;

export function takeBaselines(truth: WorldTruth): Baselines {
  const baselines: Baselines = new Map();
  for (const cluster of truth.clusters()) {
    for (const group of truth.groups(cluster)) baselines.set(key(cluster, group.name), structuredClone(group));
  }
  return baselines;
}

const leaving = (state: string): boolean => /^(Terminat|Detach)/.test(state);

function groupOf(truth: WorldTruth, cluster: string, instanceId: string): GroupTruth | undefined {
  return truth.groups(cluster).find((group) => group.instances.some((instance) => instance.id === instanceId));
}

function usable(truth: WorldTruth, cluster: string, group: GroupTruth): NodeTruth[] {
  const inService = new Set(group.instances.filter((i) => i.lifecycleState === 'InService').map((i) => i.id));
  return truth.nodes(cluster).filter((node) => node.ready && !node.unschedulable && inService.has(node.instanceId));
}

/** I1: an accepted eviction never takes a budget below what it demands. */
const budgetsHold: Checker = {
  invariant: 'I1',
  onEvent(event) {
    if (event.kind !== 'eviction-accepted' || event.actor.kind !== 'client') return undefined;
    for (const budget of event.budgets) {
      if (budget.podWasReady && budget.healthy - 1 < budget.desiredHealthy) {
        return {
          violation: `evicting ${event.namespace}/${event.pod} leaves ${budget.healthy - 1} healthy pods of ${budget.name}, which demands ${budget.desiredHealthy}`,
        };
      }
    }
    return {};
  },
};

/** I2: a cordon by a client leaves the group's baseline of usable nodes, less maxUnavailable. */
function cordonLeavesCapacity(baselines: Baselines, limits: NodeLimits): Checker {
  return {
    invariant: 'I2',
    onEvent(event, truth) {
      if (event.kind !== 'node-cordoned' || event.actor.kind !== 'client') return undefined;
      const group = groupOf(truth, event.cluster, event.instanceId);
      const baseline = group && baselines.get(key(event.cluster, group.name));
      if (!group || !baseline) return undefined;
      const left = usable(truth, event.cluster, group).filter((node) => node.name !== event.node).length;
      const wanted = Math.min(baseline.desired, group.desired) - limits.maxUnavailable;
      if (left >= wanted) return {};
      return { violation: `cordoning ${event.node} leaves ${left} usable nodes in ${group.name}, baseline ${wanted}` };
    },
  };
}

/** I2, the other half: giving up a place never leaves fewer instances than the group had before. */
function sizeKept(baselines: Baselines): Checker {
  return {
    invariant: 'I2',
    onEvent(event, truth) {
      if (event.kind !== 'instance-terminate-requested' || event.actor.kind !== 'client' || !event.decrement)
        return undefined;
      const baseline = baselines.get(key(event.cluster, event.group));
      const group = truth.groups(event.cluster).find((one) => one.name === event.group);
      if (!group || !baseline) return undefined;
      const left = group.instances.filter((one) => !leaving(one.lifecycleState) && one.id !== event.instanceId).length;
      if (left >= baseline.desired) return {};
      return { violation: `${group.name} is left with ${left} instances, it had ${baseline.desired}` };
    },
  };
}

/** I3: a cluster never boots more nodes at once than allowed: each pulls its images. */
function bootsBounded(limits: NodeLimits): Checker {
  return {
    invariant: 'I3',
    onEvent(event, truth) {
      if (event.kind !== 'instance-launched') return undefined;
      const joined = new Set(truth.nodes(event.cluster).map((node) => node.instanceId));
      const instances = truth.groups(event.cluster).flatMap((group) => group.instances);
      const booting = instances.filter((one) => !leaving(one.lifecycleState) && !joined.has(one.id)).length;
      return booting <= limits.bootCap
        ? {}
        : { violation: `${booting} nodes boot at once, at most ${limits.bootCap} allowed` };
    },
  };
}

/** I3: a group never grows beyond baseline and surge. */
function surgeBounded(baselines: Baselines, limits: NodeLimits): Checker {
  return {
    invariant: 'I3',
    onEvent(event, truth) {
      if (event.kind !== 'instance-launched') return undefined;
      const baseline = baselines.get(key(event.cluster, event.group));
      const group = truth.groups(event.cluster).find((one) => one.name === event.group);
      if (!group || !baseline) return undefined;
      const live = group.instances.filter((instance) => !leaving(instance.lifecycleState)).length;
      const allowed = baseline.desired + limits.surgeOf(baseline.desired);
      return live <= allowed
        ? {}
        : { violation: `${group.name} has ${live} live instances, at most ${allowed} allowed` };
    },
  };
}

/** I4: a client terminates only drained nodes that are outdated, or never became ready. */
function terminatesOnlyDrained(): Checker {
  return {
    invariant: 'I4',
    onEvent(event, truth) {
      if (event.kind !== 'instance-terminate-requested') return undefined;
      const node = truth.nodes(event.cluster).find((one) => one.instanceId === event.instanceId);
      if (event.actor.kind === 'world') {
        return node?.ready ? { violation: `the group itself ended ready node ${node.name} undrained` } : {};
      }
      if (!node) return {};
      const pods = truth.workloadPodsOn(event.cluster, node.name);
      if (pods.length > 0) {
        return {
          violation: `${event.instanceId} (${node.name}) terminated with ${pods.length} pods: ${pods.slice(0, 3).join(', ')}`,
        };
      }
      const group = groupOf(truth, event.cluster, event.instanceId);
      const instance = group?.instances.find((one) => one.id === event.instanceId);
      if (node.ready && !node.unschedulable) return { violation: `${node.name} terminated without a cordon` };
      if (node.ready && instance?.launchTemplateVersion === group?.launchTemplateVersion && !event.decrement) {
        return { violation: `${node.name} is not outdated, and its termination was no scale-down` };
      }
      return {};
    },
  };
}

/** I4, the other half: load balancers are told before a serving node goes, not by its end. */
function leavesBalancersFirst(): Checker {
  const told = new Set<string>();
  return {
    invariant: 'I4',
    onEvent(event, truth) {
      if (event.kind === 'deregistered' && event.actor.kind === 'client') told.add(event.instanceId);
      if (event.kind !== 'instance-terminate-requested' || event.actor.kind !== 'client') return undefined;
      const group = groupOf(truth, event.cluster, event.instanceId);
      const node = truth.nodes(event.cluster).find((one) => one.instanceId === event.instanceId);
      if (!group || group.loadBalancers.length === 0 || !node?.ready) return undefined;
      if (told.delete(event.instanceId)) return {};
      return { violation: `${node.name} terminated while it is registered with ${group.loadBalancers.join(', ')}` };
    },
  };
}

/** I5: no client deletes a workload's pod around its budgets. The deletion that an accepted eviction makes is none of its own. */
function neverAroundBudgets(): Checker {
  const evicted = new Set<string>();
  return {
    invariant: 'I5',
    onEvent(event) {
      if (event.kind === 'eviction-accepted') evicted.add(event.uid);
      if (event.kind !== 'pod-delete-requested') return undefined;
      if (evicted.delete(event.uid) || event.actor.kind !== 'client') return undefined;
      if (event.gracePeriodSeconds === 0)
        return { violation: `${event.namespace}/${event.pod} was deleted without grace` };
      if (event.podKind !== 'workload') return {};
      return { violation: `${event.namespace}/${event.pod} was deleted, not evicted` };
    },
  };
}

/** I6: one control-plane node in flight, and the others ready. */
const oneControlPlaneNode: Checker = {
  invariant: 'I6',
  onEvent(event, truth) {
    if (event.kind !== 'node-cordoned' || event.actor.kind !== 'client') return undefined;
    const masters = truth.nodes(event.cluster).filter((node) => node.controlPlane);
    const cordoned = masters.filter((node) => node.unschedulable || node.name === event.node);
    const self = masters.find((node) => node.name === event.node);
    if (!self) {
      const other = cordoned.find((node) => node.name !== event.node);
      return other ? { violation: `${event.node} cordoned while control-plane node ${other.name} is in flight` } : {};
    }
    if (cordoned.length > 1) return { violation: `${cordoned.length} control-plane nodes cordoned at once` };
    const ready = masters.filter((node) => node.ready && !node.unschedulable && node.name !== event.node).length;
    if (ready < 1) return { violation: `no ready control-plane node is left beside ${event.node}` };
    return {};
  },
};

/** I7: nobody but the autoscaler lowers desired by an absolute write. */
const neverLowersDesired: Checker = {
  invariant: 'I7',
  onEvent(event) {
    if (event.kind !== 'group-changed' || event.actor.kind !== 'client') return undefined;
    const absolute = event.by === 'SetDesiredCapacity' || event.by === 'UpdateAutoScalingGroup';
    if (absolute && event.after.desired < event.before.desired) {
      return { violation: `${event.by} lowered ${event.group} from ${event.before.desired} to ${event.after.desired}` };
    }
    return {};
  },
};

/** I7 at the end: limits, processes, protection, taints, labels, annotations and tags are as they were. */
function everythingRestored(baselines: Baselines): Checker {
  return {
    invariant: 'I7',
    onEvent: () => undefined,
    atEnd(cluster, truth) {
      const wrong: string[] = [];
      for (const group of truth.groups(cluster)) {
        const before = baselines.get(key(cluster, group.name));
        if (!before) continue;
        for (const field of ['min', 'max', 'desired'] as const) {
          if (group[field] !== before[field])
            wrong.push(`${group.name}: ${field} is ${group[field]}, was ${before[field]}`);
        }
        if (group.newInstancesProtected !== before.newInstancesProtected)
          wrong.push(`${group.name}: scale-in protection left changed`);
        const suspended = group.suspendedProcesses.filter((name) => !before.suspendedProcesses.includes(name));
        if (suspended.length > 0) wrong.push(`${group.name}: ${suspended.join(', ')} left suspended`);
        const tags = Object.keys(group.tags).filter((name) => !(name in before.tags));
        if (tags.length > 0) wrong.push(`${group.name}: tags left: ${tags.join(', ')}`);
      }
      for (const node of truth.nodes(cluster)) {
        if (node.unschedulable) wrong.push(`${node.name} is left cordoned`);
        if (node.taints.some((taint) => taint.startsWith('decommission-pending')))
          wrong.push(`${node.name} is left tainted`);
        if (node.annotations['cluster-autoscaler.kubernetes.io/scale-down-disabled']) {
          wrong.push(`${node.name} is left exempt from scale-down`);
        }
      }
      return wrong;
    },
  };
}

/** The program of a user agent: `clm` of `clm/0.1.0 rollout/x`. */
const programOf = (actor: { name: string }): string => actor.name.split('/')[0] ?? actor.name;

/** I11: a cordon is lifted only by the program that set it; what people cordon stays cordoned. */
function foreignCordonsStay(): Checker {
  const cordoned = new Map<string, string>();
  return {
    invariant: 'I11',
    onEvent(event) {
      if (event.kind !== 'node-cordoned' && event.kind !== 'node-uncordoned') return undefined;
      if (event.actor.kind !== 'client') return undefined;
      const node = key(event.cluster, event.node);
      const program = programOf(event.actor);
      if (event.kind === 'node-cordoned') {
        cordoned.set(node, program);
        return undefined;
      }
      const by = cordoned.get(node);
      cordoned.delete(node);
      if (by === undefined || by === program) return {};
      return { violation: `${event.node} was cordoned by ${by} and is uncordoned by ${program}` };
    },
  };
}

/** I13: a refused eviction is not asked again at once. */
function evictionsPaced(limits: NodeLimits): Checker {
  const last = new Map<string, number>();
  return {
    invariant: 'I13',
    onEvent(event) {
      if (event.kind === 'eviction-accepted') last.delete(event.uid);
      if (event.kind !== 'eviction-refused' || event.actor.kind !== 'client') return undefined;
      const before = last.get(event.uid);
      last.set(event.uid, event.at);
      if (before === undefined || event.at - before >= limits.evictionRetryMs) return {};
      return {
        violation: `${event.namespace}/${event.pod} asked again ${event.at - before} ms after a refusal, at least ${limits.evictionRetryMs}`,
      };
    },
  };
}

export function nodeInvariants(baselines: Baselines, limits: NodeLimits): Checker[] {
  return [
    budgetsHold,
    cordonLeavesCapacity(baselines, limits),
    sizeKept(baselines),
    surgeBounded(baselines, limits),
    bootsBounded(limits),
    terminatesOnlyDrained(),
    leavesBalancersFirst(),
    neverAroundBudgets(),
    oneControlPlaneNode,
    neverLowersDesired,
    everythingRestored(baselines),
    foreignCordonsStay(),
    evictionsPaced(limits),
  ];
}
