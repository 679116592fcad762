/** `clm e2e import`: runs that others left in Prow's layout, or a JUnit report alone. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { type ImportedRun, type LayoutFile, readJunitRun, readProwRun } from '../../checks/report/prow.ts';
import type { Problem } from '../../domain/problem.ts';
import type { ActorOptions, CommandContext, OutputFormat } from '../command.ts';
import { sendWrite } from '../connection.ts';
import { badInput, CliError } from '../exit.ts';
import { printDocument } from '../output.ts';

const mostRuns = 1_000;

export interface ImportOptions extends ActorOptions {
  contact: string;
  cluster: string;
  output: OutputFormat;
}

/** Reads every run below the folder first: one that cannot be read means that none is kept. */
export async function runE2eImport(folder: string, options: ImportOptions, { io }: CommandContext): Promise<void> {
  const problems: Problem[] = [];
  const runs: ImportedRun[] = [];
  if (isReport(folder)) runs.push(...readReport(folder, options, problems));
  for (const place of isReport(folder) ? [] : runFolders(folder, problems)) {
    try {
      const job = path.basename(path.dirname(place));
      const { contact, cluster } = options;
      runs.push(readProwRun({ job, build: path.basename(place), contact, cluster, files: filesOf(place, '') }));
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      problems.push({ file: place, message, remedy: 'complete the folder as Prow writes it, or leave it out' });
    }
  }
  if (problems.length > 0) throw badInput(`nothing was imported`, problems);
  let kept = 0;
  try {
    for (const run of runs) {
      await sendWrite(options, io, 'importing', (client) => client.post('/v1/e2e/runs', run));
      kept += 1;
    }
  } catch (error) {
    if (!(error instanceof CliError) || kept === 0) throw error;
    throw new CliError(
      error.exitCode,
      `${kept} of ${runs.length} runs are imported, and then: ${error.message.replace('; nothing was changed', '')}. Import the folder again: what is there already is replaced`,
      error.problems,
    );
  }
  await printDocument(io, options.output, { imported: kept, cluster: options.cluster }, () => [
    `${count(kept)} imported; clm e2e history --cluster ${options.cluster} --since 90d shows what is not older`,
  ]);
}

const isReport = (name: string): boolean => name.endsWith('.xml');

/** One report that stands for itself: chainsaw's, Ginkgo's, anybody's. */
function readReport(file: string, options: ImportOptions, problems: Problem[]): ImportedRun[] {
  const { contact, cluster } = options;
  try {
    const at = statSync(file).mtimeMs;
    const suite = path.basename(file, '.xml');
    const files = [{ name: path.basename(file), text: readFileSync(file, 'utf8') }];
    return [readJunitRun({ suite, build: String(Math.round(at)), contact, cluster, at, files })];
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    problems.push({ file, message, remedy: 'name a JUnit report with results' });
    return [];
  }
}

const count = (runs: number): string => (runs === 1 ? '1 run is' : `${runs} runs are`);

/** Folders that hold a `started.json`, at any depth. */
function runFolders(folder: string, problems: Problem[]): string[] {
  const found: string[] = [];
  const look = (place: string, depth: number): void => {
    const names = readdirSync(place);
    if (names.includes('started.json')) found.push(place);
    else if (depth > 0) {
      for (const name of names)
        if (statSync(path.join(place, name)).isDirectory()) look(path.join(place, name), depth - 1);
    }
  };
  try {
    look(path.resolve(folder), 5);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    problems.push({ file: folder, message, remedy: 'name a folder that can be read' });
    return [];
  }
  if (found.length === 0) {
    problems.push({
      file: folder,
      message: 'there is no started.json below it',
      remedy: 'name a folder of Prow runs: logs/<job>/<build>/',
    });
  }
  if (found.length > mostRuns) {
    problems.push({
      file: folder,
      message: `${found.length} runs are too many at once`,
      remedy: `at most ${mostRuns}: import folder by folder`,
    });
  }
  return found;
}

function filesOf(place: string, below: string): LayoutFile[] {
  return readdirSync(path.join(place, below), { withFileTypes: true }).flatMap((entry) => {
    const relative = path.posix.join(below, entry.name);
    if (entry.isDirectory()) return below.split('/').length > 3 ? [] : filesOf(place, relative);
    if (!/\.(json|xml)$/.test(entry.name)) return [];
    return [{ path: relative, text: readFileSync(path.join(place, relative), 'utf8') }];
  });
}
