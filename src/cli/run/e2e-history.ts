/** `clm e2e history`, `show`, `flakes`, `failures`, `export` */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { jobName, prowLayout } from '../../checks/report/prow.ts';
import { failureClusters } from '../../planning/e2e/failure-clusters.ts';
import { flakeRates } from '../../planning/e2e/flake-rates.ts';
import { type GridKind, gridOf } from '../../planning/e2e/history-grid.ts';
import type { HistoryResult, RunFilter, RunRecord } from '../../ports/e2e-store.ts';
import { clockFromEnvironment } from '../../support/clock.ts';
import { formatDuration, parseDuration } from '../../support/duration.ts';
import type { CommandContext, ConnectionOptions, OutputFormat } from '../command.ts';
import { withReader } from '../connection.ts';
import { badInput } from '../exit.ts';
import { type CliIo, colorsOf } from '../io.ts';
import { printDocument, tableColumns } from '../output.ts';
import type { Reader } from '../reader.ts';
import { fullSubjects, requireKnown, shownNames } from '../subjects.ts';
import { paintOutcome } from '../view/e2e-view.ts';
import { renderTable, type TableOptions } from '../view/table.ts';
import { printable } from '../view/terminal.ts';

export interface HistoryOptions extends ConnectionOptions {
  output: OutputFormat;
  cluster?: string;
  channel?: string;
  commit?: string;
  profile?: string;
  since: string;
  limit: number;
  grid?: GridKind;
}

/** What the runs of the filter say; a name that is nobody's, and so finds nothing, ends with exit code 2. */
function withRuns<Found extends unknown[]>(
  options: HistoryOptions,
  io: CliIo,
  read: (reader: Reader, filter: RunFilter) => Promise<Found>,
): Promise<Found> {
  const filter = filterOf(options, io);
  return withReader(options, io, (reader) => readRuns(reader, filter, read));
}

async function readRuns<Found extends unknown[]>(
  reader: Reader,
  { clusterId: cluster, channel, commit, ...rest }: RunFilter,
  read: (reader: Reader, filter: RunFilter) => Promise<Found>,
): Promise<Found> {
  const named = await fullSubjects({ cluster, channel, commit }, reader);
  const { cluster: clusterId, ...others } = named;
  const found = await read(reader, { ...rest, ...others, ...(clusterId === undefined ? {} : { clusterId }) });
  if (found.length === 0) await requireKnown(named, reader);
  return found;
}

function filterOf(options: HistoryOptions, io: CliIo): RunFilter {
  const since = parseDuration(options.since);
  if (since === undefined) throw badInput(`--since '${options.since}' is no duration: write 24h, 7d, …`);
  const { cluster, channel, commit, profile, limit } = options;
  return {
    ...(cluster === undefined ? {} : { clusterId: cluster }),
    ...(channel === undefined ? {} : { channel }),
    ...(commit === undefined ? {} : { commit }),
    ...(profile === undefined ? {} : { profile }),
    since: Math.max(0, Math.round(clockFromEnvironment(io.environment['CLM_CLOCK']).now() - since)),
    limit,
  };
}

function tableOptions(io: CliIo, wide: boolean): TableOptions {
  return { columns: tableColumns(io), wide, colors: colorsOf(io) };
}

const at = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');

export async function runE2eHistory(options: HistoryOptions, { io }: CommandContext): Promise<void> {
  const filter = filterOf(options, io);
  if (options.grid !== undefined) return printGrid(options, options.grid, io);
  const { runs, named } = await withReader(options, io, async (reader) => ({
    runs: await readRuns(reader, filter, (one, narrowed) => one.e2eRuns(narrowed)),
    named: await namesFor(options, reader),
  }));
  await printDocument(io, options.output, { runs }, (wide) =>
    runs.length === 0
      ? [`No run of checks since ${at(filter.since ?? 0)}.`]
      : renderTable(
          runs,
          [
            { title: 'STARTED', value: (run) => at(run.startedAt) },
            { title: 'CLUSTER', value: (run) => named(run.clusterId) },
            { title: 'PROFILE', value: (run) => run.profile },
            { title: 'COMMIT', value: (run) => run.commit.slice(0, 7) || '-' },
            { title: 'VERDICT', value: (run) => run.verdict, paint: (text, run) => paintVerdict(run, text, io) },
            { title: 'TOOK', value: (run) => formatDuration(run.finishedAt - run.startedAt) },
            { title: 'RUN', value: (run) => run.id, wide: true },
            { title: 'KIND', value: (run) => run.kind, wide: true },
            { title: 'WHY', value: (run) => printable(run.reason), shrinks: true },
          ],
          tableOptions(io, wide),
        ),
  );
}

/** Documents for programs keep the ids. */
async function namesFor({ output }: { output: OutputFormat }, reader: Reader): Promise<(id: string) => string> {
  return output === 'json' || output === 'yaml' ? (id) => id : shownNames(await reader.status());
}

function paintVerdict(run: RunRecord, text: string, io: CliIo): string {
  return paintOutcome(run.verdict, colorsOf(io), text);
}

const signs: Record<string, string> = {
  pass: '.',
  flaky: '~',
  fail: 'F',
  timedout: 'T',
  blocked: 'B',
  error: 'E',
  cancelled: 'C',
  skipped: '-',
};

async function printGrid(options: HistoryOptions, kind: GridKind, io: CliIo): Promise<void> {
  const filter = filterOf(options, io);
  const { results, named } = await withReader(options, io, async (reader) => ({
    results: await readRuns(reader, filter, (one, narrowed) => one.e2eResults(narrowed)),
    named: await namesFor(options, reader),
  }));
  const grid = gridOf(results, kind);
  const colors = colorsOf(io);
  await printDocument(io, options.output, grid, () => {
    if (grid.rows.length === 0) return ['Nothing was run.'];
    const width = Math.max(...grid.rows.map((row) => row.length));
    const heads = kind === 'runs' ? runHeads(grid.columns, results) : grid.columns.map(named);
    const lines = heads.map((head, index) => `${' '.repeat(width + 2)}${'│'.repeat(index)}┌ ${head}`);
    grid.rows.forEach((row, index) => {
      const cells = (grid.cells[index] ?? []).map((cell) =>
        cell === undefined ? ' ' : paintOutcome(cell.outcome, colors, signs[cell.outcome] ?? '?'),
      );
      lines.push(`${row.padEnd(width + 2)}${cells.join('')}`);
    });
    return [...lines, '', '. pass  ~ flaky  F fail  T timed out  B blocked  E error  C cancelled  - skipped'];
  });
}

/** When each run began and of what commit, before its id: what people look for first. */
function runHeads(runs: readonly string[], results: readonly HistoryResult[]): string[] {
  return runs.map((id) => {
    const own = results.filter((one) => one.runId === id);
    const began = Math.min(...own.map((one) => one.startedAt));
    return `${at(began)}  ${own[0]?.commit.slice(0, 7) || '-'.padEnd(7)}  ${id}`;
  });
}

export async function runE2eShow(
  id: string,
  options: ConnectionOptions & { output: OutputFormat },
  { io }: CommandContext,
): Promise<void> {
  const { found, named } = await withReader(options, io, async (reader) => ({
    found: await reader.e2eRun(id),
    named: await namesFor(options, reader),
  }));
  if (found === undefined) throw badInput(`there is no run '${id}'; clm e2e history -o wide names them`);
  const { run, results } = found;
  await printDocument(io, options.output, found, (wide) => [
    `${paintVerdict(run, run.verdict.toUpperCase(), io)}: profile ${run.profile} on ${named(run.clusterId)}, ${at(run.startedAt)}, commit ${run.commit.slice(0, 7) || '-'}`,
    ...(run.reason === '' ? [] : [run.reason]),
    '',
    ...renderTable(
      results,
      [
        { title: 'CHECK', value: (one) => one.test },
        {
          title: 'OUTCOME',
          value: (one) => (one.skipCode === '' ? one.outcome : `skipped ${one.skipCode}`),
          paint: (text, one) => paintOutcome(one.outcome, colorsOf(io), text),
        },
        { title: 'TRIES', value: (one) => String(one.attempts) },
        { title: 'TOOK', value: (one) => formatDuration(one.durationMs) },
        { title: 'NODES', value: (one) => one.nodes.join(', '), wide: true },
        { title: 'FOUND', value: (one) => printable(one.message), shrinks: true },
      ],
      tableOptions(io, wide),
    ),
  ]);
}

export async function runE2eFlakes(
  options: HistoryOptions & { minRuns: number },
  { io }: CommandContext,
): Promise<void> {
  const results = await withRuns(options, io, (reader, filter) => reader.e2eResults(filter));
  const rates = flakeRates(results, { minRuns: options.minRuns });
  const percent = (value: number | null): string => (value === null ? '-' : `${value.toFixed(1)} %`);
  await printDocument(io, options.output, { flakes: rates }, (wide) =>
    rates.length === 0
      ? ['Nothing was run.']
      : renderTable(
          rates,
          [
            { title: 'CHECK', value: (rate) => rate.test },
            { title: 'RUNS', value: (rate) => String(rate.runs) },
            { title: 'FAILED', value: (rate) => String(rate.failed) },
            { title: 'FLAKY', value: (rate) => String(rate.flaky) },
            { title: 'FLIPS', value: (rate) => percent(rate.flipPercent) },
            { title: 'FAIL RATE', value: (rate) => percent(rate.naivePercent) },
            { title: 'TREND', value: (rate) => rate.trend },
            { title: 'ERRORS', value: (rate) => String(rate.infrastructure), wide: true },
            { title: 'SKIPPED', value: (rate) => String(rate.skipped), wide: true },
          ],
          tableOptions(io, wide),
        ),
  );
}

export async function runE2eFailures(options: HistoryOptions, { io }: CommandContext): Promise<void> {
  const results = await withRuns(options, io, (reader, filter) => reader.e2eResults(filter));
  const clusters = failureClusters(results);
  await printDocument(io, options.output, { failures: clusters }, (wide) =>
    clusters.length === 0
      ? ['Nothing has failed.']
      : renderTable(
          clusters,
          [
            { title: 'TIMES', value: (one) => String(one.count) },
            { title: 'CLUSTERS', value: (one) => String(one.clusters.length) },
            { title: 'CHECKS', value: (one) => one.tests.join(', ') },
            { title: 'LAST', value: (one) => at(one.lastAt) },
            { title: 'SIGNATURE', value: (one) => one.signature, wide: true },
            { title: 'LAST RUN', value: (one) => one.lastRun, wide: true },
            { title: 'WHAT THEY SAY', value: (one) => printable(one.says), shrinks: true },
          ],
          tableOptions(io, wide),
        ),
  );
}

export async function runE2eExport(folder: string, options: HistoryOptions, { io }: CommandContext): Promise<void> {
  const filter = filterOf(options, io);
  const written = await withReader(options, io, async (reader) => {
    const runs = await readRuns(reader, filter, (from, narrowed) => from.e2eRuns(narrowed));
    const tests = await reader.e2eTests();
    let files = 0;
    for (const { id } of runs) {
      const found = await reader.e2eRun(id);
      if (found === undefined) continue;
      const base = path.join(folder, 'logs', jobName(found.run), String(Math.floor(found.run.startedAt / 1000)));
      for (const file of prowLayout(found.run, found.results, tests)) {
        const target = path.join(base, file.path);
        mkdirSync(path.dirname(target), { recursive: true });
        writeFileSync(target, file.text);
        files += 1;
      }
    }
    return { runs: runs.length, files };
  });
  await printDocument(io, options.output, { folder, ...written }, () => [
    `${written.runs} runs in ${written.files} files below ${path.join(folder, 'logs')}`,
  ]);
}
