/** What the pipeline's checkers read: the journal, the registry, the pipeline file and the bare repository. Nothing of the engine. */

export interface JournalRecord {
  id: number;
  at: number;
  source: string;
  seq: number;
  kind: string;
  channel: string;
  cluster: string;
  commit: string;
  message: string;
  data: unknown;
}

export interface ChannelRules {
  name: string;
  branch: string;
  promotesTo: string[];
  maxParallel: number;
  maxFailures: number;
}

export interface RepositoryRecord {
  /** Commit at the tip of each branch now. */
  heads: Record<string, string>;
  /**
   * Every move of a branch that the repository recorded, oldest first; `from` is '' for a new branch. `byPeople`: it is known that
   * somebody else pushed it.
   */
  moves: { branch: string; from: string; to: string; byPeople?: boolean }[];
  isAncestor(ancestor: string, descendant: string): boolean;
  /** Tree of the channel configuration at a commit. */
  treeOf(commit: string): string;
}

export interface ProcessRecord {
  id: string;
  status: string;
  wakeAt: number | null;
  /** Messages under way to it. */
  pending: number;
}

export interface PipelineRecord {
  /** By id, oldest first. */
  journal: JournalRecord[];
  /** All that were ever in the registry; `since` and `until` say when, for those that were not there all the time. */
  clusters: { id: string; channel: string; since?: number; until?: number }[];
  rules: { maxParallel: number; channels: ChannelRules[] };
  repository: RepositoryRecord;
  processes: ProcessRecord[];
  overrides: { key: string; value: unknown }[];
}

export interface Verdict {
  /** Judgements made: a checker that judged nothing has proven nothing. */
  checked: number;
  violations: string[];
}

export interface PipelineChecker {
  /** P1 … P10. */
  invariant: string;
  check(record: PipelineRecord): Verdict;
}

/** Collects judgements one by one. */
export class Judgement implements Verdict {
  checked = 0;
  readonly violations: string[] = [];

  /** `complaint` undefined = well. */
  note(complaint: string | false | undefined): void {
    this.checked += 1;
    if (complaint) this.violations.push(complaint);
  }
}

/** A field of an entry's data as text; '' when there is none. */
export function textOf(entry: JournalRecord, field: string): string {
  const value = fieldOf(entry, field);
  return typeof value === 'string' ? value : '';
}

/** A field of an entry's data as a list of texts. */
export function listOf(entry: JournalRecord, field: string): string[] {
  const value = fieldOf(entry, field);
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

export function numberOf(entry: JournalRecord, field: string): number | undefined {
  const value = fieldOf(entry, field);
  return typeof value === 'number' ? value : undefined;
}

function fieldOf(entry: JournalRecord, field: string): unknown {
  const { data } = entry;
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>)[field] : undefined;
}

/** Kinds that end the flight of a cluster update. */
export const updateEnds = new Set(['cluster-updated', 'cluster-failed', 'update-superseded', 'update-aborted']);
