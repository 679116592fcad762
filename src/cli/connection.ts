/** How a command reaches the daemon, or its store when there is no daemon. */

import type { NotificationsAnswer } from '../api/notification-schemas.ts';
import type { RolloutSummary } from '../api/schemas.ts';
import type { DaemonConfig } from '../daemon/config.ts';
import type { Explanation, StatusDocument } from '../planning/explain/status-document.ts';
import type { HistoryResult, ResultRecord, RunFilter, RunRecord, TestRecord } from '../ports/e2e-store.ts';
import type { StoredJournalEntry } from '../ports/store.ts';
import { type ActorOptions, actorOf, type ConnectionOptions } from './command.ts';
import { DaemonClient, DaemonUnreachable } from './daemon-client.ts';
import { badInput, CliError, exitCodes } from './exit.ts';
import type { CliIo } from './io.ts';
import type { Reader } from './reader.ts';

export interface Connection {
  client: DaemonClient;
  /** Absent when only a socket was named: then there is no store to fall back to. */
  config?: DaemonConfig;
}

export async function connect(options: ActorOptions | ConnectionOptions, io: CliIo): Promise<Connection> {
  const actor = actorOf('as' in options ? options : {}, io);
  if (options.socket !== undefined) return { client: new DaemonClient(options.socket, actor) };
  const config = await configOf(options, io);
  return { client: new DaemonClient(config.api.socket, actor), config };
}

/** clm.yaml as the daemon would read it; exit code 2 with every problem. */
export async function configOf(options: ConnectionOptions, io: CliIo): Promise<DaemonConfig> {
  const { loadDaemonConfig } = await import('../daemon/config.ts');
  const file = options.config ?? 'clm.yaml';
  const { config, problems } = loadDaemonConfig(file, io.environment);
  if (config === undefined) throw badInput(`${file} cannot be used`, problems);
  return config;
}

/** Runs a read against the daemon; when there is none, against the store's read-only queries. */
export async function withReader<Answer>(
  options: ConnectionOptions,
  io: CliIo,
  read: (reader: Reader) => Promise<Answer>,
  /** false where the answer itself says that no daemon runs. */
  notice = true,
): Promise<Answer> {
  const connection = await connect(options, io);
  try {
    return await withProgress(io, 'waiting for the daemon', read(daemonReader(connection.client)));
  } catch (error) {
    if (!(error instanceof DaemonUnreachable)) throw error;
    if (connection.config === undefined) throw new CliError(exitCodes.unreachable, error.message);
    const { openOfflineReader } = await import('./offline-reader.ts');
    const offline = await openOfflineReader(connection.config, io.environment);
    if (notice) io.err(`${offline.notice}\n`);
    try {
      return await read(offline.reader);
    } finally {
      await offline.close();
    }
  }
}

/** Sends a write; without a daemon it ends with exit code 4, since nobody would act on it. */
export async function sendWrite<Answer>(
  options: ActorOptions,
  io: CliIo,
  what: string,
  send: (client: DaemonClient) => Promise<Answer>,
): Promise<Answer> {
  const { client } = await connect(options, io);
  try {
    return await withProgress(io, what, send(client));
  } catch (error) {
    if (error instanceof DaemonUnreachable) {
      const outcome = error.mayBeDone
        ? 'whether it was done is not known. When the daemon is back, clm events -n 5 tells'
        : `nothing was changed. ${error.remedy}`;
      throw new CliError(exitCodes.unreachable, `${error.message}; ${outcome}`);
    }
    throw error;
  }
}

function e2eQuery(filter: RunFilter): Record<string, string | number | undefined> {
  const { clusterId, channel, commit, profile, since, limit } = filter;
  return { cluster: clusterId, channel, commit, profile, since, limit };
}

export function daemonReader(client: DaemonClient): Reader {
  return {
    status: () => client.get<StatusDocument>('/v1/status'),
    explain: (subject) => client.get<Explanation>(`/v1/why/${encodeURIComponent(subject)}`),
    rollouts: async (query) =>
      (await client.get<{ rollouts: RolloutSummary[] }>('/v1/rollouts', { channel: query.channel, limit: query.limit }))
        .rollouts,
    events: async ({ afterId, beforeId, channel, cluster, commit, kind, limit }) =>
      (
        await client.get<{ events: StoredJournalEntry[] }>('/v1/events', {
          after: afterId,
          before: beforeId,
          channel,
          cluster,
          commit,
          kind,
          limit,
        })
      ).events,
    e2eRuns: async (filter) => (await client.get<{ runs: RunRecord[] }>('/v1/e2e/runs', e2eQuery(filter))).runs,
    e2eRun: async (id) =>
      client.get<{ run: RunRecord; results: ResultRecord[] }>(`/v1/e2e/runs/${encodeURIComponent(id)}`),
    e2eResults: async (filter) =>
      (await client.get<{ results: HistoryResult[] }>('/v1/e2e/results', e2eQuery(filter))).results,
    e2eTests: async () => (await client.get<{ tests: TestRecord[] }>('/v1/e2e/tests')).tests,
    notifications: () => client.get<NotificationsAnswer>('/v1/notifications'),
  };
}

const quietMs = 2_000;

/** Says on standard error that something takes long, once it does; on a terminal the seconds count up. */
export async function withProgress<Answer>(io: CliIo, what: string, work: Promise<Answer>): Promise<Answer> {
  // It may fail while the import below is under way: then nobody would have asked for its outcome yet.
  work.catch(() => {});
  const { sleep, wallMs } = await import('../support/deadline.ts');
  const done = new AbortController();
  const started = wallMs();
  const show = async (): Promise<void> => {
    if (!(await sleep(quietMs, done.signal))) return;
    if (!io.errIsTerminal) {
      io.err(`${what} …\n`);
      return;
    }
    do {
      io.err(`\r${what} … ${Math.round((wallMs() - started) / 1000)} s\u001b[K`);
    } while (await sleep(1_000, done.signal));
    io.err('\r\u001b[K');
  };
  const shown = show();
  try {
    return await work;
  } finally {
    done.abort();
    await shown;
  }
}
