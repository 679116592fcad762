import { examples, outputOption, type RegisterCommand, withConnection } from '../command.ts';
import type { AdoptOptions } from '../run/adopt.ts';

/** `clm adopt`: let the daemon change the fleet. */
export const registerAdopt: RegisterCommand = (program, context) => {
  const command = withConnection(program.command('adopt'))
    .summary('let the daemon change the fleet, after a look')
    .description('A new daemon only observes. Shows what it found on each cluster, asks, and lets it begin.')
    .option('--yes', 'do not ask')
    .option('--reason <text>', 'why; kept in the journal')
    .option('--as <name>', 'who asks, when not the user of this shell')
    .addOption(outputOption())
    .action(async (options: AdoptOptions) => {
      const { runAdopt } = await import('../run/adopt.ts');
      await runAdopt(options, context);
    });
  examples(command, [
    ['clm adopt', 'shows, then asks'],
    ['clm adopt --yes', 'for scripts'],
  ]);
};
