/**
 * Looks, while a channel rests, whether its clusters are still as they were recorded: one at a time, each in its turn. What has
 * drifted, or renders to something else because the registry or a look-up changed, is brought back as any cluster that is behind:
 * in the channel's windows, with its limits and those of the fleet (B3).
 */
import { createHash } from 'node:crypto';
import type { Cluster } from '../../domain/cluster.ts';
import { FailureError } from '../../domain/failure.ts';
import type { RenderedCluster } from '../../domain/rendered.ts';
import { compareCluster } from '../../planning/pipeline/adoption.ts';
import {
  afterDrift,
  asApplied,
  type DriftFact,
  driftPolicyOf,
  nextLookAt,
  parseDriftFact,
} from '../../planning/pipeline/cluster-drift.ts';
import { type ClusterFact, parseClusterFact } from '../../planning/pipeline/facts.ts';
import { describeDrift } from '../../planning/pipeline/resource-drift.ts';
import type { CommitInfo } from '../../ports/channel-source.ts';
import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { JournalNote } from '../../ports/step.ts';
import type { FactWrite, Json } from '../../ports/store.ts';
import { mapBounded } from '../../support/map-bounded.ts';
import { readLive } from '../adoption/observe-fleet.ts';
import { readInventory } from '../cluster-update/inventory-store.ts';
import { membersOf, type PipelineDependencies } from '../pipeline-dependencies.ts';

export interface DriftLook {
  facts: FactWrite[];
  journal: JournalNote[];
}

const shown = 20;
/** CloudFormation takes seconds to minutes to compare a stack's resources. */
const detectionMs = 2 * 60_000;
const longestDetectionMs = 3_600_000;
const detectionsAtOnce = 4;
const named = 3;

/** At most one cluster is looked at in a call; the others wait for the next. */
export async function lookForDrift(
  deps: PipelineDependencies,
  channel: string,
  info: CommitInfo,
  now: number,
): Promise<DriftLook> {
  const known = new Map((await deps.store.facts('drift')).map((fact) => [fact.key, parseDriftFact(fact.value)]));
  const busy = new Set(
    (await deps.store.rows({ machine: 'clusterUpdate', channel, status: 'active' })).map((row) => row.cluster),
  );
  const facts: FactWrite[] = [];
  let due: { cluster: Cluster; before: DriftFact } | undefined;
  for (const cluster of membersOf(deps, channel).eligible) {
    const policy = driftPolicyOf(cluster.configItems);
    if (policy.action === 'off' || busy.has(cluster.id)) continue;
    const before = known.get(cluster.id);
    const registry = registryDigest(cluster);
    if (before === undefined) {
      // a cluster just recorded: its first look comes in its turn
      const next = nextLookAt(now, policy.intervalMs, deps.random.next());
      facts.push(driftWrite(cluster.id, { at: 0, next, registry, found: [] }));
    } else if (now >= before.next || registry !== before.registry) {
      if (due === undefined || before.next < due.before.next) due = { cluster, before };
    }
  }
  if (due === undefined) return { facts, journal: [] };
  const look = await lookAt(deps, due.cluster, info, due.before, now);
  return { facts: [...facts, ...look.facts], journal: look.journal };
}

function driftWrite(cluster: string, { detections, ...fact }: DriftFact): FactWrite {
  return { kind: 'drift', key: cluster, value: detections === undefined ? fact : { ...fact, detections } };
}

/** What the registry says of a cluster, as far as it may change what renders. */
function registryDigest(cluster: Cluster): string {
  const before = digests.get(cluster);
  if (before !== undefined) return before;
  const { alias: _alias, lifecycleStatus: _status, ...counts } = cluster;
  const digest = createHash('sha256').update(JSON.stringify(counts)).digest('hex').slice(0, 16);
  digests.set(cluster, digest);
  return digest;
}

/** A registry that changes is read anew: what was read is never changed in place. */
const digests = new WeakMap<Cluster, string>();

async function lookAt(
  deps: PipelineDependencies,
  cluster: Cluster,
  info: CommitInfo,
  before: DriftFact,
  now: number,
): Promise<DriftLook> {
  const policy = driftPolicyOf(cluster.configItems);
  const next = nextLookAt(now, policy.intervalMs, deps.random.next());
  const seen = (found: string[]): FactWrite =>
    driftWrite(cluster.id, { at: now, next, registry: registryDigest(cluster), found: found.slice(0, shown) });
  const fact = parseClusterFact((await deps.store.fact('cluster', cluster.id))?.value);
  // what an update has begun and not recorded is no drift
  if (fact === undefined || fact.digest === null || fact.commit !== info.commit)
    return { facts: [seen([])], journal: [] };
  const found = await differences(deps, cluster, info, { fact, before }, now);
  if (found === undefined) return { facts: [seen(before.found)], journal: [] };
  if ('detections' in found) {
    const { detections } = found;
    const waiting = { ...before, next: now + detectionMs, registry: registryDigest(cluster), detections };
    return { facts: [driftWrite(cluster.id, waiting)], journal: [] };
  }
  if (found.texts.length === 0) return { facts: [seen([])], journal: [] };
  const again = JSON.stringify(found.texts.slice(0, shown)) === JSON.stringify(before.found);
  const repairs = policy.action === 'repair' && found.next !== undefined;
  const more = found.texts.length > named ? ` and ${found.texts.length - named} more` : '';
  const what = repairs ? 'it is brought back' : 'it is left so';
  const message = `${cluster.id} has drifted: ${found.texts.slice(0, named).join('; ')}${more}; ${what}`;
  const journal =
    again && !repairs ? [] : [{ kind: 'cluster-drifted', message, data: { found: found.texts.slice(0, shown) } }];
  const facts = [seen(found.texts)];
  if (repairs) facts.push({ kind: 'cluster', key: cluster.id, value: found.next as unknown as Json });
  return { facts, journal };
}

interface Differences {
  texts: string[];
  /** What is known of the cluster then; undefined when there is nothing that an update would bring back. */
  next: ClusterFact | undefined;
}

/** undefined when the cluster could not be seen: unknown is no drift (B8). `detections`: CloudFormation was asked, and takes its time. */
async function differences(
  deps: PipelineDependencies,
  cluster: Cluster,
  info: CommitInfo,
  { fact, before }: { fact: ClusterFact; before: DriftFact },
  now: number,
): Promise<Differences | { detections: Record<string, string> } | undefined> {
  try {
    const result = await deps.render(cluster, info.commit);
    if (!result.ok) return undefined;
    if (result.rendered.digest !== fact.digest) {
      const texts = ['the registry or a look-up has changed what its version renders to'];
      return { texts, next: { ...fact, digest: null, updatedAt: now } };
    }
    const { cloud } = await deps.sessions.sessionFor(cluster.id);
    const names = result.rendered.stacks.map((stack) => stack.name);
    const begun = usableDetections(before, fact, now);
    if (begun === undefined) {
      const detections = await beginDetections(cloud, names);
      if (Object.keys(detections).length > 0) return { detections };
    }
    const live = await liveDifferences(deps, cluster, info, result.rendered, fact, now);
    if (live === undefined) return undefined;
    const drifted = await detectedDrift(cloud, begun ?? {});
    return { ...live, texts: [...live.texts, ...drifted] };
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    deps.log.info({ cluster: cluster.id, code: error.failure.code }, 'drift could not be seen');
    return undefined;
  } finally {
    deps.sessions.release(cluster.id);
  }
}

/** What was begun before the last update, or long ago, tells of another cluster than there is now. */
function usableDetections({ detections, next }: DriftFact, fact: ClusterFact, now: number): DriftFact['detections'] {
  const usable = fact.updatedAt <= next - detectionMs && now - next <= longestDetectionMs;
  return usable ? detections : undefined;
}

/** Stacks that cannot be compared as they are, or that nobody may compare, are left out. */
async function beginDetections(cloud: CloudProvider, stacks: readonly string[]): Promise<Record<string, string>> {
  const begun = await mapBounded([...stacks], detectionsAtOnce, async (stack) => {
    try {
      const id = await cloud.detectDrift(stack);
      return id === undefined ? [] : [[stack, id] as const];
    } catch (error) {
      if (error instanceof FailureError) return [];
      throw error;
    }
  });
  return Object.fromEntries(begun.flat());
}

async function detectedDrift(cloud: CloudProvider, detections: Record<string, string>): Promise<string[]> {
  const found = await mapBounded(Object.entries(detections), detectionsAtOnce, async ([stack, id]) => {
    const drifts = await cloud.stackDrift(stack, id);
    // what is not known is no drift
    return typeof drifts === 'string' ? [] : describeDrift(stack, drifts);
  });
  return found.flat();
}

async function liveDifferences(
  deps: PipelineDependencies,
  cluster: Cluster,
  info: CommitInfo,
  rendered: RenderedCluster,
  fact: ClusterFact,
  now: number,
): Promise<Differences | undefined> {
  const { kube } = await deps.sessions.sessionFor(cluster.id);
  const { inventory } = await readInventory(kube);
  const live = await readLive(deps, cluster, rendered);
  const outputs = live.stacks.get(cluster.localId)?.view.outputs ?? {};
  const finding = compareCluster(cluster, info, asApplied(rendered, inventory, outputs), live, now);
  if (finding.result === 'matches') return { texts: [], next: undefined };
  if (finding.result !== 'would-change') return undefined;
  return { texts: finding.changes, next: afterDrift(fact, finding, now) };
}
