/** Answers reads from the store itself while no daemon runs: what is committed, and since when nothing more was. */
import { existsSync } from 'node:fs';
import { readPastRollouts, readStatus } from '../api/read-model.ts';
import { rolloutsOf } from '../api/rollout-list.ts';
import type { DaemonConfig } from '../daemon/config.ts';
import { readLastGood } from '../daemon/last-good.ts';
import { readNotifications } from '../daemon/notify/dead-letters.ts';
import { FailureError } from '../domain/failure.ts';
import { explainSubject } from '../planning/explain/explain-subject.ts';
import type { StatusDocument } from '../planning/explain/status-document.ts';
import type { Store } from '../ports/store.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { clockFromEnvironment } from '../support/clock.ts';
import { badInput, CliError, exitCodes } from './exit.ts';
import type { Reader } from './reader.ts';

/** Ends with exit code 4 when there is no store either, 2 when it cannot be read. */
export async function openOfflineReader(
  config: DaemonConfig,
  environment: NodeJS.ProcessEnv,
): Promise<{ reader: Reader; notice: string; close(): Promise<void> }> {
  const store = await openForReading(config);
  const clock = clockFromEnvironment(environment['CLM_CLOCK']);
  const lastGood = await readLastGood(store);
  const status = (): Promise<StatusDocument> =>
    readStatus(store, {
      pipeline: lastGood.pipeline,
      registry: { clusters: lastGood.clusters, problems: [] },
      problems: [],
      daemonRunning: false,
      now: clock.now(),
    });
  const asOf = (await status()).daemon.lastCommitAt;
  const notice = `daemon not running, as of ${asOf === undefined ? 'never' : `${asOf.slice(0, 19)}Z`}`;
  const reader: Reader = {
    status,
    explain: async (subject) => {
      const answer = explainSubject(await status(), subject, await readPastRollouts(store));
      if (answer.found) return answer.explanation;
      const near = answer.near.length === 0 ? '' : ` Near: ${answer.near.join(', ')}.`;
      throw badInput(
        `There is no cluster, channel or commit '${subject}' in the store.${near} The daemon knows branches and tags, too.`,
      );
    },
    rollouts: (query) => rolloutsOf(store, query),
    events: async (query) => (await store.journal({ ...query, newestFirst: true })).reverse(),
    e2eRuns: (filter) => store.e2e.runs(filter),
    e2eRun: (id) => store.e2e.run(id),
    e2eResults: (filter) => store.e2e.results(filter),
    e2eTests: () => store.e2e.tests(),
    notifications: () => readNotifications(store),
  };
  return { reader, notice, close: () => store.close() };
}

/** The store for `clm backup`: opened beside the daemon, never written. */
export function openStoreForBackup(config: DaemonConfig): Promise<Store> {
  return openForReading(config);
}

async function openForReading(config: DaemonConfig): Promise<Store> {
  if (!existsSync(config.store.path)) {
    throw new CliError(
      exitCodes.unreachable,
      `no daemon answers at ${config.api.socket}, and there is no store at ${config.store.path} yet. Start one with: clm daemon`,
    );
  }
  try {
    return await openSqliteStore({ path: config.store.path, readonly: true });
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    throw badInput('the store cannot be read', [
      { file: config.store.path, message: error.failure.message, remedy: `clm explain ${error.failure.code}` },
    ]);
  }
}
