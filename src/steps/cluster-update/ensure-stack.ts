/** One look at one stack, and the smallest next thing done about it. */
import type { StackProgress } from '../../domain/cluster-update.ts';
import { FailureError, terminal } from '../../domain/failure.ts';
import type { RenderedStack } from '../../domain/rendered.ts';
import { applyPolicyOf } from '../../planning/pipeline/apply-policy.ts';
import {
  allowanceItem,
  allowancesOf,
  policyWith,
  refusedChanges,
  type StackAllowance,
  samePolicy,
  summariseChanges,
  touchesGroups,
} from '../../planning/pipeline/stack-guard.ts';
import {
  describeForeignWork,
  describeStackFailure,
  firstFailure,
  nextForStack,
} from '../../planning/pipeline/stack-state.ts';
import type { ChangeSetView, CloudProvider, StackView } from '../../ports/cloud-provider.ts';
import type { JournalNote } from '../../ports/step.ts';
import { clusterOf, type PipelineDependencies } from '../pipeline-dependencies.ts';
import { stackRequestOf, tokenOf } from './stack-request.ts';
import { assertLease, type UpdateInput } from './update-step.ts';

const eventsRead = 100;
/** Somebody else's operation on a stack of ours is waited for this long, in observed time of the phase. */
const longestForeignMs = 60 * 60_000;
/** Kinds whose stacks hold what cannot be made again. */
const protectedKinds = new Set<RenderedStack['kind']>(['etcd', 'cluster']);

export interface StackLook {
  progress: StackProgress;
  /** What is waited for, for people; absent when it is applied. */
  waits?: string;
  journal: JournalNote[];
}

interface Work {
  deps: PipelineDependencies;
  cloud: CloudProvider;
  input: UpdateInput;
  stack: RenderedStack;
  before: StackProgress | undefined;
  live: StackView | undefined;
}

export async function ensureStack(
  deps: PipelineDependencies,
  cloud: CloudProvider,
  input: UpdateInput,
  stack: RenderedStack,
): Promise<StackLook> {
  const before = input.context.stacks[stack.name];
  const live = await cloud.describeStack(stack.name);
  const work: Work = { deps, cloud, input, stack, before, live };
  const next = nextForStack(live, before);
  switch (next.do) {
    case 'create':
      return create(work);
    case 'plan':
      return plan(work);
    case 'judge':
      return judge(work, next.changeSet);
    case 'remove':
      return remove(work);
    case 'recover':
      assertLease(input);
      await cloud.continueRollback(stack.name, tokenOf(input, stack));
      return look(work, 'recovering', `takes up the failed rollback of ${stack.name} again`, {
        journal: [
          {
            kind: 'stack-recovering',
            message: `stack ${stack.name} is ${live?.status}: its rollback is taken up again`,
          },
        ],
      });
    case 'applied':
      await protect(work);
      return applied(work);
    case 'wait':
      return next.for === 'ours' ? look(work, undefined, `CloudFormation works on ${stack.name}`) : foreign(work);
    case 'fail':
      throw await failureOf(work, next.code);
  }
}

/** `state` stays as it was unless given; a change set does, unless another or null for none is given. */
function look(
  work: Work,
  state: StackProgress['state'] | undefined,
  waits: string,
  { journal = [], changeSet }: { journal?: JournalNote[]; changeSet?: string | null } = {},
): StackLook {
  const { before, input, stack } = work;
  const next = state ?? before?.state ?? 'waiting';
  const since = next === before?.state ? before.since : input.now;
  const kept = changeSet === undefined ? before?.changeSet : (changeSet ?? undefined);
  const progress = { kind: stack.kind, state: next, since, ...(kept === undefined ? {} : { changeSet: kept }) };
  return { progress, waits, journal };
}

function applied({ before, input, stack }: Work, how = 'is applied'): StackLook {
  const message = `stack ${stack.name} of ${input.context.clusterId} ${how}`;
  return {
    progress: { kind: stack.kind, state: 'applied', since: before?.since ?? input.now },
    journal: [{ kind: 'stack-applied', message }],
  };
}

async function create(work: Work): Promise<StackLook> {
  const { cloud, deps, input, stack } = work;
  const request = await stackRequestOf(deps, cloud, input, stack);
  assertLease(input);
  await cloud.createStack({
    ...request,
    terminationProtection: wantsProtection(work),
    ...(stack.updatePolicy === undefined ? {} : { policy: stack.updatePolicy }),
  });
  return look(work, 'started', `CloudFormation creates ${stack.name}`, { changeSet: null });
}

async function plan(work: Work): Promise<StackLook> {
  const { cloud, deps, input, stack } = work;
  const request = await stackRequestOf(deps, cloud, input, stack);
  assertLease(input);
  await cloud.createChangeSet({ ...request, changeSet: request.token });
  const waits = `CloudFormation works out what changes in ${stack.name}`;
  return look(work, 'planned', waits, { changeSet: request.token });
}

async function judge(work: Work, changeSet: string): Promise<StackLook> {
  const { cloud, input, stack } = work;
  const view = await cloud.describeChangeSet(stack.name, changeSet);
  // somebody else's operation came between: another one is made
  if (view === undefined || view.status === 'spent') {
    if (view !== undefined) await discard(work, changeSet);
    return look(work, 'waiting', `plans ${stack.name} anew`, { changeSet: null });
  }
  if (view.status === 'making') return look(work, undefined, `CloudFormation works out what changes in ${stack.name}`);
  if (view.status === 'unchanged') {
    await discard(work, changeSet);
    await protect(work);
    return applied(work, 'is as rendered already');
  }
  if (view.status === 'failed') {
    await discard(work, changeSet);
    const message = `CloudFormation refuses the change of stack ${stack.name}: ${view.reason ?? 'it gives no reason'}`;
    throw new FailureError(terminal('stack-change-invalid', message));
  }
  return execute(work, changeSet, view, input);
}

async function execute(work: Work, changeSet: string, view: ChangeSetView, input: UpdateInput): Promise<StackLook> {
  const { cloud, stack } = work;
  const allowed = allowances(work);
  const refused = refusedChanges({
    stack: stack.name,
    changes: view.changes,
    allowed,
    selfRolling: stack.selfRolling ?? {},
    sizes: stack.groupSizes ?? {},
    running: touchesGroups(view.changes) ? await nodesByGroup(cloud, input.context.clusterId) : new Map(),
  });
  if (refused.length > 0) {
    await discard(work, changeSet);
    const message = refused.map((each) => each.message).join('; ');
    throw new FailureError(terminal('stack-change-refused', message));
  }
  await protect(work, [...allowed.keys()]);
  assertLease(input);
  if ((await cloud.executeChangeSet(stack.name, changeSet, changeSet)) === 'refused') {
    return look(work, undefined, `looks at ${stack.name} again: it could not be changed at this moment`);
  }
  const used = view.changes.flatMap((change) => allowed.get(change.logicalId) ?? []);
  const change = { kind: 'stack-change', message: `stack ${stack.name}: ${summariseChanges(view.changes)}` };
  const journal = [change, ...used.map(allowanceNote)];
  return look(work, 'started', `CloudFormation works on ${stack.name}`, { journal });
}

/** Asked in this moment: what an old answer says may have grown. */
export async function nodesByGroup(cloud: CloudProvider, clusterId: string): Promise<Map<string, number>> {
  const groups = await cloud.describeGroups({ [`kubernetes.io/cluster/${clusterId}`]: 'owned' });
  return new Map(groups.map((group) => [group.name, group.desired]));
}

function allowanceNote({ stack, logicalId, actor, reason, until }: StackAllowance): JournalNote {
  const ends = new Date(until).toISOString().slice(0, 10);
  const message = `${stack}/${logicalId} may be replaced or removed, as ${actor} allows until ${ends}: ${reason}`;
  return { kind: 'stack-change-allowed', message };
}

function allowances({ deps, input, stack }: Work): Map<string, StackAllowance> {
  const items = clusterOf(deps, input.context.clusterId)?.configItems ?? {};
  return allowancesOf(items[allowanceItem], stack.name, input.now);
}

async function discard({ cloud, input, stack }: Work, changeSet: string): Promise<void> {
  assertLease(input);
  await cloud.deleteChangeSet(stack.name, changeSet);
}

function wantsProtection({ deps, input, stack }: Work): boolean {
  if (!protectedKinds.has(stack.kind)) return false;
  return applyPolicyOf(clusterOf(deps, input.context.clusterId)).terminationProtection;
}

/** Policy and protection from termination, where they are not as they should be. */
async function protect(work: Work, allowed: string[] = []): Promise<void> {
  const { cloud, input, stack, live } = work;
  if (stack.updatePolicy !== undefined) {
    const wanted = policyWith(stack.updatePolicy, allowed);
    if (!samePolicy(await cloud.stackPolicy(stack.name), wanted)) {
      assertLease(input);
      await cloud.setStackPolicy(stack.name, wanted);
    }
  }
  // what somebody else protects stays protected
  if (wantsProtection(work) && live?.terminationProtection !== true) {
    assertLease(input);
    await cloud.setTerminationProtection(stack.name, true);
  }
}

/** A stack in which nothing lives is made anew; only one of this cluster is taken away for that. */
async function remove(work: Work): Promise<StackLook> {
  const { cloud, input, stack, live } = work;
  const { clusterId } = input.context;
  if (live?.tags[`kubernetes.io/cluster/${clusterId}`] !== 'owned') {
    const message = `stack ${stack.name} is ${live?.status} and does not carry the tag of ${clusterId}`;
    throw new FailureError(terminal('stack-not-ours', message));
  }
  assertLease(input);
  if (live.terminationProtection) await cloud.setTerminationProtection(stack.name, false);
  await cloud.deleteStack(stack.name, `${tokenOf(input, stack).slice(0, 120)}-anew`);
  const message = `stack ${stack.name} is ${live.status}, nothing lives in it: it is made anew`;
  const journal = [{ kind: 'stack-removed', message }];
  return look(work, 'removing', `takes away what is left of ${stack.name}, to create it anew`, { journal });
}

async function foreign(work: Work): Promise<StackLook> {
  const { cloud, input, stack, live, before } = work;
  const { activeMs, phaseActiveMs } = input.context;
  const late = activeMs - phaseActiveMs > longestForeignMs;
  // said once: the events of a stack cost a call
  if (before?.state === 'waiting' && !late) return look(work, 'waiting', `somebody else changes ${stack.name}`);
  const events = await cloud.stackEvents(stack.name, eventsRead);
  const message = describeForeignWork(stack.name, live?.status ?? '', events);
  if (late) throw new FailureError(terminal('stack-busy', `${message}, and does not end`));
  return look(work, 'waiting', message, { journal: [{ kind: 'stack-busy', message }] });
}

async function failureOf(work: Work, code: 'stack-failed' | 'stack-broken'): Promise<FailureError> {
  const { cloud, stack, live, before } = work;
  const failure = firstFailure(await cloud.stackEvents(stack.name, eventsRead), before?.since ?? 0);
  const message = describeStackFailure(stack.name, live?.status ?? 'gone', failure);
  // literals, so that every code is found where it is raised
  return new FailureError(
    code === 'stack-failed' ? terminal('stack-failed', message) : terminal('stack-broken', message),
  );
}
