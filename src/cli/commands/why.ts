import {
  type ConnectionOptions,
  examples,
  type OutputFormat,
  outputOption,
  type RegisterCommand,
  withConnection,
} from '../command.ts';
import { withReader } from '../connection.ts';
import { colorsOf } from '../io.ts';
import { printDocument } from '../output.ts';

/** `clm why`: the chain of what a cluster, channel or commit waits for. */
export const registerWhy: RegisterCommand = (program, context) => {
  const { io } = context;
  const command = withConnection(program.command('why'))
    .argument('<subject>', 'cluster (id or alias), channel, or commit (7 characters or more, a tag or a branch)')
    .summary('why something is where it is, and what has to happen next')
    .description('Follows the chain of waits from a cluster, channel or commit down to what has to happen first.')
    .addOption(outputOption())
    .action(async (subject: string, options: ConnectionOptions & { output: OutputFormat }) => {
      const explanation = await withReader(options, io, (reader) => reader.explain(subject));
      const { renderExplanation } = await import('../view/explanation-view.ts');
      await printDocument(io, options.output, explanation, () =>
        renderExplanation(explanation, { columns: Math.min(io.columns(), 120), colors: colorsOf(io) }),
      );
    });
  examples(command, [
    ['clm why beta', 'what the channel waits for'],
    ['clm why kube-12', 'which step, node or budget holds a cluster up'],
    ['clm why 3f2a1bc', 'how far a commit has come'],
    ['clm why v2026-11', 'how far a tag has come'],
  ]);
};
