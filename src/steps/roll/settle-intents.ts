/** Carries out decided changes of capacity, or finds out whether an earlier process already has. */
import { createHash } from 'node:crypto';
import type { ClusterView } from '../../domain/cluster-view.ts';
import { type Failure, FailureError } from '../../domain/failure.ts';
import type { CapacityIntent, RollMemory } from '../../domain/node-pool-roll.ts';
import { launchedBy, withBootFault } from '../../planning/roll/boot-failures.ts';
import { drainStartedAt, podsAtDrainStart } from '../../planning/roll/node-marks.ts';
import type { RollMode } from '../../planning/roll/roll-plan.ts';
import type { NodeGroup } from '../../ports/cloud-provider.ts';
import { lowestOf, peakOf, tagExpected } from './expected-tag.ts';
import { mustStay } from './last-look.ts';
import { key, maybeSent, wasOurs } from './open-intents.ts';
import { assertLease, note, type RollVisit } from './roll-context.ts';

type Launch = Extract<CapacityIntent, { kind: 'launch' }>;
type Terminate = Extract<CapacityIntent, { kind: 'terminate' }>;

/** Two describes this far apart that still show an instance in service: its termination was never received. One may be 30 s old. */
const secondReadMs = 35_000;
/** A describe that is known to be old is asked for again after this long. */
const staleLookMs = 5_000;
/** A zone without capacity is asked again after this long. */
const zonePauseMs = 300_000;
/** A LaunchInstances that was refused as such is asked for again after this long: somebody may have permitted it. */
const refusedLaunchMs = 3_600_000;

export interface Settled {
  memory: RollMemory;
  /** Instances whose termination was accepted. */
  ended: string[];
  failure: Failure | undefined;
  /** When an unresolved intent wants another look. */
  lookAt: number | undefined;
}

export async function settleIntents(
  visit: RollVisit,
  view: ClusterView,
  memory: RollMemory,
  mode: RollMode,
): Promise<Settled> {
  const settled: Settled = { memory, ended: [], failure: undefined, lookAt: undefined };
  // A launch into the place of a node that has to go first is never sent before that node's termination was: in that order
  // nothing is launched too many, and an unresolved termination proves that the launch has not been sent either.
  const unresolved = new Set<string>();
  const withdrawn = new Set<string>();
  const allowed = new Set<string>();
  for (const intent of memory.intents) {
    assertLease(visit);
    try {
      if (intent.kind === 'launch') {
        if (withdrawn.has(intent.group)) {
          drop(visit, settled, intent);
          continue;
        }
        if (unresolved.has(intent.group)) continue;
        if (!allowed.has(intent.group)) {
          const failure = await allowFor(visit, intent.group, settled);
          if (failure !== undefined) return { ...settled, failure: settled.failure ?? failure };
          allowed.add(intent.group);
        }
        await launch(visit, intent, settled);
        continue;
      }
      const came = await terminate(visit, intent, { view, mode }, settled);
      if (came === 'unresolved') unresolved.add(intent.group);
      // Its place was not given up: what was to be launched into it is decided anew.
      if (came === 'withdrawn' || came === 'not-ours') withdrawn.add(intent.group);
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      visit.ledger.unsent.delete(key(visit, intent));
      if (intent.kind === 'terminate') unresolved.add(intent.group);
      settled.failure ??= error.failure;
    }
  }
  settled.failure ??= await tagExpected(visit, settled.memory, lowestOf);
  return settled;
}

/** Only once what goes before the launches is settled: a tag that does not allow for them proves that none was sent. */
async function allowFor(visit: RollVisit, name: string, settled: Settled): Promise<Failure | undefined> {
  return tagExpected(visit, settled.memory, (group, intents) =>
    group.name === name ? peakOf(group, intents) : undefined,
  );
}

function drop(visit: RollVisit, settled: Settled, intent: CapacityIntent): void {
  visit.ledger.unsent.delete(key(visit, intent));
  visit.ledger.readOnce.delete(key(visit, intent));
  settled.memory = { ...settled.memory, intents: settled.memory.intents.filter((one) => one.id !== intent.id) };
}

function replace(settled: Settled, intent: CapacityIntent): void {
  const intents = settled.memory.intents.map((one) => (one.id === intent.id ? intent : one));
  settled.memory = { ...settled.memory, intents };
}

/** desired as it has to be if nobody else changed it and none of the open changes has arrived. */
function expectedOf(settled: Settled, group: string): number | undefined {
  return settled.memory.groups.find((one) => one.name === group)?.expected;
}

function expect(settled: Settled, group: string, by: number): void {
  const groups = settled.memory.groups.map((one) =>
    one.name === group ? { ...one, expected: one.expected + by } : one,
  );
  settled.memory = { ...settled.memory, groups };
}

async function launch(visit: RollVisit, intent: Launch, settled: Settled): Promise<void> {
  const { session } = visit;
  if (intent.raise) {
    await raise(visit, intent, settled);
    return;
  }
  const zone = intent.zone === null ? {} : { zone: intent.zone };
  const first = visit.ledger.unsent.has(key(visit, intent));
  try {
    const result = await session.cloud.launchInstances(intent.group, { count: 1, token: intent.token, ...zone });
    session.cloudChanged();
    drop(visit, settled, intent);
    const [id] = result.instanceIds;
    if (id !== undefined) {
      expect(settled, intent.group, 1);
      note(
        visit,
        'node-launched',
        `${intent.group} launches ${id}${intent.zone === null ? '' : ` in ${intent.zone}`}`,
        {
          instanceId: id,
        },
      );
      return;
    }
    const error = result.errors[0] ?? { code: 'Unknown', message: 'the service launched nothing and did not say why' };
    refusedLaunch(visit, intent, settled, error.code, error.message);
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    session.cloudChanged();
    const { failure } = error;
    if (failure.code === 'aws-capacity') {
      drop(visit, settled, intent);
      refusedLaunch(visit, intent, settled, 'InsufficientInstanceCapacity', failure.message);
      return;
    }
    // The answer was lost: the same token asks again and launches nothing twice.
    if (failure.kind === 'transient') throw error;
    await deniedLaunch(visit, intent, settled, { message: failure.message, first });
  }
}

/** The call itself was refused; one that was sent before, and whose answer was lost, may have been accepted all the same. */
async function deniedLaunch(
  visit: RollVisit,
  intent: Launch,
  settled: Settled,
  denied: { message: string; first: boolean },
): Promise<void> {
  const group = await groupNow(visit, intent.group);
  if (group && isStale(visit, settled, group)) return;
  drop(visit, settled, intent);
  if (!group) return;
  const { message, first } = denied;
  if (!first && group.desired > (expectedOf(settled, intent.group) ?? group.desired)) {
    expect(settled, intent.group, 1);
    note(
      visit,
      'node-launched',
      `${intent.group} has launched a node, as asked before; asked again it says: ${message}`,
    );
  }
  if (/IdempotentParameterMismatch/.test(message)) return;
  if (group.desired >= group.max) {
    note(visit, 'launch-refused', `${intent.group} has its maximum of ${group.max} nodes: ${message}`);
    return;
  }
  settled.memory = { ...settled.memory, launchByDesiredUntil: Math.floor(visit.now()) + refusedLaunchMs };
  note(visit, 'launch-by-desired', `LaunchInstances is not to be had, desired is raised instead: ${message}`);
}

function refusedLaunch(visit: RollVisit, intent: Launch, settled: Settled, code: string, message: string): void {
  const zone = intent.zone ?? '';
  const until = Math.floor(visit.now()) + zonePauseMs;
  const capacity = /Capacity|Limit|Insufficient|Spot/i.test(code);
  const { group } = intent;
  const others = settled.memory.zonesWithout.filter(
    (one) => (one.zone !== zone || one.group !== group) && one.until > visit.now(),
  );
  settled.memory = { ...settled.memory, zonesWithout: [...others, { group, zone, until }].slice(-100) };
  // Anything but missing capacity is a configuration that will not start working by waiting.
  if (!capacity) {
    settled.memory = withBootFault(settled.memory, group, `it could not be launched: ${code}: ${message}`);
    visit.boots.failed.push(group);
  }
  note(visit, 'launch-refused', `${intent.group} could not launch in ${zone || 'any zone'}: ${code}: ${message}`);
}

async function raise(visit: RollVisit, intent: Launch, settled: Settled): Promise<void> {
  const group = await groupNow(visit, intent.group);
  if (group && isStale(visit, settled, group)) return;
  const expected = expectedOf(settled, intent.group);
  const sent = maybeSent(visit, settled.memory, intent.group);
  if (!group || expected === undefined || group.desired < expected || group.desired > expected + sent) {
    // Gone, or moved by somebody else: decided anew.
    drop(visit, settled, intent);
    return;
  }
  if (group.desired === expected) {
    if (expected >= group.max) {
      drop(visit, settled, intent);
      note(visit, 'launch-refused', `${intent.group} has its maximum of ${group.max} nodes`);
      return;
    }
    await visit.session.cloud.raiseDesired(intent.group, expected, expected + 1);
    visit.session.cloudChanged();
  }
  drop(visit, settled, intent);
  expect(settled, intent.group, 1);
  note(visit, 'node-launched', `desired of ${intent.group} is raised to ${expected + 1}`);
}

/** A describe that still shows what was ended a moment ago says nothing about desired either: it is looked at again. */
function isStale(visit: RollVisit, settled: Settled, group: NodeGroup): boolean {
  const nodes = visit.ledger.nodes.get(visit.step.id) ?? [];
  const ended = new Set([
    ...settled.ended,
    ...nodes.flatMap((one) => (one.phase === 'terminating' ? [one.instanceId] : [])),
  ]);
  if (!group.instances.some((one) => ended.has(one.id) && /^(Pending|InService)/.test(one.lifecycleState)))
    return false;
  settled.lookAt = Math.min(settled.lookAt ?? Number.POSITIVE_INFINITY, visit.now() + staleLookMs);
  return true;
}

async function groupNow(visit: RollVisit, name: string): Promise<NodeGroup | undefined> {
  const groups = await visit.session.groups(0);
  return groups.find((group) => group.name === name);
}

async function terminate(
  visit: RollVisit,
  intent: Terminate,
  { view, mode }: { view: ClusterView; mode: RollMode },
  settled: Settled,
): Promise<'ended' | 'not-ours' | 'unresolved' | 'withdrawn'> {
  // Every change in the cluster leads here again: nothing new is to be learnt before the second read is due.
  if (!visit.ledger.unsent.has(key(visit, intent)) && waitsForSecondRead(visit, intent, settled)) return 'unresolved';
  const cloud = await visit.session.cloudView(0);
  const group = cloud.groups.find((one) => one.name === intent.group);
  const instance = group?.instances.find((one) => one.id === intent.instanceId);
  if (!group || !instance || /^(Terminat|Detach)/.test(instance.lifecycleState)) {
    // Without a decrement nothing depends on whose doing it was.
    const ours = intent.decrement && (await wasOurs(visit, intent, group, settled.memory));
    drop(visit, settled, intent);
    if (ours) expect(settled, intent.group, -1);
    settled.ended.push(intent.instanceId);
    if (intent.decrement && !ours) {
      const text = `${intent.node} (${intent.instanceId}) was ended by somebody else; its group replaces it`;
      note(visit, 'node-gone', text, { node: intent.node, instanceId: intent.instanceId });
      return 'not-ours';
    }
    noteEnded(visit, intent, view, settled);
    return 'ended';
  }
  if (!visit.ledger.unsent.has(key(visit, intent)) && !secondRead(visit, intent, settled)) return 'unresolved';
  const why = await mustStay(visit, intent, { cloud, group, instance, mode, memory: settled.memory });
  if (why !== undefined) {
    drop(visit, settled, intent);
    visit.ledger.withdraw(intent.instanceId, visit.now());
    note(visit, 'termination-withdrawn', `${intent.node} is not terminated: ${why}`, { node: intent.node });
    return 'withdrawn';
  }
  assertLease(visit);
  visit.ledger.unsent.delete(key(visit, intent));
  try {
    await visit.session.cloud.terminateInstance(intent.instanceId, { decrement: intent.decrement });
  } catch (error) {
    // It may have arrived: what was read before says nothing about that, and a second one would lower the size again.
    visit.ledger.readOnce.delete(key(visit, intent));
    replace(settled, { ...intent, stillThereAt: null });
    visit.session.cloudChanged();
    throw error;
  }
  visit.ledger.noteAccepted(key(visit, intent));
  visit.session.cloudChanged();
  drop(visit, settled, intent);
  if (intent.decrement) expect(settled, intent.group, -1);
  settled.ended.push(intent.instanceId);
  noteEnded(visit, intent, view, settled);
  return 'ended';
}

/** An earlier attempt may be on its way: only a second describe that still shows the instance in service allows another one. */
function secondRead(visit: RollVisit, intent: Terminate, settled: Settled): boolean {
  const now = visit.now();
  // A time in the future (a clock that jumped) counts as now.
  // An earlier process may have sent it after its own first read.
  const before = visit.ledger.readOnce.has(key(visit, intent)) ? intent.stillThereAt : null;
  visit.ledger.readOnce.add(key(visit, intent));
  const stillThereAt = Math.min(before ?? Math.floor(now), Math.floor(now));
  if (now - stillThereAt >= secondReadMs) return true;
  replace(settled, { ...intent, stillThereAt });
  settled.lookAt = Math.min(settled.lookAt ?? Number.POSITIVE_INFINITY, stillThereAt + secondReadMs);
  return false;
}

function waitsForSecondRead(visit: RollVisit, intent: Terminate, settled: Settled): boolean {
  const now = visit.now();
  if (intent.stillThereAt === null || intent.stillThereAt > now) return false;
  if (!visit.ledger.readOnce.has(key(visit, intent))) return false;
  const dueAt = intent.stillThereAt + secondReadMs;
  if (dueAt <= now) return false;
  settled.lookAt = Math.min(settled.lookAt ?? Number.POSITIVE_INFINITY, dueAt);
  return true;
}

function noteEnded(visit: RollVisit, intent: Terminate, view: ClusterView, settled: Settled): void {
  const node = view.nodes.find((one) => one.instanceId === intent.instanceId);
  const pods = node ? podsAtDrainStart(node) : 0;
  const place = intent.decrement ? 'its place is given up' : 'its group replaces it';
  if (intent.why === 'boot-failed') {
    const { problem } = intent;
    settled.memory = withBootFault(settled.memory, intent.group, problem);
    const known = settled.memory.groups.find((one) => one.name === intent.group);
    visit.boots.failed.push(intent.group);
    const said = problem === undefined ? '' : ` (${problem})`;
    const of = known === undefined ? intent.group : `${intent.group}: ${launchedBy(known)}`;
    const text = `${intent.node} (${intent.instanceId}, of ${of}) never became usable${said} and is terminated; ${place}`;
    note(visit, 'boot-failed', text);
    return;
  }
  if (node && intent.why === 'outdated') visit.measured.drains.push(visit.now() - drainStartedAt(node, visit.now()));
  const what = intent.why === 'outdated' ? `drained of ${pods} pods and terminated` : 'surplus, and terminated';
  note(visit, 'node-terminated', `${intent.node} (${intent.instanceId}) is ${what}; ${place}`, {
    node: intent.node,
    instanceId: intent.instanceId,
    pods,
  });
}

/** Short and stable for one process, different from one roll to the next. */
export function rollIdOf(processId: string): string {
  return createHash('sha256').update(processId).digest('hex').slice(0, 16);
}
