import type { CheckRunner } from '../ports/check-runner.ts';
import { keptOn } from './keep.ts';
import { type CheckRunnerInput, type Run, RunOfChecks } from './run-of-checks.ts';
import { sweepKept, sweepRun } from './sweep.ts';

/** Runs live in memory, outside the engine's workers; the process that wants them keeps the finished results durably. */
export function createCheckRunner(input: CheckRunnerInput): CheckRunner {
  const runs = new Map<string, Run>();
  return {
    checksOf: (profile) => input.profiles[profile]?.map((check) => check.id),
    testsOf: (profile) =>
      (input.profiles[profile] ?? []).map(({ id, title, area, gate }) => ({ key: id, title, area, gate })),
    ensure(request, onProgress) {
      let run = runs.get(request.runId);
      if (!run) {
        run = new RunOfChecks(input, request).start();
        runs.set(request.runId, run);
      }
      run.listeners.clear();
      run.listeners.add(onProgress);
      return run.state;
    },
    async cancel(runId, clusterId) {
      const run = runs.get(runId);
      if (!run) {
        if (clusterId !== undefined) await sweepRun(input, runId, clusterId);
        return;
      }
      run.abort.abort(new Error('the run was cancelled'));
      await run.finished;
      runs.delete(runId);
    },
    kept: (clusterId) => keptOn(input.ledger, clusterId),
    sweepKept: (clusterId, wanted) => sweepKept(input, clusterId, wanted),
    forget: (runId) => {
      runs.delete(runId);
    },
  };
}
