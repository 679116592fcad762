/** The instances of a pool with what Kubernetes and the load balancers say about each; and the sums that decisions rest on. */
import type { NodeView, PodView } from '../../domain/cluster-view.ts';
import type { RollGroupMemory, RollNode, RollNodePhase } from '../../domain/node-pool-roll.ts';
import type { GroupInstance, NodeGroup } from '../../ports/cloud-provider.ts';
import type { ClusterIndex } from './cluster-index.ts';
import { type DrainState, drainStateOf } from './drain-state.ts';
import { drainStartedAt, isCordonedByUs, type LeavingWhy, leavingWhy } from './node-marks.ts';
import { unavailableOf } from './policy.ts';
import type { PoolRollState, RollPlanInput } from './roll-plan.ts';
import { type Usability, usabilityOf } from './usability.ts';

export interface Member {
  instance: GroupInstance;
  group: NodeGroup;
  node: NodeView | undefined;
  /** Name for people: the node's, or the instance id. */
  name: string;
  outdated: boolean;
  /** Counts for the group's capacity. */
  live: boolean;
  usability: Usability;
  /** Usable and open for pods. */
  serves: boolean;
  phase: RollNodePhase;
  /** When the phase began. */
  since: number;
  /** Of the node's last look; undefined for a new one. */
  previous: RollNode | undefined;
  cordonedByUs: boolean;
  /** Meaningful while cordonedByUs. */
  leaving: LeavingWhy;
  drain: DrainState | undefined;
  drainStartedAt: number;
  pods: PodView[];
  ambiguous: boolean;
}

export interface GroupState {
  group: NodeGroup;
  memory: RollGroupMemory;
  members: Member[];
  baseline: number;
  live: number;
  /** Instances that the group still owes: desired above live. */
  owed: number;
  /** Live or owed above the baseline. */
  surge: number;
  /** Serving nodes. */
  serving: number;
  /** Serving nodes that may be taken out now. */
  slack: number;
  /** Live instances on the current template that are not leaving. */
  fresh: number;
  outdated: number;
}

const leavingStates = /^(Terminat|Detach)/;
const workingStates = new Set(['Pending', 'Pending:Wait', 'Pending:Proceed', 'InService']);
/** A describe may be this much older than an accepted termination. */
const staleDescribeMs = 60_000;

/** An instance differs from what its group would launch now. */
export function isOutdated(instance: GroupInstance, group: NodeGroup): boolean {
  const { launchTemplate } = instance;
  if (group.instanceTypes && !group.instanceTypes.includes(instance.instanceType)) return true;
  return launchTemplate?.id !== group.launchTemplate.id || launchTemplate.version !== group.launchTemplate.version;
}

/** The groups of a pool, in the order of their names. */
export function groupsOfPool(groups: NodeGroup[], pool: string): NodeGroup[] {
  return groups.filter((group) => group.tags['NodePool'] === pool).sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function groupStates(pool: PoolRollState, input: RollPlanInput, index: ClusterIndex): GroupState[] {
  const previous = new Map(pool.nodes.map((node) => [node.instanceId, node]));
  const states: GroupState[] = [];
  for (const group of groupsOfPool(input.cloud.groups, pool.pool)) {
    const memory = pool.memory.groups.find((one) => one.name === group.name);
    if (!memory) continue;
    const members = group.instances.map((instance) =>
      memberOf({ instance, group, previous: previous.get(instance.id), pool, input, index }),
    );
    states.push(
      sum(group, memory, members, unavailableOf(memory.baseline, input.policy.maxUnavailable, pool.controlPlane)),
    );
  }
  return states;
}

function sum(group: NodeGroup, memory: RollGroupMemory, members: Member[], maxUnavailable: number): GroupState {
  const live = members.filter((member) => member.live).length;
  const serving = members.filter((member) => member.serves).length;
  const { baseline } = memory;
  return {
    group,
    memory,
    members,
    baseline,
    live,
    owed: Math.max(0, group.desired - live),
    surge: Math.max(live, group.desired) - baseline,
    serving,
    slack: serving - (baseline - maxUnavailable),
    fresh: members.filter((m) => m.live && !m.outdated && !m.cordonedByUs && m.phase !== 'boot-failed').length,
    outdated: members.filter((member) => member.live && member.outdated).length,
  };
}

function memberOf(parts: {
  instance: GroupInstance;
  group: NodeGroup;
  previous: RollNode | undefined;
  pool: PoolRollState;
  input: RollPlanInput;
  index: ClusterIndex;
}): Member {
  const { instance, group, previous, pool, input, index } = parts;
  const found = index.nodeOf(instance.id);
  const node = found === 'ambiguous' ? undefined : found;
  // of a pool that is to be no more every node has to go, whatever it was launched from
  const outdated = pool.mode === 'removing' || isOutdated(instance, group);
  const usability: Usability =
    found === 'ambiguous'
      ? { usable: false, code: 'ambiguous', message: `several nodes claim instance ${instance.id}` }
      : usabilityOf({
          instance,
          group,
          node,
          established: outdated,
          index,
          now: input.now,
          policy: input.policy,
          leases: input.leases,
        });
  const cordonedByUs = node !== undefined && isCordonedByUs(node);
  // Accepted a moment before the describe: one that does not show it yet is old, however long ago it was made, and must not lead to a
  // second termination.
  const ended = previous?.phase === 'terminating' && input.cloud.at - previous.since < staleDescribeMs;
  const leavingNow = leavingStates.test(instance.lifecycleState) || ended;
  const known = workingStates.has(instance.lifecycleState);
  const live = !leavingNow && known;
  const startedAt = node ? drainStartedAt(node, input.now) : input.now;
  const drain =
    node && live && cordonedByUs
      ? drainStateOf({ node, startedAt, pods: index.podsOn(node.name), index, input, unreachable: isDead(node, input) })
      : undefined;
  const phase = phaseOf({
    leavingNow,
    known: known && found !== 'ambiguous',
    outdated,
    cordonedByUs,
    usability,
    drain,
    previous,
    pool,
    now: input.now,
    node,
  });
  return {
    instance,
    group,
    node,
    name: node?.name ?? instance.id,
    outdated,
    live,
    usability,
    serves: live && usability.usable && node !== undefined && !node.unschedulable,
    phase: phase.phase,
    since: phase.since,
    previous,
    cordonedByUs,
    leaving: node ? leavingWhy(node) : 'outdated',
    drain,
    drainStartedAt: startedAt,
    pods: node ? index.podsOn(node.name) : [],
    ambiguous: found === 'ambiguous',
  };
}

function isDead(node: NodeView, input: RollPlanInput): boolean {
  return !node.ready && input.now - (node.readySince ?? node.createdAt) >= input.policy.deadNodeMs;
}

export interface PhaseObservation {
  leavingNow: boolean;
  /** The lifecycle state is one that this program knows as working. */
  known: boolean;
  outdated: boolean;
  cordonedByUs: boolean;
  usability: Usability;
  drain: DrainState | undefined;
  previous: RollNode | undefined;
  pool: Pick<PoolRollState, 'bootTimeoutMs'>;
  now: number;
  node: NodeView | undefined;
}

/** A node that served and fell ill gets the whole boot time again to come back. */
function notReadySince(seen: PhaseObservation): number {
  if (!seen.node || seen.node.ready) return seen.now;
  return Math.min(seen.node.readySince ?? seen.node.createdAt, seen.now);
}

/** What a node is doing, from what can be seen of it. */
export function phaseOf(seen: PhaseObservation): { phase: RollNodePhase; since: number } {
  const at = (phase: RollNodePhase, since = seen.now): { phase: RollNodePhase; since: number } => ({
    phase,
    since: seen.previous?.phase === phase ? seen.previous.since : since,
  });
  if (seen.leavingNow) return at('terminating');
  if (!seen.known) return at('foreign');
  if (seen.cordonedByUs) {
    if (seen.drain && seen.drain.remaining.length === 0) return at('drained');
    const draining = seen.previous?.phase === 'blocked' ? seen.previous.since : undefined;
    return at('draining', draining ?? (seen.node ? drainStartedAt(seen.node, seen.now) : seen.now));
  }
  if (seen.outdated) return at('old');
  if (seen.usability.usable) return at('usable');
  if (seen.previous?.phase === 'boot-failed') return at('boot-failed');
  const booting = at('booting', notReadySince(seen));
  return booting.since + seen.pool.bootTimeoutMs <= seen.now ? { phase: 'boot-failed', since: seen.now } : booting;
}
