/** The real program, as a child process of its own. */
import { spawn } from 'node:child_process';
import { sleep, wallMs } from '../../../src/support/deadline.ts';
import { projectRoot } from '../../../src/support/project.ts';

export interface ClmRun {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface ClmProcess {
  /** What it has printed so far. */
  readonly run: ClmRun;
  readonly ended: Promise<ClmRun>;
  /** Resolves when the text stands in its output; fails when it ends before that, or takes too long. */
  says(text: string, withinMs?: number): Promise<void>;
  signal(name: NodeJS.Signals): void;
}

const patienceMs = 60_000;

/** Starts `clm …`; whoever starts it ends it. */
export function startClm(args: string[], options: { cwd: string; environment?: Record<string, string> }): ClmProcess {
  const child = spawn(process.execPath, [`${projectRoot}bin/clm.mjs`, ...args], {
    cwd: options.cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...cleanEnvironment(), ...options.environment },
  });
  const run: ClmRun = { code: null, stdout: '', stderr: '' };
  let over = false;
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    run.stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    run.stderr += chunk;
  });
  const ended = new Promise<ClmRun>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      over = true;
      run.code = code;
      resolve(run);
    });
  });
  return {
    run,
    ended,
    async says(text, withinMs = patienceMs) {
      const deadline = wallMs() + withinMs;
      while (!run.stdout.includes(text) && !run.stderr.includes(text)) {
        if (over || wallMs() > deadline) {
          throw new Error(`clm ${args.join(' ')} never said '${text}':\n${run.stdout}${run.stderr}`);
        }
        await sleep(20);
      }
    },
    signal: (name) => {
      if (!over) child.kill(name);
    },
  };
}

/** Runs `clm …` to its end; one that takes longer than a minute is killed, and fails. */
export async function runClm(
  args: string[],
  options: { cwd: string; environment?: Record<string, string> },
): Promise<ClmRun> {
  const started = startClm(args, options);
  const limit = new AbortController();
  const late = sleep(patienceMs, limit.signal).then((whole) => {
    if (whole) started.signal('SIGKILL');
    return whole;
  });
  const run = await started.ended;
  limit.abort();
  if (await late) throw new Error(`clm ${args.join(' ')} did not end:\n${run.stdout}${run.stderr}`);
  return run;
}

/** What a user's shell would have, and nothing of the test runner's. */
function cleanEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG'];
  const environment: Record<string, string> = { NO_COLOR: '1', AWS_EC2_METADATA_DISABLED: 'true', COLUMNS: '200' };
  for (const name of kept) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
