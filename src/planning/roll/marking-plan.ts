/** Marks that decide where pods go and what the group and the autoscaler leave alone while a roll is under way. */
import type { Member } from './members.ts';
import { isExemptedByUs, isMarkedAs, protectedByAnnotation, scaleDownDisabledAnnotation } from './node-marks.ts';
import { look, type PoolContext } from './pool-context.ts';

/** What a describe does not show as protected is protected again after this long: it may be older. */
const protectAgainMs = 30_000;

/** Old nodes repel new pods; new ones are kept from the autoscaler while they are empty. */
export function markNodes(context: PoolContext, members: Member[]): void {
  protectOld(context);
  const effect = effectNow(context);
  for (const member of members) {
    const { node } = member;
    if (!member.live || !node || node.deleting) continue;
    if (member.outdated) {
      if (isMarkedAs(node, effect) || member.cordonedByUs) continue;
      const known = node.annotations[protectedByAnnotation] !== undefined;
      const protectedByUs = known || !member.instance.protectedFromScaleIn;
      const reason = `${node.name} is outdated`;
      const { id: instanceId } = member.instance;
      context.actions.push({ kind: 'mark', node: node.name, instanceId, protectedByUs, effect, reason });
    } else if (!isExemptedByUs(node) && node.annotations[scaleDownDisabledAnnotation] === undefined) {
      context.actions.push({ kind: 'exempt', node: node.name, reason: `${node.name} is new` });
    }
  }
}

/** Old nodes take no pods at all where the cluster wants that, but only while every pod finds a node, and never on a control plane. */
function effectNow({ input, pool, cluster, memory }: PoolContext): 'PreferNoSchedule' | 'NoSchedule' {
  if (pool.controlPlane || cluster.unschedulable > memory.unschedulableAtStart) return 'PreferNoSchedule';
  return input.policy.outdatedTaint;
}

/** No scale-in by the group itself ends an undrained node. Marked first, so that a kill leaves nothing protected without a note. */
function protectOld(context: PoolContext): void {
  for (const state of context.groups) {
    const instanceIds = state.members
      .filter((m) => m.live && m.instance.lifecycleState === 'InService' && !m.instance.protectedFromScaleIn)
      .filter((m) => m.node?.annotations[protectedByAnnotation] !== undefined)
      .map((m) => m.instance.id)
      .filter((id) => isProtectionDue(context, id))
      .slice(0, 50);
    if (instanceIds.length === 0) continue;
    const reason = `outdated nodes of ${state.group.name} leave by a drain only`;
    context.actions.push({ kind: 'protect', group: state.group.name, instanceIds, reason });
  }
}

function isProtectionDue(context: PoolContext, instanceId: string): boolean {
  const { now, protectedAt } = context.input;
  const again = (protectedAt.get(instanceId) ?? Number.NEGATIVE_INFINITY) + protectAgainMs;
  if (again <= now) return true;
  look(context, again);
  return false;
}
