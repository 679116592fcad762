/** Tells the owners of blocking budgets where they look: an Event on the budget, with what to do. */
import type { ClusterView } from '../../domain/cluster-view.ts';
import { FailureError } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { RollBlock, RollNode } from '../../domain/node-pool-roll.ts';
import type { Resource } from '../../ports/kube-cluster.ts';
import { assertLease, type RollVisit } from './roll-context.ts';

const eventResource: Resource = { group: '', version: 'v1', resource: 'events', kind: 'Event', namespaced: true };
/** One Event a budget in this time. */
const intervalMs = 15 * 60_000;
/** Shorter refusals are the ordinary pace of a drain. */
const ripeMs = 60_000;
const mostKept = 1_000;

const remedies: Record<string, string> = {
  'budget-never-allows': 'Add replicas, or let the budget allow at least one disruption.',
  'multiple-budgets': 'Let exactly one budget select the pod: the Eviction API refuses pods of several.',
  'budget-invalid': 'Correct the selector or the numbers of the budget.',
};
const remedyOfAll = 'Make its pods healthy, add replicas, or let the budget allow at least one disruption.';

/** Best effort: a roll does not fail because an Event cannot be written. */
export async function postBlockEvents(visit: RollVisit, view: ClusterView, nodes: RollNode[]): Promise<void> {
  const now = visit.now();
  const { eventsAt } = visit.ledger;
  for (const { blockedBy } of nodes) {
    if (!blockedBy || blockedBy.budget === '' || now - blockedBy.since < ripeMs) continue;
    for (const name of blockedBy.budget.split(', ')) {
      const key = `${blockedBy.namespace}/${name}`;
      const last = eventsAt.get(key);
      if (last !== undefined && now - last < intervalMs && now >= last) continue;
      const budget = view.budgets.find((one) => one.namespace === blockedBy.namespace && one.name === name);
      if (!budget) continue;
      if (eventsAt.size >= mostKept) eventsAt.clear();
      eventsAt.set(key, now);
      await post(visit, blockedBy, budget, now);
    }
  }
}

async function post(
  visit: RollVisit,
  block: RollBlock,
  budget: { name: string; namespace: string; uid: string },
  now: number,
): Promise<void> {
  assertLease(visit);
  try {
    await visit.session.kube.create(eventResource, eventOf(block, budget, now));
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    // Another daemon, or this one before it was killed, has said so in this interval.
    if (error.failure.code === 'kube-already-exists') return;
    visit.parts.log.warn({ budget: budget.name, code: error.failure.code }, 'an Event could not be written');
  }
}

function eventOf(block: RollBlock, budget: { name: string; namespace: string; uid: string }, now: number): KubeObject {
  const { namespace, name, uid } = budget;
  const at = new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
  const remedy = remedies[block.code] ?? remedyOfAll;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    // The same in one interval, whoever writes it.
    metadata: { name: `${name.slice(0, 200)}.clm-${Math.floor(now / intervalMs).toString(16)}`, namespace },
    involvedObject: { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', namespace, name, uid },
    type: 'Warning',
    reason: 'NodeDrainBlocked',
    message: `Node ${block.node} cannot be replaced: ${block.message} (pod ${block.pod} of ${block.owner}). ${remedy}`,
    source: { component: 'clm' },
    reportingComponent: 'clm',
    reportingInstance: 'clm',
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  };
}
