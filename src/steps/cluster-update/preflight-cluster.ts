import { accountNumber, type Cluster } from '../../domain/cluster.ts';
import { eksName } from '../../domain/eks.ts';
import { FailureError, terminal, transient } from '../../domain/failure.ts';
import { judgeManagedPlane } from '../../planning/kubernetes/managed-plane.ts';
import type { ClusterFact } from '../../planning/pipeline/facts.ts';
import type { CallerIdentity, CloudProvider } from '../../ports/cloud-provider.ts';
import type { KubeCluster, Resource } from '../../ports/kube-cluster.ts';
import type { StepEffects, StepOutcome } from '../../ports/step.ts';
import { clusterOf, type PipelineDependencies } from '../pipeline-dependencies.ts';
import {
  clusterFactWrite,
  done,
  failed,
  isUnborn,
  passed,
  readClusterFact,
  renderedAsPlanned,
  type UpdateInput,
  type UpdateStep,
  waiting,
} from './update-step.ts';

const namespaces: Resource = { group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false };
/** Credentials that end sooner than this are not good enough to begin with (B9). */
const credentialMarginMs = 15 * 60_000;
const yieldLookMs = 5_000;
const apiPollMs = 15_000;
/** An update of EKS takes a quarter of an hour or so. Observed time. */
const longestManagedMs = 60 * 60_000;
const unreachable = new Set(['kube-unreachable', 'kube-timeout']);

/** Is this the cluster that we think it is, and can it be worked on? Nothing was touched before this says yes (B1). */
export function preflightCluster(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const { clusterId } = input.context;
    const cluster = clusterOf(deps, clusterId);
    if (cluster === undefined) return failed('cluster-left-registry', `${clusterId} is not in the registry any more`);
    if (deps.yieldCluster?.(clusterId) === false) {
      const message = 'the scheduled checks of the cluster are cancelled and clean up first';
      return waiting({ code: 'checks-yield', message }, input.now + yieldLookMs);
    }
    const session = await deps.sessions.sessionFor(clusterId);
    const fact = await readClusterFact(deps, clusterId);
    const unborn = isUnborn(cluster, fact);
    const [identity, kubeSystemUid, expiresAt] = await Promise.all([
      session.cloud.callerIdentity(),
      unborn ? '' : kubeSystemUidOf(session.kube, clusterId),
      session.cloud.credentialsExpireAt(),
    ]);
    const pinned = { account: identity.account, region: identity.region, kubeSystemUid };
    assertTarget(cluster, identity, fact, pinned);
    if (!unborn) await assertReady(session.kube, clusterId);
    if (expiresAt !== undefined && expiresAt - input.now < credentialMarginMs) {
      const message = `the credentials for ${clusterId} end too soon, at ${new Date(expiresAt).toISOString()}`;
      throw new FailureError(transient('credentials-expire', message));
    }
    if (fact.pinned !== null || unborn) return passed();
    return done({ kind: 'next' }, pins(input, fact, pinned));
  };
}

/** Which cluster it is, from now on (B1). */
function pins(input: UpdateInput, fact: ClusterFact, pinned: NonNullable<ClusterFact['pinned']>): StepEffects {
  const { clusterId } = input.context;
  const { account, region, kubeSystemUid } = pinned;
  const next: ClusterFact = { ...fact, adopted: true, pinned, updatedAt: input.now };
  const message = `${clusterId} is account ${account} in ${region}, cluster ${kubeSystemUid}: pinned at first contact`;
  return { facts: [clusterFactWrite(clusterId, next)], journal: [{ kind: 'cluster-pinned', message, data: pinned }] };
}

/**
 * Once the control plane is as it should be: what comes now needs its API. That of a new cluster is waited for, and is the first
 * contact with it.
 */
export function awaitApi(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const { clusterId } = input.context;
    const session = await deps.sessions.sessionFor(clusterId);
    const plane = await managedPlane(deps, input, session.cloud);
    if (plane !== undefined) return plane;
    const answer = await readiness(session.kube);
    if (answer !== undefined) {
      const wakeAt = input.now + apiPollMs + deps.random.int(apiPollMs / 3);
      return waiting({ code: 'api-not-ready', message: `the API of ${clusterId} ${answer}` }, wakeAt);
    }
    const fact = await readClusterFact(deps, clusterId);
    if (fact.pinned !== null) return passed();
    const { account, region } = await session.cloud.callerIdentity();
    return done(
      { kind: 'next' },
      pins(input, fact, { account, region, kubeSystemUid: await kubeSystemUidOf(session.kube, clusterId) }),
    );
  };
}

/**
 * EKS says that its update is done before any node is changed: kubelets are never newer than their API servers, whatever the
 * cluster stack says of itself. undefined = it is as the configuration wants it, or no control plane of EKS.
 */
async function managedPlane(
  deps: PipelineDependencies,
  input: UpdateInput,
  cloud: CloudProvider,
): Promise<StepOutcome | undefined> {
  const cluster = clusterOf(deps, input.context.clusterId);
  const name = cluster === undefined ? undefined : eksName(cluster);
  if (name === undefined) return undefined;
  const [plane, rendered] = await Promise.all([cloud.describeControlPlane(name), renderedAsPlanned(deps, input)]);
  if (rendered === undefined) return done({ kind: 'replan' });
  const found = judgeManagedPlane(name, plane, rendered.kubernetesVersion);
  if (found.state === 'ready') return undefined;
  const waited = input.context.activeMs - input.context.phaseActiveMs;
  if (found.state === 'refused' || waited > longestManagedMs) return failed(found.code, found.message);
  return waiting({ code: found.code, message: found.message }, input.now + apiPollMs + deps.random.int(apiPollMs / 3));
}

/** Why it is not ready; undefined when it is. Credentials that are refused are no matter of waiting. */
async function readiness(kube: KubeCluster): Promise<string | undefined> {
  try {
    const { status } = await kube.raw('/readyz');
    return status === 200 ? undefined : `answers ${status} on /readyz`;
  } catch (error) {
    if (!(error instanceof FailureError) || !unreachable.has(error.failure.code)) throw error;
    return `does not answer: ${error.failure.message}`;
  }
}

async function kubeSystemUidOf(kube: KubeCluster, clusterId: string): Promise<string> {
  const namespace = await kube.get(namespaces, undefined, 'kube-system');
  const uid = namespace?.metadata.uid;
  if (uid === undefined) {
    throw new FailureError(transient('kube-system-missing', `${clusterId} has no namespace kube-system`));
  }
  return uid;
}

function assertTarget(
  cluster: Cluster,
  identity: CallerIdentity,
  fact: ClusterFact,
  found: { account: string; region: string; kubeSystemUid: string },
): void {
  const account = accountNumber(cluster.infrastructureAccount);
  if (identity.account !== account) {
    throw wrong('wrong-account', `credentials for ${cluster.id} belong to account ${identity.account}, not ${account}`);
  }
  if (identity.region !== cluster.region) {
    throw wrong('wrong-region', `credentials for ${cluster.id} work in ${identity.region}, not ${cluster.region}`);
  }
  const { pinned } = fact;
  if (pinned === null) return;
  if (pinned.account !== found.account || pinned.region !== found.region) {
    throw wrong(
      'wrong-account',
      `${cluster.id} was account ${pinned.account} in ${pinned.region} at first contact, now it is ${found.account} in ${found.region}`,
    );
  }
  if (pinned.kubeSystemUid !== found.kubeSystemUid) {
    throw wrong(
      'wrong-cluster',
      `the API of ${cluster.id} is another cluster than at first contact: kube-system is ${found.kubeSystemUid}, was ${pinned.kubeSystemUid}`,
    );
  }
}

function wrong(code: string, message: string): FailureError {
  return new FailureError(terminal(code, message));
}

async function assertReady(kube: KubeCluster, clusterId: string): Promise<void> {
  const { status } = await kube.raw('/readyz');
  if (status === 200) return;
  throw new FailureError(transient('api-not-ready', `the API of ${clusterId} answers ${status} on /readyz`));
}
