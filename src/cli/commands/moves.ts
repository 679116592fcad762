/** `clm promote`, `hotfix`, `rollback` and `stop-the-line`. */
import { Option } from 'commander';
import type { ActionAnswer } from '../../api/schemas.ts';
import { waivables } from '../../domain/rollout.ts';
import { parseDuration } from '../../support/duration.ts';
import { type ActOptions, examples, type RegisterCommand, withActor } from '../command.ts';
import { sendWrite } from '../connection.ts';
import { badInput } from '../exit.ts';
import { printAnswer } from '../output.ts';

export const registerPromote: RegisterCommand = (program, { io }) => {
  const command = withActor(program.command('promote'))
    .argument('<commit>', 'seven characters or more, or a branch or tag')
    .requiredOption('--to <channel>', 'the channel that is to take it')
    .option('--bypass', 'pick the change of this commit onto the head of the channel, around the channels between')
    .summary('promote a proven version now, or along a manual edge')
    .description('A version that is not proven is refused. Windows and freezes of the target still hold.')
    .action(async (commit: string, options: ActOptions & { to: string; bypass?: boolean }) => {
      const answer = await sendWrite(options, io, 'promoting', (client) =>
        client.post<ActionAnswer>('/v1/promotions', {
          commit,
          to: options.to,
          bypass: options.bypass === true,
          reason: options.reason,
        }),
      );
      await printAnswer(io, options.output, answer);
    });
  examples(command, [
    ['clm promote 3f2a1bc --to stable --reason "release day"', 'along a manual edge'],
    ['clm promote 3f2a1bc --to stable --bypass --reason "minor upgrade waits"', 'around a channel'],
  ]);
};

export const registerHotfix: RegisterCommand = (program, { io }) => {
  const command = withActor(program.command('hotfix'))
    .argument('<commit>', "a commit on top of the channel's head, or the branch or tag that holds it")
    .requiredOption('--to <channel>', 'the channel that is to take it')
    .addOption(new Option('--skip <what...>', 'what it need not wait for').choices([...waivables]))
    .summary('put a fix on a channel ahead of everything else')
    .description('Checks still run. What it skips is a debt: promotions out of the channel wait until it is gathered.')
    .action(async (commit: string, options: ActOptions & { to: string; skip?: string[] }) => {
      const answer = await sendWrite(options, io, 'asking for a hotfix', (client) =>
        client.post<ActionAnswer>('/v1/hotfixes', {
          commit,
          channel: options.to,
          skip: options.skip ?? [],
          reason: options.reason,
        }),
      );
      await printAnswer(io, options.output, answer);
    });
  examples(command, [
    ['clm hotfix 9c1d2e3 --to stable --skip soak waves --reason "CVE-2026-1234"', 'all clusters at once'],
  ]);
};

export const registerRollback: RegisterCommand = (program, { io }) => {
  const command = withActor(program.command('rollback'))
    .argument('<channel>', 'the channel to bring back')
    .option('--to <commit>', 'the version to go back to; the last proven one unless given')
    .summary('bring a channel back to an earlier proven version')
    .description(
      'A new commit restores the earlier configuration; soak, waves and gates are not waited for. The version that is left is vetoed.',
    )
    .action(async (channel: string, options: ActOptions & { to?: string }) => {
      const answer = await sendWrite(options, io, 'asking for a rollback', (client) =>
        client.post<ActionAnswer>('/v1/rollbacks', {
          channel,
          reason: options.reason,
          ...(options.to === undefined ? {} : { to: options.to }),
        }),
      );
      await printAnswer(io, options.output, answer);
    });
  examples(command, [
    ['clm rollback stable --reason "errors since 3f2a1bc"', 'to the last version that was proven'],
    ['clm rollback stable --to 77aa001 --reason "known good"', 'to that one'],
  ]);
};

export const registerStopTheLine: RegisterCommand = (program, { io }) => {
  const command = withActor(program.command('stop-the-line'))
    .option('--for <duration>', 'how long at most: 30m, 4h, 2d', '24h')
    .summary('stop everything between two nodes, start nothing, move no branch')
    .description('The red button. It ends with `clm resume fleet`, or by itself after --for.')
    .action(async (options: ActOptions & { for: string }) => {
      const ms = parseDuration(options.for);
      if (ms === undefined || ms === 0) throw badInput(`'${options.for}' is not a span of time; write 30m, 4h or 2d`);
      const answer = await sendWrite(options, io, 'stopping the line', (client) =>
        client.post<ActionAnswer>('/v1/stop-the-line', {
          reason: options.reason,
          forSeconds: Math.max(1, Math.round(ms / 1000)),
        }),
      );
      await printAnswer(io, options.output, answer);
    });
  examples(command, [['clm stop-the-line --reason "customers report errors"', 'now']]);
};
