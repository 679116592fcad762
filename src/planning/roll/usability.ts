/** When a node counts: everything that has to be true before an old one may go. */
import type { NodeView } from '../../domain/cluster-view.ts';
import type { GroupInstance, NodeGroup } from '../../ports/cloud-provider.ts';
import type { ClusterIndex } from './cluster-index.ts';
import { mayRunOn } from './daemon-placement.ts';
import type { RollPolicy } from './policy.ts';
import type { RollPlanInput } from './roll-plan.ts';

export type Usability =
  | { usable: true }
  | {
      usable: false;
      /** Stable, short: `not-registered`, `not-ready`, `min-ready`, `startup-taint`, `daemon-pods`, `lease-stale`, `lease-unread`, `not-in-service`, `load-balancer`. */
      code: string;
      message: string;
      /** By time alone it changes then. */
      at?: number;
      /** Only a new describe of the cloud can tell. */
      asksCloud?: true;
      /** Only Leases read now can tell. */
      asksLeases?: true;
    };

export function usabilityOf(input: {
  instance: GroupInstance;
  group: NodeGroup;
  node: NodeView | undefined;
  /** An outdated node has been serving: start-up conditions are not asked of it again. */
  established: boolean;
  index: ClusterIndex;
  now: number;
  policy: RollPolicy;
  leases: RollPlanInput['leases'];
}): Usability {
  const { instance, node } = input;
  if (!node) return no('not-registered', `${instance.id} has not registered as a node yet`);
  if (!node.ready || node.deleting) return no('not-ready', `${node.name} is not Ready`);
  const lease = staleLease(input, node);
  if (input.established) return lease ?? inCloud(input, node);
  const readyAt = (node.readySince ?? input.now) + input.policy.minReadyMs;
  // Leases that were read before the node was to count know nothing of it: it may not even have had one.
  const readBefore = input.leases !== undefined && input.leases.at < readyAt;
  if (lease && !readBefore) return lease;
  const taint = startupTaint(node, input.policy);
  if (taint !== undefined) return no('startup-taint', `${node.name} still has the startup taint ${taint}`);
  const daemon = missingDaemon(node, input.index, input.policy);
  if (daemon !== undefined) return no('daemon-pods', `the pod of DaemonSet ${daemon} on ${node.name} is not ready`);
  if (readyAt > input.now) {
    return { ...no('min-ready', `${node.name} has not been Ready long enough`), at: readyAt };
  }
  if (lease) {
    const message = `the Leases of the kubelets were read before ${node.name} was Ready long enough`;
    return { ...no('lease-unread', message), asksLeases: true };
  }
  return inCloud(input, node);
}

/** Renewals are not watched: what was read is believed for this long. */
export const leaseReadAgeMs = 15_000;

function staleLease(
  { leases, policy }: Pick<Parameters<typeof usabilityOf>[0], 'leases' | 'policy'>,
  node: NodeView,
): (Usability & { usable: false }) | undefined {
  if (!leases) return undefined;
  const renewed = leases.renewed.get(node.name);
  if (renewed !== undefined && leases.at - renewed <= policy.leaseFreshMs) return undefined;
  const when = renewed === undefined ? 'yet' : `since ${new Date(renewed).toISOString()}`;
  const message = `the kubelet of ${node.name} has not been seen to renew its Lease ${when}, although it is Ready`;
  return { ...no('lease-stale', message), at: leases.at + leaseReadAgeMs };
}

function inCloud(input: { instance: GroupInstance; group: NodeGroup; index: ClusterIndex }, node: NodeView): Usability {
  const { instance, group, index } = input;
  if (instance.lifecycleState !== 'InService' || instance.health !== 'Healthy') {
    const state = `${instance.lifecycleState} and ${instance.health}`;
    return { ...no('not-in-service', `${node.name} is ${state} in its group`), asksCloud: true };
  }
  for (const balancer of balancersOf(group)) {
    const health = index.balancer(balancer.kind, balancer.id)?.instances[instance.id] ?? 'absent';
    if (health === 'healthy') continue;
    if (health === 'unused') {
      const message = `${node.name} gets no traffic from ${balancer.id}: its zone or group is not enabled there`;
      return { ...no('load-balancer-unused', message), asksCloud: true };
    }
    const message = `${node.name} is ${health} in load balancer ${balancer.id}`;
    return { ...no('load-balancer', message), asksCloud: true };
  }
  return { usable: true };
}

export function balancersOf(group: NodeGroup): { kind: 'classic' | 'target-group'; id: string }[] {
  return [
    ...group.classicLoadBalancers.map((id) => ({ kind: 'classic' as const, id })),
    ...group.targetGroups.map((id) => ({ kind: 'target-group' as const, id })),
  ];
}

function startupTaint(node: NodeView, policy: RollPolicy): string | undefined {
  return node.taints.find((taint) =>
    policy.startupTaints.some((known) =>
      known.endsWith('*') ? taint.key.startsWith(known.slice(0, -1)) : taint.key === known,
    ),
  )?.key;
}

/**
 * A DaemonSet counts when the policy names it, when it has a pod here, or when it has one on every other ready node and may run here;
 * but one that is ready nowhere else says nothing about this node.
 */
function missingDaemon(node: NodeView, index: ClusterIndex, policy: RollPolicy): string | undefined {
  const others = index.readyNodes - (node.ready ? 1 : 0);
  for (const daemon of index.daemons) {
    if (daemon.readyOn.has(node.name)) continue;
    if (policy.requiredDaemonSets.includes(daemon.name)) return daemon.name;
    const readyElsewhere = daemon.readyOn.size;
    if (readyElsewhere === 0) continue;
    if (daemon.anyOn.has(node.name)) return daemon.name;
    if (others > 0 && readyElsewhere >= others && mayRunOn(daemon.placement, node)) return daemon.name;
  }
  return undefined;
}

function no(code: string, message: string): Usability & { usable: false } {
  return { usable: false, code, message };
}
