import type { PoolRoll } from '../../domain/cluster-update.ts';
import type { EtcdRoll, EtcdSettings } from '../../domain/etcd.ts';
import type { RenderedStack } from '../../domain/rendered.ts';
import {
  type EtcdAction,
  type EtcdPlan,
  etcdNeedsCare,
  etcdRollTag,
  planEtcdRoll,
} from '../../planning/etcd/plan-etcd-roll.ts';
import { withApplied } from '../../planning/pipeline/update-plan.ts';
import type { CloudProvider, NodeGroup } from '../../ports/cloud-provider.ts';
import type { JournalNote, StepOutcome } from '../../ports/step.ts';
import type { FactWrite } from '../../ports/store.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { askEtcd, removeMember } from './ask-etcd.ts';
import {
  assertLease,
  clusterFactWrite,
  done,
  failed,
  passed,
  readClusterFact,
  renderedAsPlanned,
  type UpdateInput,
  type UpdateStep,
  waiting,
} from './update-step.ts';

/** Neither members nor groups say when they are done, so they are asked this often. */
const pollMs = 15_000;
/** CloudFormation puts it on every group that it makes. */
const stackNameTag = 'aws:cloudformation:stack-name';

/** Replaces outdated members of etcd one by one: nothing else of the cluster is touched before all of them are well again. */
export function rollEtcd(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const changed = input.context.plan?.stacks ?? [];
    if (changed.length === 0) return passed();
    const rendered = await renderedAsPlanned(deps, input);
    if (rendered === undefined) return done({ kind: 'replan' });
    const stack = rendered.stacks.find((one) => one.kind === 'etcd' && changed.includes(one.name));
    if (stack?.etcd === undefined) return passed();
    const { cloud } = await deps.sessions.sessionFor(input.context.clusterId);
    const groups = (await cloud.describeGroups({ [stackNameTag]: stack.name })).filter(
      (group) => group.tags[stackNameTag] === stack.name,
    );
    const previous = input.context.rolls[stack.name];
    if (!etcdNeedsCare(groups)) return over(deps, input, stack, previous);
    const addresses = await addressesOf(cloud, groups);
    const answers = await askEtcd(deps.http, stack.etcd, addresses);
    const plan = planEtcdRoll({
      groups,
      settings: stack.etcd,
      addresses,
      ...answers,
      previous: previous?.etcd,
      now: input.now,
    });
    if (plan.verdict.kind === 'failed') return failed(plan.verdict.code, plan.verdict.message);
    if (plan.verdict.kind === 'left') return left(deps, input, stack, previous, plan.verdict.message);
    if (plan.verdict.kind === 'complete') return over(deps, input, stack, previous);
    if (plan.action === undefined) return goingOn(deps, input, stack, plan);
    assertLease(input);
    await perform(deps, cloud, stack.etcd, plan.action, { answers, addresses, groups });
    return goingOn(deps, input, stack, plan, plan.action);
  };
}

/** Of all that are not on their way out: a member that ends is not asked. */
async function addressesOf(cloud: CloudProvider, groups: readonly NodeGroup[]): Promise<Map<string, string>> {
  const ids = groups.flatMap((group) =>
    group.instances.filter((one) => !/^(Terminat|Detach)/.test(one.lifecycleState)).map((one) => one.id),
  );
  return ids.length === 0 ? new Map() : cloud.instanceAddresses(ids);
}

interface Seen {
  answers: Awaited<ReturnType<typeof askEtcd>>;
  addresses: ReadonlyMap<string, string>;
  groups: readonly NodeGroup[];
}

/** Each of these may be done twice: by a program that was killed before it could write down that it did. */
async function perform(
  deps: PipelineDependencies,
  cloud: CloudProvider,
  settings: EtcdSettings,
  action: EtcdAction,
  { answers, addresses }: Seen,
): Promise<void> {
  switch (action.kind) {
    case 'mark':
      return cloud.tagGroup(action.group, { [etcdRollTag]: action.instanceId });
    case 'unmark':
      return cloud.untagGroup(action.group, [etcdRollTag]);
    case 'terminate':
      return cloud.terminateInstance(action.instanceId, { decrement: false });
    case 'remove-member': {
      const other = [...addresses].find(
        ([id]) => id !== action.instanceId && answers.health.get(id)?.state === 'healthy',
      );
      if (other === undefined || settings.clientUrl === undefined) return;
      return removeMember(deps.http, settings, other[1], action.memberId);
    }
  }
}

function goingOn(
  deps: PipelineDependencies,
  input: UpdateInput,
  { name }: RenderedStack,
  plan: EtcdPlan,
  action?: EtcdAction,
): StepOutcome {
  const before = input.context.rolls[name];
  const replaced = action?.kind === 'unmark' && action.replaced ? 1 : 0;
  const rolls = { [name]: rollOf(before, plan.progress, input.now, replaced) };
  const journal = action === undefined ? [] : [noteOf(name, action)];
  // a mark is the licence for what follows, and is read back before it is used
  if (action?.kind === 'mark' || action?.kind === 'remove-member') return done({ kind: 'again', rolls }, { journal });
  const wakeAt = input.now + pollMs + deps.random.int(pollMs / 3);
  return waiting(plan.wait, wakeAt, { rolls }, { journal });
}

const verbs: Readonly<Record<EtcdAction['kind'], string>> = {
  mark: 'a member of etcd is to be replaced',
  'remove-member': 'a member leaves etcd',
  terminate: 'the instance of a member of etcd ends',
  unmark: 'a member of etcd is done with',
};

function noteOf(stack: string, action: EtcdAction): JournalNote {
  const { reason, ...data } = action;
  return { kind: `etcd-${action.kind}`, message: `${stack}: ${verbs[action.kind]}: ${reason}`, data };
}

function rollOf(before: PoolRoll | undefined, etcd: EtcdRoll, now: number, replaced: number): PoolRoll {
  return {
    controlPlane: true,
    state: 'running',
    child: null,
    since: before?.since ?? now,
    nodesReplaced: (before?.nodesReplaced ?? 0) + replaced,
    evictions: 0,
    reason: null,
    blocked: null,
    etcd,
  };
}

/** Nothing is outdated: only now does the stack count as applied. */
async function over(
  deps: PipelineDependencies,
  input: UpdateInput,
  stack: RenderedStack,
  before: PoolRoll | undefined,
): Promise<StepOutcome> {
  const facts = [await appliedWrite(deps, input, stack)];
  if (before === undefined) return done({ kind: 'next' }, { facts });
  const rolls = { [stack.name]: { ...before, state: 'rolled' as const, etcd: finishedRoll(before.etcd) } };
  const message = `${stack.name}: all members of etcd are as the configuration has them, and healthy`;
  return done({ kind: 'next', rolls }, { facts, journal: [{ kind: 'etcd-rolled', message }] });
}

function finishedRoll(etcd: EtcdRoll | undefined): EtcdRoll | undefined {
  return etcd === undefined ? undefined : { ...etcd, outdated: 0, inFlight: null };
}

/** Outdated members stay: what was begun before somebody said so is over. */
async function left(
  deps: PipelineDependencies,
  input: UpdateInput,
  stack: RenderedStack,
  before: PoolRoll | undefined,
  message: string,
): Promise<StepOutcome> {
  const facts = [await appliedWrite(deps, input, stack)];
  const rolls = before === undefined ? {} : { [stack.name]: { ...before, state: 'current' as const } };
  return done(
    { kind: 'next', rolls },
    { facts, journal: [{ kind: 'etcd-left', message: `${stack.name}: ${message}` }] },
  );
}

async function appliedWrite(deps: PipelineDependencies, input: UpdateInput, stack: RenderedStack): Promise<FactWrite> {
  const { clusterId } = input.context;
  const fact = await readClusterFact(deps, clusterId);
  return clusterFactWrite(clusterId, withApplied(fact, { stacks: { [stack.name]: stack.digest } }, input.now));
}
