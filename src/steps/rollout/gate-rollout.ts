import type { PromotionInput } from '../../domain/promotion.ts';
import type { RolloutOutput, RolloutState } from '../../domain/rollout.ts';
import { judgeGate } from '../../planning/pipeline/gate.ts';
import { budgetSpent } from '../../planning/pipeline/next-in-rollout.ts';
import type { StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json, OutboxMessage } from '../../ports/store.ts';
import { type PipelineDependencies, policyOf } from '../pipeline-dependencies.ts';
import { readEvidence } from './read-evidence.ts';

const lookAgainMs = 5 * 60_000;

/** Opens when every cluster has evidence of exactly this version; then the version moves on. */
export function gateRollout(deps: PipelineDependencies) {
  return async (input: StepInput<RolloutState>): Promise<StepOutcome> => {
    const { context } = input;
    const { channel, commit, tree, members } = context;
    const policy = policyOf(deps, channel);
    const maxFailures = policy?.maxFailures ?? context.maxFailures;
    const failures = budgetSpent(members);
    if (failures.length > maxFailures) {
      const message = `${failures.length} clusters failed, ${maxFailures} allowed: ${failures.slice(0, 3).join(', ')}`;
      const output: RolloutOutput = { kind: 'halt', code: 'failure-budget-spent', message };
      return { kind: 'done', output: output as unknown as Json, journal: [{ kind: 'rollout-halted', message }] };
    }
    const evidence = await readEvidence(deps.store, context);
    const verdict = judgeGate({ commit, tree, members, maxFailures, evidence });
    if (!verdict.open) {
      const reason = { code: 'gate-closed', message: verdict.reason };
      return { kind: 'waiting', reason, wakeAt: input.now + lookAgainMs, progress: verdict.reason };
    }
    const targets = (policy?.promotesTo ?? []).filter((target) => policyOf(deps, target) !== undefined);
    const output: RolloutOutput = { kind: 'proven' };
    const message = `${commit.slice(0, 12)} is proven on ${channel}: ${verdict.reason}`;
    return {
      kind: 'done',
      output: output as unknown as Json,
      facts: [{ kind: 'proven', key: `${channel}/${tree}`, value: { commit, at: input.now, rollout: input.id } }],
      messages: [
        { to: `channel:${channel}`, event: { type: 'ROLLOUT_PROVEN', commit } },
        ...targets.map((target) => startPromotion(input, target)),
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
          },
        },
      ],
    };
  };
}

function startPromotion(input: StepInput<RolloutState>, target: string): OutboxMessage {
  const { channel, commit, tree } = input.context;
  const start: PromotionInput = { channel, target, commit, tree, rolloutId: input.id };
  return {
    to: `promotion:${channel}:${target}:${commit}`,
    event: { type: 'START', input: start as unknown as Json },
    start: { machine: 'promotion', parent: null, channel, cluster: '', commit },
  };
}
