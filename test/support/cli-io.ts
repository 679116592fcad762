/** A terminal that a test holds: what was written, and what it answers. */
import type { CliIo } from '../../src/cli/io.ts';
import { main } from '../../src/cli/main.ts';

export interface CliRun {
  code: number;
  out: string;
  err: string;
}

export interface CliRunOptions {
  environment?: NodeJS.ProcessEnv;
  terminal?: boolean;
  answers?: string[];
  signal?: AbortSignal;
  onOut?: (text: string) => void;
}

/** Runs one command line in this process. */
export async function runCli(args: string[], options: CliRunOptions = {}): Promise<CliRun> {
  const run = { out: '', err: '' };
  const answers = [...(options.answers ?? [])];
  const terminal = options.terminal === true;
  const io: CliIo = {
    out: (text) => {
      run.out += text;
      options.onOut?.(text);
    },
    err: (text) => {
      run.err += text;
    },
    outIsTerminal: terminal,
    errIsTerminal: false,
    inIsTerminal: terminal,
    columns: () => 100,
    rows: () => 40,
    environment: { USER: 'kim', ...options.environment },
    signal: options.signal ?? new AbortController().signal,
    ask: async () => answers.shift() ?? '',
    onResize: () => () => {},
  };
  const code = await main(args, io);
  return { code, ...run };
}
