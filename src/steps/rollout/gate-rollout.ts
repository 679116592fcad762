import type { GateRecord } from '../../domain/gate.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import type { PromotionInput } from '../../domain/promotion.ts';
import type { RolloutOutput, RolloutState } from '../../domain/rollout.ts';
import { parseClusterFact, parseDebt } from '../../planning/pipeline/facts.ts';
import { type GateVerdict as ChecksVerdict, judgeGate } from '../../planning/pipeline/gate.ts';
import { judgeConvergence } from '../../planning/pipeline/gates/convergence-gate.ts';
import { closed, open } from '../../planning/pipeline/gates/gate-verdict.ts';
import { judgeSoakDemands } from '../../planning/pipeline/gates/soak-gate.ts';
import { lookAgainAfter } from '../../planning/pipeline/look-again.ts';
import { budgetSpent, nothingPassed } from '../../planning/pipeline/next-in-rollout.ts';
import { describeHold, readOverrides, vetoOn } from '../../planning/pipeline/overrides.ts';
import type { JournalNote, StepInput, StepOutcome } from '../../ports/step.ts';
import type { FactWrite, Json, OutboxMessage } from '../../ports/store.ts';
import { type PipelineDependencies, policyOf } from '../pipeline-dependencies.ts';
import { askGates, recordOf } from './ask-gates.ts';
import { readEvidence } from './read-evidence.ts';

const lookAgainMs = 5 * 60_000;
/** Others are asked this often at first. */
const askAgainMs = 60_000;
const seldomMs = 15 * 60_000;

type Input = StepInput<RolloutState>;

/** Opens when every cluster has evidence of exactly this version and every gate says so; then the version moves on. */
export function gateRollout(deps: PipelineDependencies) {
  return async (input: Input): Promise<StepOutcome> => {
    const { context } = input;
    const { channel, commit, tree, members } = context;
    const policy = policyOf(deps, channel);
    const maxFailures = policy?.maxFailures ?? context.maxFailures;
    const failures = budgetSpent(members);
    if (failures.length > maxFailures) {
      const message = `${failures.length} clusters failed, ${maxFailures} allowed: ${failures.slice(0, 3).join(', ')}`;
      return halt('failure-budget-spent', message);
    }
    // those that passed may have left meanwhile
    const hopeless = nothingPassed(members);
    if (hopeless !== undefined) return halt('nothing-passed', hopeless);
    const evidence = await readEvidence(deps.store, context);
    const checks = judgeGate({ commit, tree, members, maxFailures, evidence });
    const passes = [...evidence.values()].filter((one) => one.result === 'passed' && one.inheritedFrom === null).length;
    const own = await ownGates(deps, input, policy, checks, passes);
    const waived = context.waived.includes('gates');
    const asked = policy === undefined || waived ? [] : await askGates(deps, input, policy);
    const gates = [...own, ...asked];
    const shut = gates.find((gate) => gate.state !== 'open');
    if (shut === undefined) return proven(deps, input, policy, checks, gates);
    const unclear = gates.find((gate) => gate.state === 'inconclusive');
    // what is closed may open by itself, and is waited for first; then somebody has to judge
    if (unclear !== undefined && gates.every((gate) => gate.state !== 'closed')) {
      const message = `${commit.slice(0, 12)} pauses on ${channel}: gate ${unclear.name} is inconclusive: ${unclear.reason}`;
      const output: RolloutOutput = { kind: 'inconclusive', gate: unclear.name, message: unclear.reason, gates };
      const journal = [{ kind: 'gate-inconclusive', message, data: { gate: unclear.name } }];
      return { kind: 'done', output: output as unknown as Json, journal };
    }
    const others = (policy?.gates ?? []).filter((gate) => gate.kind === 'http' || gate.kind === 'prometheus');
    return waitFor(input, gates, !waived && others.length > 0);
  };
}

function halt(code: string, message: string): StepOutcome {
  const output: RolloutOutput = { kind: 'halt', code, message };
  const journal = [{ kind: 'rollout-halted', message, data: { code } }];
  return { kind: 'done', output: output as unknown as Json, journal };
}

function waitFor(input: Input, gates: GateRecord[], asksOthers: boolean): StepOutcome {
  const shut = gates.filter((gate) => gate.state === 'closed');
  const message = shut.map((gate) => `${gate.name}: ${gate.reason}`).join('; ');
  const soonest = Math.min(...shut.flatMap((gate) => (gate.earliest === null ? [] : [gate.earliest])));
  const waited = Math.max(0, ...shut.map((gate) => input.now - gate.since));
  const firstMs = asksOthers ? askAgainMs : lookAgainMs;
  const look = input.now + lookAgainAfter(waited, { firstMs, mostMs: seldomMs });
  return {
    kind: 'waiting',
    reason: { code: 'gate-closed', message },
    wakeAt: Math.max(input.now + 1, Math.min(look, soonest)),
    progress: { gates } as unknown as Json,
  };
}

/** The gates that every version passes: not vetoed, green, converged, soaked. */
async function ownGates(
  deps: PipelineDependencies,
  input: Input,
  policy: ChannelPolicy | undefined,
  checks: ChecksVerdict,
  passes: number,
): Promise<GateRecord[]> {
  const { context, now } = input;
  const veto = vetoOn(readOverrides(await deps.store.facts('override')), context, now);
  const green = checks.open
    ? open(checks.reason)
    : closed(checks.reason, `the clusters named: clm retry channel:${context.channel} --reason …`);
  const facts = new Map((await deps.store.facts('cluster')).map((fact) => [fact.key, parseClusterFact(fact.value)]));
  const running = new Map(
    Object.keys(context.members).flatMap((id) => {
      const fact = facts.get(id);
      return fact === undefined ? [] : [[id, { version: fact.currentVersion, settled: fact.digest !== null }] as const];
    }),
  );
  const updated = Object.values(context.members).filter((member) => member.state === 'updated');
  const soak = context.soak ?? { requiredMs: 0, observedMs: 0, clusterMs: 0 };
  const soaked = context.waived.includes('soak')
    ? open('waived; it is gathered afterwards')
    : judgeSoakDemands(
        policy?.soakDemands ?? {},
        {
          ...soak,
          clusters: updated.length,
          nodesReplaced: updated.reduce((sum, member) => sum + member.nodesReplaced, 0),
          passes,
        },
        now,
      );
  return [
    recordOf(
      input,
      'version',
      veto === undefined ? open('nobody vetoed it') : closed(describeHold(veto), veto.actor, veto.expiresAt),
    ),
    recordOf(input, 'checks', green),
    recordOf(input, 'convergence', judgeConvergence({ members: context.members, running })),
    recordOf(input, 'soak', soaked),
  ];
}

async function proven(
  deps: PipelineDependencies,
  input: Input,
  policy: ChannelPolicy | undefined,
  verdict: ChecksVerdict,
  gates: GateRecord[],
): Promise<StepOutcome> {
  const { channel, commit, tree, lane, waived } = input.context;
  const owes = lane !== 'rollback' && (waived.includes('soak') || waived.includes('gates'));
  // a rollback goes nowhere: what it puts back has been further on already
  const targets = (lane === 'rollback' ? [] : (policy?.promotesTo ?? [])).filter(
    (target) => policyOf(deps, target) !== undefined && policy?.manualTargets?.includes(target) !== true,
  );
  const output: RolloutOutput = { kind: 'proven', gates, owes };
  const message = `${commit.slice(0, 12)} is proven on ${channel}: ${verdict.reason}`;
  const repaid = owes ? { facts: [], journal: [] } : await repaidDebts(deps, channel, commit);
  return {
    kind: 'done',
    output: output as unknown as Json,
    facts: [
      { kind: 'proven', key: `${channel}/${tree}`, value: { commit, at: input.now, rollout: input.id } },
      ...repaid.facts,
    ],
    messages: [
      { to: `channel:${channel}`, event: { type: 'ROLLOUT_PROVEN', commit } },
      ...targets.map((target) => startPromotion(input.context, input.id, target)),
    ],
    journal: [
      {
        kind: 'rollout-proven',
        message,
        data: {
          commit,
          tree,
          green: verdict.green,
          notGreen: verdict.notGreen.map((member) => member.cluster),
          targets,
          gates: gates.map(({ name, reason }) => ({ gate: name, reason })),
        },
      },
      ...repaid.journal,
    ],
  };
}

/** What a hotfix skipped here is gathered when a version that contains it has passed everything. */
export async function repaidDebts(
  deps: PipelineDependencies,
  channel: string,
  commit: string,
): Promise<{ facts: FactWrite[]; journal: JournalNote[] }> {
  const facts: FactWrite[] = [];
  const journal: JournalNote[] = [];
  for (const fact of await deps.store.facts('debt', `${channel}/`)) {
    const debt = parseDebt(fact);
    if (!(await deps.source.isAncestor(debt.commit, commit))) continue;
    facts.push({ kind: 'debt', key: fact.key, value: null });
    const message = `the debt of ${debt.commit.slice(0, 12)} on ${channel} is repaid: ${debt.skipped.join(', ')} gathered`;
    journal.push({ kind: 'debt-repaid', message, data: { commit: debt.commit, by: commit } });
  }
  return { facts, journal };
}

export function startPromotion(
  version: Pick<RolloutState, 'channel' | 'commit' | 'tree'>,
  rolloutId: string,
  target: string,
): OutboxMessage {
  const { channel, commit, tree } = version;
  const start: PromotionInput = { channel, target, commit, tree, rolloutId };
  return {
    to: `promotion:${channel}:${target}:${commit}`,
    event: { type: 'START', input: start as unknown as Json },
    start: { machine: 'promotion', parent: null, channel, cluster: '', commit },
  };
}
