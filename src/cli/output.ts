/** `-o table|wide|json|yaml` for everything that prints. */
import type { ActionAnswer } from '../api/schemas.ts';
import type { OutputFormat } from './command.ts';
import type { CliIo } from './io.ts';

/** Prints a document, or the lines that `table` makes of it. */
export async function printDocument(
  io: CliIo,
  format: OutputFormat,
  document: unknown,
  table: (wide: boolean) => string[],
): Promise<void> {
  if (format === 'json') io.out(`${JSON.stringify(document, undefined, 2)}\n`);
  else if (format === 'yaml') {
    const { stringify } = await import('yaml');
    io.out(stringify(document));
  } else {
    const lines = table(format === 'wide');
    if (lines.length > 0) io.out(`${lines.join('\n')}\n`);
  }
}

/** What the daemon answers to a command: the sentence for people, all of it for scripts. */
export async function printAnswer(io: CliIo, format: OutputFormat, answer: ActionAnswer): Promise<void> {
  await printDocument(io, format, answer, () => [answer.message]);
}

/** A line on a terminal is cut to its width; into a pipe everything goes whole. */
export function tableColumns(io: CliIo): number | undefined {
  return io.outIsTerminal ? io.columns() : undefined;
}
