/** `clm explain` */
import { nearMatches } from '../../domain/near-matches.ts';
import { remedies } from '../../planning/remedies/remedies.ts';
import type { CommandContext, OutputFormat } from '../command.ts';
import { badInput } from '../exit.ts';
import { colorsOf } from '../io.ts';
import { printDocument, tableColumns } from '../output.ts';
import { renderTable } from '../view/table.ts';
import { wrap } from '../view/terminal.ts';

export async function runExplain(
  code: string | undefined,
  options: { output: OutputFormat },
  { io }: CommandContext,
): Promise<void> {
  const all = remedies();
  const colors = colorsOf(io);
  if (code === undefined) {
    const list = [...all]
      .map(([name, remedy]) => ({ code: name, ...remedy }))
      .sort((a, b) => a.code.localeCompare(b.code));
    await printDocument(io, options.output, list, (wide) =>
      renderTable(
        list,
        [
          { title: 'CODE', value: (entry) => entry.code },
          { title: 'MEANING', value: (entry) => entry.meaning, shrinks: true },
        ],
        { columns: tableColumns(io), wide, colors },
      ),
    );
    return;
  }
  const remedy = all.get(code);
  if (remedy === undefined) {
    const near = nearMatches(code, all.keys());
    throw badInput(
      `there is no code '${code}'${near.length > 0 ? `; near: ${near.join(', ')}` : '; `clm explain` lists them all'}`,
    );
  }
  await printDocument(io, options.output, { code, ...remedy }, () => [
    colors.bold(code),
    ...wrap(remedy.meaning, Math.min(io.columns(), 100)),
    '',
    ...remedy.actions.flatMap((action) =>
      wrap(action, Math.min(io.columns(), 100) - 2).map((line, index) => `${index === 0 ? '→' : ' '} ${line}`),
    ),
  ]);
}
