/** Reads a pipeline's record from the files that a daemon works on: the database, read-only, and the bare repository. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { JournalRecord, PipelineRecord, ProcessRecord, RepositoryRecord } from './record.ts';

const noCommit = /^0+$/;

export function readPipelineRecord(input: {
  database: string;
  repository: string;
  /** Folder of the channel configuration inside a branch. */
  path: string;
  clusters: PipelineRecord['clusters'];
  rules: PipelineRecord['rules'];
}): PipelineRecord {
  const database = new Database(input.database, { readonly: true, fileMustExist: true });
  try {
    return {
      journal: readJournal(database),
      processes: readProcesses(database),
      overrides: (database.prepare("SELECT key, value FROM facts WHERE kind = 'override'").all() as Fact[]).map(
        ({ key, value }) => ({ key, value: JSON.parse(value) as unknown }),
      ),
      clusters: input.clusters,
      rules: input.rules,
      repository: readRepository(
        input.repository,
        input.path,
        input.rules.channels.map((channel) => channel.branch),
      ),
    };
  } finally {
    database.close();
  }
}

interface Fact {
  key: string;
  value: string;
}

function readJournal(database: Database.Database): JournalRecord[] {
  const rows = database
    .prepare(
      'SELECT id, at, source, seq, kind, channel, cluster, commit_id AS "commit", message, data FROM journal ORDER BY id',
    )
    .all() as (Omit<JournalRecord, 'data'> & { data: string })[];
  return rows.map((row) => ({ ...row, data: JSON.parse(row.data) as unknown }));
}

function readProcesses(database: Database.Database): ProcessRecord[] {
  return database
    .prepare(
      `SELECT id, status, wake_at AS wakeAt,
         (SELECT count(*) FROM messages WHERE receiver = processes.id AND delivered_at IS NULL) AS pending
       FROM processes ORDER BY id`,
    )
    .all() as ProcessRecord[];
}

function git(repository: string, ...args: string[]): string {
  return execFileSync('git', ['-C', repository, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

/** The repository keeps a log of its references (core.logAllRefUpdates=always): moves are read from there. */
export function readRepository(repository: string, path: string, branches: string[]): RepositoryRecord {
  const ancestry = new Map<string, boolean>();
  const trees = new Map<string, string>();
  return {
    heads: Object.fromEntries(branches.map((branch) => [branch, git(repository, 'rev-parse', `refs/heads/${branch}`)])),
    moves: branches.flatMap((branch) => movesOf(repository, branch)),
    isAncestor(ancestor, descendant) {
      const key = `${ancestor}..${descendant}`;
      const known = ancestry.get(key);
      if (known !== undefined) return known;
      const answer = isAncestor(repository, ancestor, descendant);
      ancestry.set(key, answer);
      return answer;
    },
    treeOf(commit) {
      const known = trees.get(commit) ?? git(repository, 'rev-parse', `${commit}:${path}`);
      trees.set(commit, known);
      return known;
    },
  };
}

function isAncestor(repository: string, ancestor: string, descendant: string): boolean {
  try {
    git(repository, 'merge-base', '--is-ancestor', ancestor, descendant);
    return true;
  } catch {
    // Exit code 1 says no; a commit that is not there (128) is nobody's ancestor either.
    return false;
  }
}

function movesOf(repository: string, branch: string): RepositoryRecord['moves'] {
  const file = join(repository, 'logs', 'refs', 'heads', branch);
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [from = '', to = ''] = line.split(' ');
      return { branch, from: noCommit.test(from) ? '' : from, to };
    });
}
