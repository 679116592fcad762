import { Argument } from 'commander';
import type { ActionAnswer } from '../../api/schemas.ts';
import { type ActOptions, examples, type RegisterCommand, withActor } from '../command.ts';
import { sendWrite } from '../connection.ts';
import { printAnswer } from '../output.ts';

/** `clm confirm`: accept what was held back for safety. */
export const registerConfirm: RegisterCommand = (program, context) => {
  const { io } = context;
  const command = withActor(program.command('confirm'))
    .addArgument(new Argument('<what>', 'what to accept').choices(['registry']))
    .summary('accept a registry read that was held back')
    .description(
      'A registry read that loses more than a tenth of the clusters, or any production cluster or pool, is held back until somebody confirms that it is meant.',
    )
    .action(async (what: string, options: ActOptions) => {
      const answer = await sendWrite(options, io, 'confirming', (client) =>
        client.post<ActionAnswer>('/v1/confirm', { what, reason: options.reason }),
      );
      await printAnswer(io, options.output, answer);
    });
  examples(command, [['clm confirm registry --reason "kube-7 was handed over"', 'after reading `clm status`']]);
};
