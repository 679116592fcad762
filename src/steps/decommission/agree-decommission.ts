import { accountNumber, type Cluster } from '../../domain/cluster.ts';
import { FailureError, terminal } from '../../domain/failure.ts';
import { coolOffMs, foreignObjects, ownObjects } from '../../planning/lifecycle/decommission-plan.ts';
import { parseClusterFact } from '../../planning/pipeline/facts.ts';
import { type Override, readOverrides } from '../../planning/pipeline/overrides.ts';
import type { ClusterSession } from '../../ports/cluster-session.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { StepOutcome } from '../../ports/step.ts';
import { readInventory } from '../cluster-update/inventory-store.ts';
import { clusterOf, type PipelineDependencies } from '../pipeline-dependencies.ts';
import { startHoldIn } from '../start-hold.ts';
import {
  type DecommissionStep,
  done,
  goneForGood,
  type Input,
  kubeSystemUid,
  listAll,
  named,
  needsConfirmation,
  saidGone,
  waiting,
} from './decommission-step.ts';

const lookMs = 60_000;
export const workloadKinds = [
  ['apps/v1', 'Deployment'],
  ['apps/v1', 'StatefulSet'],
  ['apps/v1', 'DaemonSet'],
  ['apps/v1', 'ReplicaSet'],
  ['batch/v1', 'CronJob'],
  ['batch/v1', 'Job'],
] as const;

/** Everything that speaks against it, one by one; nothing is touched here. */
export function agreeDecommission(deps: PipelineDependencies): DecommissionStep {
  return async (input) => {
    const { clusterId, channel } = input.context;
    const cluster = clusterOf(deps, clusterId);
    if (cluster === undefined) return cancelled(input, 'it left the registry');
    if (cluster.lifecycleStatus !== 'decommission-requested')
      return cancelled(input, `the registry says ${cluster.lifecycleStatus}`);
    const overrides = readOverrides(await deps.store.facts('override'));
    const unconfirmed = needsConfirmation(cluster, overrides, input.now);
    if (unconfirmed !== undefined) return waiting(input, 'confirmation', unconfirmed, lookMs);
    const early = coolsOff(input, cluster);
    if (early !== undefined) return early;
    const hold = await startHoldIn(deps, overrides, { channel, cluster: clusterId, waived: [] }, input.now);
    if (hold !== undefined) return waiting(input, 'held', hold.reason, lookMs);
    const session = await deps.sessions.sessionFor(clusterId);
    await assertAccount(cluster, session);
    const gone = await goneForGood(session.kube, input, overrides);
    const seen = gone === undefined && (await assertCluster(deps, cluster, session));
    const foreign = seen ? await foreignIn(session.kube, await ownIn(deps, cluster, session.kube)) : [];
    if (foreign.length > 0) {
      const message = `${foreign.length} workloads and volumes that clm has not put there are in ${cluster.alias}: ${named(foreign)}; it stays until they are gone`;
      return waiting(input, 'foreign-workloads', message, lookMs);
    }
    return (await endUpdate(deps, input)) ?? begins(deps, input, cluster, gone);
  };
}

function cancelled(input: Input, why: string): StepOutcome {
  const message = `${input.context.clusterId} is not taken away: ${why}`;
  return done({ kind: 'cancelled' }, { journal: [{ kind: 'decommission-cancelled', message }] });
}

function coolsOff(input: Input, cluster: Cluster): StepOutcome | undefined {
  const since = input.context.requestedAt === 0 ? input.now : input.context.requestedAt;
  const until = since + coolOffMs(cluster);
  if (input.context.requestedAt !== 0 && input.now >= until) return undefined;
  const message = `${cluster.alias} is taken away from ${new Date(until).toISOString()} on, unless somebody changes its registry entry before`;
  return waiting(input, 'cool-off', message, Math.max(1, until - input.now));
}

/** The right account and region (B1). */
async function assertAccount(cluster: Cluster, session: ClusterSession): Promise<void> {
  const identity = await session.cloud.callerIdentity();
  const account = accountNumber(cluster.infrastructureAccount);
  if (identity.account !== account || identity.region !== cluster.region) {
    const message = `credentials for ${cluster.id} belong to account ${identity.account} in ${identity.region}`;
    throw new FailureError(terminal('wrong-account', message));
  }
}

/** The right cluster (B1). false = its API was never seen, so that nothing can be in it. */
async function assertCluster(deps: PipelineDependencies, cluster: Cluster, session: ClusterSession): Promise<boolean> {
  const fact = parseClusterFact((await deps.store.fact('cluster', cluster.id))?.value);
  if (fact === undefined || fact.pinned === null) return false;
  const uid = await kubeSystemUid(session.kube);
  if (uid === fact.pinned.kubeSystemUid) return true;
  const message = `the API of ${cluster.id} is another cluster than at first contact: kube-system is ${uid ?? 'missing'}, was ${fact.pinned.kubeSystemUid}`;
  throw new FailureError(terminal('wrong-cluster', message));
}

/** What clm has put into the cluster. */
export async function ownIn(deps: PipelineDependencies, cluster: Cluster, kube: KubeCluster): Promise<Set<string>> {
  const { inventory } = await readInventory(kube);
  const fact = parseClusterFact((await deps.store.fact('cluster', cluster.id))?.value);
  const result = fact?.commit == null ? undefined : await deps.render(cluster, fact.commit);
  const rendered = result?.ok === true ? result.rendered.components.flatMap((unit) => unit.objects) : [];
  return ownObjects(inventory, rendered);
}

/** What people would lose. A list that fails is not empty (B8). */
export async function foreignIn(kube: KubeCluster, own: ReadonlySet<string>): Promise<string[]> {
  const [pods, volumes, ...workloads] = await Promise.all([
    listAll(kube, 'v1', 'Pod'),
    listAll(kube, 'v1', 'PersistentVolume'),
    ...workloadKinds.map(([apiVersion, kind]) => listAll(kube, apiVersion, kind)),
  ]);
  return foreignObjects(own, { pods, volumes, workloads: workloads.flat() });
}

/** An update under way is asked to end, and puts its nodes in order first. */
async function endUpdate(deps: PipelineDependencies, input: Input): Promise<StepOutcome | undefined> {
  const { clusterId, asked } = input.context;
  const holder = (await deps.store.slotHolders(`cluster:${clusterId}`)).find((id) => id !== input.id);
  if (holder === undefined) return undefined;
  if (holder === asked) return waiting(input, 'update-ends', `the update of ${clusterId} comes to its end`, lookMs);
  const event = { type: 'ABORT', by: input.id, reason: 'the cluster is taken away' };
  return done({ kind: 'again', asked: holder }, { messages: [{ to: holder, event }] });
}

/** One at a time over the fleet. */
function begins(deps: PipelineDependencies, input: Input, cluster: Cluster, gone: Override | undefined): StepOutcome {
  const slots = [
    { name: `cluster:${cluster.id}`, limit: 1 },
    { name: 'decommission', limit: 1 },
    { name: 'fleet', limit: deps.pipeline().maxParallel },
  ];
  const message =
    gone === undefined
      ? `${cluster.id} is taken away: nothing but what clm has put there is in it`
      : `${cluster.id} is taken away. ${saidGone(gone, 'nobody has looked for workloads and volumes of others')}`;
  return done(
    { kind: 'next' },
    { admit: [{ holder: input.id, slots }], journal: [{ kind: 'decommission-started', message }] },
  );
}
