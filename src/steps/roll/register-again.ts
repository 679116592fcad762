import type { NodeView } from '../../domain/cluster-view.ts';
import { isCordonedByUs } from '../../planning/roll/node-marks.ts';
import { balancersOf } from '../../planning/roll/usability.ts';
import { note, type RollVisit } from './roll-context.ts';

/** The groups of a cluster hardly ever change their load balancers. */
const describeAgeMs = 60_000;

/**
 * No load balancer takes an instance back by itself, so a node that was on its way out is registered again before its marks go: killed in
 * between, the next look does so once more. An instance of a group that is in service belongs into all of its load balancers.
 */
export async function registerAgain(visit: RollVisit, node: NodeView): Promise<void> {
  const { session, ledger } = visit;
  const { instanceId } = node;
  if (instanceId === undefined || !isCordonedByUs(node)) return;
  const group = (await session.groups(describeAgeMs)).find(({ instances }) =>
    instances.some((one) => one.id === instanceId && one.lifecycleState === 'InService'),
  );
  if (group === undefined) return;
  for (const { kind, id } of balancersOf(group)) {
    await session.cloud.register(kind, id, instanceId);
    ledger.deregisteredAt.delete(`${instanceId}/${id}`);
    session.cloudChanged();
    note(visit, 'node-registered', `${node.name} is registered with ${id} again`, { node: node.name });
  }
}
