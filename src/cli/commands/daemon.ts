import { Option } from 'commander';
import { examples, type RegisterCommand } from '../command.ts';

/** `clm daemon`: run the daemon in the foreground. */
export const registerDaemon: RegisterCommand = (program, context) => {
  const command = program
    .command('daemon')
    .summary('run the daemon in the foreground')
    .description('Runs until SIGTERM or SIGINT. A second daemon on the same store waits for the first one to end.')
    .addOption(new Option('-c, --config <file>', 'its clm.yaml').env('CLM_CONFIG').default('clm.yaml'))
    .action(async (options: { config: string }) => {
      const { runDaemonCommand } = await import('../run/daemon.ts');
      await runDaemonCommand(options, context);
    });
  examples(command, [
    ['clm daemon', 'with ./clm.yaml'],
    ['CLM_LOG_LEVEL=debug clm daemon -c /etc/clm/clm.yaml', 'with more to read'],
  ]);
};
