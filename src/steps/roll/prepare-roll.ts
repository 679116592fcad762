import type { ClusterView } from '../../domain/cluster-view.ts';
import { FailureError, transient } from '../../domain/failure.ts';
import type { CanaryDecision, NodeContent, RollGroupMemory, RollMemory } from '../../domain/node-pool-roll.ts';
import { canaryOfPool } from '../../planning/roll/canary.ts';
import { countNotReady, countPullFailures, countUnschedulable } from '../../planning/roll/control-plane-gate.ts';
import {
  type GroupChange,
  originalsFor,
  preparations,
  refusalOf,
  removalPreparations,
} from '../../planning/roll/group-limits.ts';
import { baselineByTags, type GroupOriginals, readOriginals } from '../../planning/roll/group-tags.ts';
import { groupsOfPool } from '../../planning/roll/members.ts';
import { carriesMarks } from '../../planning/roll/node-marks.ts';
import { liveIn, outdatedIn, templateOfOld } from '../../planning/roll/old-template.ts';
import { surgeOf } from '../../planning/roll/policy.ts';
import type { NodeGroup } from '../../ports/cloud-provider.ts';
import type { StepOutcome } from '../../ports/step.ts';
import type { FactWrite, Json, OutboxMessage } from '../../ports/store.ts';
import { canaryFor, spentFacts } from './boot-records.ts';
import { changeGroup } from './change-group.ts';
import { undoRevert } from './revert-roll.ts';
import { note, type RollVisit } from './roll-context.ts';
import { rollIdOf } from './settle-intents.ts';

const refusalLookMs = 60_000;

/** `prepare-roll`: nothing to do, or the originals written down and the group made ready. */
export async function prepareRoll(visit: RollVisit): Promise<StepOutcome> {
  const { session, step } = visit;
  const { context } = step;
  const view = await session.view();
  if (view.stale !== undefined)
    return waits(visit, 'view-stale', `the view of the cluster is not current: ${view.stale}`, 15_000);
  let groups = groupsOfPool(await session.groups(0), context.pool);
  if (await undoRevert(visit, groups)) groups = groupsOfPool(await session.groups(0), context.pool);
  if (groups.length === 0) {
    const message = `no Auto Scaling group of ${context.clusterId} carries the tag NodePool=${context.pool}`;
    throw new FailureError(transient('roll-group-missing', message));
  }
  if (context.removes === true) return beginRemoval(visit, view, groups);
  const outdated = groups.reduce((sum, group) => sum + outdatedIn(group).length, 0);
  if (outdated === 0 && context.memory === null && !leftovers(groups, view)) {
    const total = groups.reduce((sum, group) => sum + group.desired, 0);
    const output = { progress: { total, updated: total, nodes: [] }, memory: null, nodesReplaced: 0 };
    return { kind: 'done', output: { ...output, next: 'finished', reason: null } as unknown as Json };
  }
  return refused(visit, groups) ?? begin(visit, view, groups, outdated);
}

/** Nothing is to be put back, so that a group without nodes needs no preparation. */
async function beginRemoval(visit: RollVisit, view: ClusterView, groups: NodeGroup[]): Promise<StepOutcome> {
  const { context } = visit.step;
  const size = groups.reduce((sum, group) => sum + liveIn(group).length, 0);
  const wanted = groups.reduce((sum, group) => sum + group.desired, 0);
  if (size === 0 && wanted === 0 && context.memory === null) {
    const output = { progress: { total: 0, updated: 0, nodes: [] }, memory: null, nodesReplaced: 0 };
    return { kind: 'done', output: { ...output, next: 'finished', reason: null } as unknown as Json };
  }
  // which nodes are outdated does not matter: all of them go
  return refused(visit, groups, 'template-floating') ?? begin(visit, view, groups, size);
}

function refused(visit: RollVisit, groups: NodeGroup[], ignored?: string): StepOutcome | undefined {
  const { context } = visit.step;
  for (const group of groups) {
    const refusal = refusalOf(group);
    if (!refusal || refusal.code === ignored) continue;
    if (refusal.waits) return waits(visit, refusal.code, refusal.message, refusalLookMs);
    note(visit, 'roll-refused', refusal.message);
    const output = { progress: context.progress, memory: context.memory, nodesReplaced: context.nodesReplaced };
    return {
      kind: 'done',
      output: { ...output, next: 'failing', reason: refusal.message } as unknown as Json,
      journal: visit.notes,
    };
  }
  return undefined;
}

async function begin(visit: RollVisit, view: ClusterView, groups: NodeGroup[], outdated: number): Promise<StepOutcome> {
  const { context } = visit.step;
  const rollId = context.memory?.rollId ?? rollIdOf(visit.step.id);
  const now = visit.now();
  const originals = new Map<string, GroupOriginals>();
  for (const group of groups) {
    const known = context.memory?.groups.find((one) => one.name === group.name);
    const unsettled = context.memory?.intents.some((intent) => intent.group === group.name) === true;
    originals.set(group.name, originalsFor(group, rollId, now, known, unsettled));
  }
  const size = [...originals.values()].reduce((sum, one) => sum + one.baseline, 0);
  const surge = surgeOf(size, visit.policy, context.surge, context.controlPlane);
  const extra = surge + (context.controlPlane ? 0 : visit.policy.maxBlocked);
  const stillToDo = (group: NodeGroup): GroupChange[] => {
    const own = originals.get(group.name);
    if (own === undefined) return [];
    if (context.removes !== true) return preparations(group, own, highestOf(own, extra));
    return [...preparations(group, own, own.max), ...removalPreparations(group)];
  };
  for (const group of groups) await changeGroup(visit, group, stillToDo(group), view);
  const described = await visit.session.groups(0);
  const ready = groupsOfPool(described, context.pool);
  const lagging = ready.find((group) => stillToDo(group).length > 0);
  if (lagging) return waits(visit, 'preparing', `${lagging.name} does not show its preparations yet`, 5_000);
  const { canaries, contents, facts } = await judgeFirst(visit, ready);
  const canary = canaryOfPool(canaries);
  const memory = memoryOf(visit, { view, described, groups: ready, originals, rollId, outdated, contents, canaries });
  const first =
    context.controlPlane || surge === 1 ? '' : `; ${canary.needed ? 'one node first' : 'no canary'}: ${canary.reason}`;
  const messages: OutboxMessage[] = [];
  if (context.memory?.reported === true && visit.step.parent !== null) {
    messages.push({ to: visit.step.parent, event: { type: 'ROLL_UNBLOCKED', pool: context.pool } });
  }
  note(
    visit,
    'roll-started',
    context.removes === true
      ? `${context.pool} is removed: its ${outdated} nodes are drained one by one`
      : `${outdated} of ${size} nodes of ${context.pool} are outdated and are replaced, up to ${surge} at a time${first}`,
    { canary: canary.needed },
  );
  const progress = { total: size, updated: Math.max(0, size - outdated), nodes: context.progress.nodes };
  const output = { progress, memory, nodesReplaced: context.nodesReplaced, next: 'rolling', reason: null };
  return { kind: 'done', output: output as unknown as Json, journal: visit.notes, messages, facts };
}

/** Whether one node of each group comes first. Control-plane nodes come one by one anyway, and a pool that is removed gets none. */
async function judgeFirst(
  visit: RollVisit,
  groups: NodeGroup[],
): Promise<{ canaries: Map<string, CanaryDecision>; contents: Map<string, NodeContent>; facts: FactWrite[] }> {
  const { parts, policy, session, step } = visit;
  const { clusterId, controlPlane, memory, pool, removes } = step.context;
  if (controlPlane || removes === true) {
    return { canaries: new Map(), contents: new Map(), facts: [] };
  }
  const now = visit.now();
  const records = policy.canary === 'auto' ? await parts.fleet.bootRecords('') : [];
  const { decisions, contents } = await canaryFor({
    session,
    cluster: parts.clusterOf(clusterId),
    pool,
    policy,
    groups: groups
      .filter((group) => outdatedIn(group).length > 0)
      .map((group) => ({
        group,
        before: memory?.groups.find((one) => one.name === group.name)?.previous ?? templateOfOld(group),
      })),
    records,
    now,
  });
  return { canaries: decisions, contents, facts: spentFacts(records, now) };
}

const notJudged: CanaryDecision = { needed: true, reason: 'nothing is known of other nodes like them' };

/** Room for the surge, however far the autoscaler lets the group grow while it rolls. */
const highestOf = (own: GroupOriginals, extra: number): number => Math.max(own.baseline, own.max) + extra;

/** What a roll that was cut off has left in the tags of its groups, for one that only cleans up; null when there is nothing. */
export async function memoryOfTags(visit: RollVisit): Promise<RollMemory | null> {
  const view = await visit.session.view();
  const described = await visit.session.groups(0);
  const groups = groupsOfPool(described, visit.step.context.pool);
  const originals = new Map<string, GroupOriginals>();
  for (const group of groups) {
    const written = readOriginals(group);
    if (written) originals.set(group.name, { ...written, baseline: baselineByTags(group, written) });
  }
  if (view.stale !== undefined || originals.size === 0) return null;
  const left = groups.filter((group) => originals.has(group.name));
  const outdated = left.reduce((sum, group) => sum + outdatedIn(group).length, 0);
  const [rollId] = [...originals.values()].map((one) => one.rollId);
  return memoryOf(visit, {
    view,
    described,
    groups: left,
    originals,
    rollId: rollId ?? rollIdOf(visit.step.id),
    outdated,
  });
}

function memoryOf(
  visit: RollVisit,
  parts: {
    view: ClusterView;
    /** Of the whole cluster. */
    described: NodeGroup[];
    groups: NodeGroup[];
    originals: Map<string, GroupOriginals>;
    rollId: string;
    outdated: number;
    contents?: ReadonlyMap<string, NodeContent>;
    canaries?: ReadonlyMap<string, CanaryDecision>;
  },
): RollMemory {
  const { context } = visit.step;
  const before = context.memory;
  const now = Math.floor(visit.now());
  const facts = { view: parts.view, cloud: { groups: parts.described }, now };
  const groups: RollGroupMemory[] = parts.groups.map((group) => {
    const known = before?.groups.find((one) => one.name === group.name);
    const busy = before?.intents.some((intent) => intent.group === group.name) === true;
    return {
      name: group.name,
      target: { id: group.launchTemplate.id, version: group.launchTemplate.version },
      previous: known?.previous ?? templateOfOld(group),
      baseline: parts.originals.get(group.name)?.baseline ?? group.desired,
      expected: busy && known ? known.expected : group.desired,
      max: group.max,
      min: group.min,
      content: parts.contents?.get(group.name) ?? null,
      canary: parts.canaries?.get(group.name) ?? known?.canary ?? notJudged,
    };
  });
  return {
    rollId: parts.rollId,
    groups,
    outdatedAtStart: Math.max(before?.outdatedAtStart ?? 0, parts.outdated),
    notReadyAtStart: countNotReady(facts, context.bootTimeoutMs),
    unschedulableAtStart: countUnschedulable(facts, visit.policy.unschedulableAfterMs),
    // Counts on from the clock: a roll that lost its row must not send an old token again.
    launches: before?.launches ?? Math.floor(now / 1000),
    bootFailures: 0,
    evictions: before?.evictions ?? 0,
    intents: before?.intents ?? [],
    zonesWithout: [],
    launchByDesiredUntil: before?.launchByDesiredUntil ?? null,
    drift: null,
    inFlight: before?.inFlight ?? null,
    settledFrom: before?.settledFrom ?? null,
    reported: false,
    pullFailuresAtStart: before?.pullFailuresAtStart ?? countPullFailures(parts),
    boots: before?.boots ?? [],
  };
}

/** An earlier roll was cut off: its traces are cleared by going through this one. */
function leftovers(groups: NodeGroup[], view: ClusterView): boolean {
  if (groups.some((group) => readOriginals(group) !== undefined)) return true;
  const ids = new Set(groups.flatMap((group) => group.instances.map((instance) => instance.id)));
  return view.nodes.some((node) => node.instanceId !== undefined && ids.has(node.instanceId) && carriesMarks(node));
}

function waits(visit: RollVisit, code: string, message: string, forMs: number): StepOutcome {
  const { progress, memory, nodesReplaced } = visit.step.context;
  return {
    kind: 'waiting',
    reason: { code, message },
    wakeAt: visit.now() + forMs,
    progress: { progress, memory, nodesReplaced } as unknown as Json,
    ...(visit.notes.length > 0 ? { journal: visit.notes } : {}),
  };
}
