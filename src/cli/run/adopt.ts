/** `clm adopt`: show what a first update would meet, ask, adopt. */
import type { AdoptAnswer } from '../../api/schemas.ts';
import type { ActorOptions, CommandContext, OutputFormat } from '../command.ts';
import { sendWrite } from '../connection.ts';
import { badInput, CliError, exitCodes } from '../exit.ts';
import { type CliIo, colorsOf } from '../io.ts';
import { printDocument, tableColumns } from '../output.ts';
import { renderTable } from '../view/table.ts';
import { printable } from '../view/terminal.ts';

export interface AdoptOptions extends ActorOptions {
  output: OutputFormat;
  yes?: boolean;
  reason?: string;
}

export async function runAdopt(options: AdoptOptions, { io }: CommandContext): Promise<void> {
  // with the reason: one that will not do is refused before anybody looks and reads
  const body = options.reason === undefined ? {} : { reason: options.reason };
  const preview = await sendWrite(options, io, 'looking at every cluster', (client) =>
    client.post<AdoptAnswer>('/v1/adopt', body, { dryRun: 'true' }),
  );
  if (preview.adopted) {
    await printDocument(io, options.output, preview, () => ['The fleet is adopted already.']);
    return;
  }
  const machine = options.output === 'json' || options.output === 'yaml';
  if (!machine) io.out(`${previewLines(preview, options.output === 'wide', io).join('\n')}\n`);
  if (options.yes !== true) {
    if (!io.inIsTerminal) throw badInput('nobody is there to ask: give --yes to adopt, after reading the list');
    const answer = await io.ask('Let the daemon change these clusters from now on? Type yes: ');
    if (answer.trim().toLowerCase() !== 'yes') throw new CliError(exitCodes.refused, 'nothing was changed');
  }
  const done = await sendWrite(options, io, 'adopting', (client) => client.post<AdoptAnswer>('/v1/adopt', body));
  await printDocument(io, options.output, done, () => [done.message]);
}

function previewLines(preview: AdoptAnswer, wide: boolean, io: CliIo): string[] {
  const colors = colorsOf(io);
  const refused = preview.clusters.filter((cluster) => !cluster.ok);
  // A long list of clusters that are well says nothing; those that are not are told one by one.
  const shown = wide ? preview.clusters : refused;
  const table = renderTable(
    shown,
    [
      { title: 'CLUSTER', value: (cluster) => cluster.id },
      { title: 'CHANNEL', value: (cluster) => cluster.channel },
      {
        title: 'FINDING',
        value: (cluster) => cluster.finding,
        paint: (text, cluster) => (cluster.ok ? text : colors.red(text)),
      },
      { title: 'MESSAGE', value: (cluster) => printable(cluster.message), shrinks: true },
      { title: 'CHANGES', value: (cluster) => printable(cluster.changes.join(', ')), wide: true },
    ],
    { columns: tableColumns(io), wide, colors },
  );
  return [...(shown.length > 0 ? [...table, ''] : []), preview.message];
}
