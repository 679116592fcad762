/** `clm plan --roll`: asks a cluster what a roll would meet, with dry runs only. */
import PQueue from 'p-queue';
import { ApiError } from '../api/errors.ts';
import { type Cluster, isControlPlane } from '../domain/cluster.ts';
import { FailureError } from '../domain/failure.ts';
import type { RollHistory, RollMemory } from '../domain/node-pool-roll.ts';
import { canaryOfPool } from '../planning/roll/canary.ts';
import { parseSurge, policyOfCluster, surgeItem } from '../planning/roll/cluster-policy.ts';
import { groupsOfPool } from '../planning/roll/members.ts';
import { outdatedIn, templateOfOld } from '../planning/roll/old-template.ts';
import {
  type DryRunAnswer,
  type Preflight,
  type PreflightInput,
  planPreflight,
  podsToAsk,
} from '../planning/roll/preflight.ts';
import type { CloudView, ClusterSession, ClusterSessions } from '../ports/cluster-session.ts';
import type { EvictionResult } from '../ports/kube-cluster.ts';
import type { ReadStore } from '../ports/store.ts';
import { bootsKind, canaryFor, readBootRecords } from '../steps/roll/boot-records.ts';
import { historyKey, historyKind, readHistory } from '../steps/roll/measurements.ts';
import { findCluster } from './find-cluster.ts';

/** More workloads than this are not asked about one by one; the view judges the rest. */
const mostAsked = 1_000;
/** Dry runs at once: the API server has other work. */
const atOnce = 4;

export interface RollPreviewInput {
  store: ReadStore;
  sessions: ClusterSessions;
  clusters: () => Cluster[];
  now: () => number;
}

/** Changes nothing in the cluster or the cloud. */
export async function previewRoll(input: RollPreviewInput, name: string, signal: AbortSignal): Promise<Preflight> {
  const cluster = findCluster(input.clusters(), name);
  try {
    const session = await input.sessions.sessionFor(cluster.id);
    const view = await session.view();
    if (view.stale !== undefined) {
      throw new ApiError(503, 'view-stale', `The view of ${cluster.alias} is not current: ${view.stale}`);
    }
    const cloud = await session.cloudView(0);
    const pods = podsToAsk(view, cloud, mostAsked);
    return planPreflight({
      cluster: cluster.id,
      view,
      cloud,
      pools: await poolsOf(input, cluster, session, cloud),
      policy: policyOfCluster(cluster),
      now: input.now(),
      history: await historiesOf(input.store, cluster),
      answers: await ask(session, pods, signal),
      zonesWithout: await zonesWithout(input.store, cluster, input.now()),
    });
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    throw new ApiError(503, error.failure.code, error.failure.message);
  }
}

async function poolsOf(
  { store, now }: RollPreviewInput,
  cluster: Cluster,
  session: ClusterSession,
  cloud: CloudView,
): Promise<PreflightInput['pools']> {
  const records = readBootRecords(await store.facts(bootsKind));
  const policy = policyOfCluster(cluster);
  const pools: PreflightInput['pools'] = [];
  for (const pool of cluster.nodePools) {
    const controlPlane = isControlPlane(pool);
    const groups = groupsOfPool(cloud.groups, pool.name)
      .filter((group) => !controlPlane && outdatedIn(group).length > 0)
      .map((group) => ({ group, before: templateOfOld(group) }));
    const question = { session, cluster, pool: pool.name, policy, groups, records, now: now() };
    const { decisions, contents } = await canaryFor(question);
    pools.push({
      name: pool.name,
      controlPlane,
      surge: parseSurge(pool.configItems[surgeItem] ?? ''),
      canary: canaryOfPool(decisions),
      canaries: decisions,
      contents,
    });
  }
  return pools;
}

async function ask(
  session: ClusterSession,
  pods: { namespace: string; name: string; uid: string }[],
  signal: AbortSignal,
): Promise<Map<string, DryRunAnswer>> {
  const answers = new Map<string, DryRunAnswer>();
  const queue = new PQueue({ concurrency: atOnce });
  await Promise.all(
    pods.map((pod) =>
      queue.add(async () => {
        if (signal.aborted) return;
        answers.set(pod.uid, await askOne(session, pod));
      }),
    ),
  );
  return answers;
}

async function askOne(
  session: ClusterSession,
  { namespace, name, uid }: { namespace: string; name: string; uid: string },
): Promise<DryRunAnswer> {
  try {
    return answerOf(await session.kube.evict(namespace, name, { uid, dryRun: true }));
  } catch (error) {
    // Not to have been answered is no consent.
    if (!(error instanceof FailureError)) throw error;
    return { kind: 'unknown', message: error.failure.message };
  }
}

function answerOf(result: EvictionResult): DryRunAnswer {
  switch (result.kind) {
    case 'accepted':
    case 'gone':
      return { kind: 'accepted', message: '' };
    case 'blocked':
      return { kind: result.code, message: result.message };
    case 'refused-by-budget':
      return { kind: 'budget-refuses', message: result.message };
    case 'namespace-terminating':
      return { kind: 'unknown', message: result.message };
  }
}

async function historiesOf(store: ReadStore, cluster: Cluster): Promise<Map<string, RollHistory>> {
  const histories = new Map<string, RollHistory>();
  for (const pool of cluster.nodePools) {
    const found = readHistory((await store.fact(historyKind, historyKey(cluster.id, pool.name)))?.value);
    if (found) histories.set(pool.name, found);
  }
  return histories;
}

async function zonesWithout(store: ReadStore, cluster: Cluster, now: number): Promise<PreflightInput['zonesWithout']> {
  const rows = await store.rows({ machine: 'nodePoolRoll', status: 'active', cluster: cluster.id });
  return new Map(
    rows.flatMap((row) => {
      const { pool, memory } = row.context as unknown as { pool: string; memory: RollMemory | null };
      const zones = memory?.zonesWithout.filter((one) => one.until > now) ?? [];
      return zones.length === 0 ? [] : [[pool, zones] as const];
    }),
  );
}
