/** Searches, after a halt, for the commit that caused it: on clusters that have failed already, one update at a time. */
import { firstOfBisect } from '../../domain/attempts.ts';
import type { BisectCandidate, BisectOutput, BisectState, BisectTrial, BisectVerdict } from '../../domain/bisect.ts';
import { FailureError, transient } from '../../domain/failure.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import type { RolloutState } from '../../domain/rollout.ts';
import { beforeCulprit, nextTrial } from '../../planning/pipeline/bisect.ts';
import {
  describeHold,
  type Override,
  pinOn,
  readOverrides,
  skipOn,
  vetoOn,
} from '../../planning/pipeline/overrides.ts';
import type { JournalNote, StepEffects, StepInput, StepOutcome } from '../../ports/step.ts';
import type { FactWrite, Json } from '../../ports/store.ts';
import { freeAttempt, startMessage } from '../channel/catch-up.ts';
import { upstreamOf } from '../channel/head-facts.ts';
import { lastGoodVersion } from '../channel/last-good-version.ts';
import { membersOf, type PipelineDependencies, policyOf } from '../pipeline-dependencies.ts';
import { updateId } from '../rollout/update-message.ts';
import { startHoldIn } from '../start-hold.ts';
import { proposeRevert } from './propose-revert.ts';

type Input = StepInput<BisectState>;

const backstopMs = 5 * 60_000;
const mostCommits = 200;
/** As every veto, it ends by itself. */
const vetoMs = 90 * 86_400_000;

export function bisectChannel(deps: PipelineDependencies) {
  return async (input: Input): Promise<StepOutcome> => {
    const { context } = input;
    const rollout = await deps.store.load(context.rolloutId);
    const policy = policyOf(deps, context.channel);
    if (policy?.bisect === undefined) return cancelled(input, 'the pipeline file does not ask for it any more');
    if (rollout?.status !== 'active' || rollout.value !== 'halted')
      return cancelled(input, `${short(context.commit)} is not halted on ${context.channel} any more`);
    const halted = rollout.context as unknown as RolloutState;
    const overrides = readOverrides(await deps.store.facts('override'));
    if (context.candidates === null) return plan(deps, input, { policy, halted, overrides });
    const next = nextTrial({ ...context, candidates: context.candidates });
    switch (next.kind) {
      case 'wait':
        return waiting(input, 'bisecting', next.reason);
      case 'try':
        return tryIt(deps, input, { policy, overrides, ...next });
      case 'inconclusive':
        return inconclusive(input, next.code, next.reason);
      case 'culprit':
        return found(deps, input, { ...next, since: halted.halt?.since ?? 0, overrides });
    }
  };
}

async function plan(
  deps: PipelineDependencies,
  input: Input,
  { policy, halted, overrides }: { policy: ChannelPolicy; halted: RolloutState; overrides: Override[] },
): Promise<StepOutcome> {
  const { channel, commit, tree } = input.context;
  const good = await lastGoodVersion(deps, { channel, head: commit, tree, overrides, now: input.now });
  const candidates = good === undefined ? [] : await candidatesOf(deps, input, good.commit, overrides);
  const here = new Set(membersOf(deps, channel).eligible.map((cluster) => cluster.id));
  const known = policy.knownFailures ?? [];
  const order = halted.waves.flatMap((wave) => wave.clusters);
  const clusters = order.flatMap((id) => {
    const member = halted.members[id];
    const code = member?.failure?.code;
    // what is still in flight is not idle, and what is known trouble of infrastructure is nobody's commit
    const usable = member?.state === 'failed' && code !== undefined && !known.includes(code) && here.has(id);
    return usable && skipOn(overrides, id, input.now) === undefined ? [{ id, code }] : [];
  });
  const limits = policy.bisect ?? { clusters: 1, attempts: 1 };
  const output: BisectOutput = { kind: 'planned', good: good ?? null, candidates, clusters, limits };
  const message = `${candidates.length} commits of ${channel} may have made it halt on ${short(commit)}: they are searched on ${clusters.length === 1 ? '1 cluster that failed' : `at most ${Math.min(limits.clusters, clusters.length)} of ${clusters.length} clusters that failed`}`;
  const data = { commits: candidates.map((one) => one.commit), good: good?.commit ?? null };
  return done(output, { journal: [{ kind: 'bisect-planned', message, data }] });
}

/** Commits that may run on the channel's clusters, oldest first: merged by people on the first one, elsewhere proven before it (P1). */
async function candidatesOf(
  deps: PipelineDependencies,
  input: Input,
  good: string,
  overrides: Override[],
): Promise<BisectCandidate[]> {
  const { channel, commit } = input.context;
  const between = await deps.source.commitsBetween(good, commit, mostCommits + 1, { firstParent: true });
  if (between.length > mostCommits) return [];
  const upstream = upstreamOf(deps, channel);
  const found: BisectCandidate[] = [];
  for (const one of between.toReversed()) {
    if (vetoOn(overrides, one, input.now) !== undefined && one.commit !== commit) continue;
    const proven = await Promise.all(upstream.map((name) => deps.store.fact('proven', `${name}/${one.tree}`)));
    const allowed = upstream.length === 0 || proven.some((fact) => fact !== undefined);
    if (allowed || one.commit === commit) found.push({ commit: one.commit, tree: one.tree });
  }
  return found;
}

async function tryIt(
  deps: PipelineDependencies,
  input: Input,
  {
    policy,
    overrides,
    commit,
    cluster,
    reason,
  }: { policy: ChannelPolicy; overrides: Override[]; commit: string; cluster: string; reason: string },
): Promise<StepOutcome> {
  const { channel } = input.context;
  const hold = await startHoldIn(deps, overrides, { channel, cluster, waived: [] }, input.now);
  if (hold !== undefined) return waiting(input, 'held', hold.reason, hold.until);
  const kept = pinOn(overrides, { channel, cluster, commit }, input.now) ?? skipOn(overrides, cluster, input.now);
  if (kept !== undefined) return waiting(input, 'held', describeHold(kept), kept.expiresAt);
  const info = await deps.heads.commitInfo(commit);
  const attempt = await freeAttempt(deps, channel, commit, cluster, firstOfBisect);
  if (attempt === undefined)
    return inconclusive(input, 'attempts-spent', `${short(commit)} was tried on ${cluster} too often`);
  const trial: BisectTrial = { commit, cluster, attempt, result: 'inFlight' };
  const message = `${short(commit)} is tried on ${cluster} to find the commit that halts ${channel}: ${reason}`;
  const data = { commit, tree: info.tree, cluster, attempt };
  return done(
    { kind: 'tried', trial },
    {
      messages: [startMessage(deps, { id: input.id, channel }, policy, { cluster, attempt, info })],
      journal: [{ kind: 'bisect-try', message, data }],
    },
  );
}

async function found(
  deps: PipelineDependencies,
  input: Input,
  culprit: { commit: string; before: string; reason: string; since: number; overrides: Override[] },
): Promise<StepOutcome> {
  if (!input.leaseHeld()) return { kind: 'failed', failure: transient('lease-lost', 'another daemon holds the lease') };
  const { context } = input;
  const { channel, commit: halted, tree } = context;
  const { commit, reason, overrides } = culprit;
  const info = await deps.heads.commitInfo(commit);
  const revert = await revertOf(deps, input, culprit);
  const what = `${short(commit)} (${info.subject}) is the commit that halts ${channel}: ${reason}`;
  const rest = beforeCulprit(
    context.candidates ?? [],
    commit,
    (one) => vetoOn(overrides, one, input.now) !== undefined,
  );
  const goesOn = rest === undefined ? '' : `${short(rest.commit)} before it goes on, `;
  const message = `${what}; it is vetoed, ${goesOn}and ${revert.message}`;
  const vetoes = [
    { commit, tree: info.tree, reason: what },
    ...(halted === commit ? [] : [{ commit: halted, tree, reason: `it contains ${short(commit)}, and ${what}` }]),
  ].filter((one) => vetoOn(overrides, one, input.now) === undefined);
  const facts: FactWrite[] = [];
  const journal: JournalNote[] = [
    {
      kind: 'bisect-found',
      message,
      data: { commit, before: culprit.before, revert: revert.place, instead: rest?.commit ?? null },
    },
  ];
  for (const one of vetoes) {
    const scope = `commit:${one.commit}`;
    const veto = { kind: 'veto', scope, actor: input.id, expiresAt: input.now + vetoMs, ...one };
    facts.push({ kind: 'override', key: `veto/${scope}`, value: veto });
    journal.push({ kind: 'vetoed', message: `${short(one.commit)} is vetoed: ${one.reason}`, data: { ...veto } });
  }
  const messages =
    rest === undefined ? [] : [{ to: `channel:${channel}`, event: standInEvent(halted, commit, rest.commit) }];
  return ended(
    input,
    { kind: 'culprit', message, culprit: commit, revert: revert.place },
    { facts, journal, messages },
  );
}

/** Good commits wait for nobody: the channel goes on with them until a newer commit comes. */
function standInEvent(head: string, culprit: string, commit: string) {
  const why =
    head === culprit ? `${short(head)} halted it` : `${short(head)} contains ${short(culprit)}, which halted it`;
  return {
    type: 'STAND_IN',
    commit,
    head,
    reason: `${why} and is vetoed; ${short(commit)}, which is before that, goes on in its place`,
  };
}

async function revertOf(
  deps: PipelineDependencies,
  input: Input,
  culprit: { commit: string; before: string; since: number },
): Promise<{ place: string | null; message: string }> {
  try {
    return await proposeRevert(deps, input, culprit);
  } catch (error) {
    // what is only a matter of time is tried again; everything else must not keep the veto from being laid
    if (!(error instanceof FailureError) || error.failure.kind === 'transient') throw error;
    return { place: null, message: `its revert could not be proposed: ${error.failure.message}` };
  }
}

function inconclusive(input: Input, code: string, reason: string): StepOutcome {
  const message = `the search for the commit that halts ${input.context.channel} comes to nothing: ${reason}`;
  const verdict: BisectVerdict = { kind: 'inconclusive', message, culprit: null, revert: null };
  return ended(input, verdict, { journal: [{ kind: 'bisect-inconclusive', message, data: { code } }] });
}

/** Something else goes on with the channel: the trial under way gives its cluster back. */
function cancelled(input: Input, why: string): StepOutcome {
  const { channel, commit, trials } = input.context;
  const message = `the search for the commit that halts ${channel} ends: ${why}`;
  const flying = trials.filter((one) => one.result === 'inFlight');
  return ended(
    input,
    { kind: 'cancelled', message, culprit: null, revert: null },
    {
      messages: flying.map((one) => ({
        to: updateId({ channel, commit: one.commit }, one.cluster, one.attempt),
        event: { type: 'SUPERSEDE', by: commit },
      })),
      journal: [{ kind: 'bisect-cancelled', message }],
    },
  );
}

function ended(input: Input, verdict: BisectVerdict, effects: StepEffects): StepOutcome {
  const look = { to: input.context.rolloutId, event: { type: 'LOOK' } };
  return done({ kind: 'ended', verdict }, { ...effects, messages: [...(effects.messages ?? []), look] });
}

function done(output: BisectOutput, effects: StepEffects): StepOutcome {
  return { kind: 'done', output: output as unknown as Json, ...effects };
}

function waiting({ now }: Input, code: string, message: string, until?: number | null): StepOutcome {
  const wakeAt = Math.max(now + 1, Math.min(now + backstopMs, until ?? Number.POSITIVE_INFINITY));
  return { kind: 'waiting', reason: { code, message }, wakeAt, progress: message };
}

function short(commit: string): string {
  return commit.slice(0, 12);
}
