import {
  type ConnectionOptions,
  examples,
  type OutputFormat,
  outputOption,
  type RegisterCommand,
  wholeNumber,
  withConnection,
} from '../command.ts';
import { withReader } from '../connection.ts';
import { badInput } from '../exit.ts';
import { colorsOf } from '../io.ts';
import { printDocument, tableColumns } from '../output.ts';
import { requireKnown } from '../subjects.ts';

interface RolloutsOptions extends ConnectionOptions {
  output: OutputFormat;
  channel?: string;
  limit: number;
}

/** `clm rollouts`: which versions moved through which channel, newest first. */
export const registerRollouts: RegisterCommand = (program, context) => {
  const { io } = context;
  const command = withConnection(program.command('rollouts'))
    .summary('which versions moved through which channel')
    .description('Lists rollouts, newest first, with how each one ended.')
    .option('--channel <name>', 'only this channel')
    .option('--limit <count>', 'at most this many', wholeNumber, 20)
    .addOption(outputOption())
    .action(async (options: RolloutsOptions) => {
      const { channel, limit } = options;
      if (limit < 1 || limit > 500) throw badInput('--limit is between 1 and 500');
      const rollouts = await withReader(options, io, async (reader) => {
        const found = await reader.rollouts({ channel, limit });
        if (found.length === 0) await requireKnown({ channel }, reader);
        return found;
      });
      const { renderRollouts } = await import('../view/rollout-table.ts');
      await printDocument(io, options.output, { rollouts }, (wide) =>
        renderRollouts(rollouts, { columns: tableColumns(io), wide, colors: colorsOf(io) }),
      );
    });
  examples(command, [
    ['clm rollouts', 'the newest twenty'],
    ['clm rollouts --channel stable -o json', 'for scripts'],
  ]);
};
