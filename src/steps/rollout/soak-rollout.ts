import { FailureError } from '../../domain/failure.ts';
import type { RolloutOutput, RolloutState } from '../../domain/rollout.ts';
import { budgetSpent } from '../../planning/pipeline/next-in-rollout.ts';
import { isSoaked, type Soak, soakShown, soakTickMs, startSoak, tickSoak } from '../../planning/pipeline/soak.ts';
import type { JournalNote, StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json } from '../../ports/store.ts';
import { formatDuration } from '../../support/duration.ts';
import { type PipelineDependencies, policyOf } from '../pipeline-dependencies.ts';

/** Clusters asked at each look; they take turns. */
const askedAtOnce = 3;
const hourMs = 3_600_000;

/** Lets time pass in which the clusters are seen to do well. */
export function soakRollout(deps: PipelineDependencies) {
  return async (input: StepInput<RolloutState>): Promise<StepOutcome> => {
    const { commit, channel, waived } = input.context;
    if (waived.includes('soak')) {
      const message = `${commit.slice(0, 12)} goes on without its soak on ${channel}`;
      return done({ kind: 'soaked', soak: startSoak(0, input.now) }, [{ kind: 'soak-waived', message }]);
    }
    const look = await lookAtSoak(deps, input);
    if ('outcome' in look) return look.outcome;
    const message = `${commit.slice(0, 12)} soaked ${formatDuration(look.soak.requiredMs)} on ${channel}`;
    return done({ kind: 'soaked', soak: look.soak }, [{ kind: 'rollout-soaked', message }]);
  };
}

/** One look: what is to be waited for, or the soak when it is complete. */
export async function lookAtSoak(
  deps: PipelineDependencies,
  input: StepInput<RolloutState>,
): Promise<{ outcome: StepOutcome } | { soak: Soak }> {
  const { context } = input;
  const policy = policyOf(deps, context.channel);
  const requiredMs = policy?.soakMs ?? context.soak?.requiredMs ?? 0;
  const failures = budgetSpent(context.members);
  if (failures.length > context.maxFailures) {
    const message = `${failures.length} clusters failed during the soak, ${context.maxFailures} allowed: ${failures.slice(0, 3).join(', ')}`;
    const code = 'failure-budget-spent';
    const journal = [{ kind: 'rollout-halted', message, data: { code } }];
    return { outcome: done({ kind: 'halt', code, message }, journal) };
  }
  const requiredClusterMs = (policy?.soakDemands?.clusterHours ?? 0) * hourMs;
  const before = context.soak ?? startSoak(requiredMs, input.now);
  const trouble = requiredMs === 0 && requiredClusterMs === 0 ? undefined : await firstTrouble(deps, input);
  const clusters = updatedOf(context).length;
  const soak = tickSoak(before, { now: input.now, healthy: trouble === undefined, requiredMs, clusters });
  if (isSoaked(soak) && soak.clusterMs >= requiredClusterMs) return { soak };
  const left = Math.max(requiredMs - soak.observedMs, (requiredClusterMs - soak.clusterMs) / Math.max(clusters, 1));
  const hours =
    requiredClusterMs === 0
      ? ''
      : `, ${(soak.clusterMs / hourMs).toFixed(1)} of ${requiredClusterMs / hourMs} cluster-hours`;
  const message = `soaked ${formatDuration(soak.observedMs)} of ${formatDuration(requiredMs)}${hours}`;
  const outcome: StepOutcome = {
    kind: 'waiting',
    reason:
      trouble === undefined ? { code: 'soak', message } : { code: 'soak-unhealthy', message: `${message}; ${trouble}` },
    wakeAt: input.now + Math.min(soakTickMs(requiredMs), Math.max(left, 1)),
    progress: { soak } as unknown as Json,
    // the daemon's end costs a little of a long soak, never more
    same: soakShown(soak),
  };
  return { outcome };
}

function updatedOf(context: RolloutState): string[] {
  return Object.keys(context.members)
    .filter((id) => context.members[id]?.state === 'updated')
    .sort();
}

function done(output: RolloutOutput, journal: JournalNote[]): StepOutcome {
  return { kind: 'done', output: output as unknown as Json, journal };
}

/** A few clusters are asked whether they are well, in turn. Time in which one is not, or does not answer, does not count. */
export async function firstTrouble(
  deps: PipelineDependencies,
  input: StepInput<RolloutState>,
): Promise<string | undefined> {
  const { context } = input;
  const clusters = updatedOf(context);
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
