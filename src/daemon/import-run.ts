/** Keeps a run of checks that was made elsewhere; the journal says who brought it, and who answers for it. */
import type { ApiBackend } from '../api/backend.ts';
import { ApiError } from '../api/errors.ts';
import type { ResultRecord, RunRecord } from '../ports/e2e-store.ts';
import type { Store } from '../ports/store.ts';

export function createRunImport({ store, now }: { store: Store; now: () => number }): ApiBackend['importRun'] {
  return async ({ run, tests, results }, by) => {
    refuseOthers(run, results);
    await store.e2e.record(run, tests, results as ResultRecord[]);
    const { id, clusterId: cluster, commit, channel } = run;
    const message = `end-to-end run ${id} was imported; ${run.contact} answers for it`;
    const entry = {
      at: now(),
      source: `operator:${by.name}`,
      seq: 0,
      kind: 'e2e-imported',
      channel,
      cluster,
      commit,
      message,
    };
    await store.post({ journal: [{ ...entry, data: { results: results.length } }], now: now() });
    return { told: [], message };
  };
}

const ownName = /^import\/[^/]+\/[^/]+$/;

/** What is recorded replaces what was kept under its id: an import may stand in for no run of the daemon, and for no other import. */
function refuseOthers(run: RunRecord, results: readonly { runId: string }[]): void {
  if (!ownName.test(run.id)) {
    throw new ApiError(400, 'not-an-import', `'${run.id}' is no id of an imported run; write import/JOB/BUILD.`);
  }
  const other = results.find((result) => result.runId !== run.id);
  if (other !== undefined) {
    throw new ApiError(
      400,
      'results-of-another-run',
      `There is a result of ${other.runId} among those of ${run.id}; import each run by itself.`,
    );
  }
  if (run.finishedAt < run.startedAt) {
    throw new ApiError(
      400,
      'ends-before-it-begins',
      `${run.id} has a finishedAt before its startedAt; correct one of them.`,
    );
  }
}
