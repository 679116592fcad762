import type { Migration } from './migration.ts';

export const initial: Migration = {
  version: 1,
  name: 'initial',
  sqlite: `
    CREATE TABLE processes (
      id         TEXT    NOT NULL PRIMARY KEY,
      machine    TEXT    NOT NULL,
      version    INTEGER NOT NULL,
      seq        INTEGER NOT NULL,
      value      TEXT    NOT NULL,
      context    TEXT    NOT NULL,
      status     TEXT    NOT NULL CHECK (status IN ('active', 'final', 'quarantined')),
      wake_at    INTEGER,
      parent     TEXT,
      channel    TEXT    NOT NULL,
      cluster    TEXT    NOT NULL,
      commit_id  TEXT    NOT NULL,
      created_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX processes_by_parent ON processes (parent) WHERE parent IS NOT NULL;
    CREATE INDEX processes_by_cluster ON processes (cluster, machine);
    CREATE INDEX processes_open ON processes (status) WHERE status <> 'final';

    CREATE TABLE journal (
      id        INTEGER PRIMARY KEY AUTOINCREMENT,
      at        INTEGER NOT NULL,
      source    TEXT    NOT NULL,
      seq       INTEGER NOT NULL,
      kind      TEXT    NOT NULL,
      channel   TEXT    NOT NULL,
      cluster   TEXT    NOT NULL,
      commit_id TEXT    NOT NULL,
      message   TEXT    NOT NULL,
      data      TEXT    NOT NULL,
      hash      TEXT    NOT NULL
    ) STRICT;
    CREATE INDEX journal_by_cluster ON journal (cluster, id);
    CREATE INDEX journal_by_channel ON journal (channel, id);
    CREATE TRIGGER journal_is_append_only_update BEFORE UPDATE ON journal
      BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
    CREATE TRIGGER journal_is_append_only_delete BEFORE DELETE ON journal
      BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

    CREATE TABLE messages (
      id           INTEGER PRIMARY KEY AUTOINCREMENT,
      sender       TEXT    NOT NULL,
      receiver     TEXT    NOT NULL,
      message      TEXT    NOT NULL,
      dedup_key    TEXT    UNIQUE,
      created_at   INTEGER NOT NULL,
      delivered_at INTEGER
    ) STRICT;
    CREATE INDEX messages_undelivered ON messages (id) WHERE delivered_at IS NULL;

    CREATE TABLE facts (
      kind       TEXT    NOT NULL,
      key        TEXT    NOT NULL,
      value      TEXT    NOT NULL,
      updated_at INTEGER NOT NULL,
      PRIMARY KEY (kind, key)
    ) STRICT;

    CREATE TABLE slots (
      name   TEXT NOT NULL,
      holder TEXT NOT NULL,
      PRIMARY KEY (name, holder)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX slots_by_holder ON slots (holder);

    CREATE TABLE trace (
      process    TEXT    NOT NULL,
      seq        INTEGER NOT NULL,
      at         INTEGER NOT NULL,
      event      TEXT    NOT NULL,
      from_state TEXT    NOT NULL,
      to_state   TEXT    NOT NULL,
      PRIMARY KEY (process, seq)
    ) STRICT, WITHOUT ROWID;
  `,
};
