import type Database from 'better-sqlite3';
import type { Selectable } from 'kysely';
import { FailureError, transient } from '../../domain/failure.ts';
import type { LedgerEntry } from '../../ports/check-runner.ts';
import type { E2eStore, HistoryResult, ResultRecord, RunFilter, RunRecord, TestRecord } from '../../ports/e2e-store.ts';
import { redactProse } from '../../support/redact.ts';
import { storeFailure, unwritable } from './failures.ts';
import { PreparedQueries } from './prepared-queries.ts';
import { wholeMs } from './rows.ts';
import type { E2eResults, E2eRuns } from './schema.ts';

/** History and ledger of end-to-end runs, in the same database. */
export class SqliteE2eStore implements E2eStore {
  readonly #database: Database.Database;
  readonly #path: string;
  readonly #readonly: boolean;
  readonly #leaseLost: () => boolean;
  readonly #queries: PreparedQueries;

  constructor(input: { database: Database.Database; path: string; readonly: boolean; leaseLost: () => boolean }) {
    this.#database = input.database;
    this.#path = input.path;
    this.#queries = new PreparedQueries(input.database, input.path);
    this.#readonly = input.readonly;
    this.#leaseLost = input.leaseLost;
  }

  async write(entry: LedgerEntry): Promise<void> {
    this.#mutate(() => {
      const { run, seq, cluster, check, at } = entry;
      const row = { run, seq, cluster, check_id: check, at: wholeMs(at), what: JSON.stringify(entry.what) };
      this.#queries.run(this.#queries.build.insertInto('e2e_ledger').values(row));
    });
  }

  async close(run: string, check: string): Promise<void> {
    this.#mutate(() =>
      this.#queries.run(
        this.#queries.build.deleteFrom('e2e_ledger').where('run', '=', run).where('check_id', '=', check),
      ),
    );
  }

  async open(run: string): Promise<LedgerEntry[]> {
    const query = this.#queries.build.selectFrom('e2e_ledger').selectAll().where('run', '=', run).orderBy('seq');
    return this.#queries.all(query).map((row) => ({
      run: row.run,
      seq: row.seq,
      cluster: row.cluster,
      check: row.check_id,
      at: row.at,
      what: JSON.parse(row.what) as LedgerEntry['what'],
    }));
  }

  async openRuns(clusterId: string): Promise<string[]> {
    const query = this.#queries.build
      .selectFrom('e2e_ledger')
      .select('run')
      .distinct()
      .where('cluster', '=', clusterId);
    return this.#queries.all(query.orderBy('run')).map((row) => row.run);
  }

  async record(...given: [run: RunRecord, tests: TestRecord[], results: ResultRecord[]]): Promise<void> {
    // what was made elsewhere was redacted by nobody
    const [run, tests, results] = redactProse(given);
    this.#mutate(() => {
      const write = this.#database.transaction(() => {
        const { build } = this.#queries;
        this.#queries.runShaped('forget results', [run.id], () =>
          build.deleteFrom('e2e_results').where('run', '=', run.id),
        );
        const row = rowOfRun(run);
        this.#queries.runShaped('put run', Object.values(row), () => build.replaceInto('e2e_runs').values(row));
        for (const test of tests) this.#recordTest(test, wholeMs(run.startedAt));
        for (const one of results.map(rowOfResult))
          this.#queries.runShaped('put result', Object.values(one), () => build.replaceInto('e2e_results').values(one));
      });
      write.immediate();
    });
  }

  #recordTest(test: TestRecord, at: number): void {
    const { key, title, area, gate } = test;
    this.#queries.runShaped('seen test', [key, title, area, gate, at, at, title, area, gate, at, at], () =>
      this.#queries.build
        .insertInto('e2e_tests')
        .values({ key, title, area, gate, first_seen: at, last_seen: at })
        .onConflict((conflict) =>
          conflict.column('key').doUpdateSet((known) => ({
            title,
            area,
            gate,
            first_seen: known.fn('min', [known.ref('e2e_tests.first_seen'), known.val(at)]),
            last_seen: known.fn('max', [known.ref('e2e_tests.last_seen'), known.val(at)]),
          })),
        ),
    );
  }

  async runs(filter: RunFilter): Promise<RunRecord[]> {
    return this.#queries.all(this.#runQuery(filter).selectAll()).map(runOf);
  }

  async run(id: string): Promise<{ run: RunRecord; results: ResultRecord[] } | undefined> {
    const found = this.#queries
      .all(this.#queries.build.selectFrom('e2e_runs').selectAll().where('id', '=', id))
      .map(runOf)[0];
    if (found === undefined) return undefined;
    const query = this.#queries.build.selectFrom('e2e_results').selectAll().where('run', '=', id).orderBy('test');
    return { run: found, results: this.#queries.all(query).map(resultOf) };
  }

  async results(filter: RunFilter & { test?: string }): Promise<HistoryResult[]> {
    let query = this.#queries.build
      .selectFrom('e2e_results')
      .innerJoin(this.#runQuery(filter).selectAll().as('r'), 'r.id', 'e2e_results.run')
      .selectAll('e2e_results')
      .select(['r.cluster', 'r.channel', 'r.commit_id'])
      .orderBy('r.started_at')
      .orderBy('e2e_results.run')
      .orderBy('e2e_results.test');
    if (filter.test !== undefined) query = query.where('e2e_results.test', '=', filter.test);
    return this.#queries.all(query).map((row) => ({
      ...resultOf(row),
      clusterId: row.cluster,
      channel: row.channel,
      commit: row.commit_id,
    }));
  }

  async tests(): Promise<(TestRecord & { firstSeen: number; lastSeen: number })[]> {
    return this.#queries.all(this.#queries.build.selectFrom('e2e_tests').selectAll().orderBy('key')).map((row) => ({
      key: row.key,
      title: row.title,
      area: row.area,
      gate: row.gate as TestRecord['gate'],
      firstSeen: row.first_seen,
      lastSeen: row.last_seen,
    }));
  }

  async pruneHistory(before: number): Promise<number> {
    return this.#mutate(() =>
      this.#database.transaction(() => {
        const kept = this.#lastingRuns(wholeMs(before));
        const old = this.#queries.build.deleteFrom('e2e_runs').where('started_at', '<', wholeMs(before));
        return this.#queries.run(kept.length === 0 ? old : old.where('id', 'not in', kept));
      })(),
    );
  }

  /** Of clusters that are still checked: since when does it fail, and when was it well? The answer outlives the rest. */
  #lastingRuns(before: number): string[] {
    const old = this.#queries.build.selectFrom('e2e_runs').select(['cluster', 'profile']).distinct();
    return this.#queries.all(old.where('started_at', '<', before)).flatMap(({ cluster, profile }) => {
      const own = this.#queries.build
        .selectFrom('e2e_runs')
        .select(['id', 'started_at'])
        .where('cluster', '=', cluster);
      const runs = own.where('profile', '=', profile).limit(1);
      const latest = runs.orderBy('started_at', 'desc');
      if (this.#queries.all(latest.where('started_at', '>=', before)).length === 0) return [];
      const green = this.#queries.all(latest.where('verdict', 'in', ['pass', 'flaky']))[0];
      const failed = runs.where('verdict', '=', 'fail').where('started_at', '>', green?.started_at ?? -1);
      const firstFailure = this.#queries.all(failed.orderBy('started_at', 'asc'))[0];
      return [green, firstFailure].flatMap((run) => (run === undefined || run.started_at >= before ? [] : [run.id]));
    });
  }

  #runQuery(filter: RunFilter) {
    let query = this.#queries.build
      .selectFrom('e2e_runs')
      .orderBy('started_at', 'desc')
      .orderBy('id', 'desc')
      .limit(filter.limit);
    if (filter.clusterId !== undefined) query = query.where('cluster', '=', filter.clusterId);
    if (filter.channel !== undefined) query = query.where('channel', '=', filter.channel);
    if (filter.commit !== undefined) query = query.where('commit_id', '=', filter.commit);
    if (filter.profile !== undefined) query = query.where('profile', '=', filter.profile);
    if (filter.kind !== undefined) query = query.where('kind', '=', filter.kind);
    if (filter.since !== undefined) query = query.where('started_at', '>=', wholeMs(filter.since));
    return query;
  }

  #mutate<T>(work: () => T): T {
    if (this.#readonly) throw unwritable(this.#path, 'it was opened read-only');
    if (this.#leaseLost()) throw new FailureError(transient('lease-lost', 'another daemon holds the lease'));
    try {
      return work();
    } catch (error) {
      throw storeFailure(error, this.#path);
    }
  }
}

function rowOfRun(run: RunRecord): Selectable<E2eRuns> {
  return {
    id: run.id,
    kind: run.kind,
    profile: run.profile,
    trigger: run.trigger,
    channel: run.channel,
    commit_id: run.commit,
    cluster: run.clusterId,
    provider: run.provider,
    region: run.region,
    environment: run.environment,
    kubernetes_version: run.kubernetesVersion,
    started_at: wholeMs(run.startedAt),
    finished_at: wholeMs(run.finishedAt),
    verdict: run.verdict,
    reason: run.reason,
    runner_version: run.runnerVersion,
    contact: run.contact,
    headers: JSON.stringify(run.headers),
  };
}

function runOf(row: Selectable<E2eRuns>): RunRecord {
  return {
    id: row.id,
    kind: row.kind as RunRecord['kind'],
    profile: row.profile,
    trigger: row.trigger,
    channel: row.channel,
    commit: row.commit_id,
    clusterId: row.cluster,
    provider: row.provider,
    region: row.region,
    environment: row.environment,
    kubernetesVersion: row.kubernetes_version,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    verdict: row.verdict as RunRecord['verdict'],
    reason: row.reason,
    runnerVersion: row.runner_version,
    contact: row.contact,
    headers: JSON.parse(row.headers) as Record<string, string>,
  };
}

function rowOfResult(result: ResultRecord): Selectable<E2eResults> {
  return {
    run: result.runId,
    test: result.test,
    outcome: result.outcome,
    attempts: result.attempts,
    started_at: wholeMs(result.startedAt),
    duration_ms: wholeMs(result.durationMs),
    message: result.message,
    signature: result.signature,
    skip_code: result.skipCode,
    leaked: result.leaked,
    nodes: JSON.stringify(result.nodes),
  };
}

function resultOf(row: Selectable<E2eResults>): ResultRecord {
  return {
    runId: row.run,
    test: row.test,
    outcome: row.outcome as ResultRecord['outcome'],
    attempts: row.attempts,
    startedAt: row.started_at,
    durationMs: row.duration_ms,
    message: row.message,
    signature: row.signature,
    skipCode: row.skip_code as ResultRecord['skipCode'],
    leaked: row.leaked,
    nodes: JSON.parse(row.nodes) as string[],
  };
}
