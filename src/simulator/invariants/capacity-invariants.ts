/** I2, I3 and I7: how many nodes there are, and what a run leaves behind. */
import type { WorldEvent } from '../model/seams.ts';
import type { Checker, Judgement } from './checker.ts';
import { type Baseline, type Baselines, groupOf, isJudged, key, leaving, type NodeLimits, sizeOwed } from './limits.ts';
import type { GroupTruth, NodeTruth, WorldTruth } from './truth.ts';

function healthyInBalancers(truth: WorldTruth, cluster: string, group: GroupTruth, instanceId: string): boolean {
  if (group.loadBalancers.length === 0) return true;
  const healthy = truth.registrations(cluster, instanceId).filter((one) => one.healthy);
  return group.loadBalancers.every((id) => healthy.some((one) => one.balancer === id));
}

const isOf = ({ instances }: GroupTruth, { instanceId }: NodeTruth): boolean =>
  instances.some((one) => one.id === instanceId);

const isCurrent = ({ instances, launchTemplateVersion }: GroupTruth, { instanceId }: NodeTruth): boolean =>
  instances.some((one) => one.id === instanceId && one.launchTemplateVersion === launchTemplateVersion);

/** Nodes that others have cordoned, and nobody has opened or cordoned since. */
function trackCordons(theirs: Set<string>, event: WorldEvent, limits: NodeLimits): void {
  if (event.kind !== 'node-cordoned' && event.kind !== 'node-uncordoned') return;
  const byOthers = event.kind === 'node-cordoned' && event.actor.kind === 'client' && !isJudged(event.actor, limits);
  if (byOthers) theirs.add(key(event.cluster, event.node));
  else theirs.delete(key(event.cluster, event.node));
}

/** I2: a cordon by a client leaves the group's baseline of usable nodes, less maxUnavailable. */
function cordonLeavesCapacity(baselines: Baselines, limits: NodeLimits): Checker {
  const lostAt = new Map<string, number>();
  const ended = new Set<string>();
  const theirs = new Set<string>();
  const takesPart = (
    cluster: string,
    truth: WorldTruth,
    group: GroupTruth,
    { instanceId, ready }: NodeTruth,
  ): boolean =>
    ready &&
    group.instances.some((one) => one.id === instanceId && one.lifecycleState === 'InService') &&
    healthyInBalancers(truth, cluster, group, instanceId);
  const serves = (cluster: string, truth: WorldTruth, group: GroupTruth, node: NodeTruth, at: number): boolean => {
    const { instanceId } = node;
    if (node.unschedulable || !group.instances.some((one) => one.id === instanceId)) return false;
    if (takesPart(cluster, truth, group, node)) return true;
    return at - (lostAt.get(key(cluster, instanceId)) ?? Number.NEGATIVE_INFINITY) < (limits.viewLagMs ?? 0);
  };
  return {
    invariant: 'I2',
    onEvent(event, truth) {
      const endedByOthers = event.kind === 'instance-terminate-requested' && !isJudged(event.actor, limits);
      if (event.kind === 'node-not-ready' || endedByOthers) lostAt.set(key(event.cluster, event.instanceId), event.at);
      // Group and node object may show it in service for a minute more; it serves nobody.
      if (endedByOthers) ended.add(key(event.cluster, event.instanceId));
      trackCordons(theirs, event, limits);
      if (event.kind !== 'node-cordoned' || !isJudged(event.actor, limits)) return undefined;
      const group = groupOf(truth, event.cluster, event.instanceId);
      const baseline = group && baselines.get(key(event.cluster, group.name));
      if (!group || !baseline) return undefined;
      const nodes = truth.nodes(event.cluster);
      if (limits.isRemoved?.(event.cluster, group.name) === true)
        return removedOneByOne(truth, event.cluster, group, limits);
      // One that served nobody costs nothing.
      const self = nodes.find((node) => node.name === event.node);
      if (self && (ended.has(key(event.cluster, self.instanceId)) || !takesPart(event.cluster, truth, group, self)))
        return {};
      const others = nodes.filter((node) => node.name !== event.node);
      const left = others.filter((node) => serves(event.cluster, truth, group, node, event.at)).length;
      const size = Math.min(sizeOwed(baseline, limits, event.at), group.desired) - limits.maxUnavailable;
      // What is taken back of new nodes makes up for none that others keep out of service.
      const kept = others.filter((node) => theirs.has(key(event.cluster, node.name)) && isOf(group, node)).length;
      const wanted = self && isCurrent(group, self) ? size - kept : size;
      if (left >= wanted) return {};
      return { violation: `cordoning ${event.node} leaves ${left} usable nodes in ${group.name}, baseline ${wanted}` };
    },
  };
}

/** Of a group that is to be no more: pods move in small steps, so that a cluster without room is noticed early. */
function removedOneByOne(truth: WorldTruth, cluster: string, group: GroupTruth, limits: NodeLimits): Judgement {
  const live = group.instances.filter((one) => !leaving(one.lifecycleState)).map((one) => one.id);
  const away = truth
    .nodes(cluster)
    .filter((node) => live.includes(node.instanceId) && node.unschedulable && node.ready);
  const most = limits.removedAtOnce ?? 1;
  if (away.length <= most) return {};
  return {
    violation: `${away.length} nodes of ${group.name}, which is removed, are cordoned at once, at most ${most}`,
  };
}

/** I2, the other half: giving up a place never leaves fewer instances than the group had before. */
function sizeKept(baselines: Baselines, limits: NodeLimits): Checker {
  return {
    invariant: 'I2',
    onEvent(event, truth) {
      if (event.kind !== 'instance-terminate-requested' || !isJudged(event.actor, limits) || !event.decrement)
        return undefined;
      const baseline = baselines.get(key(event.cluster, event.group));
      const group = truth.groups(event.cluster).find((one) => one.name === event.group);
      if (!group || !baseline || limits.isRemoved?.(event.cluster, event.group) === true) return undefined;
      const left = group.instances.filter((one) => !leaving(one.lifecycleState) && one.id !== event.instanceId).length;
      // An instance that somebody else took is still owed by the group.
      const owed = Math.max(0, group.desired - 1 - left);
      const wanted = sizeOwed(baseline, limits, event.at);
      if (left + owed >= wanted) return {};
      return { violation: `${group.name} is left with ${left} instances, it had ${wanted}` };
    },
  };
}

/** I3: a cluster never boots more nodes at once than allowed: each pulls its images. A group that is new boots all that it has. */
function bootsBounded(baselines: Baselines, limits: NodeLimits): Checker {
  return {
    invariant: 'I3',
    onEvent(event, truth) {
      if (event.kind !== 'instance-launched' || !baselines.has(key(event.cluster, event.group))) return undefined;
      const joined = new Set(truth.nodes(event.cluster).map((node) => node.instanceId));
      const instances = truth.groups(event.cluster).flatMap((group) => group.instances);
      // Its group may not have taken it in yet.
      const others = instances.filter((one) => one.id !== event.instanceId && !leaving(one.lifecycleState));
      const booting = 1 + others.filter((one) => !joined.has(one.id)).length;
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
      const others = group.instances.filter((one) => one.id !== event.instanceId && !leaving(one.lifecycleState));
      const live = 1 + others.length;
      const allowed = baseline.desired + limits.surgeOf(baseline.desired);
      return live <= allowed
        ? {}
        : { violation: `${group.name} has ${live} live instances, at most ${allowed} allowed` };
    },
  };
}

/** I7: nobody but the autoscaler lowers desired by an absolute write. */
function neverLowersDesired(limits: NodeLimits): Checker {
  return {
    invariant: 'I7',
    onEvent(event) {
      if (event.kind !== 'group-changed' || !isJudged(event.actor, limits)) return undefined;
      const absolute = event.by === 'SetDesiredCapacity' || event.by === 'UpdateAutoScalingGroup';
      if (absolute && event.after.desired < event.before.desired) {
        return {
          violation: `${event.by} lowered ${event.group} from ${event.before.desired} to ${event.after.desired}`,
        };
      }
      return {};
    },
  };
}

/** I7 at the end: limits, processes, protection, taints, labels, annotations and tags are as they were. */
function everythingRestored(baselines: Baselines, limits: NodeLimits): Checker {
  const cordonedByOthers = new Set<string>();
  const deregistered = new Set<string>();
  return {
    invariant: 'I7',
    onEvent(event) {
      trackCordons(cordonedByOthers, event, limits);
      if (event.kind === 'deregistered' && isJudged(event.actor, limits))
        deregistered.add(key(event.cluster, event.instanceId));
      return undefined;
    },
    atEnd(cluster, truth) {
      const wrong: string[] = [];
      for (const group of truth.groups(cluster)) {
        const before = baselines.get(key(cluster, group.name));
        if (before) wrong.push(...leftOn(group, before));
        for (const { id, lifecycleState } of group.instances) {
          if (lifecycleState !== 'InService' || !deregistered.has(key(cluster, id))) continue;
          const held = truth.registrations(cluster, id).flatMap((one) => (one.draining ? [] : [one.balancer]));
          for (const one of group.loadBalancers) if (!held.includes(one)) wrong.push(`${id} is left out of ${one}`);
        }
      }
      for (const node of truth.nodes(cluster)) {
        if (node.unschedulable && !cordonedByOthers.has(key(cluster, node.name)))
          wrong.push(`${node.name} is left cordoned`);
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

function leftOn(group: GroupTruth, before: Baseline): string[] {
  const wrong: string[] = [];
  for (const field of ['min', 'max', 'desired'] as const) {
    if (field === 'max' && before.maxOr?.includes(group.max)) continue;
    if (group[field] !== before[field]) wrong.push(`${group.name}: ${field} is ${group[field]}, was ${before[field]}`);
  }
  if (group.newInstancesProtected !== before.newInstancesProtected)
    wrong.push(`${group.name}: scale-in protection left changed`);
  const suspended = group.suspendedProcesses.filter((name) => !before.suspendedProcesses.includes(name));
  if (suspended.length > 0) wrong.push(`${group.name}: ${suspended.join(', ')} left suspended`);
  const resumed = before.suspendedProcesses.filter((name) => !group.suspendedProcesses.includes(name));
  if (resumed.length > 0) wrong.push(`${group.name}: ${resumed.join(', ')} was suspended and is not any more`);
  const tags = Object.keys(group.tags).filter((name) => !(name in before.tags));
  if (tags.length > 0) wrong.push(`${group.name}: tags left: ${tags.join(', ')}`);
  return wrong;
}

export function capacityInvariants(baselines: Baselines, limits: NodeLimits): Checker[] {
  return [
    cordonLeavesCapacity(baselines, limits),
    sizeKept(baselines, limits),
    surgeBounded(baselines, limits),
    bootsBounded(baselines, limits),
    neverLowersDesired(limits),
    everythingRestored(baselines, limits),
  ];
}
