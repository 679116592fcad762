/** What a roll of a cluster would meet, before anything is touched: blocking budgets, zones without room, and how long it would take. */
import { z } from 'zod';
import type { ClusterView, PodView } from '../../domain/cluster-view.ts';
import type { CanaryDecision, NodeContent, RollHistory, SurgeSetting } from '../../domain/node-pool-roll.ts';
import type { NodeGroup } from '../../ports/cloud-provider.ts';
import type { CloudView } from '../../ports/cluster-session.ts';
import { needsCanary } from './canary.ts';
import { zonesBound } from './candidate-order.ts';
import { type ClusterIndex, indexCluster, ownerOf } from './cluster-index.ts';
import { predictDrainMs } from './drain-forecast.ts';
import { classifyPod, judgeBudgets, movablePods } from './drain-state.ts';
import { forecastRoll } from './forecast.ts';
import { keyOfContent } from './launch-plan.ts';
import { groupsOfPool, isOutdated } from './members.ts';
import { type RollPolicy, surgeOf } from './policy.ts';

const blockSchema = z.object({
  code: z.string(),
  message: z.string(),
  /** `lasting` = no waiting helps; `passing` = refused just now. */
  lasts: z.enum(['lasting', 'passing']),
  namespace: z.string(),
  /** Budgets, comma separated; empty when it is no budget. */
  budget: z.string(),
  /** Whom to ask: a label of the pod that names a team or an application, else its controller. */
  owner: z.string(),
  pods: z.array(z.string()),
  nodes: z.array(z.string()),
});

export const preflightSchema = z.object({
  cluster: z.string(),
  at: z.iso.datetime(),
  pools: z.array(
    z.object({
      pool: z.string(),
      controlPlane: z.boolean(),
      nodes: z.int(),
      /** Nodes that differ from what their group would launch now. */
      outdated: z.int(),
      /** Nodes above its size that the pool may have while it is rolled. */
      surge: z.int(),
      p50Seconds: z.number(),
      p90Seconds: z.number(),
      /** Boots and drains that the forecast rests on; 0 = guesses. */
      measured: z.object({ boots: z.int(), drains: z.int() }),
      /** Whether one new node would come first, and why; where nothing is outdated the forecast takes it that one does. */
      canary: z.object({ needed: z.boolean(), reason: z.string() }),
    }),
  ),
  /** The control plane first, then all workers side by side. */
  total: z.object({ p50Seconds: z.number(), p90Seconds: z.number() }),
  blocks: z.array(blockSchema),
  zones: z.array(z.object({ pool: z.string(), zone: z.string(), nodes: z.int(), message: z.string() })),
  /** Pods whose eviction the API server was asked about. */
  asked: z.int(),
});

export type Preflight = z.infer<typeof preflightSchema>;

/** What the server answered to the dry run of an eviction. */
export interface DryRunAnswer {
  kind: 'accepted' | 'budget-refuses' | 'multiple-budgets' | 'budget-invalid' | 'admission-denied' | 'unknown';
  message: string;
}

export interface PreflightInput {
  cluster: string;
  view: ClusterView;
  cloud: CloudView;
  pools: {
    name: string;
    controlPlane: boolean;
    surge: SurgeSetting | undefined;
    canary: CanaryDecision;
    /** By group, of those that were judged; the pool's own decision stands for all others. */
    canaries?: ReadonlyMap<string, CanaryDecision>;
    /** By group, where it could be read. */
    contents?: ReadonlyMap<string, NodeContent>;
  }[];
  policy: RollPolicy;
  now: number;
  history: ReadonlyMap<string, RollHistory>;
  /** By pod uid. */
  answers: ReadonlyMap<string, DryRunAnswer>;
  /** Zones that a roll under way found without capacity for a group, by pool. */
  zonesWithout: ReadonlyMap<string, readonly { group: string; zone: string }[]>;
}

/** One pod of each workload and state: the server judges the others the same. */
export function podsToAsk(view: ClusterView, cloud: CloudView, limit: number): PodView[] {
  const index = indexCluster(view, cloud);
  const chosen = new Map<string, PodView>();
  for (const pod of movablePods(view.pods, index)) {
    if (pod.nodeName === undefined || pod.deletingAt !== undefined) continue;
    const key = `${pod.owner?.uid ?? pod.uid} ${pod.ready}`;
    if (!chosen.has(key)) chosen.set(key, pod);
  }
  return [...chosen.values()].slice(0, limit);
}

export function planPreflight(input: PreflightInput): Preflight {
  const index = indexCluster(input.view, input.cloud);
  const blocks = collectBlocks(input, index);
  const stuck = new Set(blocks.filter((one) => one.lasts === 'lasting').flatMap((one) => one.nodes));
  const pools = input.pools.map((pool) => planPool(input, index, pool, stuck));
  const planes = pools.filter((pool) => pool.controlPlane);
  const workers = pools.filter((pool) => !pool.controlPlane);
  const total = (of: 'p50Seconds' | 'p90Seconds'): number =>
    planes.reduce((sum, pool) => sum + pool[of], 0) + Math.max(0, ...workers.map((pool) => pool[of]));
  return {
    cluster: input.cluster,
    at: new Date(input.now).toISOString(),
    pools,
    total: { p50Seconds: total('p50Seconds'), p90Seconds: total('p90Seconds') },
    blocks,
    zones: input.pools.flatMap((pool) => zonesLacking(input, index, pool.name)),
    asked: input.answers.size,
  };
}

function planPool(
  input: PreflightInput,
  index: ClusterIndex,
  pool: PreflightInput['pools'][number],
  stuck: ReadonlySet<string>,
): Preflight['pools'][number] {
  const groups = groupsOfPool(input.cloud.groups, pool.name);
  const instances = groups.flatMap((group) => working(group).map((instance) => ({ instance, group })));
  const surge = surgeOf(instances.length, input.policy, pool.surge, pool.controlPlane);
  const history = input.history.get(pool.name) ?? { boots: [], drains: [] };
  const nodes = instances.flatMap(({ instance, group }) => {
    const node = index.nodeOf(instance.id);
    if (node === undefined || node === 'ambiguous' || stuck.has(node.name)) return [];
    const pods = movablePods(index.podsOn(node.name), index);
    const key = keyOfContent(group, group.launchTemplate, pool.contents?.get(group.name) ?? null);
    const proven = !needsCanary(input.policy, pool.canaries?.get(group.name) ?? pool.canary);
    const drain = predictDrainMs(pods, index, { policy: input.policy, now: input.now, terminationMs: new Map() });
    return [{ drain, content: { key, proven } }];
  });
  const pauseMs = pool.controlPlane ? input.policy.settleMs : 0;
  const { p50Ms, p90Ms } = forecastRoll({
    drains: nodes.map(({ drain }) => drain),
    contents: nodes.map(({ content }) => content),
    surge,
    history,
    pauseMs,
    canary: needsCanary(input.policy, pool.canary),
    seed: `${input.cluster}/${pool.name}`,
  });
  return {
    pool: pool.name,
    controlPlane: pool.controlPlane,
    nodes: instances.length,
    outdated: instances.filter(({ instance, group }) => isOutdated(instance, group)).length,
    surge,
    p50Seconds: Math.round(p50Ms / 1000),
    p90Seconds: Math.round(p90Ms / 1000),
    measured: { boots: history.boots.length, drains: history.drains.length },
    canary: { needed: needsCanary(input.policy, pool.canary), reason: pool.canary.reason },
  };
}

function working(group: NodeGroup): NodeGroup['instances'] {
  return group.instances.filter((one) => /^(Pending|InService)/.test(one.lifecycleState));
}

type Block = Preflight['blocks'][number];

function collectBlocks(input: PreflightInput, index: ClusterIndex): Block[] {
  const byCause = new Map<string, Block>();
  const nodes = new Map(input.view.nodes.map((node) => [node.name, node]));
  const answerOf = new Map<string, DryRunAnswer>();
  for (const pod of input.view.pods) {
    const answer = input.answers.get(pod.uid);
    if (answer) answerOf.set(`${pod.owner?.uid ?? pod.uid} ${pod.ready}`, answer);
  }
  for (const pod of input.view.pods) {
    const node = nodes.get(pod.nodeName ?? '');
    if (!node) continue;
    const found = blockOf(pod, node, index, input, answerOf.get(`${pod.owner?.uid ?? pod.uid} ${pod.ready}`));
    if (!found) continue;
    const key = `${found.code} ${pod.namespace} ${found.budget || ownerOf(pod)}`;
    const block = byCause.get(key) ?? { ...found, pods: [], nodes: [] };
    block.pods.push(pod.name);
    if (!block.nodes.includes(node.name)) block.nodes.push(node.name);
    byCause.set(key, block);
  }
  return [...byCause.values()].sort(
    (a, b) => Number(a.lasts === 'passing') - Number(b.lasts === 'passing') || b.nodes.length - a.nodes.length,
  );
}

function blockOf(
  pod: PodView,
  node: ClusterView['nodes'][number],
  index: ClusterIndex,
  input: PreflightInput,
  answer: DryRunAnswer | undefined,
): Omit<Block, 'pods' | 'nodes'> | undefined {
  const facts = { now: input.now, policy: input.policy, returns: new Map(), refusedForGood: new Map() };
  const judged = classifyPod({ pod, node, startedAt: input.now, index, input: facts, unreachable: !node.ready });
  const base = { namespace: pod.namespace, owner: whomToAsk(pod) };
  if (judged.kind === 'blocked') {
    return { ...base, code: judged.code, message: judged.message, lasts: 'lasting', budget: '' };
  }
  if (judged.kind !== 'evictable') return undefined;
  const budgets = judgeBudgets(pod, index.budgetsOf(pod));
  const budget = index
    .budgetsOf(pod)
    .map((one) => one.name)
    .join(', ');
  if (budgets.kind === 'never') {
    return { ...base, code: budgets.code, message: budgets.message, lasts: 'lasting', budget };
  }
  // The server has the last word: it sees webhooks, and budgets as they are now.
  if (answer && answer.kind !== 'accepted') {
    const lasts = answer.kind === 'budget-refuses' || answer.kind === 'unknown' ? 'passing' : 'lasting';
    return {
      ...base,
      code: answer.kind === 'unknown' ? 'dry-run-failed' : answer.kind,
      message: answer.message,
      lasts,
      budget,
    };
  }
  if (budgets.kind === 'refuses') {
    return { ...base, code: budgets.code, message: budgets.message, lasts: 'passing', budget };
  }
  return undefined;
}

const ownerLabels = ['team', 'owner', 'application', 'app.kubernetes.io/part-of', 'app.kubernetes.io/name', 'app'];

function whomToAsk(pod: PodView): string {
  const label = ownerLabels.find((name) => pod.labels[name] !== undefined);
  return label === undefined ? ownerOf(pod) : `${label}=${pod.labels[label] ?? ''}`;
}

/** Zones in which volumes need a new node, and the pool cannot launch one there. */
function zonesLacking(input: PreflightInput, index: ClusterIndex, pool: string): Preflight['zones'] {
  const lacking = new Map<string, { nodes: number; message: string }>();
  const groups = groupsOfPool(input.cloud.groups, pool);
  const covered = new Set(groups.flatMap((group) => group.zones));
  const without = input.zonesWithout.get(pool) ?? [];
  const lacks = (group: string, zone: string): boolean =>
    without.some((one) => one.group === group && one.zone === zone);
  const open = new Set(groups.flatMap(({ name, zones }) => zones.filter((zone) => !lacks(name, zone))));
  for (const instance of groups.flatMap(working)) {
    const node = index.nodeOf(instance.id);
    if (node === undefined || node === 'ambiguous') continue;
    for (const zones of zonesBound({ pods: index.podsOn(node.name), instance }, index)) {
      if (zones.some((zone) => open.has(zone))) continue;
      const zone = zones.join(', ');
      const message = zones.some((one) => covered.has(one))
        ? 'the cloud had no capacity there a moment ago'
        : 'no group of the pool launches there';
      lacking.set(zone, { nodes: (lacking.get(zone)?.nodes ?? 0) + 1, message });
    }
  }
  return [...lacking].map(([zone, one]) => ({ pool, zone, ...one }));
}
