import { terminal } from '../../domain/failure.ts';
import type { Step, StepInput, StepOutcome } from '../../ports/step.ts';
import { awaitCertainTime } from './certain-time.ts';
import { holdRoll } from './hold-roll.ts';
import { prepareRoll } from './prepare-roll.ts';
import { finalizeRoll, stopRoll } from './restore-group.ts';
import { revertRoll } from './revert-roll.ts';
import { type RollContext, type RollParts, type RollStepsInput, type RollVisit, rollParts } from './roll-context.ts';
import { rollPool } from './roll-pool.ts';

export type { RollStepsInput } from './roll-context.ts';

/** Steps of the nodePoolRoll machine, by the names that its states give. */
export function createRollSteps(input: RollStepsInput): Record<string, Step> {
  const parts = rollParts(input);
  const step =
    (work: (visit: RollVisit) => Promise<StepOutcome>): Step =>
    async (given) =>
      visitCluster(parts, given as unknown as StepInput<RollContext>, work);
  return {
    'prepare-roll': step(prepareRoll),
    'roll-pool': step(async (visit) => {
      const { memory } = visit.step.context;
      if (memory !== null) return rollPool(visit, memory, visit.step.context.removes === true ? 'removing' : 'rolling');
      const message = `${visit.step.id} rolls without ever having been prepared`;
      return { kind: 'failed', failure: terminal('roll-not-prepared', message) };
    }),
    'hold-roll': step(holdRoll),
    'revert-roll': step(revertRoll),
    'finalize-roll': step(finalizeRoll),
    'stop-roll': step(stopRoll),
  };
}

/** Looking and acting on one cluster never interleaves with another pool's. */
async function visitCluster(
  parts: RollParts,
  step: StepInput<RollContext>,
  work: (visit: RollVisit) => Promise<StepOutcome>,
): Promise<StepOutcome> {
  const { clusterId } = step.context;
  const session = await parts.sessions.sessionFor(clusterId);
  session.onChange(step.id, () => parts.wake(step.id));
  return session.exclusive(async () => {
    const wait = await awaitCertainTime(parts.clock, session.kube);
    if (wait !== undefined) return wait;
    const visit: RollVisit = {
      parts,
      step,
      session,
      ledger: parts.ledgerOf(clusterId),
      policy: parts.policyOf(clusterId),
      notes: [],
      messages: [],
      measured: { boots: [], drains: [] },
      boots: { usable: [], failed: [] },
      now: () => Math.floor(parts.clock.now()),
    };
    try {
      return await work(visit);
    } catch (error) {
      // A pool that is in trouble must not hold budgets back for the others meanwhile.
      visit.ledger.leave(step.id);
      throw error;
    }
  });
}
