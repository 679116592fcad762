import {
  type ConnectionOptions,
  examples,
  type OutputFormat,
  outputOption,
  type RegisterCommand,
  withConnection,
} from '../command.ts';

/** `clm validate`: check everything the daemon would read. */
export const registerValidate: RegisterCommand = (program, context) => {
  const command = withConnection(program.command('validate'))
    .summary('check clm.yaml, pipeline, registry and repository')
    .description('Reads all that the daemon would read and lists every problem at once. Changes nothing.')
    .addOption(outputOption())
    .action(async (options: ConnectionOptions & { output: OutputFormat }) => {
      const { runValidate } = await import('../run/validate.ts');
      await runValidate(options, context);
    });
  examples(command, [
    ['clm validate', 'with ./clm.yaml; exit code 2 when something is wrong'],
    ['clm validate -o json', 'for scripts'],
  ]);
};
