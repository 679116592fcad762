import type { Problem } from '../domain/problem.ts';

export interface ChannelHead {
  branch: string;
  commit: string;
}

export interface CommitInfo {
  commit: string;
  /** Tree of the channel configuration at that commit: evidence is keyed by it. */
  tree: string;
  author: string;
  subject: string;
  /** ISO 8601. */
  committedAt: string;
}

export type MoveResult =
  | { kind: 'moved' }
  /** The branch is there already: a repeat is a no-op. */
  | { kind: 'already' }
  /** The branch moved under us, or the move would not be a fast-forward; nothing was changed. */
  | { kind: 'refused'; reason: 'not-fast-forward' | 'branch-moved' | 'branch-missing'; message: string };

export type HeadProblem = { branch: string; kind: 'missing' | 'forced'; message: string; lastGood?: string };

/** What the repository has under a name. */
export interface NamedCommits {
  /** Head of the branch of this name. */
  branch?: string;
  /** What the tag of this name points to, annotated or not. */
  tag?: string;
}

/** The configuration repository. Throws FailureError (`git-unreachable`, `git-timeout`, `git-auth`, `git-corrupt`). */
export interface ChannelSource {
  /** Fetches, and says where the branches are. Force-pushed and vanished ones are told apart, never guessed at (B7). */
  fetch(
    branches: string[],
    lastGood: Record<string, string>,
  ): Promise<{ heads: ChannelHead[]; problems: HeadProblem[] }>;
  commitInfo(commit: string): Promise<CommitInfo>;
  /**
   * The branch and the tag of a name (`v1.2`, or `refs/tags/v1.2` for one kind), as the repository has them now. Throws
   * FailureError also when the tag points to no commit (`git-tag-no-commit`).
   */
  named(name: string): Promise<NamedCommits>;
  /** true when `ancestor` is an ancestor of, or equal to, `descendant`. */
  isAncestor(ancestor: string, descendant: string): Promise<boolean>;
  /** Commits in (from, to], newest first, at most `limit`. `firstParent`: without those that came by a merge, only the merge itself. */
  commitsBetween(
    from: string | undefined,
    to: string,
    limit: number,
    options?: { firstParent: boolean },
  ): Promise<CommitInfo[]>;
  /** Every file below `path` at a commit, by path relative to it, without a work tree. Bounded in count and bytes. */
  readTree(commit: string, path: string): Promise<Map<string, string>>;
  /** Moves a branch by fast-forward with a lease on `expected`. */
  fastForward(branch: string, expected: string, to: string): Promise<MoveResult>;
  /** A commit on `parent` whose channel configuration is that of `treeOf`. Nothing is pushed; the same input gives the same commit. */
  restoringCommit(input: { parent: string; treeOf: string; message: string; at: number }): Promise<string>;
  /** A commit on `onto` with what `commit` changed against its first parent. Nothing is pushed; the same input gives the same commit. */
  pickedCommit(input: { onto: string; commit: string; message: string; at: number }): Promise<PickResult>;
  /** Is the commit signed by somebody whom the repository's allowed signers name? */
  verifySignature(commit: string): Promise<SignatureVerdict>;
  /** Puts a proposal branch where it belongs (`clm/…` only), or takes it away with null. */
  setProposal(branch: string, commit: string | null): Promise<void>;
  /** A note of clm's own by name, kept in git notes; undefined when there is none. */
  readNote(name: string): Promise<string | undefined>;
  /** Every note, by the id of what it is about. */
  readNotes(): Promise<Map<string, string>>;
  writeNote(name: string, text: string, at: number): Promise<void>;
}

export type PickResult = { kind: 'picked'; commit: string } | { kind: 'conflict'; message: string };

export interface SignatureVerdict {
  verified: boolean;
  /** Who signed, or why it does not count. */
  message: string;
}

export interface RegistryView {
  clusters: import('../domain/cluster.ts').Cluster[];
  accounts: import('../domain/cluster.ts').InfrastructureAccount[];
  problems: Problem[];
}

export interface Registry {
  /** Never throws for bad content: problems say what is wrong; `clusters` holds what is well-formed. */
  read(): Promise<RegistryView>;
}
