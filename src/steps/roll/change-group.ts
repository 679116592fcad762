import type { ClusterView } from '../../domain/cluster-view.ts';
import type { GroupChange } from '../../planning/roll/group-limits.ts';
import { clearPatch } from '../../planning/roll/node-marks.ts';
import type { NodeGroup } from '../../ports/cloud-provider.ts';
import { patchNode } from './perform-actions.ts';
import { registerAgain } from './register-again.ts';
import { assertLease, type RollVisit } from './roll-context.ts';

/** Makes the changes in their order; answers false when one of them has to be looked at again. */
export async function changeGroup(
  visit: RollVisit,
  group: NodeGroup,
  changes: GroupChange[],
  view: ClusterView,
): Promise<boolean> {
  const { cloud } = visit.session;
  for (const change of changes) {
    assertLease(visit);
    switch (change.kind) {
      case 'tag':
        visit.ledger.expectedTags.delete(group.name);
        await cloud.tagGroup(group.name, change.tags);
        break;
      case 'untag':
        visit.ledger.expectedTags.delete(group.name);
        await cloud.untagGroup(group.name, change.keys);
        break;
      case 'suspend':
        await cloud.suspendProcesses(group.name, change.processes);
        break;
      case 'resume':
        await cloud.resumeProcesses(group.name, change.processes);
        break;
      case 'limits': {
        // There is no compare-and-set here: a write that an old describe asks for again could undo what somebody has set since.
        const wanted = JSON.stringify(change.change);
        if (visit.ledger.hasWritten(group.name, wanted, visit.now())) return false;
        await cloud.updateGroup(group.name, change.change);
        visit.ledger.wrote(group.name, wanted, visit.now());
        break;
      }
      case 'unprotect':
        await cloud.setProtection(group.name, change.instanceIds, false);
        for (const id of change.instanceIds) visit.ledger.protectedAt.delete(id);
        break;
      case 'clear-node': {
        const node = view.nodes.find((one) => one.name === change.node);
        // Tags go last: a node that could not be cleared keeps them until it is.
        if (node) await registerAgain(visit, node);
        if (node && !(await patchNode(visit, node, clearPatch(node)))) return false;
        continue;
      }
    }
    visit.session.cloudChanged();
  }
  return true;
}
