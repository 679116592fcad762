/** A run of checks on a screen: what it does now, and what came of it. */
import type { RunReport } from '../../checks/report/run-report.ts';
import type { CheckResult, CheckRunState } from '../../ports/check-runner.ts';
import { formatDuration } from '../../support/duration.ts';
import { renderTable, type TableOptions } from './table.ts';
import { type Palette, printable } from './terminal.ts';

/** `4 of 9 checks, running dns.cluster, network.http; about 40s left` */
export function progressLine(state: CheckRunState, now: number): string {
  const said = (check: string): string => {
    const { completed, total, failed } = state.progress[check] ?? { completed: 0, total: 0, failed: 0 };
    if (total === 0) return check;
    return `${check} (${completed} of ${total} tests${failed === 0 ? '' : `, ${failed} failed`})`;
  };
  const running = state.running.length === 0 ? '' : `, running ${state.running.map(said).join(', ')}`;
  const again = state.again.length === 0 ? '' : `, then again ${state.again.join(', ')}`;
  const left = Math.max(0, state.endsAt - now);
  const rest = state.done ? '' : left < 1_000 ? '; about to end' : `; about ${formatDuration(left)} left`;
  return `${state.results.length} of ${state.total} checks${running}${again}${rest}`;
}

/** One finished check, for logs. */
export function resultLine(result: CheckResult, colors: Palette): string {
  const code = result.skipCode === undefined ? '' : ` ${result.skipCode}`;
  const took = formatDuration(result.durationMs);
  return `${paintOutcome(result.outcome, colors)}${code} ${result.check} (${took}): ${printable(result.message)}`;
}

export function renderRunReport(report: RunReport, options: TableOptions): string[] {
  const { colors } = options;
  const lines = renderTable(
    report.results,
    [
      { title: 'CHECK', value: (result) => result.check },
      {
        title: 'OUTCOME',
        value: (result) => (result.skipCode === undefined ? result.outcome : `skipped ${result.skipCode}`),
        paint: (text, result) => paintOutcome(result.outcome, colors, text),
      },
      { title: 'GATE', value: (result) => result.gate, wide: true },
      { title: 'TRIES', value: (result) => String(result.attempts), wide: true },
      { title: 'TOOK', value: (result) => formatDuration(result.durationMs) },
      { title: 'FOUND', value: (result) => printable(result.message), shrinks: true },
    ],
    options,
  );
  lines.push('');
  if (report.leaked.length > 0) {
    lines.push(colors.red('Left behind on the cluster:'), ...report.leaked.map((line) => `  ${printable(line)}`), '');
  }
  if (report.kept.length > 0) {
    lines.push(
      'Kept on the cluster to look at (`clm e2e kept --release` takes it away now, the next run when its time is over):',
      ...report.kept.map((one) => `  ${one.check}: namespace ${printable(one.namespace)} until ${one.until}`),
      '',
    );
  }
  const counts = Object.entries(report.counts).map(([outcome, count]) => `${count} ${outcome}`);
  const version = report.kubernetesVersion === '' ? '' : `, Kubernetes ${report.kubernetesVersion}`;
  lines.push(
    `${paintVerdict(report.verdict, colors)}: profile ${report.profile} on ${report.cluster}${version}: ${counts.join(', ')} in ${formatDuration(report.durationSeconds * 1000)}${report.reason === '' ? '' : ` (${report.reason})`}`,
  );
  return lines;
}

export function paintOutcome(outcome: string, colors: Palette, text: string = outcome): string {
  if (outcome === 'pass') return colors.green(text);
  if (outcome === 'flaky') return colors.yellow(text);
  if (outcome === 'skipped') return colors.dim(text);
  if (outcome === 'error' || outcome === 'cancelled') return colors.magenta(text);
  return colors.red(text);
}

function paintVerdict(verdict: RunReport['verdict'], colors: Palette): string {
  return colors.bold(paintOutcome(verdict, colors, verdict.toUpperCase()));
}
