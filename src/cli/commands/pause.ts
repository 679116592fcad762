import type { ActionAnswer } from '../../api/schemas.ts';
import { parseDuration } from '../../support/duration.ts';
import { type ActOptions, examples, type RegisterCommand, withActor } from '../command.ts';
import { sendWrite } from '../connection.ts';
import { badInput } from '../exit.ts';
import { printAnswer } from '../output.ts';
import { scopeOf } from '../scope.ts';

interface PauseOptions extends ActOptions {
  for: string;
}

/** `clm pause`: start nothing new in a scope. */
export const registerPause: RegisterCommand = (program, context) => {
  const { io } = context;
  const command = withActor(program.command('pause'))
    .argument('<scope>', "'fleet', 'channel:NAME', 'wave:CHANNEL/WAVE' or 'cluster:NAME'; a bare name is looked up")
    .summary('start nothing new in a channel, a cluster or the fleet')
    .description('What is under way finishes its current node. The pause ends by itself after --for.')
    .option('--for <duration>', 'how long: 30m, 4h, 2d', '24h')
    .action(async (scope: string, options: PauseOptions) => {
      const ms = parseDuration(options.for);
      if (ms === undefined || ms === 0) throw badInput(`'${options.for}' is not a span of time; write 30m, 4h or 2d`);
      const answer = await sendWrite(options, io, 'pausing', async (client) =>
        client.post<ActionAnswer>('/v1/pause', {
          scope: await scopeOf(scope, client),
          reason: options.reason,
          forSeconds: Math.max(1, Math.round(ms / 1000)),
        }),
      );
      await printAnswer(io, options.output, answer);
    });
  examples(command, [
    ['clm pause channel:beta --reason "incident 4711"', 'for a day at most'],
    ['clm pause cluster:kube-12 --for 2h --reason "storage migration"', 'one cluster'],
    ['clm pause fleet --reason "stop the line"', 'everything'],
  ]);
};
