/** `clm e2e kept --fleet` and `--cluster`: what checks of the daemon keep. */
import type { ActionAnswer } from '../../api/schemas.ts';
import type { Problem } from '../../domain/problem.ts';
import type { KeptObjects } from '../../ports/check-runner.ts';
import { formatDuration } from '../../support/duration.ts';
import type { ActorOptions, CommandContext, OutputFormat } from '../command.ts';
import { connect, sendWrite } from '../connection.ts';
import { badInput } from '../exit.ts';
import { colorsOf } from '../io.ts';
import { printAnswer, printDocument, tableColumns } from '../output.ts';
import { renderTable } from '../view/table.ts';

export interface FleetKeptOptions extends ActorOptions {
  fleet?: boolean;
  cluster?: string;
  check?: string;
  kubeconfig?: string;
  context?: string;
  sweep?: boolean;
  release?: boolean;
  reason?: string;
  output: OutputFormat;
}

export async function runFleetKept(options: FleetKeptOptions, { io }: CommandContext): Promise<void> {
  const problems = problemsOf(options);
  if (problems.length > 0) throw badInput(`${problems.length} problems; nothing was done`, problems);
  const { cluster, check, reason } = options;
  if (options.release === true) {
    const about = { cluster, reason, ...(check === undefined ? {} : { check }) };
    const answer = await sendWrite(options, io, 'taking away what is kept, and waiting until it is gone', (client) =>
      client.post<ActionAnswer>('/v1/e2e/kept/release', about),
    );
    await printAnswer(io, options.output, answer);
    return;
  }
  const { client } = await connect(options, io);
  const query = cluster === undefined ? {} : { cluster };
  const { kept } = await client.get<{ kept: (KeptObjects & { alias: string })[] }>('/v1/e2e/kept', query);
  const document = { kept: kept.map((one) => ({ ...one, until: new Date(one.until).toISOString() })) };
  const now = (await client.get<{ at: string }>('/v1/status')).at;
  await printDocument(io, options.output, document, (wide) => {
    if (kept.length === 0) return ["Nothing of the daemon's checks is kept."];
    const left = (until: number): string => {
      const ms = until - Date.parse(now);
      return ms <= 0 ? 'over: it goes within minutes' : formatDuration(ms);
    };
    const table = renderTable(
      kept,
      [
        { title: 'CLUSTER', value: (one) => one.alias },
        { title: 'CHECK', value: (one) => one.check },
        { title: 'NAMESPACE', value: (one) => one.namespace },
        { title: 'UNTIL', value: (one) => new Date(one.until).toISOString() },
        { title: 'LEFT', value: (one) => left(one.until) },
        { title: 'RUN', value: (one) => one.run, wide: true },
      ],
      { columns: tableColumns(io), wide, colors: colorsOf(io) },
    );
    return [...table, '', 'To have it taken away now: clm e2e kept --cluster NAME --release --reason …'];
  });
}

function problemsOf(options: FleetKeptOptions): Problem[] {
  const { cluster, fleet, check, release, reason, sweep, kubeconfig, context } = options;
  const found: [boolean, string, string, string][] = [
    [cluster !== undefined && fleet === true, '--fleet', 'is all clusters, --cluster is one', 'leave one out'],
    [kubeconfig !== undefined || context !== undefined, '--kubeconfig', 'is for standalone runs', 'leave it out'],
    [sweep === true, '--sweep', 'is for standalone runs: the daemon sweeps by itself', 'leave it out'],
    [release === true && cluster === undefined, '--release', 'wants one cluster', 'write --cluster NAME'],
    [release === true && reason === undefined, '--release', 'wants a reason', 'write --reason "seen, OPS-12"'],
    [release !== true && check !== undefined, '--check', 'says what is released', 'write --release too'],
  ];
  // As `run` does: the option stands where a file would.
  return found.filter(([wrong]) => wrong).map(([, file, message, remedy]) => ({ file, message, remedy }));
}
