import type { E2eBaseline } from '../../domain/cluster-update.ts';
import { parseBaseline } from '../../planning/pipeline/facts.ts';
import type { StepOutcome } from '../../ports/step.ts';
import type { Json } from '../../ports/store.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { checkRun, describeFailures } from './check-runs.ts';
import { done, passed, readClusterFact, type UpdateInput, type UpdateStep, waiting } from './update-step.ts';

const backstopMs = 5 * 60_000;
/** A run without a verdict is repeated so often; then nothing is excused. */
const mostRuns = 2;
const factKind = 'e2e-baseline';

/**
 * What the checks say before anything is touched. A cluster that an earlier change has left half-way is not measured again: its
 * failures may be that change's. It keeps what was measured before.
 */
export function runBaseline(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const { context } = input;
    const { baseline, plan, clusterId, policy } = context;
    const wanted = policy.e2eGate?.baseline === true ? (plan?.baseline ?? 'none') : 'none';
    if (wanted === 'none') return passed();
    if (wanted === 'earlier') return earlier(deps, input);
    if (baseline === undefined) return startRun(deps, input, 1);
    if (baseline.child !== null) {
      return waiting(
        { code: 'checks-before', message: `checks of profile ${policy.e2eProfile} run before the change` },
        input.now + backstopMs,
      );
    }
    if (baseline.failures === undefined && baseline.round < mostRuns) return startRun(deps, input, baseline.round + 1);
    const { currentVersion } = await readClusterFact(deps, clusterId);
    const failures = baseline.failures ?? null;
    const value = { version: currentVersion, at: input.now, failures } as unknown as Json;
    return done(
      { kind: 'next' },
      { facts: [{ kind: factKind, key: clusterId, value }], journal: [{ kind: 'e2e-baseline', message: said(input) }] },
    );
  };
}

function said({ context }: UpdateInput): string {
  const failures = context.baseline?.failures;
  if (failures === undefined) {
    return `${context.clusterId}: the checks came to no verdict before the change; any failure after it blocks`;
  }
  if (failures.length === 0) return `${context.clusterId}: every check passes before the change`;
  return `${context.clusterId}: before the change ${describeFailures(failures)}; these do not block it`;
}

async function earlier(deps: PipelineDependencies, input: UpdateInput): Promise<StepOutcome> {
  const { clusterId } = input.context;
  const { currentVersion } = await readClusterFact(deps, clusterId);
  const kept = parseBaseline((await deps.store.fact(factKind, clusterId))?.value);
  const known = kept !== undefined && kept.version === currentVersion && kept.failures !== null;
  const baseline: E2eBaseline = known
    ? { round: 0, child: null, failures: kept.failures ?? [] }
    : { round: 0, child: null };
  return done({ kind: 'next', baseline });
}

async function startRun(deps: PipelineDependencies, input: UpdateInput, round: number): Promise<StepOutcome> {
  const { context } = input;
  const { commit, currentVersion } = await readClusterFact(deps, context.clusterId);
  const child = `e2e-baseline:${input.id}:${(context.plan?.round ?? 0) * mostRuns + round}`;
  const { message, note } = checkRun(input, {
    child,
    profile: context.policy.e2eProfile,
    purpose: 'baseline',
    commit: commit ?? '',
    version: currentVersion ?? '',
  });
  return done({ kind: 'again', baseline: { round, child } }, { messages: [message], journal: [note] });
}
