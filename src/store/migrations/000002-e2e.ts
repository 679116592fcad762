import type { Migration } from './migration.ts';

/** Ledger and history of end-to-end runs. */
export const e2e: Migration = {
  version: 2,
  name: 'e2e',
  sqlite: `
    CREATE TABLE e2e_ledger (
      run       TEXT    NOT NULL,
      seq       INTEGER NOT NULL,
      cluster   TEXT    NOT NULL,
      check_id  TEXT    NOT NULL,
      at        INTEGER NOT NULL,
      what      TEXT    NOT NULL,
      PRIMARY KEY (run, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX e2e_ledger_by_cluster ON e2e_ledger (cluster);

    CREATE TABLE e2e_runs (
      id                 TEXT    NOT NULL PRIMARY KEY,
      kind               TEXT    NOT NULL,
      profile            TEXT    NOT NULL,
      trigger            TEXT    NOT NULL,
      channel            TEXT    NOT NULL,
      commit_id          TEXT    NOT NULL,
      cluster            TEXT    NOT NULL,
      provider           TEXT    NOT NULL,
      region             TEXT    NOT NULL,
      environment        TEXT    NOT NULL,
      kubernetes_version TEXT    NOT NULL,
      started_at         INTEGER NOT NULL,
      finished_at        INTEGER NOT NULL,
      verdict            TEXT    NOT NULL,
      reason             TEXT    NOT NULL,
      runner_version     TEXT    NOT NULL,
      contact            TEXT    NOT NULL,
      headers            TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX e2e_runs_by_start ON e2e_runs (started_at);
    CREATE INDEX e2e_runs_by_cluster ON e2e_runs (cluster, started_at);
    CREATE INDEX e2e_runs_by_commit ON e2e_runs (commit_id, started_at);

    CREATE TABLE e2e_tests (
      key        TEXT    NOT NULL PRIMARY KEY,
      title      TEXT    NOT NULL,
      area       TEXT    NOT NULL,
      gate       TEXT    NOT NULL,
      first_seen INTEGER NOT NULL,
      last_seen  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE e2e_results (
      run         TEXT    NOT NULL REFERENCES e2e_runs (id) ON DELETE CASCADE,
      test        TEXT    NOT NULL,
      outcome     TEXT    NOT NULL,
      attempts    INTEGER NOT NULL,
      started_at  INTEGER NOT NULL,
      duration_ms INTEGER NOT NULL,
      message     TEXT    NOT NULL,
      signature   TEXT    NOT NULL,
      skip_code   TEXT    NOT NULL,
      leaked      INTEGER NOT NULL,
      nodes       TEXT    NOT NULL,
      PRIMARY KEY (run, test)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX e2e_results_by_test ON e2e_results (test, run);
  `,
};
