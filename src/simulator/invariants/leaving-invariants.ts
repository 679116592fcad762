/** I4, I6 and I8: which nodes go, and in which state. */
import type { WorldEvent } from '../model/seams.ts';
import type { Checker, Judgement } from './checker.ts';
import { groupOf, isJudged, key, type NodeLimits } from './limits.ts';
import type { GroupTruth, NodeTruth, WorldTruth } from './truth.ts';

const zoneLabel = 'topology.kubernetes.io/zone';

/** I4: a client terminates only drained nodes that are outdated, or never became ready. */
function terminatesOnlyDrained(limits: NodeLimits): Checker {
  /** Ended by people or the cloud: what their group does about it is none of its own decisions. */
  const endedByOthers = new Set<string>();
  /** Spot instances with a notice: they end, whoever asks. */
  const interrupted = new Set<string>();
  /** When others opened a node that was cordoned: a call that is on its way by then cannot know of it. */
  const openedAt = new Map<string, number>();
  return {
    invariant: 'I4',
    onEvent(event, truth) {
      if (event.kind === 'node-uncordoned' && !isJudged(event.actor, limits))
        openedAt.set(key(event.cluster, event.node), event.at);
      if (event.kind === 'spot-notice' && event.notice === 'interruption') interrupted.add(event.instanceId);
      if (event.kind !== 'instance-terminate-requested') return undefined;
      if (event.actor.kind === 'client' && !isJudged(event.actor, limits)) endedByOthers.add(event.instanceId);
      if (endedByOthers.has(event.instanceId)) return undefined;
      const node = truth.nodes(event.cluster).find((one) => one.instanceId === event.instanceId);
      if (event.actor.kind === 'world') {
        if (interrupted.has(event.instanceId)) return undefined;
        if (limits.groupsMayRebalance === true || endsTheLast(truth, event, node, limits)) return undefined;
        return node?.ready ? { violation: `the group itself ended ready node ${node.name} undrained` } : {};
      }
      if (!node) return {};
      const all = truth.workloadPodsOn(event.cluster, node.name);
      // On a dead node evicted pods never end: what was asked to go has gone.
      const pods = node.ready ? all : all.filter((name) => truth.pod(event.cluster, name)?.terminating !== true);
      if (pods.length > 0) {
        return {
          violation: `${event.instanceId} (${node.name}) terminated with ${pods.length} pods: ${pods.slice(0, 3).join(', ')}`,
        };
      }
      const group = groupOf(truth, event.cluster, event.instanceId);
      const instance = group?.instances.find((one) => one.id === event.instanceId);
      const opened = openedAt.get(key(event.cluster, node.name)) ?? Number.NEGATIVE_INFINITY;
      const unknown = event.at - opened < (limits.readLagMs ?? 0);
      if (node.ready && !node.unschedulable && !unknown)
        return { violation: `${node.name} terminated without a cordon` };
      if (node.ready && instance?.launchTemplateVersion === group?.launchTemplateVersion && !event.decrement) {
        return { violation: `${node.name} is not outdated, and its termination was no scale-down` };
      }
      return {};
    },
  };
}

/**
 * Nobody can drain the last control-plane node by its own API: of a cluster that is to be no more those may end with their group, once
 * nothing but what belongs to the node runs on them and no worker is left.
 */
function endsTheLast(
  truth: WorldTruth,
  event: { cluster: string; group: string },
  node: NodeTruth | undefined,
  limits: NodeLimits,
): boolean {
  if (node?.controlPlane !== true || limits.isRemoved?.(event.cluster, event.group) !== true) return false;
  const workers = truth.nodes(event.cluster).some((one) => !one.controlPlane && one.ready);
  return !workers && truth.workloadPodsOn(event.cluster, node.name).length === 0;
}

/** I4: load balancers are told before a serving node goes, not by its end, and have let go of it or had their time. */
function leavesBalancersFirst(limits: NodeLimits): Checker {
  const told = new Map<string, number>();
  /** Ended by others: nothing is served there any more, whatever record of it is left and however long its node looks ready. */
  const ended = new Set<string>();
  return {
    invariant: 'I4',
    onEvent(event, truth) {
      if (event.kind === 'deregistered' && isJudged(event.actor, limits)) told.set(event.instanceId, event.at);
      if (event.kind !== 'instance-terminate-requested') return undefined;
      if (!isJudged(event.actor, limits)) ended.add(event.instanceId);
      if (ended.has(event.instanceId)) return undefined;
      const group = groupOf(truth, event.cluster, event.instanceId);
      const node = truth.nodes(event.cluster).find((one) => one.instanceId === event.instanceId);
      if (!group || group.loadBalancers.length === 0 || !node?.ready) return undefined;
      const held = truth.registrations(event.cluster, event.instanceId);
      const serving = held.filter((one) => !one.draining).map((one) => one.balancer);
      if (serving.length > 0)
        return { violation: `${node.name} terminated while it is registered with ${serving.join(', ')}` };
      const since = told.get(event.instanceId);
      told.delete(event.instanceId);
      const patience = limits.deregisterTimeoutMs ?? Number.POSITIVE_INFINITY;
      if (held.length > 0 && (since === undefined || event.at - since < patience))
        return { violation: `${node.name} terminated while ${held.map((one) => one.balancer).join(', ')} drains it` };
      return {};
    },
  };
}

/** I4: volumes of moved pods are detached, or had their time. */
function leavesVolumesFirst(limits: NodeLimits): Checker {
  const cordonedAt = new Map<string, number>();
  return {
    invariant: 'I4',
    onEvent(event, truth) {
      if (event.kind === 'node-cordoned') cordonedAt.set(key(event.cluster, event.node), event.at);
      if (event.kind !== 'instance-terminate-requested' || !isJudged(event.actor, limits)) return undefined;
      const node = truth.nodes(event.cluster).find((one) => one.instanceId === event.instanceId);
      if (!node?.ready) return undefined;
      const left = truth.volumesLeft(event.cluster, node.name);
      const since = cordonedAt.get(key(event.cluster, node.name)) ?? Number.NEGATIVE_INFINITY;
      if (left === 0 || event.at - since >= (limits.detachTimeoutMs ?? Number.POSITIVE_INFINITY)) return {};
      return { violation: `${node.name} terminated with ${left} volumes attached that none of its pods uses` };
    },
  };
}

/** Nodes that others than the judged clients have cordoned, until a client begins to take one out: they serve, and go nowhere. */
class CordonedByOthers {
  readonly #nodes = new Map<string, string>();
  readonly #limits: NodeLimits;

  constructor(limits: NodeLimits) {
    this.#limits = limits;
  }

  /** Keeps count; call it for every event before asking. */
  follow(event: WorldEvent): void {
    const ours = isJudged(event.actor, this.#limits);
    switch (event.kind) {
      case 'node-cordoned':
        if (!ours) this.#nodes.set(key(event.cluster, event.node), key(event.cluster, event.instanceId));
        break;
      case 'node-uncordoned':
        this.#nodes.delete(key(event.cluster, event.node));
        break;
      case 'eviction-accepted':
        if (ours) this.#nodes.delete(key(event.cluster, event.node));
        break;
      case 'deregistered':
      case 'instance-terminate-requested': {
        const instance = key(event.cluster, event.instanceId);
        for (const [node, id] of this.#nodes) if (ours && id === instance) this.#nodes.delete(node);
        break;
      }
      default:
    }
  }

  has(cluster: string, node: string): boolean {
    return this.#nodes.has(key(cluster, node));
  }
}

/** I6: one control-plane node in flight, and the others ready. */
function oneControlPlaneNode(limits: NodeLimits): Checker {
  const byOthers = new CordonedByOthers(limits);
  return {
    invariant: 'I6',
    onEvent(event, truth) {
      byOthers.follow(event);
      if (event.kind !== 'node-cordoned' || !isJudged(event.actor, limits)) return undefined;
      const masters = truth.nodes(event.cluster).filter((node) => node.controlPlane);
      const self = masters.find((node) => node.name === event.node);
      const others = masters.filter((node) => node.name !== event.node);
      const open = others.filter((node) => !node.unschedulable || byOthers.has(event.cluster, node.name));
      const away = others.find((node) => !open.includes(node));
      if (!self) {
        return away ? { violation: `${event.node} cordoned while control-plane node ${away.name} is in flight` } : {};
      }
      if (away) return { violation: `${1 + others.length - open.length} control-plane nodes cordoned at once` };
      const ready = open.filter((node) => node.ready);
      if (ready.length < 1) return { violation: `no ready control-plane node is left beside ${event.node}` };
      const group = groupOf(truth, event.cluster, event.instanceId);
      for (const balancer of group?.loadBalancers ?? []) {
        const serves = ready.some((node) =>
          truth.registrations(event.cluster, node.instanceId).some((one) => one.balancer === balancer && one.healthy),
        );
        if (!serves) return { violation: `${balancer} has no healthy control-plane node beside ${event.node}` };
      }
      return {};
    },
  };
}

/** Launched for a template that came between: a place for volumes, though it will be replaced as well. */
function isNewer(one: { launchTemplateVersion: string }, than: { launchTemplateVersion: string } | undefined): boolean {
  return than !== undefined && Number(one.launchTemplateVersion) > Number(than.launchTemplateVersion);
}

/** The group of the node is to be no more: a place in another one will do, whatever it was launched from. */
function placeElsewhere(
  truth: WorldTruth,
  { cluster, node }: { cluster: string; node: string },
  group: GroupTruth,
  needs: string[][],
): Judgement {
  const own = new Set(group.instances.map((one) => one.id));
  const zones = new Set(
    truth
      .nodes(cluster)
      .filter((one) => !own.has(one.instanceId) && one.ready && !one.unschedulable)
      .map((one) => one.labels[zoneLabel]),
  );
  const homeless = needs.find((allowed) => !allowed.some((zone) => zones.has(zone)));
  if (homeless === undefined) return {};
  return { violation: `${node} has a volume in ${homeless.join(' or ')}, where no node of another group is` };
}

/** I8: a node with volumes that are bound to zones is cordoned only when a usable new node is in one of them. */
function zonesHaveRoom(limits: NodeLimits): Checker {
  const lost: { cluster: string; zone: string | undefined; version: string; at: number }[] = [];
  const remember = (event: WorldEvent, truth: WorldTruth): void => {
    if (event.kind !== 'instance-terminate-requested' || isJudged(event.actor, limits)) return;
    const group = groupOf(truth, event.cluster, event.instanceId);
    const version = group?.instances.find((one) => one.id === event.instanceId)?.launchTemplateVersion;
    const node = truth.nodes(event.cluster).find((one) => one.instanceId === event.instanceId);
    if (!node?.ready || version === undefined) return;
    lost.push({ cluster: event.cluster, zone: node.labels[zoneLabel], version, at: event.at });
    if (lost.length > 100) lost.shift();
  };
  return {
    invariant: 'I8',
    onEvent(event, truth) {
      remember(event, truth);
      if (event.kind !== 'node-cordoned' || !isJudged(event.actor, limits)) return undefined;
      const needs = truth.volumeZones(event.cluster, event.node);
      if (needs.length === 0) return undefined;
      const group = groupOf(truth, event.cluster, event.instanceId);
      if (!group) return undefined;
      if (limits.isRemoved?.(event.cluster, group.name) === true) return placeElsewhere(truth, event, group, needs);
      const self = group.instances.find((one) => one.id === event.instanceId);
      // A node that is not of the oldest itself is given up as surplus by a roll that stops: then any place in the zone will do.
      const surplus = group.instances.some((one) => self !== undefined && isNewer(self, one));
      const fresh = new Set(
        group.instances
          .filter((one) => one.lifecycleState === 'InService')
          .filter((one) => surplus || one.launchTemplateVersion === group.launchTemplateVersion || isNewer(one, self))
          .map((one) => one.id),
      );
      const zones = new Set(
        truth
          .nodes(event.cluster)
          .filter((node) => node.name !== event.node && fresh.has(node.instanceId))
          .filter((node) => node.ready && !node.unschedulable)
          .map((node) => node.labels[zoneLabel]),
      );
      // Ended by somebody a moment ago: neither its Lease nor its group shows that yet.
      for (const one of lost) {
        const unseen = event.at - one.at < (limits.viewLagMs ?? 0);
        if (unseen && one.cluster === event.cluster && one.version === group.launchTemplateVersion) zones.add(one.zone);
      }
      const homeless = needs.find((allowed) => !allowed.some((zone) => zones.has(zone)));
      if (!homeless) return {};
      return { violation: `${event.node} has a volume in ${homeless.join(' or ')}, where no usable new node is` };
    },
  };
}

export function leavingInvariants(limits: NodeLimits): Checker[] {
  return [
    terminatesOnlyDrained(limits),
    leavesBalancersFirst(limits),
    leavesVolumesFirst(limits),
    oneControlPlaneNode(limits),
    zonesHaveRoom(limits),
  ];
}
