import {
  type ConnectionOptions,
  examples,
  type OutputFormat,
  outputOption,
  type RegisterCommand,
  withConnection,
} from '../command.ts';

/** `clm backup`: a consistent copy of the store. */
export const registerBackup: RegisterCommand = (program, context) => {
  const command = withConnection(program.command('backup'))
    .argument('<file>', 'where to write the copy; must not exist')
    .summary('a consistent copy of the store, also while the daemon runs')
    .addOption(outputOption())
    .action(async (file: string, options: ConnectionOptions & { output: OutputFormat }) => {
      const { runBackup } = await import('../run/backup.ts');
      await runBackup(file, options, context);
    });
  examples(command, [['clm backup /backups/clm-$(date +%F).db', 'from cron']]);
};
