/** Which nodes are cordoned at this moment: a watch may show the cordon of a person, or of another program, seconds late. */
import type { RollAction } from '../../planning/roll/roll-plan.ts';
import { nodeResource } from './pods-on-node.ts';
import type { RollVisit } from './roll-context.ts';

/**
 * Before `actions` cordon a node: lays cordons of others that the view does not show yet over it; true when there were any. Two that
 * know nothing of each other leave a group one node too few. Those that are about to be cordoned are counted as such already, and their
 * patch is refused. One list of cordoned nodes alone, which are few in a cluster of any size. Throws when the server cannot be asked:
 * unknown is not open.
 */
export async function readCordons({ session }: RollVisit, actions: RollAction[]): Promise<boolean> {
  const planned = actions.flatMap((action) => (action.kind === 'cordon' ? [action.node] : []));
  if (planned.length === 0) return false;
  const { items } = await session.kube.list(nodeResource, { fieldSelector: 'spec.unschedulable=true' });
  const { nodes } = await session.view();
  const counted = new Set([...planned, ...nodes.flatMap((node) => (node.unschedulable ? [node.name] : []))]);
  const late = items.filter((node) => !counted.has(node.metadata.name));
  for (const node of late) session.accepted({ kind: 'node-patched', node });
  return late.length > 0;
}
