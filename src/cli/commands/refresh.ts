import type { ActionAnswer } from '../../api/schemas.ts';
import {
  type ConnectionOptions,
  examples,
  type OutputFormat,
  outputOption,
  type RegisterCommand,
  withConnection,
} from '../command.ts';
import { sendWrite } from '../connection.ts';
import { printAnswer } from '../output.ts';

/** `clm refresh`: look at git and the registry now. */
export const registerRefresh: RegisterCommand = (program, context) => {
  const { io } = context;
  const command = withConnection(program.command('refresh'))
    .addOption(outputOption())
    .summary('look at git and the registry now')
    .description('Does what the next poll would do, at once: for hooks of the git server.')
    .action(async (options: ConnectionOptions & { output: OutputFormat }) => {
      const answer = await sendWrite(options, io, 'asking the daemon to look', (client) =>
        client.post<ActionAnswer>('/v1/refresh', {}),
      );
      await printAnswer(io, options.output, answer);
    });
  examples(command, [['clm refresh', 'after a push, where no webhook is set up']]);
};
