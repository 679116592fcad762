/** `clm e2e kept` */
import type { Problem } from '../../domain/problem.ts';
import { clockFromEnvironment } from '../../support/clock.ts';
import { formatDuration } from '../../support/duration.ts';
import { programVersion } from '../../support/project.ts';
import type { CommandContext, OutputFormat } from '../command.ts';
import { ledgerFolder } from '../e2e/file-ledger.ts';
import { keptOnCluster } from '../e2e/standalone.ts';
import { badInput, exitCodes } from '../exit.ts';
import { colorsOf } from '../io.ts';
import { printDocument, tableColumns } from '../output.ts';
import { renderTable } from '../view/table.ts';
import { targetOf, unasked } from './e2e-run.ts';

export interface E2eKeptOptions {
  kubeconfig?: string;
  context?: string;
  sweep?: boolean;
  release?: boolean;
  output: OutputFormat;
}

export async function runE2eKept(options: E2eKeptOptions, { io, exitWith }: CommandContext): Promise<void> {
  const problems: Problem[] = [];
  const target = targetOf(options, io, problems);
  if (target === undefined) throw badInput('1 problem; nothing was done', problems);
  const clock = clockFromEnvironment(io.environment['CLM_CLOCK']);
  const wanted = options.release === true ? 'all' : options.sweep === true ? 'expired' : undefined;
  if (wanted !== undefined) io.err('looking for what is to go, and waiting until it is gone\n');
  const { kept, swept, left } = await keptOnCluster(
    {
      cluster: target.name,
      access: target.access,
      ledgerFolder: ledgerFolder(io.environment),
      version: programVersion(),
      clock,
      tell: (line) => io.err(`${line}\n`),
    },
    wanted,
  ).catch((error: unknown) => {
    throw unasked(error);
  });
  const now = clock.now();
  const stamped = (one: (typeof kept)[number]) => ({ ...one, until: new Date(one.until).toISOString() });
  const document = { kept: kept.map(stamped), swept: swept.map(stamped), left };
  await printDocument(io, options.output, document, (wide) => {
    const lines = swept.map((one) => `gone: namespace ${one.namespace} of ${one.check}`);
    for (const line of left) lines.push(`still there: ${line}`);
    if (kept.length === 0) return [...lines, 'Nothing is kept on this cluster.'];
    const table = renderTable(
      kept,
      [
        { title: 'CHECK', value: (one) => one.check },
        { title: 'NAMESPACE', value: (one) => one.namespace },
        { title: 'UNTIL', value: (one) => new Date(one.until).toISOString() },
        {
          title: 'LEFT',
          value: (one) => (one.until <= now ? 'over: the next run or --sweep' : formatDuration(one.until - now)),
        },
        { title: 'RUN', value: (one) => one.run, wide: true },
      ],
      { columns: tableColumns(io), wide, colors: colorsOf(io) },
    );
    return [...lines, ...table];
  });
  exitWith(left.length > 0 ? exitCodes.failed : exitCodes.well);
}
