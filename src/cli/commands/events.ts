import { Option } from 'commander';
import { examples, type RegisterCommand, wholeNumber, withConnection } from '../command.ts';
import type { EventsOptions } from '../run/events.ts';

/** `clm events`: the journal of decisions. */
export const registerEvents: RegisterCommand = (program, context) => {
  const command = withConnection(program.command('events'))
    .summary('the journal of decisions')
    .description('Prints what was decided and done, oldest first. With -o json each entry is one line.')
    .option('-f, --follow', 'keep printing what happens, until Ctrl-C')
    .option('--channel <name>', 'only this channel')
    .option('--cluster <name>', 'only this cluster, by id or alias')
    .option('--commit <ref>', 'only this commit: seven characters or more, a tag, a branch, or a channel for its head')
    .option('--kind <kind>', 'only this kind: cluster-updated, node-drained, branch-moved, …')
    .option('-n, --limit <count>', 'begin with this many', wholeNumber, 50)
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(['table', 'wide', 'json', 'yaml']).default('table'),
    )
    .action(async (options: EventsOptions) => {
      const { runEvents } = await import('../run/events.ts');
      await runEvents(options, context);
    });
  examples(command, [
    ['clm events -f', 'follow'],
    ['clm events --channel beta -n 200', 'the last 200 of a channel'],
    ['clm events -f --cluster kube-12', 'one cluster'],
    ['clm events -f -o json | jq -r .message', 'for scripts'],
  ]);
};
