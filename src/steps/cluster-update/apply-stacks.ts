import type { StackProgress, UpdateProgress } from '../../domain/cluster-update.ts';
import { FailureError, terminal } from '../../domain/failure.ts';
import type { RenderedStack } from '../../domain/rendered.ts';
import { classifyStack, describeStackFailure, firstFailure } from '../../planning/pipeline/stack-state.ts';
import { withApplied } from '../../planning/pipeline/update-plan.ts';
import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { StepEffects, WaitReason } from '../../ports/step.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import {
  assertLease,
  clusterFactWrite,
  clusterOutputs,
  done,
  readClusterFact,
  renderedAsPlanned,
  type UpdateInput,
  type UpdateStep,
  waiting,
} from './update-step.ts';

/** Stacks say nothing when they are done, so they are asked this often. */
const pollMs = 15_000;
const eventsRead = 100;

/** Kinds of one state are applied one after the other: what comes later may need what came before. */
const kindsOfState: Record<string, RenderedStack['kind'][]> = {
  etcdStack: ['etcd'],
  clusterStack: ['cluster', 'extra'],
  poolStacks: ['node-pool'],
};

/** Creates or updates the stacks of a state's kinds whose digest changed, and sees them through. */
export function applyStacks(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const kinds = kindsOfState[input.state];
    if (kinds === undefined) throw new Error(`no kind of stack belongs to state ${input.state}`);
    const plan = input.context.plan;
    if (plan === null || plan.stacks.length === 0) return done({ kind: 'next' });
    const rendered = await renderedAsPlanned(deps, input);
    if (rendered === undefined) return done({ kind: 'replan' });
    const wanted = rendered.stacks.filter((stack) => kinds.includes(stack.kind) && plan.stacks.includes(stack.name));
    const unfinished = wanted.filter((stack) => input.context.stacks[stack.name]?.state !== 'applied');
    const kind = kinds.find((one) => unfinished.some((stack) => stack.kind === one));
    if (kind === undefined) return done({ kind: 'next' });
    const open = unfinished.filter((stack) => stack.kind === kind);
    const { cloud } = await deps.sessions.sessionFor(input.context.clusterId);
    const looked = await Promise.all(open.map((stack) => ensureStack(deps, cloud, input, stack)));
    const stacks: Record<string, StackProgress> = {};
    for (const [index, stack] of open.entries()) stacks[stack.name] = looked[index] as StackProgress;
    const applied = open.filter((stack) => stacks[stack.name]?.state === 'applied');
    const effects = await appliedEffects(deps, input, applied);
    const progress: UpdateProgress = { stacks };
    if (applied.length === unfinished.length) return done({ kind: 'next', ...progress }, effects);
    if (applied.length === open.length) return waiting(nextKind(unfinished, open), input.now, progress, effects);
    const busy = open.filter((stack) => stacks[stack.name]?.state !== 'applied').map((stack) => stack.name);
    const wakeAt = input.now + pollMs + deps.random.int(pollMs / 3);
    return waiting(
      { code: 'stacks', message: `CloudFormation works on ${busy.join(', ')}` },
      wakeAt,
      progress,
      effects,
    );
  };
}

function nextKind(unfinished: RenderedStack[], open: RenderedStack[]): WaitReason {
  const names = unfinished.filter((stack) => !open.includes(stack)).map((stack) => stack.name);
  return { code: 'stacks', message: `goes on with ${names.join(', ')}` };
}

/** Digests of stacks that arrived are true from now on, whatever happens to the rest of the update. */
async function appliedEffects(
  deps: PipelineDependencies,
  input: UpdateInput,
  applied: RenderedStack[],
): Promise<StepEffects> {
  if (applied.length === 0) return {};
  const { clusterId } = input.context;
  const fact = await readClusterFact(deps, clusterId);
  const stacks = Object.fromEntries(applied.map((stack) => [stack.name, stack.digest]));
  const journal = applied.map((stack) => ({
    kind: 'stack-applied',
    message: `stack ${stack.name} of ${clusterId} is applied`,
  }));
  return { facts: [clusterFactWrite(clusterId, withApplied(fact, { stacks }, input.now))], journal };
}

async function ensureStack(
  deps: PipelineDependencies,
  cloud: CloudProvider,
  input: UpdateInput,
  stack: RenderedStack,
): Promise<StackProgress> {
  const before = input.context.stacks[stack.name];
  const progress = (state: StackProgress['state']): StackProgress => ({
    kind: stack.kind,
    state,
    since: before?.since ?? input.now,
  });
  const live = await cloud.describeStack(stack.name);
  const state = classifyStack(live);
  if (state.kind === 'busy') return before ?? { kind: stack.kind, state: 'started', since: 0 };
  const started = before !== undefined && before.since > 0;
  if (state.kind === 'settled' && started) return progress('applied');
  const broken = state.kind === 'broken' || (started && (state.kind === 'rolled-back' || state.kind === 'absent'));
  if (broken) await failedStack(cloud, stack.name, live?.status ?? 'gone', before?.since ?? 0);
  assertLease(input);
  const request = {
    name: stack.name,
    template: await templateOf(deps, cloud, input, stack),
    parameters: stack.parameters,
    tags: stack.tags,
    token: tokenOf(input, stack),
  };
  if (state.kind === 'absent') {
    await cloud.createStack(request);
    return { kind: stack.kind, state: 'started', since: input.now };
  }
  const answer = await cloud.updateStack(request);
  return answer === 'no-change' ? progress('applied') : { kind: stack.kind, state: 'started', since: input.now };
}

/** The template, with the outputs of the cluster's own stack where it refers to them. */
async function templateOf(
  deps: PipelineDependencies,
  cloud: CloudProvider,
  input: UpdateInput,
  stack: RenderedStack,
): Promise<string> {
  if ((stack.uploads ?? []).length > 0) {
    const message = `stack ${stack.name} needs files in S3, which this version does not upload`;
    throw new FailureError(terminal('uploads-unsupported', message));
  }
  if (stack.templateFor === undefined) return stack.template;
  return stack.templateFor(await clusterOutputs(deps, cloud, input.context.clusterId));
}

async function failedStack(cloud: CloudProvider, name: string, status: string, since: number): Promise<never> {
  const failure = firstFailure(await cloud.stackEvents(name, eventsRead), since);
  throw new FailureError(terminal('stack-failed', describeStackFailure(name, status, failure)));
}

/** Says who in CloudTrail, and makes a resend harmless: the same version, attempt and stack have the same token. */
function tokenOf(input: UpdateInput, stack: RenderedStack): string {
  const { channel, commit, attempt } = input.context;
  const round = input.context.plan?.round ?? 0;
  return `clm-${channel}-${commit.slice(0, 12)}-${stack.digest.slice(0, 16)}-${attempt}-${round}`
    .replace(/[^A-Za-z0-9-]/g, '-')
    .slice(0, 128);
}
