import type { ActionAnswer } from '../../api/schemas.ts';
import { type ActOptions, examples, type RegisterCommand, withActor } from '../command.ts';
import { sendWrite } from '../connection.ts';
import { printAnswer } from '../output.ts';
import { scopeOf } from '../scope.ts';

/** `clm resume`: end the pauses of a scope. */
export const registerResume: RegisterCommand = (program, context) => {
  const { io } = context;
  const command = withActor(program.command('resume'))
    .argument('<scope>', "'fleet', 'channel:NAME', 'wave:CHANNEL/WAVE' or 'cluster:NAME'; a bare name is looked up")
    .summary('end the pauses of a scope')
    .description('Ends pauses of the scope; what waited goes on at once.')
    .action(async (scope: string, options: ActOptions) => {
      const answer = await sendWrite(options, io, 'resuming', async (client) =>
        client.post<ActionAnswer>('/v1/resume', { scope: await scopeOf(scope, client), reason: options.reason }),
      );
      await printAnswer(io, options.output, answer);
    });
  examples(command, [
    ['clm resume channel:beta --reason "incident 4711 is over"', 'a channel'],
    ['clm resume fleet --reason "all clear"', 'everything'],
  ]);
};
