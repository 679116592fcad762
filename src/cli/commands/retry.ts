import type { ActionAnswer } from '../../api/schemas.ts';
import { type ActOptions, examples, type RegisterCommand, withActor } from '../command.ts';
import { sendWrite } from '../connection.ts';
import { printAnswer } from '../output.ts';
import { scopeOf } from '../scope.ts';

/** `clm retry`: another try for what failed. */
export const registerRetry: RegisterCommand = (program, context) => {
  const { io } = context;
  const command = withActor(program.command('retry'))
    .argument('<scope>', "'fleet', 'channel:NAME' or 'cluster:NAME'; a bare name is looked up")
    .summary('try again what has failed, halted or backs off')
    .description('Halted channels go on with a new attempt for their failed clusters, and what backs off is tried now.')
    .action(async (scope: string, options: ActOptions) => {
      const answer = await sendWrite(options, io, 'retrying', async (client) =>
        client.post<ActionAnswer>('/v1/retry', { scope: await scopeOf(scope, client), reason: options.reason }),
      );
      await printAnswer(io, options.output, answer);
    });
  examples(command, [
    ['clm retry cluster:kube-12 --reason "quota was raised"', 'one whose update is stuck, without waiting'],
    ['clm retry channel:dev --reason "flaky check, see 4711"', 'a halted channel'],
  ]);
};
