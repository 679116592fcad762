/** The real program, as a child process of its own. */
import { spawn } from 'node:child_process';
import { projectRoot } from '../../../src/cli/demo/stage.ts';

export interface ClmRun {
  code: number | null;
  stdout: string;
  stderr: string;
}

const patienceMs = 60_000;

/** Runs `clm …` to its end; a run that takes longer than a minute is killed and fails. */
export function runClm(
  args: string[],
  options: { cwd: string; environment?: Record<string, string> },
): Promise<ClmRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [`${projectRoot}bin/clm.mjs`, ...args], {
      cwd: options.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...cleanEnvironment(), ...options.environment },
    });
    const run: ClmRun = { code: null, stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      run.stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      run.stderr += chunk;
    });
    const limit = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(limit);
      if (signal === 'SIGKILL') reject(new Error(`clm ${args.join(' ')} did not end: ${run.stderr}`));
      else resolve({ ...run, code });
    });
  });
}

/** The test runner's own environment holds nothing that a user's would. */
function cleanEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG'];
  const environment: Record<string, string> = { NO_COLOR: '1', AWS_EC2_METADATA_DISABLED: 'true' };
  for (const name of kept) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
