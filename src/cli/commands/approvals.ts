/** `clm approve` and `clm reject`: one version, at one place. */
import type { Command } from 'commander';
import type { ActionAnswer } from '../../api/schemas.ts';
import { type ActOptions, type CommandContext, examples, type RegisterCommand, withActor } from '../command.ts';
import { sendWrite } from '../connection.ts';
import { printAnswer } from '../output.ts';

interface ApprovalOptions extends ActOptions {
  channel: string;
  gate?: string;
}

export const registerApprovals: RegisterCommand = (program, context) => {
  const approve = register(
    program,
    context,
    'approve',
    'approved',
    'say yes to a version at a gate, a review or a head',
  );
  examples(approve, [
    ['clm approve 3f2a1bc --channel beta --reason "looked at the graphs"', 'where one thing waits for it'],
    ['clm approve 3f2a1bc --channel beta --gate release --reason "go"', 'one gate of several'],
  ]);
  const reject = register(program, context, 'reject', 'rejected', 'say no to a version at a gate or a review');
  examples(reject, [
    ['clm reject 3f2a1bc --channel beta --reason "not before Monday"', 'approve it later to lift this'],
  ]);
};

function register(
  program: Command,
  { io }: CommandContext,
  name: string,
  verdict: 'approved' | 'rejected',
  summary: string,
): Command {
  return withActor(program.command(name))
    .argument('<commit>', 'seven characters or more, or a branch or tag')
    .requiredOption('--channel <name>', 'the channel whose gate it is, or to whose branch it is to go')
    .option('--gate <name>', "the gate's name, 'review' or 'head', when several wait for an approval")
    .summary(summary)
    .description('It counts for exactly this version, and for no later one.')
    .action(async (commit: string, options: ApprovalOptions) => {
      const answer = await sendWrite(options, io, `${name} under way`, (client) =>
        client.post<ActionAnswer>('/v1/approvals', {
          verdict,
          commit,
          channel: options.channel,
          reason: options.reason,
          ...(options.gate === undefined ? {} : { gate: options.gate }),
        }),
      );
      await printAnswer(io, options.output, answer);
    });
}
