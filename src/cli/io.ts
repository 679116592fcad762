/** What commands read from and write to: the process, or a test. */
import { type Palette, palette, wantsColor } from './view/terminal.ts';

export interface CliIo {
  /** Standard output: results only. */
  out: (text: string) => void;
  /** Standard error: progress, warnings, errors. */
  err: (text: string) => void;
  outIsTerminal: boolean;
  errIsTerminal: boolean;
  inIsTerminal: boolean;
  columns: () => number;
  rows: () => number;
  environment: NodeJS.ProcessEnv;
  /** Aborts on Ctrl-C. */
  signal: AbortSignal;
  /** One line of standard input, after a question on standard error. */
  ask: (question: string) => Promise<string>;
  /** Calls back after the terminal was resized; returns the way to stop. */
  onResize: (listener: () => void) => () => void;
}

export function colorsOf(io: CliIo): Palette {
  return palette(wantsColor(io.outIsTerminal, io.environment));
}

export function processIo(signal: AbortSignal): CliIo {
  const { stdout, stderr, stdin } = process;
  // A reader that has seen enough (`clm events | head`) is no error.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    outIsTerminal: stdout.isTTY,
    errIsTerminal: stderr.isTTY,
    inIsTerminal: stdin.isTTY,
    columns: () => (stdout.isTTY ? stdout.columns || 80 : Number(process.env['COLUMNS']) || 100),
    rows: () => stdout.rows || 24,
    environment: process.env,
    signal,
    ask: async (question) => {
      const { createInterface } = await import('node:readline/promises');
      const lines = createInterface({ input: stdin, output: stderr });
      try {
        return await lines.question(question, { signal });
      } finally {
        lines.close();
      }
    },
    onResize: (listener) => {
      stdout.on('resize', listener);
      return () => stdout.off('resize', listener);
    },
  };
}
