/** What the steps of a decommission have in common. */
import type { Cluster } from '../../domain/cluster.ts';
import type { DecommissionOutput, DecommissionState } from '../../domain/decommission.ts';
import { FailureError, transient } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import { confirmationOf, saidWithoutApi } from '../../planning/lifecycle/decommission-plan.ts';
import { parseClusterFact } from '../../planning/pipeline/facts.ts';
import { describeHold, holdOn, type Override, readOverrides } from '../../planning/pipeline/overrides.ts';
import type { KubeCluster, Resource } from '../../ports/kube-cluster.ts';
import type { Step, StepEffects, StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json } from '../../ports/store.ts';
import { clusterOf, type PipelineDependencies } from '../pipeline-dependencies.ts';

export type DecommissionStep = Step<DecommissionState>;
export type Input = StepInput<DecommissionState>;

const holdLookMs = 60_000;

export function done(output: DecommissionOutput, effects: StepEffects = {}): StepOutcome {
  return { kind: 'done', output: output as unknown as Json, ...effects };
}

export function waiting(input: Input, code: string, message: string, forMs: number): StepOutcome {
  return { kind: 'waiting', reason: { code, message }, wakeAt: input.now + forMs };
}

export function assertLease(input: Pick<Input, 'leaseHeld' | 'signal'>): void {
  input.signal.throwIfAborted();
  if (!input.leaseHeld()) throw new FailureError(transient('lease-lost', 'another daemon holds the lease'));
}

export interface Going {
  cluster: Cluster;
  overrides: Override[];
}

/**
 * What is under way goes on only while nobody has frozen it, the cluster is in the registry, and it is still to go: what was agreed
 * upon is looked at again before each change. A production cluster needs its confirmation until the end.
 */
export async function stillGoing(deps: PipelineDependencies, input: Input): Promise<Going | StepOutcome> {
  const { clusterId, channel } = input.context;
  const cluster = clusterOf(deps, clusterId);
  if (cluster === undefined)
    return waiting(input, 'cluster-left-registry', `${clusterId} is not in the registry any more`, holdLookMs);
  const overrides = readOverrides(await deps.store.facts('override'));
  const hold = holdOn(overrides, { channel, cluster: clusterId }, input.now);
  if (hold !== undefined) return waiting(input, 'held', describeHold(hold), holdLookMs);
  if (cluster.lifecycleStatus !== 'decommission-requested') {
    const message = `${clusterId} is half taken away, and its registry entry says ${cluster.lifecycleStatus}: write decommission-requested to go on`;
    return waiting(input, 'wish-changed', message, holdLookMs);
  }
  const unconfirmed = needsConfirmation(cluster, overrides, input.now);
  if (unconfirmed !== undefined) return waiting(input, 'confirmation', unconfirmed, holdLookMs);
  return { cluster, overrides };
}

export function needsConfirmation(cluster: Cluster, overrides: Override[], now: number): string | undefined {
  if (cluster.environment !== 'production' || confirmationOf(overrides, cluster.id, now) !== undefined)
    return undefined;
  return `${cluster.alias} is a production cluster: confirm that it goes with clm decommission ${cluster.alias} --confirm ${cluster.id} --reason …`;
}

const namespaces: Resource = { group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false };

/** The one object that tells clusters apart; undefined when there is none. */
export async function kubeSystemUid(kube: KubeCluster): Promise<string | undefined> {
  return (await kube.get(namespaces, undefined, 'kube-system'))?.metadata.uid;
}

/**
 * The word of somebody that the API is gone for good, which counts only while nothing answers: refused credentials are an answer, and
 * an API that is there is asked like any other.
 */
export async function goneForGood(
  kube: KubeCluster,
  input: Input,
  overrides: readonly Override[],
): Promise<Override | undefined> {
  const said = saidWithoutApi(overrides, input.context.clusterId, input.now);
  if (said === undefined) return undefined;
  try {
    await kubeSystemUid(kube);
    return undefined;
  } catch (error) {
    const code = error instanceof FailureError ? error.failure.code : '';
    if (code === 'kube-unreachable' || code === 'kube-timeout') return said;
    throw error;
  }
}

export function saidGone({ actor, reason, expiresAt }: Override, what: string): string {
  const until = expiresAt === null ? '' : `, until ${new Date(expiresAt).toISOString()}`;
  return `${actor} says that its API is gone for good (${reason}${until}), and nothing answers: ${what}`;
}

export async function wasSeen(deps: PipelineDependencies, clusterId: string): Promise<boolean> {
  const fact = parseClusterFact((await deps.store.fact('cluster', clusterId))?.value);
  return fact !== undefined && fact.pinned !== null;
}

/** All objects of a kind; none when the cluster does not know the kind. */
export async function listAll(kube: KubeCluster, apiVersion: string, kind: string): Promise<KubeObject[]> {
  const resource = await resourceOrNone(kube, apiVersion, kind);
  if (resource === undefined) return [];
  // items of a list do not say what they are
  return (await kube.list(resource)).items.map((item) => ({ ...item, apiVersion, kind }));
}

async function resourceOrNone(kube: KubeCluster, apiVersion: string, kind: string): Promise<Resource | undefined> {
  try {
    return await kube.resourceOf(apiVersion, kind);
  } catch (error) {
    if (error instanceof FailureError && error.failure.code === 'kube-unknown-kind') return undefined;
    throw error;
  }
}

/** At most a few names, and how many more. */
export function named(names: readonly string[], most = 5): string {
  const rest = names.length - most;
  return rest > 0 ? `${names.slice(0, most).join(', ')} and ${rest} more` : names.join(', ');
}
