/** The fleet that a simulated promotion begins with: what a daemon has recorded, or every cluster at the head of its channel. */
import { type ChannelState, versionOn } from '../../domain/channel.ts';
import type { Cluster } from '../../domain/cluster.ts';
import type { Pipeline } from '../../domain/pipeline.ts';
import { clusterVersion, type RenderedCluster } from '../../domain/rendered.ts';
import { type ClusterFact, parseClusterFact, unknownCluster } from '../../planning/pipeline/facts.ts';
import { allDigests } from '../../planning/pipeline/update-plan.ts';
import type { ChannelSource } from '../../ports/channel-source.ts';
import type { Render, RenderResult } from '../../ports/renderer.ts';
import type { FactWrite, Json, ProcessRow, ReadStore } from '../../ports/store.ts';
import { type Measured, readMeasured } from './work-model.ts';

/** What of a daemon's records decides how a version gets on. */
const carried = [
  'adoption',
  'applied',
  'approval',
  'approved',
  'cluster',
  'debt',
  'duration',
  'e2e-baseline',
  'evidence',
  'lifecycle',
  'override',
  'pool-sizes',
  'proven',
];

export interface FleetModel {
  clusters: Cluster[];
  pipeline: Pipeline;
  /** What each cluster runs; one that renders nothing is missing. */
  running: ReadonlyMap<string, RenderedCluster>;
  /** Identity of each cluster. */
  uids: ReadonlyMap<string, string>;
  facts: FactWrite[];
  /** Rows of channels, as a daemon has them; without one they begin anew. */
  channels: ProcessRow[];
  measured: Measured;
  render: Render;
  /** true when a daemon's records were there. */
  recorded: boolean;
}

export interface FleetModelInput {
  clusters: Cluster[];
  pipeline: Pipeline;
  source: ChannelSource;
  heads: ReadonlyMap<string, string>;
  render: Render;
  store: ReadStore | undefined;
  now: number;
}

export async function fleetModel(input: FleetModelInput): Promise<FleetModel> {
  const { pipeline, store, clusters } = input;
  const render = remembering(input.render);
  const recorded = store !== undefined && (await store.fact('adoption', 'fleet')) !== undefined;
  const facts: FactWrite[] = [];
  for (const kind of recorded ? carried : []) {
    for (const { key, value } of (await store?.facts(kind)) ?? []) facts.push({ kind, key, value });
  }
  const known = new Map(
    facts.flatMap(({ kind, key, value }) => (kind === 'cluster' ? [[key, parseClusterFact(value)] as const] : [])),
  );
  const running = new Map<string, RenderedCluster>();
  const uids = new Map<string, string>();
  for (const cluster of clusters) {
    const head = input.heads.get(pipeline.channels.find((one) => one.name === cluster.channel)?.branch ?? '');
    const fact = known.get(cluster.id);
    uids.set(cluster.id, fact?.pinned?.kubeSystemUid ?? `uid-${cluster.id}`);
    const commit = fact?.commit ?? head;
    const result = commit === undefined ? undefined : await rendered(render, cluster, commit);
    if (result === undefined || commit === undefined) continue;
    running.set(cluster.id, result);
    const { tree } = await input.source.commitInfo(commit);
    facts.push({ kind: 'cluster', key: cluster.id, value: asRunning(fact, result, { commit, tree }, input.now) });
  }
  if (!recorded) facts.push(await adoption(input));
  return {
    clusters,
    pipeline,
    running,
    uids,
    facts: [...new Map(facts.map((one) => [`${one.kind} ${one.key}`, one])).values()],
    channels: recorded ? await channelRows(store, pipeline) : [],
    measured: await readMeasured(store),
    render,
    recorded,
  };
}

/** Each version of each cluster is rendered once: thousands of steps ask for it. */
function remembering(render: Render): Render {
  const known = new Map<string, Promise<RenderResult>>();
  return (cluster, commit) => {
    const key = `${cluster.id} ${commit}`;
    let result = known.get(key);
    if (result === undefined) {
      result = render(cluster, commit);
      known.set(key, result);
    }
    return result;
  };
}

async function rendered(render: Render, cluster: Cluster, commit: string): Promise<RenderedCluster | undefined> {
  const result = await render(cluster, commit);
  return result.ok ? result.rendered : undefined;
}

/** Digests are of this rendering: the daemon's own may have been made with secrets and look-ups that are not to be had here. */
function asRunning(
  fact: ClusterFact | undefined,
  running: RenderedCluster,
  { commit, tree }: { commit: string; tree: string },
  now: number,
): Json {
  // what an update has left half done stays to be done
  if (fact !== undefined && (fact.digest === null || fact.touched)) return fact;
  return {
    ...(fact ?? unknownCluster()),
    adopted: true,
    commit,
    tree,
    currentVersion: clusterVersion(running),
    digest: running.digest,
    digests: allDigests(running),
    updatedAt: fact?.updatedAt ?? now,
  };
}

async function adoption({ pipeline, heads, source, now }: FleetModelInput): Promise<FactWrite> {
  const taken: Record<string, Json> = {};
  for (const { name, branch } of pipeline.channels) {
    const commit = heads.get(branch);
    if (commit === undefined) continue;
    const { tree } = await source.commitInfo(commit);
    taken[name] = { commit, tree, matches: true };
  }
  return { kind: 'adoption', key: 'fleet', value: { actor: 'simulation', reason: '', at: now, heads: taken } };
}

/** Channels as the daemon knows them. A rollout that it has under way begins anew: how far each cluster is in it is known. */
async function channelRows(store: ReadStore, pipeline: Pipeline): Promise<ProcessRow[]> {
  const names = new Set(pipeline.channels.map((one) => one.name));
  const underWay = new Set((await store.rows({ machine: 'rollout', status: 'active' })).map((row) => row.id));
  const rows = await store.rows({ machine: 'channel', status: 'active' });
  return rows.flatMap((row) => {
    if (!names.has(row.channel)) return [];
    const context = row.context as unknown as ChannelState;
    const { standIn } = context;
    const open = underWay.has(versionOn(context)?.rollout ?? '');
    const again =
      standIn !== null && standIn.head === context.handled && standIn.rollout !== null
        ? { standIn: { ...standIn, rollout: null } }
        : { handled: null };
    const fresh = { move: null, catchUps: {}, wait: null, failure: null, ...(open ? again : {}) };
    const value = context.paused === null ? 'watching' : 'paused';
    return [{ ...row, seq: 0, value, context: { ...context, ...fresh } as unknown as Json, wakeAt: 0 }];
  });
}
