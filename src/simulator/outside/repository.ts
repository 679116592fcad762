/** The bare git repository that the simulated forge holds: read and written with git itself, so that what it does is seen by everybody. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a merge would give. */
export type MergeTree = { kind: 'clean'; tree: string } | { kind: 'conflict' };

export interface CommitView {
  sha: string;
  tree: string;
  parents: string[];
  author: string;
  email: string;
  /** ISO 8601. */
  date: string;
  message: string;
}

interface Ran {
  code: number;
  out: string;
  err: string;
}

const mostOutput = 16 * 1024 * 1024;
const commandTimeoutMs = 30_000;

/** The pre-receive hook reads this: a branch that is listed takes only the commits beside it. */
const protectedFile = 'forge-protected';
/** The post-receive hook appends to this: old, new, ref. */
export const receivedFile = 'forge-received';

const preReceive = `#!/bin/sh
# lines of ${protectedFile}: <ref> <allowed commit or -> <words>
while read -r old new ref; do
  [ -f "$GIT_DIR/${protectedFile}" ] || continue
  why=''
  while read -r name allowed words; do
    [ "$name" = "$ref" ] || continue
    why=$words
    [ "$allowed" = "$new" ] && why='' && break
  done < "$GIT_DIR/${protectedFile}"
  if [ -n "$why" ]; then
    echo "error: GH006: Protected branch update failed for $ref." >&2
    echo "error: $why" >&2
    exit 1
  fi
done
exit 0
`;
const postReceive = `#!/bin/sh
cat >> "$GIT_DIR/${receivedFile}"
`;

export class Repository {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Installs the hooks by which pushes are judged and noticed. */
  async prepare(): Promise<void> {
    const hooks = join(this.path, 'hooks');
    await mkdir(hooks, { recursive: true });
    for (const [name, text] of [
      ['pre-receive', preReceive],
      ['post-receive', postReceive],
    ] as const) {
      await writeFile(join(hooks, name), text);
      await chmod(join(hooks, name), 0o755);
    }
    await writeFile(join(this.path, receivedFile), '');
  }

  /** `allowed`: by full ref, the commits that may be pushed there, and what is said of all others. */
  async protect(branches: { ref: string; allowed: string[]; why: string }[]): Promise<void> {
    const lines = branches.flatMap(({ ref, allowed, why }) =>
      (allowed.length === 0 ? ['-'] : allowed).map((commit) => `${ref} ${commit} ${why}\n`),
    );
    await writeFile(join(this.path, protectedFile), lines.join(''));
  }

  async heads(): Promise<Map<string, string>> {
    const { out } = await this.#git(['for-each-ref', '--format=%(objectname) %(refname)', 'refs/heads']);
    const lines = out.split('\n').filter((line) => line !== '');
    return new Map(
      lines.map((line) => [line.slice(line.indexOf(' ') + 1 + 'refs/heads/'.length), line.slice(0, line.indexOf(' '))]),
    );
  }

  /** Full id of a commit that a branch, tag or abbreviation names. */
  async resolve(name: string): Promise<string | undefined> {
    if (name.startsWith('-')) return undefined;
    for (const candidate of [`refs/heads/${name}`, `refs/tags/${name}`, name]) {
      const { code, out } = await this.#git(['rev-parse', '--verify', '--quiet', `${candidate}^{commit}`]);
      if (code === 0) return out.trim();
    }
    return undefined;
  }

  async commit(sha: string): Promise<CommitView> {
    const format = '%H%x00%T%x00%P%x00%an%x00%ae%x00%cI%x00%B';
    const { out } = await this.#must(['show', '--no-patch', `--format=${format}`, sha]);
    const [id = '', tree = '', parents = '', author = '', email = '', date = '', message = ''] = out.split('\0');
    const list = parents === '' ? [] : parents.split(' ');
    return { sha: id, tree, parents: list, author, email, date, message: message.trim() };
  }

  async isAncestor(ancestor: string, descendant: string): Promise<boolean> {
    return (await this.#git(['merge-base', '--is-ancestor', ancestor, descendant])).code === 0;
  }

  /** Commits that only the one, and only the other side has. */
  async compare(base: string, head: string): Promise<{ ahead: number; behind: number }> {
    const { out } = await this.#must(['rev-list', '--left-right', '--count', `${base}...${head}`]);
    const [behind = 0, ahead = 0] = out.trim().split(/\s+/).map(Number);
    return { ahead, behind };
  }

  async mergeTree(base: string, head: string): Promise<MergeTree> {
    const { code, out } = await this.#git(['merge-tree', '--write-tree', base, head]);
    if (code === 0) return { kind: 'clean', tree: out.trim().split('\n')[0] ?? '' };
    return { kind: 'conflict' };
  }

  async commitTree(tree: string, parents: readonly string[], message: string, author: string): Promise<string> {
    const identity = { GIT_AUTHOR_NAME: author, GIT_AUTHOR_EMAIL: `${author}@users.example.org` };
    const committer = { GIT_COMMITTER_NAME: 'Forge', GIT_COMMITTER_EMAIL: 'noreply@forge.example.org' };
    const args = ['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent]), '-m', message];
    return (await this.#must(args, { ...identity, ...committer })).out.trim();
  }

  /** false when the ref is not where it was expected. `to` null deletes; `from` null makes it. */
  async updateRef(branch: string, to: string | null, from: string | null): Promise<boolean> {
    const ref = `refs/heads/${branch}`;
    const zero = '0'.repeat(40);
    const args = to === null ? ['update-ref', '-d', ref, from ?? zero] : ['update-ref', ref, to, from ?? zero];
    return (await this.#git(args)).code === 0;
  }

  async validBranch(name: string): Promise<boolean> {
    return !name.startsWith('-') && (await this.#git(['check-ref-format', '--branch', name])).code === 0;
  }

  async #must(args: string[], env: Record<string, string> = {}): Promise<Ran> {
    const ran = await this.#git(args, env);
    if (ran.code !== 0) throw new Error(`git ${args[0]} ended with ${ran.code}: ${ran.err}`);
    return ran;
  }

  #git(args: string[], env: Record<string, string> = {}): Promise<Ran> {
    const own = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', LC_ALL: 'C' };
    const isolation = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null', GIT_TERMINAL_PROMPT: '0' };
    const options = { env: { ...own, ...isolation, ...env }, maxBuffer: mostOutput, timeout: commandTimeoutMs };
    return new Promise((resolve) => {
      execFile('git', ['--git-dir', this.path, ...args], options, (error, out, err) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 128;
        resolve({ code, out, err });
      });
    });
  }
}
