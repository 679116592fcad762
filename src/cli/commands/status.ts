import {
  type ConnectionOptions,
  examples,
  type OutputFormat,
  outputOption,
  type RegisterCommand,
  withConnection,
} from '../command.ts';

interface StatusOptions extends ConnectionOptions {
  output: OutputFormat;
  watch?: boolean;
}

/** `clm status`: where every change is, and why it is not further. */
export const registerStatus: RegisterCommand = (program, context) => {
  const command = withConnection(program.command('status'))
    .summary('where every change is, and why it is not further')
    .description('Shows channels, clusters in flight, problems and the newest events.')
    .option('-w, --watch', 'keep showing it as it changes; into a pipe, one line for each event')
    .addOption(outputOption())
    .action(async (options: StatusOptions) => {
      const { runStatus } = await import('../run/status.ts');
      await runStatus(options, context);
    });
  examples(command, [
    ['clm status', 'once'],
    ['clm status -w', 'live, redrawn in place'],
    ['clm status -o wide', 'with a line for every cluster'],
    ['clm status -o json | jq .channels', 'for scripts'],
  ]);
};
