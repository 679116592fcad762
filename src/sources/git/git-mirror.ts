import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FailureError, terminal } from '../../domain/failure.ts';
import type { Logger } from '../../support/logger.ts';
import { redactText } from '../../support/redact.ts';
import { catFileBatch, GitCommandError, runGit } from './git-command.ts';
import { classifyGitError, remoteFailure } from './git-failure.ts';

export interface GitMirrorOptions {
  url: string;
  path: string;
  timeoutMs: number;
  log: Logger;
}

/** Is this error an answer to the caller? Then it comes as it is: what the other side said must not look like damage of the mirror. */
export type IsAnswer = (error: GitCommandError) => boolean;

const noAnswer: IsAnswer = () => false;

/** Reading what is on this disk takes this long at most, however slow the network may be allowed to be. */
const localTimeoutMs = 60_000;

/**
 * A bare copy of the configuration repository. It holds nothing that is not in the repository: when it is lost or damaged it
 * is made anew. Calls must not overlap; the channel source sees to it.
 */
export class GitMirror {
  readonly #options: GitMirrorOptions;
  #ready = false;

  constructor(options: GitMirrorOptions) {
    this.#options = options;
  }

  /** Brings every branch up to date and drops those that are gone. */
  async fetch(): Promise<void> {
    await this.#mended(async () => {
      await this.#open();
      await this.#remote([
        'fetch',
        '--prune',
        '--no-tags',
        '--no-write-fetch-head',
        '--no-recurse-submodules',
        '--quiet',
        'origin',
      ]);
    });
  }

  /** A command that needs nothing but the mirror. Damage is mended once; other errors come as GitCommandError. */
  async read(args: string[], input?: string, isAnswer: IsAnswer = noAnswer): Promise<string> {
    return this.#mended(async () => {
      await this.#open();
      return this.#local(args, input);
    }, isAnswer);
  }

  /** Contents of objects by id, in order. */
  async contents(ids: readonly string[]): Promise<Buffer> {
    return this.#mended(async () => {
      await this.#open();
      const input = `${ids.join('\n')}\n`;
      return catFileBatch({ directory: this.#options.path, timeoutMs: localTimeoutMs, input });
    });
  }

  /** A command that talks to the repository. Throws FailureError, or GitCommandError when it is an answer. */
  async remote(args: string[], isAnswer: IsAnswer = noAnswer): Promise<string> {
    return this.#mended(async () => {
      await this.#open();
      return this.#remote(args, isAnswer);
    }, isAnswer);
  }

  async #open(): Promise<void> {
    if (this.#ready) return;
    const { path, url } = this.#options;
    await mkdir(path, { recursive: true });
    const entries = await readdir(path);
    if (entries.length > 0) {
      const source = await this.#source();
      if (source === undefined) {
        throw new FailureError(
          terminal(
            'git-mirror-foreign',
            `${path} holds something that is no mirror made by clm: give configRepository.mirrorPath an empty directory`,
          ),
        );
      }
      if (source === url) {
        this.#ready = true;
        return;
      }
      this.#options.log.info(
        { mirror: path, repository: redactText(url) },
        'Replacing the mirror of another repository',
      );
      await rm(path, { recursive: true, force: true });
    }
    await this.#create();
  }

  /** The repository that an existing mirror was made from; undefined when it is none of ours. */
  async #source(): Promise<string | undefined> {
    try {
      const entries = await readdir(this.#options.path);
      if (!entries.includes('clm-mirror')) return undefined;
      return (await this.#local(['config', '--get', 'remote.origin.url'])).trim();
    } catch (error) {
      if (error instanceof GitCommandError) return '';
      throw error;
    }
  }

  async #create(): Promise<void> {
    const { path, url } = this.#options;
    // the mark says that whatever is in here may be deleted
    await mkdir(join(path, 'clm-mirror'), { recursive: true });
    await this.#local(['init', '--bare', '--quiet', '--template=', '.']);
    const settings: [string, string][] = [
      ['remote.origin.url', url],
      ['remote.origin.fetch', '+refs/heads/*:refs/heads/*'],
      // clean-up runs inside of a fetch and its time, never behind our back
      ['gc.autoDetach', 'false'],
      ['maintenance.autoDetach', 'false'],
      ['transfer.fsckObjects', 'true'],
      ['core.hooksPath', '/dev/null'],
    ];
    // the address may hold a token: the file is made private before it is written
    await chmod(join(path, 'config'), 0o600);
    for (const [key, value] of settings) await this.#local(['config', key, value]);
    await this.#remote([
      'fetch',
      '--prune',
      '--no-tags',
      '--no-write-fetch-head',
      '--no-recurse-submodules',
      '--quiet',
      'origin',
    ]);
    this.#ready = true;
  }

  async #mended<T>(work: () => Promise<T>, isAnswer: IsAnswer = noAnswer): Promise<T> {
    const isDamage = (error: unknown): error is GitCommandError =>
      error instanceof GitCommandError && !isAnswer(error) && classifyGitError(error.text) === 'corrupt';
    try {
      return await work();
    } catch (error) {
      if (!isDamage(error)) throw error;
      const { path, url, log, timeoutMs } = this.#options;
      log.warn(
        { mirror: path, repository: redactText(url) },
        'Making a damaged mirror of the configuration repository anew',
      );
      this.#ready = false;
      await rm(path, { recursive: true, force: true });
      try {
        return await work();
      } catch (again) {
        if (!isDamage(again)) throw again;
        throw new FailureError(remoteFailure('corrupt', url, again.text, timeoutMs), again);
      }
    }
  }

  async #local(args: string[], input?: string): Promise<string> {
    const options = { directory: this.#options.path, timeoutMs: localTimeoutMs };
    return runGit(args, input === undefined ? options : { ...options, input });
  }

  async #remote(args: string[], isAnswer: IsAnswer = noAnswer): Promise<string> {
    const { path, url, timeoutMs } = this.#options;
    try {
      return await runGit(args, { directory: path, timeoutMs });
    } catch (error) {
      if (!(error instanceof GitCommandError) || isAnswer(error)) throw error;
      const fault = classifyGitError(error.text);
      // damage of the mirror is mended by the caller; it must not look like trouble of the network
      if (fault === 'corrupt') throw error;
      throw new FailureError(remoteFailure(fault, url, error.text, timeoutMs), error);
    }
  }
}
