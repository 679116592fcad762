/** `clm plan`: renders a commit for chosen clusters, and compares it with what was last applied to each. Changes nothing. */
import type { Cluster } from '../domain/cluster.ts';
import { FailureError } from '../domain/failure.ts';
import type { RollHistory } from '../domain/node-pool-roll.ts';
import type { Problem } from '../domain/problem.ts';
import { type AppliedSource, appliedKind, parseAppliedSources } from '../planning/change/applied-source.ts';
import { compareCluster } from '../planning/change/compare-cluster.ts';
import { fleetPlan } from '../planning/change/fleet-plan.ts';
import type { BootEvidence } from '../planning/change/group-contents.ts';
import type { ClusterChange, PlanDocument, PlanRefusal } from '../planning/change/plan-document.ts';
import { type PoolSizes, parsePoolSizes, poolSizesKind } from '../planning/change/pool-forecast.ts';
import type { Rendering } from '../planning/change/unit-changes.ts';
import { judgeUpgrade } from '../planning/kubernetes/judge-upgrade.ts';
import { type ClusterFact, parseClusterFact } from '../planning/pipeline/facts.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import type { Render } from '../ports/renderer.ts';
import type { ReadStore } from '../ports/store.ts';
import { manifestUses, poolTargetsOf } from '../steps/cluster-update/check-kubernetes.ts';
import { bootsKind, readBootRecords } from '../steps/roll/boot-records.ts';
import { historyKey, historyKind, readHistory } from '../steps/roll/measurements.ts';
import type { Clock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import type { Random } from '../support/random.ts';
import type { DaemonConfig } from './config.ts';
import { type FleetLook, FleetProblems, type FleetQuestion, lookAtFleet, noHead } from './fleet-look.ts';
import { createLookupRecord, withEarlierAnswers } from './lookup-record.ts';
import { type Asking, openAsking } from './plan-live.ts';
import { createRender } from './render.ts';

const untouched = (text: string): string => text;

export async function planFleet(
  config: DaemonConfig,
  question: FleetQuestion & {
    /** Ask the clusters, too; what changes there is taken back before the answer. */
    live: boolean;
  },
  options: { log: Logger; version: string; clock: Clock; random: Random; signal: AbortSignal },
): Promise<{ problems: Problem[] } | { problems: []; plan: PlanDocument }> {
  const result = await lookAtFleet(config, question, options, async (look) => {
    const record = createLookupRecord(look.store, undefined, () => 0);
    const render = createRender({
      source: look.source,
      path: config.configRepository.path,
      further: look.further,
      accounts: () => look.accounts,
      clusters: () => look.registered,
      // whoever asks the clusters asks the cloud what a daemon would ask it
      ...(question.live
        ? { record, cloud: (cluster: Cluster) => look.access.connectLookups(cluster) }
        : { record: await withEarlierAnswers(record, look.store), seal: true, allow: 'ask the cloud: --live' }),
    });
    const asking = question.live ? openAsking(look, options) : undefined;
    const problems = new FleetProblems();
    const plan = fleetPlan();
    const commits = new Map<string, PlannedCommit>();
    const records = readBootRecords((await look.store?.facts(bootsKind)) ?? []);
    const evidence = { records, now: options.clock.now() };
    try {
      for (const cluster of look.clusters) {
        if (cluster.lifecycleStatus === 'decommissioned') continue;
        if (cluster.lifecycleStatus === 'decommission-requested') {
          plan.add(await leavingCluster({ look, render }, cluster), cluster);
          continue;
        }
        const commit = look.commitOf(cluster);
        if (commit === undefined) {
          problems.add(noHead(config, cluster, 'plan'), cluster);
          continue;
        }
        const sources = await planOne({ look, render, plan, problems, asking, evidence }, cluster, commit);
        const { channels } = commits.get(commit) ?? { channels: new Set() };
        commits.set(commit, { channels: channels.add(cluster.channel), sources });
      }
    } finally {
      await asking?.close();
    }
    if (problems.list().length > 0) return { problems: problems.list() };
    const about = {
      ...(question.ref === undefined ? {} : { ref: question.ref }),
      commits: await describeCommits(look.source, commits),
    };
    return { problems: [] as [], plan: plan.document(about) };
  });
  return 'answer' in result ? result.answer : result;
}

/** Nothing is rolled out to it any more: its stacks will go, by what it runs. */
async function leavingCluster(
  { look, render }: Pick<Planning, 'look' | 'render'>,
  cluster: Cluster,
): Promise<ClusterChange> {
  const known = await knownOf(look.store, cluster);
  const notes: string[] = [];
  const earlier = await renderEarlier(render, known, notes);
  const confirm =
    cluster.environment === 'production'
      ? [`it goes once somebody confirms it: clm decommission ${cluster.alias} --confirm ${cluster.id} --reason …`]
      : [];
  return {
    cluster: cluster.alias,
    id: cluster.id,
    channel: cluster.channel,
    commit: known.recorded?.commit ?? '',
    version: '',
    currentVersion: known.fact?.currentVersion ?? null,
    class: 'decommission',
    changes: (earlier.recorded?.rendered.stacks ?? []).map((stack) => ({
      unit: 'stack' as const,
      name: `stack ${stack.name}`,
      ...(stack.pool === undefined ? {} : { of: stack.pool }),
      change: 'delete' as const,
      diff: [],
      added: 0,
      removed: 0,
      hiddenOnly: false,
    })),
    rolls: [],
    refusals: [],
    notes: [...notes, ...confirm],
  };
}

interface Planning {
  look: FleetLook;
  render: Render;
  plan: ReturnType<typeof fleetPlan>;
  problems: FleetProblems;
  asking: Asking | undefined;
  evidence: BootEvidence;
}

interface PlannedCommit {
  channels: Set<string>;
  sources: PlanDocument['commits'][number]['sources'];
}

/** Answers the commits of further repositories that the commit pins. */
async function planOne(
  { look, render, plan, problems, asking, evidence }: Planning,
  cluster: Cluster,
  commit: string,
): Promise<PlannedCommit['sources']> {
  const known = await knownOf(look.store, cluster);
  const result = await render(cluster, commit);
  if (!result.ok) {
    for (const problem of result.problems) problems.add(problem, cluster);
    return undefined;
  }
  const { rendered, redact, sealed, sources } = result;
  const after: Rendering = { rendered, redact: redact ?? untouched, sealed: sealed === true };
  const fresh = cluster.lifecycleStatus !== 'ready' && (known.fact === undefined || known.fact.commit === null);
  const notes: string[] = [];
  const same = !after.sealed && known.fact?.digest === rendered.digest;
  const earlier = same ? { recorded: undefined, begun: [] } : await renderEarlier(render, known, notes);
  if (known.fact === undefined && !fresh) notes.push('never looked at: start clm daemon, then clm adopt');
  for (const { file, line, message } of result.warnings ?? []) notes.push(`${file}:${line ?? 1}: ${message}`);
  if (after.sealed) notes.push('encrypted config items were compared without being decrypted');
  const answer = fresh ? undefined : await asking?.ask(cluster, rendered, after.redact);
  const refusals = same ? [] : refusalsOf(cluster, after, earlier);
  const midRoll = look.pipeline.channels.find((one) => one.name === cluster.channel)?.e2eGate?.midRoll;
  const { sizes, histories } = known;
  const change = compareCluster(
    { after, fact: known.fact, ...earlier, fresh, cluster, sizes, histories, evidence, midRoll },
    {
      cluster,
      notes,
      // what the cluster says goes before what is recorded of it
      refusals: answer === undefined || answer.live.trouble !== undefined ? refusals : answer.refusals,
      ...(answer === undefined ? {} : { live: answer.live }),
    },
  );
  plan.add(change, cluster);
  return sources;
}

/** What is known to run is what was rendered last; an interrupted update may have brought some of the next one. */
function refusalsOf(
  cluster: Cluster,
  after: Rendering,
  { recorded, begun }: { recorded: Rendering | undefined; begun: Rendering[] },
): PlanRefusal[] {
  const target = after.rendered.kubernetesVersion;
  if (target === undefined) return [];
  const earlier = [recorded, ...begun].filter((one) => one !== undefined);
  const kubelets = recorded?.rendered.pools.flatMap(({ name, controlPlane, kubernetesVersion }) => {
    const version = kubernetesVersion ?? recorded.rendered.kubernetesVersion;
    return controlPlane || version === undefined ? [] : [[`pool ${name}`, version] as const];
  });
  return judgeUpgrade({
    cluster: cluster.alias,
    target,
    poolTargets: poolTargetsOf(after.rendered),
    controlPlane: earlier.flatMap((one) => one.rendered.kubernetesVersion ?? []),
    kubelets: Object.fromEntries(kubelets ?? []),
    removed: { manifests: manifestUses(after.rendered, target), inUse: [] },
  });
}

interface Known {
  fact: ClusterFact | undefined;
  recorded: AppliedSource | null;
  begun: AppliedSource[];
  sizes: PoolSizes;
  histories: Map<string, RollHistory>;
}

async function knownOf(store: ReadStore | undefined, cluster: Cluster): Promise<Known> {
  const value = async (kind: string, key: string): Promise<unknown> => (await store?.fact(kind, key))?.value;
  const histories = new Map<string, RollHistory>();
  for (const { name } of cluster.nodePools) {
    const history = readHistory(await value(historyKind, historyKey(cluster.id, name)));
    if (history !== undefined) histories.set(name, history);
  }
  return {
    fact: parseClusterFact(await value('cluster', cluster.id)),
    ...parseAppliedSources(await value(appliedKind, cluster.id)),
    sizes: parsePoolSizes(await value(poolSizesKind, cluster.id)),
    histories,
  };
}

async function renderEarlier(
  render: Render,
  known: Known,
  notes: string[],
): Promise<{ recorded: Rendering | undefined; begun: Rendering[] }> {
  const again = async (source: AppliedSource): Promise<Rendering | undefined> => {
    try {
      const result = await render(source.cluster, source.commit);
      if (result.ok) {
        const { rendered, redact, sealed } = result;
        return { rendered, redact: redact ?? untouched, sealed: sealed === true };
      }
      notes.push(`what was applied (${source.commit.slice(0, 12)}) does not render any more`);
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      notes.push(`what was applied (${source.commit.slice(0, 12)}) cannot be read: ${error.failure.message}`);
    }
    return undefined;
  };
  const recorded = known.recorded === null ? undefined : await again(known.recorded);
  // versions of interrupted updates matter only while one is open
  const open = known.fact?.digest === null ? known.begun : [];
  const begun: Rendering[] = [];
  for (const source of open) {
    const one = await again(source);
    if (one !== undefined) begun.push(one);
  }
  return { recorded, begun };
}

async function describeCommits(
  source: ChannelSource,
  commits: ReadonlyMap<string, PlannedCommit>,
): Promise<PlanDocument['commits']> {
  const described: PlanDocument['commits'] = [];
  for (const [commit, { channels, sources }] of commits) {
    const { subject } = await source.commitInfo(commit);
    described.push({
      commit,
      subject,
      channels: [...channels],
      ...(sources === undefined ? {} : { sources }),
    });
  }
  return described;
}
