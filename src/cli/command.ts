/** What every command file exports, and the options that all of them share. */
import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CliIo } from './io.ts';

export interface CommandContext {
  io: CliIo;
  /** A command ends with something other than 0 without an error: `status` of a halted fleet, say. */
  exitWith: (code: number) => void;
}

export type RegisterCommand = (program: Command, context: CommandContext) => void;

export type OutputFormat = 'table' | 'wide' | 'json' | 'yaml';

export interface ConnectionOptions {
  config?: string;
  socket?: string;
}

export interface ActorOptions extends ConnectionOptions {
  as?: string;
}

/** Options of a command that `withActor` made. */
export interface ActOptions extends ActorOptions {
  reason: string;
  output: OutputFormat;
}

export function outputOption(): Option {
  return new Option('-o, --output <format>', 'how to print')
    .choices(['table', 'wide', 'json', 'yaml'])
    .default('table');
}

export function withConnection(command: Command): Command {
  return command
    .addOption(new Option('-c, --config <file>', 'clm.yaml of the daemon').env('CLM_CONFIG'))
    .addOption(
      new Option('--socket <path>', "the daemon's API socket, when there is no clm.yaml here").env('CLM_SOCKET'),
    );
}

export function withActor(command: Command): Command {
  return withConnection(command)
    .requiredOption('--reason <text>', 'why; kept in the journal')
    .option('--as <name>', 'who asks, when not the user of this shell')
    .addOption(outputOption());
}

/** Shown below a command's help. */
export function examples(command: Command, lines: [string, string][]): Command {
  const width = Math.max(...lines.map(([line]) => line.length));
  const text = lines.map(([line, what]) => `  $ ${line.padEnd(width)}  ${what}`).join('\n');
  return command.addHelpText('after', `\nExamples:\n${text}\n`);
}

export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** The journal says who: a shell without USER (cron, a container) still has an account. */
function accountName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}

export function actorOf(options: { as?: string }, io: CliIo): string {
  return options.as ?? io.environment['USER'] ?? io.environment['LOGNAME'] ?? accountName();
}
