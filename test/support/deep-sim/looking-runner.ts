/** Checks that look at the simulated cluster as it truly is: nodes, pods, names, and the configuration of the version they run for. */
import type { CheckResult, CheckRunner, CheckRunRequest } from '../../../src/ports/check-runner.ts';
import type { Clock } from '../../../src/support/clock.ts';

/** Says what is not well; patience: what may yet come well by itself. */
export type Look = (clusterId: string, runId: string) => { message: string; forGood: boolean } | undefined;

const patienceMs = 15 * 60_000;
const lookEveryMs = 30_000;
const check = 'cluster.well';

/** Looks again for a quarter of an hour before it says that a cluster is not well. */
export function lookingRunner(look: Look, clock: Clock): CheckRunner {
  const runs = new Map<string, { startedAt: number; result?: CheckResult; waits: boolean }>();
  const visit = (run: { startedAt: number; result?: CheckResult; waits: boolean }, request: CheckRunRequest): void => {
    const wrong = look(request.clusterId, request.runId);
    const now = clock.now();
    if (wrong !== undefined && !wrong.forGood && now - run.startedAt < patienceMs) return;
    run.result = {
      check,
      gate: 'blocking',
      outcome: wrong === undefined ? 'pass' : 'fail',
      message: wrong?.message ?? 'nodes are Ready, pods run, names are resolved',
      startedAt: run.startedAt,
      durationMs: now - run.startedAt,
      attempts: 1,
      leaked: [],
    };
  };
  return {
    checksOf: () => [check],
    testsOf: () => [{ key: check, title: 'The cluster is well', area: 'cluster', gate: 'blocking' }],
    kept: async () => [],
    sweepKept: async () => ({ swept: [], left: [] }),
    forget: (runId) => void runs.delete(runId),
    cancel: async (runId) => void runs.delete(runId),
    ensure: (request, onProgress) => {
      const run = runs.get(request.runId) ?? { startedAt: clock.now(), waits: false };
      runs.set(request.runId, run);
      if (run.result === undefined) visit(run, request);
      const done = run.result !== undefined;
      if (!done && !run.waits) {
        run.waits = true;
        clock.at(clock.now() + lookEveryMs, () => {
          run.waits = false;
          if (runs.get(request.runId) === run) onProgress();
        });
      }
      return {
        results: run.result === undefined ? [] : [run.result],
        running: done ? [] : [check],
        progress: {},
        again: [],
        total: 1,
        done,
        notSelected: [],
        endsAt: run.startedAt + patienceMs,
      };
    },
  };
}
