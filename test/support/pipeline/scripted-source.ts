/** A configuration repository in memory: commits with parents, branches, and pushes that go wrong when told. */
import { FailureError, terminal, transient } from '../../../src/domain/failure.ts';
import type {
  ChannelSource,
  CommitInfo,
  HeadProblem,
  MoveResult,
  NamedCommits,
  PickResult,
} from '../../../src/ports/channel-source.ts';

/** What a commit renders to, unit by unit; equal words render alike. */
export interface CommitContent {
  stack: string;
  manifest: string;
  pool: string;
  /** Clusters that it does not render for. */
  broken: string[];
}

interface StoredCommit {
  info: CommitInfo;
  parent: string | undefined;
  /** Second parent of a merge. */
  merged?: string;
  content: CommitContent;
}

export class ScriptedSource implements ChannelSource {
  readonly #commits = new Map<string, StoredCommit>();
  readonly branches = new Map<string, string>();
  readonly tags = new Map<string, string>();
  /** Every move that was made, in order. */
  readonly moves: { branch: string; from: string; to: string }[] = [];
  /** Merges of people too. */
  readonly history: { branch: string; from: string; to: string; byPeople?: boolean }[] = [];
  fetches = 0;
  unreachable = false;

  /** Adds a commit on top of a branch (or of `parent`) without moving any branch. */
  add(id: string, content: Partial<CommitContent>, parent: string | undefined): string {
    const full: CommitContent = {
      ...(parent === undefined ? { stack: 's', manifest: 'm', pool: 'p', broken: [] } : this.contentOf(parent)),
      ...content,
    };
    const commit = id.padEnd(40, '0');
    const info = {
      commit,
      tree: treeOf(full),
      author: 'jo',
      subject: `change ${id}`,
      committedAt: '2026-01-01T00:00:00Z',
    };
    this.#commits.set(commit, { info, parent, content: full });
    return commit;
  }

  /** A merge: a new commit on top of the branch's head, and the branch on it. */
  merge(branch: string, id: string, content: Partial<CommitContent>): string {
    const from = this.branches.get(branch);
    const commit = this.add(id, content, from);
    this.branches.set(branch, commit);
    this.history.push({ branch, from: from ?? '', to: commit, byPeople: true });
    return commit;
  }

  contentOf(commit: string): CommitContent {
    return this.#get(commit).content;
  }

  async fetch(branches: string[], lastGood: Record<string, string>) {
    this.fetches += 1;
    if (this.unreachable) throw new FailureError(transient('git-unreachable', 'the repository does not answer'));
    const heads = [];
    const problems: HeadProblem[] = [];
    for (const branch of branches) {
      const commit = this.branches.get(branch);
      const good = lastGood[branch];
      if (commit === undefined) problems.push({ branch, kind: 'missing', message: `branch ${branch} is gone` });
      else if (good !== undefined && !(await this.isAncestor(good, commit))) {
        problems.push({ branch, kind: 'forced', message: `branch ${branch} was forced to ${commit}`, lastGood: good });
        heads.push({ branch, commit });
      } else heads.push({ branch, commit });
    }
    return { heads, problems };
  }

  treeOf(commit: string): string {
    return this.#get(commit).info.tree;
  }

  async commitInfo(commit: string): Promise<CommitInfo> {
    if (!this.#commits.has(commit)) throw new FailureError(terminal('git-unknown-commit', `there is no ${commit}`));
    return this.#get(commit).info;
  }

  async named(name: string): Promise<NamedCommits> {
    const branch = this.branches.get(name);
    const tag = this.tags.get(name);
    return { ...(branch === undefined ? {} : { branch }), ...(tag === undefined ? {} : { tag }) };
  }

  async isAncestor(ancestor: string, descendant: string): Promise<boolean> {
    return this.contains(ancestor, descendant);
  }

  contains(ancestor: string, descendant: string): boolean {
    const seen = new Set<string>();
    const open = [descendant];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (at === ancestor) return true;
      if (seen.has(at)) continue;
      seen.add(at);
      const { parent, merged } = this.#get(at);
      open.push(...[parent, merged].filter((one) => one !== undefined));
    }
    return false;
  }

  async commitsBetween(from: string | undefined, to: string): Promise<CommitInfo[]> {
    const found: CommitInfo[] = [];
    for (let at: string | undefined = to; at !== undefined && at !== from; at = this.#get(at).parent) {
      // what a merge brought is there already
      if (from !== undefined && this.contains(at, from)) break;
      found.push(this.#get(at).info);
    }
    return found;
  }

  async readTree(): Promise<Map<string, string>> {
    return new Map();
  }

  async fastForward(branch: string, expected: string, to: string): Promise<MoveResult> {
    const at = this.branches.get(branch);
    if (at === undefined) return { kind: 'refused', reason: 'branch-missing', message: `${branch} is gone` };
    if (at === to) return { kind: 'already' };
    if (at !== expected) return { kind: 'refused', reason: 'branch-moved', message: `${branch} moved` };
    // no pause between the look and the move: a push is atomic
    if (!this.contains(at, to)) {
      return { kind: 'refused', reason: 'not-fast-forward', message: `${to} does not contain ${at}` };
    }
    this.branches.set(branch, to);
    this.moves.push({ branch, from: at, to });
    this.history.push({ branch, from: at, to });
    return { kind: 'moved' };
  }

  readonly unsigned = new Set<string>();
  readonly proposals = new Map<string, string>();
  readonly notes = new Map<string, string>();
  #made = 0;

  /** A merge of two histories: the content of the first parent, with changes. */
  mergeBack(branch: string, id: string, merged: string, content: Partial<CommitContent> = {}): string {
    const commit = this.merge(branch, id, content);
    this.#get(commit).merged = merged;
    return commit;
  }

  async restoringCommit(input: { parent: string; treeOf: string }): Promise<string> {
    return this.#make(
      `fe${input.parent.slice(0, 4)}${input.treeOf.slice(0, 4)}`,
      this.contentOf(input.treeOf),
      input.parent,
    );
  }

  async pickedCommit(input: { onto: string; commit: string }): Promise<PickResult> {
    const before = this.contentOf(this.#get(input.commit).parent ?? input.commit);
    const change = Object.fromEntries(
      Object.entries(this.contentOf(input.commit)).filter(
        ([key, value]) => before[key as keyof CommitContent] !== value,
      ),
    );
    return {
      kind: 'picked',
      commit: this.#make(`ed${input.onto.slice(0, 4)}${input.commit.slice(0, 4)}`, change, input.onto),
    };
  }

  #make(id: string, content: Partial<CommitContent>, parent: string): string {
    this.#made += 1;
    return this.add(`${id}${this.#made}`, content, parent);
  }

  async verifySignature(commit: string) {
    const verified = !this.unsigned.has(commit);
    return { verified, message: verified ? 'signed by jo' : `${commit.slice(0, 12)} is not signed` };
  }

  async setProposal(branch: string, commit: string | null): Promise<void> {
    if (commit === null) this.proposals.delete(branch);
    else this.proposals.set(branch, commit);
  }

  async readNote(name: string): Promise<string | undefined> {
    return this.notes.get(name);
  }

  async readNotes(): Promise<Map<string, string>> {
    return new Map(this.notes);
  }

  async writeNote(name: string, text: string): Promise<void> {
    this.notes.set(name, text);
  }

  #get(commit: string): StoredCommit {
    const found = this.#commits.get(commit);
    if (found === undefined) throw new Error(`no commit ${commit}`);
    return found;
  }
}

function treeOf(content: CommitContent): string {
  return `tree-${content.stack}-${content.manifest}-${content.pool}`;
}
