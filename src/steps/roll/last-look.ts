/** The last look before something that cannot be undone: all of it is asked anew, the plan may be seconds old, and its describe minutes. */
import type { NodeView } from '../../domain/cluster-view.ts';
import type { CapacityIntent, RollMemory } from '../../domain/node-pool-roll.ts';
import { isOutdated } from '../../planning/roll/members.ts';
import { drainStartedAt } from '../../planning/roll/node-marks.ts';
import { unaskedFactor } from '../../planning/roll/pool-context.ts';
import type { RollMode } from '../../planning/roll/roll-plan.ts';
import { balancersOf } from '../../planning/roll/usability.ts';
import type { NodeGroup } from '../../ports/cloud-provider.ts';
import type { CloudView } from '../../ports/cluster-session.ts';
import { workloadPodsOn } from './pods-on-node.ts';
import type { RollVisit } from './roll-context.ts';

/** The describe of this moment, and what of it the termination is about. */
interface LastLook {
  cloud: CloudView;
  group: NodeGroup;
  instance: NodeGroup['instances'][number];
  mode: RollMode;
  memory: RollMemory;
}

/** Why the instance is not ended after all, for people; undefined = it goes. */
export async function mustStay(
  visit: RollVisit,
  intent: Extract<CapacityIntent, { kind: 'terminate' }>,
  { cloud, group, instance, mode, memory }: LastLook,
): Promise<string | undefined> {
  if (!/^(InService|Standby|Pending)/.test(instance.lifecycleState)) return `it is ${instance.lifecycleState}`;
  // of a pool that is to be no more every node goes
  if (mode !== 'removing') {
    if (intent.why === 'outdated' && !isOutdated(instance, group)) return 'it is on the current template';
    const baseline = memory.groups.find((one) => one.name === intent.group)?.baseline ?? group.desired;
    if (intent.decrement && group.desired <= baseline) return `${intent.group} has no node too many any more`;
  }
  // Not the view that the look began with: describes and lists may have taken seconds since.
  const view = await visit.session.view();
  if (view.stale !== undefined) return 'its cluster is not to be seen';
  const nodes = view.nodes.filter((one) => one.instanceId === intent.instanceId);
  const [node] = nodes;
  if (nodes.length > 1) return 'several nodes claim its instance';
  if (!node) return intent.node === intent.instanceId ? undefined : 'its node is not to be seen';
  if (intent.node === intent.instanceId) return 'it has become a node meanwhile';
  if (!node.unschedulable) return 'somebody has uncordoned it';
  const serving = registeredUntold(visit, node, { cloud, group, instance });
  if (serving !== undefined) return `it is registered with ${serving}, which was not asked to let go of it`;
  const daemons = new Set(view.daemonSets.map((daemon) => daemon.uid));
  const pods = await workloadPodsOn(visit.session.kube, node.name, daemons);
  if (pods.length > 0) return `${pods.length} pods are on it: ${pods.slice(0, 3).join(', ')}`;
  return undefined;
}

/**
 * A group registers an instance as it comes into service, which may be after the describe that the plan was made from. One that cannot
 * be asked holds the node up for a bounded time, as in the plan.
 */
function registeredUntold(
  visit: RollVisit,
  node: NodeView,
  { cloud, group, instance }: Pick<LastLook, 'cloud' | 'group' | 'instance'>,
): string | undefined {
  const now = visit.now();
  if (now >= drainStartedAt(node, now) + unaskedFactor * visit.policy.deregisterTimeoutMs) return undefined;
  return balancersOf(group).find(({ kind, id }) => {
    const balancer = cloud.loadBalancers.find((one) => one.kind === kind && one.id === id);
    const health = balancer?.instances[instance.id] ?? 'absent';
    if (health === 'absent' || health === 'unused' || health === 'draining') return false;
    return !visit.ledger.deregisteredAt.has(`${instance.id}/${id}`);
  })?.id;
}
