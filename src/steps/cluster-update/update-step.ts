/** What every step of a cluster update has in common: its types, its outcomes, its reports to the parent, its deadline. */
import type { Cluster } from '../../domain/cluster.ts';
import {
  activeChildren,
  type ClusterUpdateState,
  type UpdateOutput,
  type UpdateProgress,
} from '../../domain/cluster-update.ts';
import { eksName, eksOutputs } from '../../domain/eks.ts';
import { FailureError, terminal, transient } from '../../domain/failure.ts';
import type { RenderedCluster } from '../../domain/rendered.ts';
import { isBeingCreated, lifecycleNote, lifecycleWrite } from '../../planning/lifecycle/cluster-lifecycle.ts';
import { type ClusterFact, parseClusterFact, unknownCluster } from '../../planning/pipeline/facts.ts';
import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { JournalNote, Step, StepEffects, StepInput, StepOutcome, WaitReason } from '../../ports/step.ts';
import type { FactWrite, Json, OutboxMessage } from '../../ports/store.ts';
import { formatDuration } from '../../support/duration.ts';
import { clusterOf, type PipelineDependencies } from '../pipeline-dependencies.ts';

export type UpdateInput = StepInput<ClusterUpdateState>;
export type UpdateStep = Step<ClusterUpdateState>;

export function done(output: UpdateOutput, effects: StepEffects = {}): StepOutcome & { kind: 'done' } {
  return { kind: 'done', output: output as unknown as Json, ...effects };
}

/** The phase is over, and there was nothing to do in it but to look. */
export function passed(): StepOutcome {
  return { kind: 'done', output: { kind: 'next' }, quiet: true };
}

export function waiting(
  reason: WaitReason,
  wakeAt: number,
  progress: UpdateProgress = {},
  effects: StepEffects = {},
): StepOutcome {
  return { kind: 'waiting', reason, wakeAt, progress: progress as unknown as Json, ...effects };
}

export function failed(code: string, message: string): StepOutcome {
  return { kind: 'failed', failure: terminal(code, message) };
}

/** To be called before every mutation of a cloud or cluster. */
export function assertLease(input: Pick<UpdateInput, 'leaseHeld' | 'signal'>): void {
  input.signal.throwIfAborted();
  if (!input.leaseHeld()) throw new FailureError(transient('lease-lost', 'another daemon holds the lease'));
}

/** What the commit renders to; undefined when that is no more what the plan was made for, because the registry changed. */
export async function renderedAsPlanned(
  deps: PipelineDependencies,
  input: UpdateInput,
): Promise<RenderedCluster | undefined> {
  const rendered = await renderNow(deps, input.context);
  return rendered.digest === input.context.plan?.digest ? rendered : undefined;
}

export async function renderNow(
  deps: PipelineDependencies,
  context: Pick<ClusterUpdateState, 'clusterId' | 'commit'>,
): Promise<RenderedCluster> {
  const cluster = clusterOf(deps, context.clusterId);
  if (cluster === undefined) {
    throw new FailureError(terminal('cluster-left-registry', `${context.clusterId} is not in the registry any more`));
  }
  const result = await deps.render(cluster, context.commit);
  if (result.ok) return result.rendered;
  const first = result.problems[0];
  const where = first === undefined ? '' : `${first.file}${first.line === undefined ? '' : `:${first.line}`}: `;
  const message = `${context.commit.slice(0, 12)} does not render for ${context.clusterId}: ${where}${first?.message ?? ''}`;
  throw new FailureError(terminal('render-failed', message));
}

/** Outputs of the cluster's own stack, by name, and what EKS says of its control plane. */
export async function clusterOutputs(
  deps: PipelineDependencies,
  cloud: CloudProvider,
  clusterId: string,
): Promise<Record<string, string>> {
  const cluster = clusterOf(deps, clusterId);
  if (cluster === undefined) return {};
  const [stack, eks] = await Promise.all([cloud.describeStack(cluster.localId), controlPlaneOutputs(cloud, cluster)]);
  return { ...stack?.outputs, ...eks };
}

/** What EKS says of the control plane of the cluster, if it runs it. */
export async function controlPlaneOutputs(
  cloud: Pick<CloudProvider, 'describeControlPlane'>,
  cluster: Cluster,
): Promise<Record<string, string>> {
  const name = eksName(cluster);
  const plane = name === undefined ? undefined : await cloud.describeControlPlane(name);
  return plane === undefined ? {} : eksOutputs(plane);
}

export async function readClusterFact(deps: PipelineDependencies, clusterId: string): Promise<ClusterFact> {
  return parseClusterFact((await deps.store.fact('cluster', clusterId))?.value) ?? unknownCluster();
}

export function clusterFactWrite(clusterId: string, fact: ClusterFact): FactWrite {
  return { kind: 'cluster', key: clusterId, value: fact };
}

/**
 * Nothing of the cluster can be asked yet: it is being created, and its API was never seen. Once it was, a creation that is tried again
 * takes no less care than any update.
 */
export function isUnborn(cluster: Cluster | undefined, fact: ClusterFact): boolean {
  return cluster !== undefined && isBeingCreated(cluster) && fact.pinned === null;
}

const lives = { creating: 'is being created', ready: 'is created, and takes part in rollouts' } as const;

/** The cluster has come so far; the daemon tells the registry. */
export function beginsLife(
  { context, now }: Pick<UpdateInput, 'context' | 'now'>,
  status: keyof typeof lives,
): { facts: FactWrite[]; journal: JournalNote[] } {
  const fact = { status, at: now };
  const message = `${context.clusterId} ${lives[status]}`;
  return {
    facts: [lifecycleWrite(context.clusterId, fact)],
    journal: [{ kind: lifecycleNote, message, data: fact }],
  };
}

/**
 * Wraps a step: refuses to go on past the deadline, tells the parent what changed (blocked, stalled, recovered), resumes children
 * that were told to pause, and stamps the time that passes.
 */
export function reporting(step: UpdateStep, stalled = false): UpdateStep {
  return async (input) => {
    const late = stalled ? undefined : pastDeadline(input.context);
    if (late !== undefined) return late;
    const outcome = await step(input);
    if (outcome.kind === 'failed') return outcome;
    const reports = reportsTo(input, { blocked: firstBlock(input.context) !== undefined, stalled });
    const resumes = input.state === 'paused' ? [] : resumed(input);
    const progress: UpdateProgress = {};
    if (reports.length > 0) progress.reported = { blocked: firstBlock(input.context) !== undefined, stalled };
    if (input.context.told.length > 0 && input.state !== 'paused') progress.told = [];
    if (input.context.poke) progress.poked = true;
    const messages = [...(outcome.messages ?? []), ...reports, ...resumes, ...retries(input)];
    const journal = [...(outcome.journal ?? []), ...stallNotes(input, stalled)];
    const extra = { ...(messages.length > 0 ? { messages } : {}), ...(journal.length > 0 ? { journal } : {}) };
    return outcome.kind === 'done'
      ? { ...outcome, ...extra, output: merge(progress, outcome.output) }
      : { ...outcome, ...extra, progress: merge(progress, outcome.progress) };
  };
}

function merge(progress: UpdateProgress, own: Json | undefined): Json {
  return { ...progress, ...(own as unknown as UpdateProgress) } as unknown as Json;
}

function pastDeadline(context: ClusterUpdateState): StepOutcome | undefined {
  const { activeMs, policy, wait } = context;
  if (policy.progressDeadlineMs <= 0 || activeMs <= policy.progressDeadlineMs) return undefined;
  const last = wait === null ? '' : `; it waits for: ${wait.message}`;
  return failed(
    'progress-deadline',
    `not done after ${formatDuration(activeMs)} in flight, waits on budgets excluded${last}`,
  );
}

function firstBlock(context: ClusterUpdateState) {
  return Object.values(context.rolls).find((roll) => roll.blocked !== null)?.blocked ?? undefined;
}

function reportsTo(input: UpdateInput, now: { blocked: boolean; stalled: boolean }): OutboxMessage[] {
  const { parent, context } = input;
  const { reported, clusterId: cluster } = context;
  if (parent === null || (now.blocked === reported.blocked && now.stalled === reported.stalled)) return [];
  const messages: OutboxMessage[] = [];
  const recovered = (reported.blocked && !now.blocked) || (reported.stalled && !now.stalled);
  if (recovered) messages.push({ to: parent, event: { type: 'CLUSTER_RECOVERED', cluster } });
  const block = firstBlock(context);
  if (block !== undefined && (recovered || !reported.blocked)) {
    const data = (block.data ?? null) as Json;
    messages.push({
      to: parent,
      event: { type: 'CLUSTER_BLOCKED', cluster, code: block.code, message: block.message, data },
    });
  }
  if (now.stalled && (recovered || !reported.stalled)) {
    const { code, message } = context.failure ?? { code: 'stalled', message: 'it fails again and again' };
    messages.push({ to: parent, event: { type: 'CLUSTER_STALLED', cluster, code, message } });
  }
  return messages;
}

/** A stall counts as a failure and its end takes it back: both decide what the rollout may do, and are written down. */
function stallNotes({ context }: UpdateInput, stalled: boolean): JournalNote[] {
  const { clusterId, commit, reported, attempt, rolloutId: rollout, failure } = context;
  if (stalled === reported.stalled) return [];
  const version = commit.slice(0, 12);
  const why = failure === null ? '' : `: ${failure.message}`;
  return stalled
    ? [
        {
          kind: 'cluster-stalled',
          message: `${clusterId} stalls on ${version}${why}`,
          data: { code: failure?.code ?? 'stalled', attempt, rollout },
        },
      ]
    : [
        {
          kind: 'cluster-recovered',
          message: `${clusterId} goes on with ${version}: it is not stalled any more`,
          data: { attempt, rollout },
        },
      ];
}

function resumed(input: UpdateInput): OutboxMessage[] {
  const active = new Set(activeChildren(input.context));
  return input.context.told
    .filter((child) => active.has(child))
    .map((to) => ({ to, event: { type: 'RESUME', by: input.id, reason: 'the cluster update goes on' } }));
}

/** A roll that waits for somebody to look at something is waited for here: it has to hear of the retry too. */
function retries(input: UpdateInput): OutboxMessage[] {
  if (!input.context.poke) return [];
  const event = { type: 'RETRY', by: input.id, reason: 'somebody asked the cluster update to try again' };
  return activeChildren(input.context).map((to) => ({ to, event }));
}
