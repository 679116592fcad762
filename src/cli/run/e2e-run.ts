/** `clm e2e run` */
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { longestKeepMs } from '../../checks/keep.ts';
import { profiles } from '../../checks/profiles.ts';
import { htmlReport } from '../../checks/report/html.ts';
import { junitReport } from '../../checks/report/junit.ts';
import type { RunReport } from '../../checks/report/run-report.ts';
import { selectChecks } from '../../checks/selection.ts';
import { FailureError } from '../../domain/failure.ts';
import { nearMatches } from '../../domain/near-matches.ts';
import type { Problem } from '../../domain/problem.ts';
import { kubeRemedies } from '../../planning/remedies/kube-remedies.ts';
import type { CheckRunState } from '../../ports/check-runner.ts';
import { isInCluster, type KubeAccess, KubeAccessError, loadAccess } from '../../providers/kube/kube-access.ts';
import { clockFromEnvironment } from '../../support/clock.ts';
import { formatDuration, parseDuration } from '../../support/duration.ts';
import { programVersion } from '../../support/project.ts';
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
  keepOnFailure?: string;
  junit?: string;
  html?: string;
  artifacts?: string;
  output: OutputFormat;
}

export async function runE2e(options: E2eRunOptions, { io, exitWith }: CommandContext): Promise<void> {
  const problems: Problem[] = [];
  const target = targetOf(options, io, problems);
  checkSelection(options, problems);
  checkReports(options, problems);
  const keepOnFailureMs = keepMs(options.keepOnFailure, problems);
  const configItems = readSettings(options, problems);
  const quarantine = readQuarantines(options.quarantine, problems);
  if (problems.length > 0 || target === undefined) {
    throw badInput(`${problems.length === 1 ? '1 problem' : `${problems.length} problems`}; nothing was run`, problems);
  }
  const clock = clockFromEnvironment(io.environment['CLM_CLOCK']);
  const progress = new Progress(io, () => clock.now());
  progress.tell(`checking ${target.name} at ${target.server}${target.through}, profile ${options.profile}`);
  let report: RunReport;
  try {
    report = await runStandalone({
      access: target.access,
      cluster: target.name,
      configItems,
      quarantine,
      profile: options.profile,
      only: options.only,
      skip: options.skip,
      ledgerFolder: ledgerFolder(io.environment),
      version: programVersion(),
      keepOnFailureMs,
      artifacts: options.artifacts,
      clock,
      signal: io.signal,
      onProgress: (state) => progress.show(state),
      tell: (line) => progress.tell(line),
    });
  } catch (error) {
    throw unasked(error);
  } finally {
    progress.close();
  }
  if (options.junit !== undefined) writeFileSync(options.junit, junitReport(report));
  if (options.html !== undefined) writeFileSync(options.html, htmlReport(report));
  await printDocument(io, options.output, report, (wide) =>
    renderRunReport(report, { columns: tableColumns(io), wide, colors: colorsOf(io) }),
  );
  for (const line of whatNext(options, report)) io.err(`${line}\n`);
  exitWith(exitCodeOf(report));
}

/** What was written, and what to do about what was found. */
function whatNext(options: E2eRunOptions, report: RunReport): string[] {
  const lines: string[] = [];
  const written = [options.junit, options.html, options.artifacts].filter((file) => file !== undefined);
  if (written.length > 0) lines.push(`written: ${written.join(', ')}`);
  const bad = report.results.filter(({ outcome }) => ['fail', 'timedout', 'blocked', 'error'].includes(outcome));
  if (bad.length > 0) {
    lines.push(`only these again: ${againCommand(options, bad.map(({ check }) => check).join(','))}`);
    if (options.html === undefined)
      lines.push('with --html FILE the report has the steps and the evidence of each check');
  }
  const absent = report.results.filter(({ skipCode }) => skipCode === 'CAPABILITY_ABSENT');
  if (absent.length > 0) {
    const what = absent.length === 1 ? 'a check was skipped' : `${absent.length} checks were skipped`;
    lines.push(
      `${what} for what the cluster does not offer: if it must, say so with --set expects=… (clm e2e list --capabilities)`,
    );
  }
  return lines;
}

/** The same question of these checks alone: what a check was told decides whether it fails. */
function againCommand(options: E2eRunOptions, only: string): string {
  const { kubeconfig, context, profile, settings, set, quarantine } = options;
  const flags = Object.entries({ kubeconfig, context, profile, settings, quarantine, only });
  const given = [...flags, ...set.map((one) => ['set', one] as const)];
  const words = given.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, shellWord(value)]));
  return ['clm e2e run', ...words].join(' ');
}

const shellWord = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** 0 passed, 1 failed, 3 no verdict: it could not be asked, or nothing passed. */
function exitCodeOf(report: RunReport): number {
  if (report.verdict === 'pass' || report.verdict === 'flaky') return exitCodes.well;
  return report.verdict === 'fail' ? exitCodes.failed : exitCodes.refused;
}

export function unasked(error: unknown): unknown {
  if (!(error instanceof FailureError)) return error;
  const { code, message } = error.failure;
  const next = code in kubeRemedies ? `\n  clm explain ${code} says what to do` : '';
  return new CliError(exitCodes.refused, `no verdict: ${code}: ${message}${next}`);
}

/** Where the cluster is: what was named, else $KUBECONFIG (all its files), else ~/.kube/config, else the pod that this runs in. */
function accessOf(options: KubeTarget, io: CliIo): KubeAccess {
  const context = options.context === undefined ? {} : { context: options.context };
  if (options.kubeconfig !== undefined) return { kind: 'kubeconfig', file: options.kubeconfig, ...context };
  const listed = (io.environment['KUBECONFIG'] ?? '').split(path.delimiter).filter((file) => file !== '');
  if (listed.length > 0) return { kind: 'kubeconfig', file: listed, ...context };
  const usual = path.join(io.environment['HOME'] ?? '', '.kube', 'config');
  const root = io.environment['CLM_SERVICE_ACCOUNT_ROOT'];
  if (!existsSync(usual) && isInCluster(io.environment, root)) {
    return { kind: 'in-cluster', ...(root === undefined ? {} : { root }) };
  }
  return { kind: 'kubeconfig', file: usual, ...context };
}

/** How people name a cluster. */
type KubeTarget = Pick<E2eRunOptions, 'kubeconfig' | 'context'>;

interface Target {
  access: KubeAccess;
  name: string;
  server: string;
  /** ` through PROXY (who names it)`, or nothing. */
  through: string;
}

export function targetOf(options: KubeTarget, io: CliIo, problems: Problem[]): Target | undefined {
  const access = accessOf(options, io);
  try {
    const loaded = loadAccess(access, options.context ?? 'of the current context');
    const name = access.kind === 'in-cluster' ? 'in-cluster' : loaded.config.getCurrentContext();
    const { server, proxy } = loaded;
    return { access, name, server, through: proxy === undefined ? '' : ` through ${proxy.url} (${proxy.namedBy})` };
  } catch (error) {
    if (error instanceof KubeAccessError) problems.push(error.problem);
    else if (error instanceof FailureError) {
      const file = options.kubeconfig ?? 'KUBECONFIG';
      problems.push({ file, message: error.message, remedy: 'write https://HOST:PORT as the server of the cluster' });
    } else throw error;
    return undefined;
  }
}

function keepMs(text: string | undefined, problems: Problem[]): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && ms <= longestKeepMs) return ms;
  problems.push({
    file: '--keep-on-failure',
    message: ms === undefined ? `'${text}' is no duration` : `${text} is longer than anything is kept`,
    remedy: `a duration of at most ${formatDuration(longestKeepMs)}: 2h, 30m`,
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
