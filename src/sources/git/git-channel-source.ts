import PQueue from 'p-queue';
import { FailureError, terminal, transient } from '../../domain/failure.ts';
import type {
  ChannelHead,
  ChannelSource,
  CommitInfo,
  HeadProblem,
  MoveResult,
  NamedCommits,
  PickResult,
  SignatureVerdict,
} from '../../ports/channel-source.ts';
import { BoundedCache } from '../../support/bounded-cache.ts';
import { type Logger, silentLogger } from '../../support/logger.ts';
import { readConfiguration } from './configuration-reader.ts';
import { GitCommandError } from './git-command.ts';
import { makePickedCommit, makeRestoringCommit, pushProposal, readSignature } from './git-commits.ts';
import { gitMessage, isRejection, pushFailure } from './git-failure.ts';
import { GitMirror } from './git-mirror.ts';
import { readNoteText, readNoteTexts, writeNoteText } from './git-notes.ts';
import { readNamedCommits } from './git-refs.ts';

export interface ChannelSourceOptions {
  /** URL, or path on this machine, of the configuration repository. */
  url: string;
  /** Directory of the bare mirror; made when it is not there. */
  mirrorPath: string;
  /** Directory of the channel configuration in the repository; its tree is what evidence is keyed by. The root unless given. */
  path?: string;
  /** File of ssh's allowed signers (`<principal> <key>` a line), for channels that ask for signed commits. */
  allowedSigners?: string;
  /** Wall time that one conversation with the repository may take. */
  timeoutMs: number;
  log?: Logger;
}

const maxCommitsListed = 500;
const maxWaiting = 1_000;
const branchName = /^(?!.*\.\.)(?!.*\/\/)(?!.*\.lock$)(?!.*[/.]$)[A-Za-z0-9_][A-Za-z0-9._/+-]*$/;
const commitId = /^(?:[\da-f]{40}|[\da-f]{64})$/;
const logFormat = '%H%x00%T%x00%an <%ae>%x00%cI%x00%s';

/** The configuration repository through a bare mirror. Nothing is asked of the network before the first call. */
export function openChannelSource(options: ChannelSourceOptions): ChannelSource {
  return new GitChannelSource(options);
}

class GitChannelSource implements ChannelSource {
  readonly #mirror: GitMirror;
  readonly #path: string;
  readonly #allowedSigners: string | undefined;
  readonly #log: Logger;
  /** git must not run twice in one mirror. */
  readonly #queue = new PQueue({ concurrency: 1 });
  // commits never change: what was read of them holds for ever
  readonly #trees = new BoundedCache<string, Map<string, string>>({ maxEntries: 12, maxWeight: 128 * 1024 * 1024 });
  readonly #infos = new BoundedCache<string, CommitInfo>({ maxEntries: 2_000 });
  readonly #ancestry = new BoundedCache<string, boolean>({ maxEntries: 2_000 });
  readonly #kept = new Map<string, string>();

  constructor(options: ChannelSourceOptions) {
    this.#log = options.log ?? silentLogger();
    this.#path = normalPath(options.path ?? '');
    this.#allowedSigners = options.allowedSigners;
    this.#mirror = new GitMirror({
      url: options.url,
      path: options.mirrorPath,
      timeoutMs: options.timeoutMs,
      log: this.#log,
    });
  }

  async fetch(
    branches: string[],
    lastGood: Record<string, string>,
  ): Promise<{ heads: ChannelHead[]; problems: HeadProblem[] }> {
    for (const branch of branches) requireBranch(branch);
    return this.#exclusive(async () => {
      await this.#mirror.fetch();
      const listing = await this.#mirror.read(['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads/']);
      const at = new Map<string, string>();
      for (const line of listing.split('\n')) {
        const space = line.indexOf(' ');
        if (space > 0) at.set(line.slice(space + 1 + 'refs/heads/'.length), line.slice(0, space));
      }
      const heads: ChannelHead[] = [];
      const problems: HeadProblem[] = [];
      for (const branch of branches) {
        const good = lastGood[branch];
        if (good !== undefined) await this.#keep(branch, good);
        const commit = at.get(branch);
        const problem = await this.#headProblem(branch, commit, good);
        if (problem !== undefined) problems.push(problem);
        else if (commit !== undefined) heads.push({ branch, commit });
      }
      return { heads, problems };
    });
  }

  async #headProblem(
    branch: string,
    commit: string | undefined,
    good: string | undefined,
  ): Promise<HeadProblem | undefined> {
    if (commit === undefined) {
      const message = `branch ${branch} is not in the repository${good === undefined ? '' : `; it was at ${good.slice(0, 12)}`}`;
      return { branch, kind: 'missing', message, ...(good === undefined ? {} : { lastGood: good }) };
    }
    if (good === undefined || good === commit || (await this.#contains(good, commit))) return undefined;
    const message = `branch ${branch} was rewritten: ${commit.slice(0, 12)} does not descend from ${good.slice(0, 12)}`;
    return { branch, kind: 'forced', message, lastGood: good };
  }

  /** Keeps a commit from being cleaned up when its branch is rewritten: its channel stays on it. */
  async #keep(branch: string, commit: string): Promise<void> {
    if (this.#kept.get(branch) === commit || !commitId.test(commit)) return;
    if (!(await this.#has(commit))) return;
    await this.#mirror.read(['update-ref', `refs/clm/last-good/${branch}`, commit]);
    this.#kept.set(branch, commit);
  }

  async commitInfo(commit: string): Promise<CommitInfo> {
    requireCommit(commit);
    const known = this.#infos.get(commit);
    if (known !== undefined) return known;
    return this.#exclusive(async () => {
      await this.#require(commit);
      const [info] = await this.#logEntries(['-1', commit]);
      if (info === undefined) throw unknownCommit(commit);
      if (info.tree === '') {
        throw new FailureError(
          terminal(
            'git-path-missing',
            `commit ${commit} has no directory ${this.#path}: correct configRepository.path`,
          ),
        );
      }
      return info;
    });
  }

  async named(name: string): Promise<NamedCommits> {
    return this.#exclusive(() => readNamedCommits(this.#mirror, name));
  }

  async isAncestor(ancestor: string, descendant: string): Promise<boolean> {
    requireCommit(ancestor);
    requireCommit(descendant);
    if (ancestor === descendant) return true;
    const known = this.#ancestry.get(`${ancestor} ${descendant}`);
    if (known !== undefined) return known;
    return this.#exclusive(async () => {
      await this.#require(ancestor);
      await this.#require(descendant);
      return this.#contains(ancestor, descendant);
    });
  }

  async commitsBetween(
    from: string | undefined,
    to: string,
    limit: number,
    options = { firstParent: false },
  ): Promise<CommitInfo[]> {
    if (from !== undefined) requireCommit(from);
    requireCommit(to);
    const count = Math.max(0, Math.min(limit, maxCommitsListed));
    if (count === 0) return [];
    return this.#exclusive(async () => {
      await this.#require(to);
      if (from !== undefined) await this.#require(from);
      const chain = options.firstParent ? ['--first-parent'] : [];
      return this.#logEntries([...chain, `-${count}`, from === undefined ? to : `${from}..${to}`]);
    });
  }

  async readTree(commit: string, path: string): Promise<Map<string, string>> {
    requireCommit(commit);
    const directory = normalPath(path);
    const key = `${commit}:${directory}`;
    const known = this.#trees.get(key);
    if (known !== undefined) return known;
    return this.#exclusive(async () => {
      const meanwhile = this.#trees.get(key);
      if (meanwhile !== undefined) return meanwhile;
      await this.#require(commit);
      const tree = await readConfiguration(this.#mirror, commit, directory);
      if (tree.size === 0) {
        throw new FailureError(
          terminal(
            'git-path-missing',
            `commit ${commit} has no files below ${directory || 'its root'}: correct configRepository.path`,
          ),
        );
      }
      let weight = 0;
      for (const text of tree.values()) weight += text.length;
      this.#trees.set(key, tree, weight);
      return tree;
    });
  }

  async fastForward(branch: string, expected: string, to: string): Promise<MoveResult> {
    requireBranch(branch);
    requireCommit(expected);
    requireCommit(to);
    return this.#exclusive(async () => {
      await this.#require(to);
      if (expected !== to && !((await this.#has(expected)) && (await this.#contains(expected, to)))) {
        const message = `${to.slice(0, 12)} does not descend from ${expected.slice(0, 12)}: branch ${branch} is not moved`;
        return { kind: 'refused', reason: 'not-fast-forward', message };
      }
      // the lease makes the server compare; together with the check above the push can only be a fast-forward
      const lease = `--force-with-lease=refs/heads/${branch}:${expected}`;
      try {
        const output = await this.#mirror.remote(
          ['push', '--porcelain', '--no-verify', '--no-follow-tags', lease, 'origin', `${to}:refs/heads/${branch}`],
          isRejection,
        );
        const already = /^=/m.test(output);
        if (!already) await this.#mirror.read(['update-ref', `refs/heads/${branch}`, to]);
        return { kind: already ? 'already' : 'moved' };
      } catch (error) {
        if (!(error instanceof GitCommandError)) throw error;
        return this.#refusal(branch, expected, to, error.text);
      }
    });
  }

  async restoringCommit(input: { parent: string; treeOf: string; message: string; at: number }): Promise<string> {
    requireCommit(input.parent);
    requireCommit(input.treeOf);
    return this.#exclusive(async () => {
      await this.#require(input.parent);
      await this.#require(input.treeOf);
      return makeRestoringCommit(this.#mirror, this.#path, input);
    });
  }

  async pickedCommit(input: { onto: string; commit: string; message: string; at: number }): Promise<PickResult> {
    requireCommit(input.onto);
    requireCommit(input.commit);
    return this.#exclusive(async () => {
      await this.#require(input.onto);
      await this.#require(input.commit);
      return makePickedCommit(this.#mirror, input);
    });
  }

  async verifySignature(commit: string): Promise<SignatureVerdict> {
    requireCommit(commit);
    return this.#exclusive(async () => {
      await this.#require(commit);
      return readSignature(this.#mirror, commit, this.#allowedSigners);
    });
  }

  async setProposal(branch: string, commit: string | null): Promise<void> {
    requireBranch(branch);
    if (commit !== null) requireCommit(commit);
    await this.#exclusive(async () => {
      if (commit !== null) await this.#require(commit);
      await pushProposal(this.#mirror, branch, commit);
    });
  }

  async readNote(name: string): Promise<string | undefined> {
    return this.#exclusive(() => readNoteText(this.#mirror, name));
  }

  async readNotes(): Promise<Map<string, string>> {
    return this.#exclusive(() => readNoteTexts(this.#mirror));
  }

  async writeNote(name: string, text: string, at: number): Promise<void> {
    await this.#exclusive(() => writeNoteText(this.#mirror, name, text, at));
  }

  /** Why the server did not move the branch: asked of the server itself. */
  async #refusal(branch: string, expected: string, to: string, text: string): Promise<MoveResult> {
    const listing = await this.#mirror.remote(['ls-remote', 'origin', `refs/heads/${branch}`]);
    const now = /^([\da-f]{40,64})\t/.exec(listing)?.[1];
    if (now === to) return { kind: 'already' };
    if (now === undefined)
      return { kind: 'refused', reason: 'branch-missing', message: `branch ${branch} is not in the repository` };
    if (now !== expected) {
      const message = `branch ${branch} is at ${now.slice(0, 12)}, not at ${expected.slice(0, 12)}: somebody moved it`;
      return { kind: 'refused', reason: 'branch-moved', message };
    }
    throw new FailureError(pushFailure(`move branch ${branch}`, text));
  }

  async #logEntries(selection: string[]): Promise<CommitInfo[]> {
    const listing = await this.#mirror.read([
      'log',
      '--no-show-signature',
      `--format=${logFormat}`,
      ...selection,
      '--',
    ]);
    const rows = listing
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\0'));
    const trees = await this.#configurationTrees(rows);
    return rows.map(([commit = '', , author = '', committedAt = '', subject = ''], i) => {
      const info: CommitInfo = { commit, tree: trees[i] ?? '', author, subject, committedAt };
      if (info.tree !== '') this.#infos.set(commit, info);
      return info;
    });
  }

  /** The tree of the channel configuration at each commit; '' where a commit does not have it. */
  async #configurationTrees(rows: string[][]): Promise<string[]> {
    if (this.#path === '') return rows.map((row) => row[1] ?? '');
    if (rows.length === 0) return [];
    const input = rows.map((row) => `${row[0]}:${this.#path}\n`).join('');
    const output = await this.#mirror.read(['cat-file', '--batch-check=%(objectname) %(objecttype)'], input);
    return output.split('\n').map((line) => /^([\da-f]{40,64}) tree$/.exec(line)?.[1] ?? '');
  }

  async #contains(ancestor: string, descendant: string): Promise<boolean> {
    const key = `${ancestor} ${descendant}`;
    const known = this.#ancestry.get(key);
    if (known !== undefined) return known;
    if (!(await this.#has(ancestor))) return false;
    // nothing of the ancestor is outside of the descendant's history
    const outside = await this.#mirror.read(['rev-list', '--max-count=1', ancestor, `^${descendant}`, '--']);
    const result = outside.trim() === '';
    this.#ancestry.set(key, result);
    return result;
  }

  async #has(commit: string): Promise<boolean> {
    const output = await this.#mirror.read(['cat-file', '--batch-check=%(objecttype)'], `${commit}\n`);
    return output.trim() === 'commit';
  }

  /** A commit that the mirror lost (it was made anew after a rewrite) may still be had by its id. */
  async #require(commit: string): Promise<void> {
    if (await this.#has(commit)) return;
    try {
      await this.#mirror.remote(
        ['fetch', '--no-tags', '--no-write-fetch-head', '--quiet', 'origin', commit],
        saysUnknown,
      );
    } catch (error) {
      // a repository that cannot be reached says nothing about the commit: that failure passes
      if (!(error instanceof GitCommandError)) throw error;
    }
    if (!(await this.#has(commit))) throw unknownCommit(commit);
  }

  async #exclusive<T>(work: () => Promise<T>): Promise<T> {
    if (this.#queue.size >= maxWaiting) throw new Error(`more than ${maxWaiting} calls wait for the mirror`);
    return this.#queue.add(async () => {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof GitCommandError)) throw error;
        const message = `git failed on the mirror of the configuration repository (${gitMessage(error.text)}): check the disk it is on`;
        throw new FailureError(transient('git-failed', message), error);
      }
    });
  }
}

function normalPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..'))
    throw new FailureError(
      terminal('git-path-missing', `path ${path} leaves the repository: correct configRepository.path`),
    );
  return parts.join('/');
}

function requireBranch(branch: string): void {
  if (!branchName.test(branch))
    throw new FailureError(
      terminal('git-invalid-branch', `${JSON.stringify(branch)} is no branch name: correct the pipeline`),
    );
}

function requireCommit(commit: string): void {
  if (!commitId.test(commit))
    throw new FailureError(terminal('git-unknown-commit', `${JSON.stringify(commit)} is no commit id`));
}

/** The repository does not have the object, or does not give objects away by id. */
function saysUnknown({ text }: GitCommandError): boolean {
  return /not our ref|couldn't find remote ref|unadvertised object|no such remote ref/i.test(text);
}

function unknownCommit(commit: string): FailureError {
  return new FailureError(terminal('git-unknown-commit', `commit ${commit} is not in the repository any more`));
}
