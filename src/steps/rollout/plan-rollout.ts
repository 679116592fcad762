import type { Cluster } from '../../domain/cluster.ts';
import { terminal } from '../../domain/failure.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import { clusterVersion, type RenderedCluster } from '../../domain/rendered.ts';
import type { RolloutMember, RolloutOutput, RolloutState } from '../../domain/rollout.ts';
import { type ClusterFact, evidenceKey, parseClusterFact, parseEvidence } from '../../planning/pipeline/facts.ts';
import { inheritableEvidence } from '../../planning/pipeline/inherit.ts';
import { describeHold, pinOn, readOverrides, skipOn } from '../../planning/pipeline/overrides.ts';
import { planWaves } from '../../planning/pipeline/waves.ts';
import type { StepInput, StepOutcome } from '../../ports/step.ts';
import type { FactWrite, Json } from '../../ports/store.ts';
import { mapBounded } from '../../support/map-bounded.ts';
import { membersOf, type PipelineDependencies, policyOf } from '../pipeline-dependencies.ts';

const rendersAtOnce = 4;
const namedProblems = 3;
const keptWarnings = 20;

/** Renders the version for every cluster before any is touched (B4), and fixes who is updated, in which order. */
export function planRollout(deps: PipelineDependencies) {
  return async (input: StepInput<RolloutState>): Promise<StepOutcome> => {
    const { channel, commit } = input.context;
    const policy = policyOf(deps, channel);
    if (policy === undefined) {
      const message = `channel ${channel} is not in the pipeline file any more`;
      return { kind: 'failed', failure: terminal('channel-unknown', message) };
    }
    const { eligible, ineligible } = await membersNow(deps, input);
    const renders = await renderAll(deps, eligible, commit, input.signal);
    if (renders.problems.length > 0) return doesNotRender(channel, eligible.length, renders.problems);
    const warnings = await warningsOf(deps, policy, commit, input.signal);
    const unchanged = await unchangedClusters(deps, input, policy, renders.rendered);
    const changed = eligible.filter((cluster) => !unchanged.members.has(cluster.id));
    const wavePolicy = input.context.waived.includes('waves') ? [] : policy.waves;
    const waves = planWaves(changed, wavePolicy);
    const members: Record<string, RolloutMember> = Object.fromEntries(unchanged.members);
    for (const [index, wave] of waves.entries()) {
      for (const id of wave.clusters) members[id] = { ...newMember(input.context), wave: index };
    }
    const output: RolloutOutput = {
      kind: 'planned',
      waves: waves.map(({ name, clusters }) => ({ name, clusters })),
      members,
      ineligible,
      maxFailures: policy.maxFailures,
      warnings,
    };
    const message =
      `${eligible.length} clusters of ${channel} render; ${changed.length} to update in ${waves.length} waves, ` +
      `${unchanged.members.size} unchanged and fast-forwarded`;
    const data: Json = {
      waves: waves.map((wave) => ({
        name: wave.name,
        clusters: wave.clusters,
        ...(wave.coverage === undefined ? {} : { coverage: wave.coverage }),
      })),
      unchanged: [...unchanged.members.keys()],
      warnings,
    };
    return {
      kind: 'done',
      output: output as unknown as Json,
      facts: unchanged.facts,
      journal: [{ kind: 'rollout-planned', message, data }],
    };
  };
}

/** Clusters of the channel without those that somebody pinned to another version, or left out. */
async function membersNow(deps: PipelineDependencies, input: StepInput<RolloutState>) {
  const { channel, commit } = input.context;
  const { eligible, ineligible } = membersOf(deps, channel);
  const overrides = readOverrides(await deps.store.facts('override'));
  const kept = eligible.filter((cluster) => {
    const reason =
      pinOn(overrides, { channel, cluster: cluster.id, commit }, input.now) ?? skipOn(overrides, cluster.id, input.now);
    if (reason !== undefined) ineligible[cluster.id] = describeHold(reason);
    return reason === undefined;
  });
  return { eligible: kept, ineligible };
}

interface Digested {
  version: string;
  digest: string;
}

async function renderAll(deps: PipelineDependencies, clusters: Cluster[], commit: string, signal: AbortSignal) {
  const rendered = new Map<string, Digested>();
  const problems: string[] = [];
  await mapBounded(clusters, rendersAtOnce, async (cluster) => {
    signal.throwIfAborted();
    const result = await deps.render(cluster, commit);
    if (result.ok) rendered.set(cluster.id, digestOf(result.rendered));
    else {
      const first = result.problems[0];
      const where = first === undefined ? '' : ` ${first.file}${first.line === undefined ? '' : `:${first.line}`}:`;
      problems.push(`${cluster.id}:${where} ${first?.message ?? 'does not render'}`);
    }
  });
  return { rendered, problems: problems.sort() };
}

/** Only the digests are kept: what a thousand clusters render to does not fit into memory at once. */
function digestOf(rendered: RenderedCluster): Digested {
  return { version: clusterVersion(rendered), digest: rendered.digest };
}

function doesNotRender(channel: string, total: number, problems: string[]): StepOutcome {
  const named = problems.slice(0, namedProblems).join('; ');
  const more = problems.length > namedProblems ? `; and ${problems.length - namedProblems} more` : '';
  const message = `it does not render for ${problems.length} of ${total} clusters of ${channel}: ${named}${more}`;
  const output: RolloutOutput = { kind: 'halt', code: 'render-failed', message };
  return {
    kind: 'done',
    output: output as unknown as Json,
    journal: [{ kind: 'rollout-halted', message, data: { code: output.code } }],
  };
}

/** The first channel also says early what the later ones would not render. */
async function warningsOf(
  deps: PipelineDependencies,
  policy: ChannelPolicy,
  commit: string,
  signal: AbortSignal,
): Promise<string[]> {
  const channels = deps.pipeline().channels;
  if (channels.some((other) => other.promotesTo.includes(policy.name))) return [];
  const later = new Set<string>();
  const follow = (name: string): void => {
    for (const next of channels.find((other) => other.name === name)?.promotesTo ?? []) {
      if (later.has(next)) continue;
      later.add(next);
      follow(next);
    }
  };
  follow(policy.name);
  const clusters = [...later].flatMap((name) => membersOf(deps, name).eligible);
  return (await renderAll(deps, clusters, commit, signal)).problems.slice(0, keptWarnings);
}

/**
 * Clusters that this version does not change, and whose evidence still holds. One that an update still has in hand is not among them:
 * what it does is not known before it has stopped.
 */
async function unchangedClusters(
  deps: PipelineDependencies,
  input: StepInput<RolloutState>,
  policy: ChannelPolicy,
  rendered: ReadonlyMap<string, Digested>,
): Promise<{ members: Map<string, RolloutMember>; facts: FactWrite[] }> {
  const { channel } = input.context;
  const updates = await deps.store.rows({ machine: 'clusterUpdate', channel, status: 'active' });
  const busy = new Set(updates.map((row) => row.cluster));
  const limits = { evidenceMaxAgeMs: deps.pipeline().evidenceMaxAgeMs, now: input.now };
  const stored = new Map((await deps.store.facts('cluster')).map((fact) => [fact.key, fact.value]));
  const members = new Map<string, RolloutMember>();
  const facts: FactWrite[] = [];
  for (const [id, next] of rendered) {
    const fact = parseClusterFact(stored.get(id));
    if (busy.has(id) || fact === undefined || fact.pinned === null) continue;
    const earned = inheritableEvidence(fact, { digest: next.digest, profile: policy.e2eProfile }, limits);
    if (!earned.inherits) continue;
    const original = parseEvidence((await deps.store.fact('evidence', earned.from))?.value);
    if (original === undefined || original.result !== 'passed') continue;
    const checks = { passed: original.passed, failed: original.failed };
    members.set(id, { ...newMember(input.context), state: 'updated', version: next.version, inherited: true, checks });
    facts.push(...inheritedFacts(input, id, next, { fact, from: earned.from, at: earned.at, checks }));
  }
  return { members, facts };
}

function inheritedFacts(
  input: StepInput<RolloutState>,
  id: string,
  next: Digested,
  earned: { fact: ClusterFact; from: string; at: number; checks: { passed: number; failed: number } },
): FactWrite[] {
  const { commit, tree, firstAttempt } = input.context;
  const cluster: ClusterFact = { ...earned.fact, currentVersion: next.version, commit, tree, updatedAt: input.now };
  const evidence: Json = {
    version: next.version,
    tree,
    result: 'passed',
    ...earned.checks,
    failures: [],
    at: earned.at,
    inheritedFrom: earned.from,
  };
  return [
    { kind: 'cluster', key: id, value: cluster },
    { kind: 'evidence', key: evidenceKey(id, commit, firstAttempt), value: evidence },
  ];
}

function newMember({ firstAttempt }: Pick<RolloutState, 'firstAttempt'>): RolloutMember {
  return {
    state: 'pending',
    attempt: firstAttempt,
    wave: -1,
    version: null,
    inherited: false,
    blocked: null,
    stalled: null,
    failure: null,
    nodesReplaced: 0,
    checks: { passed: 0, failed: 0 },
  };
}
