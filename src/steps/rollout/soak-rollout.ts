import { FailureError } from '../../domain/failure.ts';
import type { RolloutOutput, RolloutState } from '../../domain/rollout.ts';
import { budgetSpent } from '../../planning/pipeline/next-in-rollout.ts';
import { isSoaked, soakTickMs, startSoak, tickSoak } from '../../planning/pipeline/soak.ts';
import type { StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json } from '../../ports/store.ts';
import { formatDuration } from '../../support/duration.ts';
import { type PipelineDependencies, policyOf } from '../pipeline-dependencies.ts';

/** Clusters asked at each look; they take turns. */
const askedAtOnce = 3;

/** Lets time pass in which the clusters are seen to do well. */
export function soakRollout(deps: PipelineDependencies) {
  return async (input: StepInput<RolloutState>): Promise<StepOutcome> => {
    const { context } = input;
    const requiredMs = policyOf(deps, context.channel)?.soakMs ?? context.soak?.requiredMs ?? 0;
    const failures = budgetSpent(context.members);
    if (failures.length > context.maxFailures) {
      const message = `${failures.length} clusters failed during the soak, ${context.maxFailures} allowed: ${failures.slice(0, 3).join(', ')}`;
      const journal = [{ kind: 'rollout-halted', message }];
      return done({ kind: 'halt', code: 'failure-budget-spent', message }, journal);
    }
    const before = context.soak ?? startSoak(requiredMs, input.now);
    const trouble = requiredMs === 0 ? undefined : await firstTrouble(deps, input);
    const soak = tickSoak(before, { now: input.now, healthy: trouble === undefined, requiredMs });
    if (isSoaked(soak)) {
      const message = `${context.commit.slice(0, 12)} soaked ${formatDuration(requiredMs)} on ${context.channel}`;
      return done({ kind: 'soaked', soak }, [{ kind: 'rollout-soaked', message }]);
    }
    const left = requiredMs - soak.observedMs;
    const message = `soaked ${formatDuration(soak.observedMs)} of ${formatDuration(requiredMs)}`;
    return {
      kind: 'waiting',
      reason:
        trouble === undefined
          ? { code: 'soak', message }
          : { code: 'soak-unhealthy', message: `${message}; ${trouble}` },
      wakeAt: input.now + Math.min(soakTickMs(requiredMs), Math.max(left, 1)),
      progress: { soak } as unknown as Json,
    };
  };
}

function done(output: RolloutOutput, journal: { kind: string; message: string }[]): StepOutcome {
  return { kind: 'done', output: output as unknown as Json, journal };
}

/** A few clusters are asked whether they are well, in turn. Time in which one is not, or does not answer, does not count. */
async function firstTrouble(deps: PipelineDependencies, input: StepInput<RolloutState>): Promise<string | undefined> {
  const { context } = input;
  const clusters = Object.keys(context.members)
    .filter((id) => context.members[id]?.state === 'updated')
    .sort();
  const first = Math.floor(input.now / soakTickMs(context.soak?.requiredMs ?? 0));
  const asked = new Set(
    Array.from({ length: Math.min(askedAtOnce, clusters.length) }, (_, i) => clusters[(first + i) % clusters.length]),
  );
  for (const cluster of asked) {
    if (cluster === undefined) continue;
    const trouble = await troubleOf(deps, cluster);
    if (trouble !== undefined) return trouble;
  }
  return undefined;
}

async function troubleOf(deps: PipelineDependencies, cluster: string): Promise<string | undefined> {
  try {
    const session = await deps.sessions.sessionFor(cluster);
    const { status } = await session.kube.raw('/readyz');
    return status === 200 ? undefined : `the API of ${cluster} answers ${status} on /readyz`;
  } catch (error) {
    if (error instanceof FailureError) return `${cluster}: ${error.failure.message}`;
    throw error;
  } finally {
    const busy = await deps.store.rows({ machine: 'clusterUpdate', status: 'active', cluster });
    if (busy.length === 0) deps.sessions.release(cluster);
  }
}
