/** `clm e2e quarantine`, `unquarantine` and `quarantines`: checks that are left out for a while. */
import type { Command } from 'commander';
import type { ActionAnswer } from '../../api/schemas.ts';
import type { Quarantine } from '../../ports/check-runner.ts';
import { parseDuration } from '../../support/duration.ts';
import {
  type ActOptions,
  type CommandContext,
  type ConnectionOptions,
  examples,
  type OutputFormat,
  outputOption,
  withActor,
  withConnection,
} from '../command.ts';
import { connect, sendWrite } from '../connection.ts';
import { badInput } from '../exit.ts';
import { colorsOf } from '../io.ts';
import { printAnswer, printDocument, tableColumns } from '../output.ts';
import { renderTable } from '../view/table.ts';

interface QuarantineOptions extends ActOptions {
  cluster?: string;
}

export function registerQuarantine(e2e: Command, { io }: CommandContext): void {
  const start = withActor(e2e.command('quarantine'))
    .argument('<check>', 'its id, as `clm e2e list` names it')
    .summary('leave a check out for a while: it is skipped, and blocks nothing')
    .requiredOption('--for <duration>', 'how long: 4h, 7d, at most 90d')
    .option('--cluster <name>', 'only there, by id or alias')
    .option('--issue <url>', 'where the repair is followed')
    .action(async (check: string, options: QuarantineOptions & { for: string; issue?: string }) => {
      const ms = parseDuration(options.for);
      if (ms === undefined || ms < 60_000)
        throw badInput(`'${options.for}' is no span of a minute or more; write 4h or 7d`);
      const answer = await sendWrite(options, io, 'quarantine under way', (client) =>
        client.post<ActionAnswer>('/v1/e2e/quarantines', {
          check,
          reason: options.reason,
          forSeconds: Math.round(ms / 1000),
          ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
          ...(options.issue === undefined ? {} : { issue: options.issue }),
        }),
      );
      await printAnswer(io, options.output, answer);
    });
  examples(start, [
    ['clm e2e quarantine lb.service --for 7d --cluster kube-12 --reason "NLB quota, ticket open"', 'on one cluster'],
    ['clm e2e quarantine network.policy --for 4h --reason "the check itself is broken"', 'everywhere'],
  ]);
  const end = withActor(e2e.command('unquarantine'))
    .argument('<check>', 'its id')
    .summary('end a quarantine before its time')
    .option('--cluster <name>', 'the quarantine of that cluster')
    .action(async (check: string, options: QuarantineOptions) => {
      const answer = await sendWrite(options, io, 'unquarantine under way', (client) =>
        client.post<ActionAnswer>('/v1/e2e/quarantines/end', {
          check,
          reason: options.reason,
          ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
        }),
      );
      await printAnswer(io, options.output, answer);
    });
  examples(end, [['clm e2e unquarantine lb.service --cluster kube-12 --reason "quota raised"', 'now']]);
  const list = withConnection(e2e.command('quarantines'))
    .summary('checks that are left out now, with who, why and until when')
    .addOption(outputOption())
    .action(async (options: ConnectionOptions & { output: OutputFormat }) => {
      const { client } = await connect(options, io);
      const { quarantines } = await client.get<{ quarantines: Quarantine[] }>('/v1/e2e/quarantines');
      await printDocument(io, options.output, { quarantines }, (wide) =>
        quarantines.length === 0
          ? ['no check is quarantined']
          : renderTable(
              quarantines,
              [
                { title: 'CHECK', value: (one) => one.check },
                { title: 'CLUSTER', value: (one) => one.cluster ?? 'all' },
                { title: 'UNTIL', value: (one) => new Date(one.until).toISOString() },
                { title: 'BY', value: (one) => one.actor },
                {
                  title: 'REASON',
                  value: (one) => (one.issue === undefined ? one.reason : `${one.reason} (${one.issue})`),
                  shrinks: true,
                },
              ],
              { columns: tableColumns(io), wide, colors: colorsOf(io) },
            ),
      );
    });
  examples(list, [['clm e2e quarantines', 'all of them']]);
}
