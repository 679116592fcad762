import { GitError, type SimpleGit, simpleGit } from 'simple-git';

/** Output of one command that is kept; more is an error, not memory. */
const maxOutputBytes = 64 * 1024 * 1024;

export interface GitCommandOptions {
  /** Directory that git runs in. */
  directory: string;
  /** Wall time after which the process is killed. */
  timeoutMs: number;
  /** Written to standard input. */
  input?: string;
}

interface Ended {
  exitCode?: number;
  output: string;
}

/** git ended with an error; the text is what it wrote. */
export class GitCommandError extends Error {
  readonly text: string;
  /** undefined when it was not git that ended it (too slow, not there). */
  readonly exitCode: number | undefined;
  /** Standard output alone. */
  readonly output: string;

  constructor(text: string, ended: Ended = { output: '' }) {
    super(text);
    this.name = 'GitCommandError';
    this.text = text;
    this.exitCode = ended.exitCode;
    this.output = ended.output;
  }
}

const isolation: Record<string, string> = {
  // a developer's settings (signing, hooks, aliases, credential helpers) must not change what the daemon does
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_ATTR_NOSYSTEM: '1',
  // nobody is there to answer a prompt
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: 'true',
  GIT_SSH_COMMAND: 'ssh -o BatchMode=yes -o ConnectTimeout=15',
  GIT_OPTIONAL_LOCKS: '0',
  LC_ALL: 'C',
};
const inherited = [
  'PATH',
  'HOME',
  'SSH_AUTH_SOCK',
  'HTTPS_PROXY',
  'HTTP_PROXY',
  'NO_PROXY',
  'https_proxy',
  'http_proxy',
  'no_proxy',
  'TMPDIR',
];

function environment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of inherited) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return { ...env, ...isolation };
}

function instance(options: GitCommandOptions, ended: Ended): SimpleGit {
  return simpleGit({
    baseDir: options.directory,
    maxConcurrentProcesses: 1,
    // output does not prolong the time: a server that trickles must not hold the queue for ever
    timeout: { block: options.timeoutMs, stdErr: false, stdOut: false },
    allowEnvironment: Object.keys(isolation),
    // what is set here is constant and of our own making
    unsafe: {
      allowUnsafeConfigPaths: true,
      allowUnsafeAskPass: true,
      allowUnsafeSshCommand: true,
      allowUnsafeTemplateDir: true,
      allowUnsafeHooksPath: true,
    },
    // as bytes: standard input is not closed after an empty string, and git would wait for the rest of it
    ...(options.input === undefined ? {} : { input: () => Buffer.from(options.input ?? '', 'utf8') }),
    errors: (error, result) => {
      if (error !== undefined) return error;
      if (result.exitCode === 0) return undefined;
      ended.exitCode = result.exitCode;
      ended.output = Buffer.concat(result.stdOut).toString('utf8');
      return Buffer.concat([...result.stdErr, ...result.stdOut]);
    },
  }).env(environment());
}

/** Runs git and answers what it wrote. Throws GitCommandError when it ends with an error or not in time. */
export async function runGit(args: string[], options: GitCommandOptions): Promise<string> {
  return attempt(async (ended) => bounded(await instance(options, ended).raw(args)));
}

/** `git cat-file --batch`, as bytes. */
export async function catFileBatch(options: GitCommandOptions & { input: string }): Promise<Buffer> {
  return attempt(async (ended) => bounded((await instance(options, ended).binaryCatFile(['--batch'])) as Buffer));
}

function bounded<T extends string | Buffer>(output: T): T {
  if (output.length > maxOutputBytes) throw new GitCommandError(`git wrote more than ${maxOutputBytes} bytes`);
  return output;
}

async function attempt<T>(run: (ended: Ended) => Promise<T>): Promise<T> {
  const ended: Ended = { output: '' };
  try {
    return await run(ended);
  } catch (error) {
    if (error instanceof GitError) throw new GitCommandError(error.message, ended);
    throw error;
  }
}
