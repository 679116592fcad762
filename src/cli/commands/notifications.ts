/** `clm notifications`: what people were not told yet, and what was given up: sent again, or dropped. */
import type { Command } from 'commander';
import type { NewsItem, NotificationsAnswer } from '../../api/notification-schemas.ts';
import type { ActionAnswer } from '../../api/schemas.ts';
import {
  type ActOptions,
  type CommandContext,
  type ConnectionOptions,
  examples,
  type OutputFormat,
  outputOption,
  type RegisterCommand,
  withActor,
  withConnection,
} from '../command.ts';
import { sendWrite, withReader } from '../connection.ts';
import { badInput } from '../exit.ts';
import { type CliIo, colorsOf } from '../io.ts';
import { printAnswer, printDocument, tableColumns } from '../output.ts';
import { type Column, renderTable } from '../view/table.ts';

export const registerNotifications: RegisterCommand = (program, context) => {
  const group = program
    .command('notifications')
    .summary('news that people were not told: what waits, and what was given up')
    .description('News go through an outbox. What cannot be delivered is given up after some attempts, and kept here.');
  examples(group, [
    ['clm notifications', 'what waits, and what was given up'],
    ['clm notifications resend --place pager --reason "the receiver was down"', 'tell it after all'],
  ]);
  registerList(group, context);
  registerAct(group, context, {
    name: 'resend',
    summary: 'try again to tell news that were given up',
    description: 'Correct the place first. Each keeps its id, so that a receiver knows a repeat.',
    examples: [
      ['clm notifications resend pager/12 pager/15 --reason "the receiver was down"', 'some'],
      ['clm notifications resend --place pager --reason "the receiver was down"', 'all of a place'],
    ],
  });
  registerAct(group, context, {
    name: 'drop',
    summary: 'forget news that were given up; the journal keeps what they were',
    description: 'They go from clm status and from the list.',
    examples: [['clm notifications drop --all --reason "told by hand"', 'everything that was given up']],
  });
};

function registerList(group: Command, { io }: CommandContext): void {
  const list = withConnection(group.command('list', { isDefault: true }))
    .summary('what waits and what was given up (this is what `clm notifications` alone does)')
    .addOption(outputOption())
    .action(async (options: ConnectionOptions & { output: OutputFormat }) => {
      const answer = await withReader(options, io, (reader) => reader.notifications());
      await printDocument(io, options.output, answer, (wide) => linesOf(answer, io, wide));
    });
  examples(list, [
    ['clm notifications', 'oldest first'],
    ['clm notifications -o json', 'for scripts'],
  ]);
}

function linesOf({ places, news }: NotificationsAnswer, io: CliIo, wide: boolean): string[] {
  if (news.length === 0) return ['nothing waits to be told, and nothing was given up'];
  const columns: Column<NewsItem>[] = [
    { title: 'NEWS', value: (one) => one.id },
    { title: 'STATE', value: (one) => one.state },
    { title: 'SINCE', value: (one) => one.since },
    { title: 'KIND', value: (one) => one.kind },
    { title: 'CHANNEL', value: (one) => one.channel, wide: true },
    { title: 'ATTEMPTS', value: (one) => String(one.attempts) },
    { title: 'WHY', value: (one) => one.reason ?? '', shrinks: true },
    { title: 'MESSAGE', value: (one) => one.message, shrinks: true },
  ];
  const counted = places.reduce((sum, one) => sum + one.waiting + one.undelivered, 0);
  const given = places.filter((one) => one.undelivered > 0);
  return [
    ...renderTable(news, columns, { columns: tableColumns(io), wide, colors: colorsOf(io) }),
    ...(counted > news.length ? [`and ${counted - news.length} more that wait`] : []),
    ...(given.length === 0
      ? []
      : [
          `once ${given.map((one) => one.name).join(', ')} can be told: clm notifications resend NEWS… --reason …, or drop`,
        ]),
  ];
}

interface Words {
  name: 'resend' | 'drop';
  summary: string;
  description: string;
  examples: [string, string][];
}

function registerAct(group: Command, { io }: CommandContext, words: Words): void {
  const command = withActor(group.command(words.name))
    .argument('[news...]', 'ids, as `clm notifications` shows them')
    .summary(words.summary)
    .description(words.description)
    .option('--place <name>', 'all that one place was not told')
    .option('--all', 'all that was given up')
    .action(async (news: string[], options: ActOptions & { place?: string; all?: boolean }) => {
      const { place, all, reason } = options;
      const ways = [news.length > 0, place !== undefined, all === true].filter(Boolean).length;
      if (ways !== 1) {
        const found = ways === 0 ? 'nothing is named' : 'more than one of them is there';
        throw badInput(`write ids of news, --place NAME or --all; ${found}`);
      }
      const which = news.length > 0 ? { news } : place === undefined ? { all: true } : { place };
      const answer = await sendWrite(options, io, `${words.name} under way`, (client) =>
        client.post<ActionAnswer>(`/v1/notifications/${words.name}`, { ...which, reason }),
      );
      await printAnswer(io, options.output, answer);
    });
  examples(command, words.examples);
}
