import type { RolloutOutput, RolloutState } from '../../domain/rollout.ts';
import type { StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json } from '../../ports/store.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { repaidDebts } from './gate-rollout.ts';
import { lookAtSoak } from './soak-rollout.ts';

/** Gathers the soak that a hotfix went on without. */
export function repayDebt(deps: PipelineDependencies) {
  return async (input: StepInput<RolloutState>): Promise<StepOutcome> => {
    const look = await lookAtSoak(deps, input);
    if ('outcome' in look) return look.outcome;
    const { channel, commit } = input.context;
    const repaid = await repaidDebts(deps, channel, commit);
    const output: RolloutOutput = { kind: 'repaid', soak: look.soak };
    return { kind: 'done', output: output as unknown as Json, ...repaid };
  };
}
