import type { ActionAnswer } from '../../api/schemas.ts';
import { type ConnectionOptions, examples, type RegisterCommand, withConnection } from '../command.ts';
import { sendWrite } from '../connection.ts';

/** `clm refresh`: look at git and the registry now. */
export const registerRefresh: RegisterCommand = (program, context) => {
  const { io } = context;
  const command = withConnection(program.command('refresh'))
    .summary('look at git and the registry now')
    .description('Does what the next poll would do, at once: for hooks of the git server.')
    .action(async (options: ConnectionOptions) => {
      const answer = await sendWrite(options, io, 'asking the daemon to look', (client) =>
        client.post<ActionAnswer>('/v1/refresh', {}),
      );
      io.out(`${answer.message}\n`);
    });
  examples(command, [['clm refresh', 'after a push, where no webhook is set up']]);
};
