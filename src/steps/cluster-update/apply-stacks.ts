import type { StackProgress, UpdateProgress } from '../../domain/cluster-update.ts';
import type { RenderedCluster, RenderedStack } from '../../domain/rendered.ts';
import { withApplied } from '../../planning/pipeline/update-plan.ts';
import type { StepEffects, WaitReason } from '../../ports/step.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { ensureStack, type StackLook } from './ensure-stack.ts';
import {
  clusterFactWrite,
  done,
  passed,
  readClusterFact,
  renderedAsPlanned,
  type UpdateInput,
  type UpdateStep,
  waiting,
} from './update-step.ts';

/** Stacks say nothing when they are done, so they are asked this often. */
const pollMs = 15_000;
/** A change set is worked out in seconds. */
const planPollMs = 5_000;

/** Kinds of one state are applied one after the other: what comes later may need what came before. */
const kindsOfState: Record<string, RenderedStack['kind'][]> = {
  etcdStack: ['etcd'],
  clusterStack: ['cluster', 'extra'],
  controlPlaneStacks: ['node-pool'],
  workerStacks: ['node-pool'],
};

/** Creates or updates the stacks of a state's kinds whose digest changed, and sees them through. */
export function applyStacks(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const kinds = kindsOfState[input.state];
    if (kinds === undefined) throw new Error(`no kind of stack belongs to state ${input.state}`);
    const plan = input.context.plan;
    if (plan === null || plan.stacks.length === 0) return passed();
    const rendered = await renderedAsPlanned(deps, input);
    if (rendered === undefined) return done({ kind: 'replan' });
    const wanted = rendered.stacks.filter(
      (stack) =>
        kinds.includes(stack.kind) && plan.stacks.includes(stack.name) && belongsTo(input.state, stack, rendered),
    );
    const unfinished = wanted.filter((stack) => input.context.stacks[stack.name]?.state !== 'applied');
    const kind = kinds.find((one) => unfinished.some((stack) => stack.kind === one));
    if (kind === undefined) return passed();
    const open = unfinished.filter((stack) => stack.kind === kind);
    const { cloud } = await deps.sessions.sessionFor(input.context.clusterId);
    const looks = await Promise.all(open.map((stack) => ensureStack(deps, cloud, input, stack)));
    const stacks: Record<string, StackProgress> = {};
    for (const [index, stack] of open.entries()) stacks[stack.name] = (looks[index] as StackLook).progress;
    const applied = open.filter((stack) => stacks[stack.name]?.state === 'applied');
    const effects = await appliedEffects(deps, input, applied, looks);
    const progress: UpdateProgress = { stacks };
    if (applied.length === unfinished.length) return done({ kind: 'next', ...progress }, effects);
    if (applied.length === open.length) return waiting(nextKind(unfinished, open), input.now, progress, effects);
    const message = looks.flatMap((look) => look.waits ?? []).join('; ');
    const planning = looks.every((look) => look.waits === undefined || look.progress.state === 'planned');
    const interval = planning ? planPollMs : pollMs;
    const wakeAt = input.now + interval + deps.random.int(interval / 3);
    return waiting({ code: 'stacks', message }, wakeAt, progress, effects);
  };
}

/** Of node pools one state applies those of the control plane, the other one all the others. */
function belongsTo(state: string, stack: RenderedStack, rendered: RenderedCluster): boolean {
  if (stack.kind !== 'node-pool') return true;
  const controlPlane = rendered.pools.find((pool) => pool.name === stack.pool)?.controlPlane === true;
  return controlPlane === (state === 'controlPlaneStacks');
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
  looks: StackLook[],
): Promise<StepEffects> {
  const journal = looks.flatMap((look) => look.journal);
  if (applied.every((stack) => stack.kind === 'etcd')) return { journal };
  const { clusterId } = input.context;
  const fact = await readClusterFact(deps, clusterId);
  // that of etcd counts once its members are what it says, too
  const whole = applied.filter((stack) => stack.kind !== 'etcd');
  const stacks = Object.fromEntries(whole.map((stack) => [stack.name, stack.digest]));
  return { facts: [clusterFactWrite(clusterId, withApplied(fact, { stacks }, input.now))], journal };
}
