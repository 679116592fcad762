/** First contact (B11): looks at every cluster, says what the first update would change, and mutates nothing. */
import type { Cluster } from '../../domain/cluster.ts';
import { FailureError } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { Pipeline } from '../../domain/pipeline.ts';
import type { RenderedCluster } from '../../domain/rendered.ts';
import { appliedWrite, asRecorded } from '../../planning/change/applied-source.ts';
import {
  type ClusterFinding,
  compareCluster,
  type FindingResult,
  type Head,
  type LiveCluster,
  objectKey,
} from '../../planning/pipeline/adoption.ts';
import { clusterTag } from '../../planning/pipeline/pool-currency.ts';
import type { ChannelSource, RegistryView } from '../../ports/channel-source.ts';
import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { ClusterSessions } from '../../ports/cluster-session.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { Render } from '../../ports/renderer.ts';
import type { FactWrite, JournalEntry, Json, ReadStore } from '../../ports/store.ts';
import { mapBounded } from '../../support/map-bounded.ts';

export interface ObserveFleetInput {
  source: Pick<ChannelSource, 'fetch' | 'commitInfo'>;
  registry: () => RegistryView;
  pipeline: () => Pipeline;
  render: Render;
  sessions: ClusterSessions;
  store: Pick<ReadStore, 'rows'>;
  /** Decision time, epoch ms. */
  now: () => number;
  signal: AbortSignal;
  /** Clusters looked at at once; 12 unless given. */
  atOnce?: number;
}

export interface FleetFindings {
  clusters: ClusterFinding[];
  /** Head of each channel that has one. */
  heads: Record<string, Head>;
}

const clustersAtOnce = 12;
const callsAtOnce = 6;

/** Throws what the channel source throws; trouble with a cluster is a finding. */
export async function observeFleet(input: ObserveFleetInput): Promise<FleetFindings> {
  const heads = await headsOf(input);
  const clusters = input.registry().clusters.filter((cluster) => cluster.lifecycleStatus !== 'decommissioned');
  const findings = await mapBounded(clusters, input.atOnce ?? clustersAtOnce, async (cluster) => {
    input.signal.throwIfAborted();
    return observeCluster(input, cluster, heads[cluster.channel]);
  });
  return { clusters: findings, heads };
}

async function headsOf(input: ObserveFleetInput): Promise<Record<string, Head>> {
  const channels = input.pipeline().channels;
  const { heads } = await input.source.fetch([...new Set(channels.map((channel) => channel.branch))], {});
  const commits = new Map(heads.map((head) => [head.branch, head.commit]));
  const result: Record<string, Head> = {};
  for (const channel of channels) {
    const commit = commits.get(channel.branch);
    if (commit === undefined) continue;
    const { tree } = await input.source.commitInfo(commit);
    result[channel.name] = { commit, tree };
  }
  return result;
}

async function observeCluster(
  input: ObserveFleetInput,
  cluster: Cluster,
  head: Head | undefined,
): Promise<ClusterFinding> {
  const plain = (result: FindingResult, message: string): ClusterFinding => ({
    cluster: cluster.id,
    channel: cluster.channel,
    result,
    changes: [],
    message,
    fact: null,
  });
  if (head === undefined)
    return plain('no-head', `channel ${cluster.channel} has no branch, or is not in the pipeline file`);
  if (cluster.lifecycleStatus !== 'ready')
    return plain('not-ready', `its lifecycle status is ${cluster.lifecycleStatus}`);
  try {
    const result = await input.render(cluster, head.commit);
    if (!result.ok) return plain('does-not-render', result.problems[0]?.message ?? 'the configuration does not render');
    const live = await readLive(input, cluster, result.rendered);
    return compareCluster(cluster, head, result.rendered, live, input.now());
  } catch (error) {
    if (error instanceof FailureError) return plain('unreachable', error.failure.message);
    throw error;
  } finally {
    const busy = await input.store.rows({ machine: 'clusterUpdate', status: 'active', cluster: cluster.id });
    if (busy.length === 0) input.sessions.release(cluster.id);
  }
}

/** What is compared with what renders; one call a kind and namespace, two a stack. */
export async function readLive(
  input: Pick<ObserveFleetInput, 'sessions'>,
  cluster: Cluster,
  rendered: RenderedCluster,
): Promise<LiveCluster> {
  const { cloud, kube } = await input.sessions.sessionFor(cluster.id);
  const [identity, stacks, groups, objects] = await Promise.all([
    cloud.callerIdentity(),
    readStacks(cloud, rendered),
    cloud.describeGroups(clusterTag(cluster.id)),
    readObjects(kube, rendered),
  ]);
  const uid = objects.get(objectKey(kubeSystem))?.metadata.uid;
  return { account: identity.account, region: identity.region, kubeSystemUid: uid ?? '', stacks, groups, objects };
}

async function readStacks(cloud: CloudProvider, rendered: RenderedCluster): Promise<LiveCluster['stacks']> {
  const found = await mapBounded(rendered.stacks, callsAtOnce, async ({ name }) => {
    const view = await cloud.describeStack(name);
    return view === undefined ? undefined : { view, template: await cloud.stackTemplate(name) };
  });
  return new Map(found.flatMap((stack) => (stack === undefined ? [] : [[stack.view.name, stack] as const])));
}

const kubeSystem: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } };

/** One call a kind and namespace: a list when several objects are wanted, a get otherwise. */
async function readObjects(kube: KubeCluster, rendered: RenderedCluster): Promise<Map<string, KubeObject>> {
  const wanted = new Map<string, KubeObject[]>();
  for (const object of [kubeSystem, ...rendered.components.flatMap((component) => component.objects)]) {
    const key = `${object.apiVersion}|${object.kind}|${object.metadata.namespace ?? ''}`;
    wanted.set(key, [...(wanted.get(key) ?? []), object]);
  }
  const objects = new Map<string, KubeObject>();
  await mapBounded([...wanted.values()], callsAtOnce, async (group) => {
    for (const live of await readGroup(kube, group)) {
      const { apiVersion, kind } = group[0] as KubeObject;
      objects.set(objectKey({ apiVersion, kind, metadata: live.metadata }), live);
    }
  });
  return objects;
}

async function readGroup(kube: KubeCluster, group: KubeObject[]): Promise<KubeObject[]> {
  const [first] = group as [KubeObject];
  const resource = await resourceOrNone(kube, first);
  if (resource === undefined) return [];
  const { namespace, name } = first.metadata;
  if (group.length > 1) return (await kube.list(resource, namespace === undefined ? {} : { namespace })).items;
  const live = await kube.get(resource, namespace, name);
  return live === undefined ? [] : [live];
}

/** A kind that the cluster does not know yet has no objects: its definition is among what would be created. */
async function resourceOrNone(kube: KubeCluster, object: KubeObject) {
  try {
    return await kube.resourceOf(object.apiVersion, object.kind);
  } catch (error) {
    if (error instanceof FailureError && error.failure.code === 'kube-unknown-kind') return undefined;
    throw error;
  }
}

/**
 * What `clm adopt` posts: from here on the fleet may be changed. Heads that every cluster ran are taken as they are; clusters that
 * differ are left to the rollout of their channel's head.
 */
export function adoptionWrites(
  findings: FleetFindings,
  clusters: readonly Cluster[],
  by: { actor: string; reason: string; now: number },
): { facts: FactWrite[]; journal: JournalEntry[] } {
  const heads: Record<string, Json> = {};
  for (const [channel, head] of Object.entries(findings.heads)) {
    const own = findings.clusters.filter((finding) => finding.channel === channel && finding.result !== 'not-ready');
    heads[channel] = { ...head, matches: own.every((finding) => finding.result === 'matches') };
  }
  const facts: FactWrite[] = findings.clusters.flatMap((finding) =>
    finding.fact === null ? [] : [{ kind: 'cluster', key: finding.cluster, value: finding.fact }],
  );
  for (const { cluster: id, channel, result } of findings.clusters) {
    const cluster = clusters.find((one) => one.id === id);
    const head = findings.heads[channel];
    if (result !== 'matches' || cluster === undefined || head === undefined) continue;
    facts.push(appliedWrite(id, asRecorded({ commit: head.commit, cluster, at: by.now })));
  }
  facts.push({ kind: 'adoption', key: 'fleet', value: { actor: by.actor, reason: by.reason, at: by.now, heads } });
  const counts: Record<string, number> = {};
  for (const finding of findings.clusters) counts[finding.result] = (counts[finding.result] ?? 0) + 1;
  const summary = Object.entries(counts)
    .map(([result, count]) => `${count} ${result.replaceAll('-', ' ')}`)
    .join(', ');
  const entry: JournalEntry = {
    at: by.now,
    source: `operator:${by.actor}`,
    seq: 0,
    kind: 'fleet-adopted',
    channel: '',
    cluster: '',
    commit: '',
    message: `the fleet is adopted: ${summary}${by.reason === '' ? '' : `; ${by.reason}`}`,
    data: { heads, counts },
  };
  return { facts, journal: [entry] };
}
