/** Keeps a run of checks that was made elsewhere; the journal says who brought it, and who answers for it. */
import type { ApiBackend } from '../api/backend.ts';
import type { ResultRecord } from '../ports/e2e-store.ts';
import type { Store } from '../ports/store.ts';

export function createRunImport({ store, now }: { store: Store; now: () => number }): ApiBackend['importRun'] {
  return async ({ run, tests, results }, by) => {
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
