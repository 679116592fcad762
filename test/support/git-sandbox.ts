import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const environment = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.org',
  GIT_AUTHOR_DATE: '2026-01-02T03:04:05+00:00',
  GIT_COMMITTER_DATE: '2026-01-02T03:04:05+00:00',
};

/** A real bare repository and a developer who works on it, in a directory of their own. */
export class GitSandbox {
  readonly directory = mkdtempSync(join(tmpdir(), 'clm-git-'));
  readonly bare = join(this.directory, 'config.git');
  readonly #work = join(this.directory, 'work');

  constructor() {
    mkdirSync(this.#work);
    this.git(this.directory, 'init', '--quiet', '--bare', this.bare);
    this.git(this.#work, 'init', '--quiet', '--initial-branch=dev');
    this.git(this.#work, 'remote', 'add', 'origin', this.bare);
  }

  /** Commits these files (undefined removes one) on top of a commit, or of what is checked out, and answers the commit. */
  commit(subject: string, files: Record<string, string | Buffer | undefined>, on?: string): string {
    if (on !== undefined) this.git(this.#work, 'checkout', '--quiet', '--detach', on);
    for (const [path, text] of Object.entries(files)) {
      const file = join(this.#work, path);
      if (text === undefined) rmSync(file);
      else {
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text);
      }
    }
    this.git(this.#work, 'add', '--all');
    this.git(this.#work, 'commit', '--quiet', '--allow-empty', `--message=${subject}`);
    return this.git(this.#work, 'rev-parse', 'HEAD');
  }

  push(branch: string, commit: string): void {
    this.git(this.#work, 'push', '--quiet', '--force', 'origin', `${commit}:refs/heads/${branch}`);
  }

  deleteBranch(branch: string): void {
    this.git(this.#work, 'push', '--quiet', 'origin', `:refs/heads/${branch}`);
  }

  /** Where a branch of the bare repository is; '' when it is not there. */
  head(branch: string): string {
    return this.git(this.bare, 'for-each-ref', '--format=%(objectname)', `refs/heads/${branch}`);
  }

  git(cwd: string, ...args: string[]): string {
    return execFileSync('git', args, {
      cwd,
      env: environment,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
