/** A small backend for tests of the API: fixed documents, and a record of what was asked. */

import type { ApiBackend } from '../../src/api/backend.ts';
import { unknownSubject } from '../../src/api/errors.ts';
import { explainSubject } from '../../src/planning/explain/explain-subject.ts';
import type { JournalQuery, StoredJournalEntry } from '../../src/ports/store.ts';
import { eventFixture, statusFixture } from './status-fixture.ts';

export interface RecordedCall {
  what: string;
  request: unknown;
  by: string;
}

export function fixedBackend(): ApiBackend & { calls: RecordedCall[]; journal: StoredJournalEntry[]; fail?: Error } {
  const calls: RecordedCall[] = [];
  const journal: StoredJournalEntry[] = Array.from({ length: 5 }, (_, index) =>
    eventFixture(index + 1, `event ${index + 1}`),
  );
  const act = (what: string) => async (request: unknown, by: { name: string }) => {
    calls.push({ what, request, by: by.name });
    return { told: ['channel:beta'], message: `${what} done` };
  };
  const backend: ApiBackend & { calls: RecordedCall[]; journal: StoredJournalEntry[]; fail?: Error } = {
    calls,
    journal,
    store: {
      rows: async () => [],
      e2e: { runs: async () => [], run: async () => undefined, results: async () => [], tests: async () => [] },
      journal: async (query: JournalQuery) => {
        const kept = journal.filter(
          (entry) =>
            entry.id > (query.afterId ?? 0) &&
            entry.id < (query.beforeId ?? Number.POSITIVE_INFINITY) &&
            (query.kind === undefined || entry.kind === query.kind),
        );
        const ordered = query.newestFirst === true ? kept.reverse() : kept;
        return ordered.slice(0, query.limit);
      },
    },
    status: async () => {
      if (backend.fail !== undefined) throw backend.fail;
      return statusFixture({ asOfSeq: journal.at(-1)?.id ?? 0 });
    },
    explain: async (subject) => explainSubject(statusFixture(), subject, []),
    pause: act('pause'),
    resume: act('resume'),
    retry: act('retry'),
    kept: { list: async () => [], release: act('release') },
    checks: { quarantines: async () => [], quarantine: act('quarantine'), endQuarantine: act('end-quarantine') },
    rolls: {
      act: act('roll'),
      preview: async (cluster) => {
        throw unknownSubject('cluster', cluster, []);
      },
    },
    control: {
      override: act('override'),
      endOverride: act('end-override'),
      approve: act('approve'),
      promote: act('promote'),
      hotfix: act('hotfix'),
      rollback: act('rollback'),
      stopTheLine: act('stop-the-line'),
    },
    confirmRegistry: async (reason, by) => act('confirm')({ reason }, by),
    notifications: { list: async () => ({ places: [], news: [] }), resend: act('resend'), drop: act('drop') },
    importRun: async ({ run }, by) => act('import')({ run: run.id }, by),
    refresh: async () => ({ told: [], message: 'looked' }),
    previewAdoption: async () => ({ dryRun: true, adopted: false, clusters: [], message: 'would adopt' }),
    adopt: async (by, reason) => {
      calls.push({ what: 'adopt', request: { reason }, by: by.name });
      return { dryRun: false, adopted: true, clusters: [], message: 'adopted' };
    },
  };
  return backend;
}
