import { formatDuration } from '../../support/duration.ts';
import type { RunReport } from './run-report.ts';

const colours: Record<string, string> = {
  pass: '#1a7f37',
  flaky: '#9a6700',
  fail: '#cf222e',
  timedout: '#cf222e',
  blocked: '#cf222e',
  error: '#8250df',
  cancelled: '#8250df',
  skipped: '#656d76',
};

const style = `
:root { color-scheme: light dark; }
body { font: 14px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .6rem; vertical-align: top; }
tr + tr td { border-top: 1px solid #8884; } th { border-bottom: 2px solid #8888; }
.outcome { font-weight: 600; white-space: nowrap; } .quiet { color: #656d76; }
pre { overflow-x: auto; background: #8881; padding: .6rem; border-radius: 4px; font-size: 12px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; } dd { margin: 0; }
`;

/** One page with everything in it: no scripts, no fonts, nothing fetched. */
export function htmlReport(report: RunReport): string {
  const counts = Object.entries(report.counts).map(([outcome, count]) => `${count} ${outcome}`);
  const lines = [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${text(`${report.cluster}: ${report.verdict}`)}</title><style>${style}</style></head><body>`,
    `<h1>${text(report.cluster)}: ${outcome(report.verdict)}</h1>`,
    report.reason === '' ? '' : `<p>${text(report.reason)}</p>`,
    '<dl>',
    ...Object.entries({
      Profile: report.profile,
      Kubernetes: report.kubernetesVersion || 'unknown',
      Started: report.startedAt,
      Took: formatDuration(report.durationSeconds * 1000),
      Checks: counts.join(', '),
      Run: report.run,
      clm: report.runnerVersion,
    }).map(([name, value]) => `<dt class="quiet">${text(name)}</dt><dd>${text(value)}</dd>`),
    '</dl>',
    '<h2>Checks</h2>',
    '<table><thead><tr><th>Outcome</th><th>Check</th><th>Took</th><th>What was found</th></tr></thead><tbody>',
    ...[...report.results.filter(needsSomebody), ...report.results.filter((one) => !needsSomebody(one))].map(row),
    '</tbody></table>',
    ...listOf('Left behind', report.leaked),
    ...listOf(
      'Kept on the cluster for a while',
      report.kept.map((one) => `${one.check}: namespace ${one.namespace} until ${one.until}`),
    ),
    ...listOf('Left out of this run', report.notSelected),
    ...listOf('In no profile', report.inNoProfile),
    '</body></html>',
  ];
  return `${lines.filter((line) => line !== '').join('\n')}\n`;
}

/** They stand first: nobody scrolls for them. */
function needsSomebody({ outcome: said, leaked }: RunReport['results'][number]): boolean {
  return !['pass', 'skipped'].includes(said) || leaked.length > 0;
}

function row(result: RunReport['results'][number]): string {
  const code = result.skipCode === undefined ? '' : ` <span class="quiet">${text(result.skipCode)}</span>`;
  const again = result.attempts > 1 ? ` <span class="quiet">${result.attempts} attempts</span>` : '';
  const informing = result.gate === 'informing' ? ' <span class="quiet">informing</span>' : '';
  return [
    `<tr><td class="outcome">${outcome(result.outcome)}${code}</td>`,
    `<td><b>${text(result.check)}</b>${informing}<br><span class="quiet">${text(result.title)}</span></td>`,
    `<td>${text(formatDuration(result.durationMs))}${again}</td>`,
    `<td>${text(result.message)}${steps(result)}${details('Evidence', result.evidence ?? [])}</td></tr>`,
  ].join('');
}

function steps(result: RunReport['results'][number]): string {
  const lines = (result.steps ?? []).map(
    (step) =>
      `${step.outcome.padEnd(7)} ${step.name}${step.message === undefined ? '' : `: ${step.message}`} (${formatDuration(step.durationMs)})`,
  );
  return details(lines.length === 1 ? '1 step' : `${lines.length} steps`, lines);
}

function details(title: string, lines: string[]): string {
  if (lines.length === 0) return '';
  return `<details><summary>${text(title)}</summary><pre>${text(lines.join('\n'))}</pre></details>`;
}

function listOf(title: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : [`<h2>${text(title)}</h2>`, `<pre>${text(lines.join('\n'))}</pre>`];
}

function outcome(name: string): string {
  return `<span style="color:${colours[name] ?? 'inherit'}">${text(name)}</span>`;
}

function text(value: string): string {
  return value.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
