/** `clm e2e run` */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { profiles } from '../../checks/profiles.ts';
import { htmlReport } from '../../checks/report/html.ts';
import { junitReport } from '../../checks/report/junit.ts';
import type { RunReport } from '../../checks/report/run-report.ts';
import { selectChecks } from '../../checks/selection.ts';
import { FailureError } from '../../domain/failure.ts';
import { nearMatches } from '../../domain/near-matches.ts';
import type { Problem } from '../../domain/problem.ts';
import type { CheckRunState } from '../../ports/check-runner.ts';
import { clockFromEnvironment } from '../../support/clock.ts';
import type { CommandContext, OutputFormat } from '../command.ts';
import { ledgerFolder } from '../e2e/file-ledger.ts';
import { runStandalone } from '../e2e/standalone.ts';
import { readQuarantines, readSettings } from '../e2e/standalone-settings.ts';
import { badInput, CliError, exitCodes } from '../exit.ts';
import { type CliIo, colorsOf } from '../io.ts';
import { printDocument, tableColumns } from '../output.ts';
import { progressLine, renderRunReport, resultLine } from '../view/e2e-view.ts';

export interface E2eRunOptions {
  kubeconfig?: string;
  context?: string;
  profile: string;
  only: string[];
  skip: string[];
  settings?: string;
  set: string[];
  quarantine?: string;
  junit?: string;
  html?: string;
  artifacts?: string;
  output: OutputFormat;
}

export async function runE2e(options: E2eRunOptions, { io, exitWith }: CommandContext): Promise<void> {
  const problems: Problem[] = [];
  const kubeconfig = kubeconfigOf(options, io, problems);
  checkSelection(options, problems);
  checkReports(options, problems);
  const configItems = readSettings(options, problems);
  const quarantine = readQuarantines(options.quarantine, problems);
  if (problems.length > 0 || kubeconfig === undefined) {
    throw badInput(`${problems.length === 1 ? '1 problem' : `${problems.length} problems`}; nothing was run`, problems);
  }
  const clock = clockFromEnvironment(io.environment['CLM_CLOCK']);
  const progress = new Progress(io, () => clock.now());
  let report: RunReport;
  try {
    report = await runStandalone({
      kubeconfig,
      context: options.context,
      configItems,
      quarantine,
      profile: options.profile,
      only: options.only,
      skip: options.skip,
      ledgerFolder: ledgerFolder(io.environment),
      version: programVersion(),
      artifacts: options.artifacts,
      clock,
      signal: io.signal,
      onProgress: (state) => progress.show(state),
      tell: (line) => progress.tell(line),
    });
  } catch (error) {
    throw unasked(error, kubeconfig);
  } finally {
    progress.close();
  }
  if (options.junit !== undefined) writeFileSync(options.junit, junitReport(report));
  if (options.html !== undefined) writeFileSync(options.html, htmlReport(report));
  await printDocument(io, options.output, report, (wide) =>
    renderRunReport(report, { columns: tableColumns(io), wide, colors: colorsOf(io) }),
  );
  exitWith(exitCodeOf(report));
}

/** 0 passed, 1 failed, 3 no verdict: it could not be asked, or nothing passed. */
function exitCodeOf(report: RunReport): number {
  if (report.verdict === 'pass' || report.verdict === 'flaky') return exitCodes.well;
  return report.verdict === 'fail' ? exitCodes.failed : exitCodes.refused;
}

function unasked(error: unknown, kubeconfig: string): unknown {
  if (!(error instanceof FailureError)) return error;
  const { code, message } = error.failure;
  if (code !== 'kube-access-invalid') return new CliError(exitCodes.refused, `no verdict: ${code}: ${message}`);
  const remedy = 'name a kubeconfig and a context that kubectl can use';
  return badInput('the cluster cannot be reached with this kubeconfig', [{ file: kubeconfig, message, remedy }]);
}

function kubeconfigOf(options: E2eRunOptions, io: CliIo, problems: Problem[]): string | undefined {
  const fromEnvironment = (io.environment['KUBECONFIG'] ?? '').split(path.delimiter).filter((file) => file !== '')[0];
  const home = io.environment['HOME'];
  const usual = home === undefined ? undefined : path.join(home, '.kube', 'config');
  const file = options.kubeconfig ?? fromEnvironment ?? usual;
  if (file !== undefined && existsSync(file)) return file;
  problems.push({
    file: file ?? '--kubeconfig',
    message: 'there is no such kubeconfig',
    remedy: 'clm e2e run --kubeconfig FILE, or set KUBECONFIG',
  });
  return undefined;
}

function checkSelection(options: E2eRunOptions, problems: Problem[]): void {
  const profile = profiles[options.profile];
  if (profile === undefined) {
    const near = nearMatches(options.profile, Object.keys(profiles))[0];
    const known = `profiles are ${Object.keys(profiles).join(', ')}`;
    problems.push({
      file: '--profile',
      message: `there is no profile '${options.profile}'`,
      remedy: near === undefined ? known : `did you mean '${near}'? ${known}`,
    });
    return;
  }
  const { unmatched, selected } = selectChecks(profile, options.only, options.skip);
  for (const pattern of unmatched) {
    const elsewhere = (profiles['full'] ?? []).some((check) => check.id === pattern);
    const near = nearMatches(
      pattern,
      profile.map((check) => check.id),
    )[0];
    problems.push({
      file: options.only.includes(pattern) ? '--only' : '--skip',
      message: `'${pattern}' matches no check of profile ${options.profile}`,
      remedy: elsewhere
        ? 'it is in another profile: --profile full has them all'
        : near === undefined
          ? 'clm e2e list names them'
          : `did you mean '${near}'?`,
    });
  }
  if (unmatched.length === 0 && selected.length === 0) {
    problems.push({
      file: '--skip',
      message: 'no check is left to run',
      remedy: 'skip fewer: an empty run proves nothing',
    });
  }
}

function checkReports(options: E2eRunOptions, problems: Problem[]): void {
  for (const [option, file] of [
    ['--junit', options.junit],
    ['--html', options.html],
  ] as const) {
    if (file === undefined || existsSync(path.dirname(path.resolve(file)))) continue;
    problems.push({
      file: option,
      message: `the folder of ${file} does not exist`,
      remedy: `mkdir -p ${path.dirname(file)}`,
    });
  }
}

function programVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** On a terminal one line that changes; else a line for each check that has ended. */
class Progress {
  readonly #io: CliIo;
  readonly #now: () => number;
  #told = 0;
  #shown = '';

  constructor(io: CliIo, now: () => number) {
    this.#io = io;
    this.#now = now;
  }

  show(state: CheckRunState): void {
    if (this.#io.errIsTerminal) {
      const line = progressLine(state, this.#now()).slice(0, Math.max(20, this.#io.columns() - 1));
      if (line !== this.#shown) this.#io.err(`\r${line}\u001b[K`);
      this.#shown = line;
      return;
    }
    for (const result of state.results.slice(this.#told)) {
      this.#io.err(`${this.#told + 1}/${state.total} ${resultLine(result, colorsOf(this.#io))}\n`);
      this.#told += 1;
    }
  }

  tell(line: string): void {
    this.close();
    this.#io.err(`${line}\n`);
  }

  close(): void {
    if (this.#shown !== '') this.#io.err('\r\u001b[K');
    this.#shown = '';
  }
}
