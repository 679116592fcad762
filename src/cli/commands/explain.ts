import { examples, type OutputFormat, outputOption, type RegisterCommand } from '../command.ts';

/** `clm explain`: what a failure code means, and what to do. */
export const registerExplain: RegisterCommand = (program, context) => {
  const command = program
    .command('explain')
    .argument('[code]', 'a code as `clm status` or `clm why` shows it; none lists them all')
    .summary('what a failure code means, and what to do')
    .addOption(outputOption())
    .action(async (code: string | undefined, options: { output: OutputFormat }) => {
      const { runExplain } = await import('../run/explain.ts');
      await runExplain(code, options, context);
    });
  examples(command, [
    ['clm explain budget-refuses', 'one code'],
    ['clm explain', 'all of them'],
  ]);
};
