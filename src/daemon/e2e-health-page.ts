/** The health page of scheduled checks, its JSON and its badge: read-only, beside `/metrics`. */
import { type HealthView, healthWord } from '../planning/e2e/health-view.ts';

const colours = { passing: '#2e7d32', failing: '#c62828', stale: '#9e9e9e' };
const dots: Record<string, string> = { pass: '#2e7d32', flaky: '#f9a825', fail: '#c62828', timedout: '#c62828' };

export function healthHtml(view: HealthView): string {
  const banner = view.banner === undefined ? '' : `<div class="banner">${escaped(view.banner)}</div>`;
  const rows = view.rows.map(
    (row) =>
      `<tr><td>${escaped(row.cluster)}</td><td>${escaped(row.check)}</td>` +
      `<td><span style="color:${dots[row.outcome] ?? '#616161'}">●</span> ${escaped(row.outcome)}</td>` +
      `<td>${escaped(row.message)}${row.consecutiveFailures > 1 ? ` (${row.consecutiveFailures} in a row)` : ''}</td>` +
      `<td>${new Date(row.at).toISOString()}</td></tr>`,
  );
  const silent = view.stale.map(
    ({ cluster, lastAt }) =>
      `<li>${escaped(cluster)}: ${lastAt === null ? 'never heard of' : `last heard of at ${new Date(lastAt).toISOString()}`}</li>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>clm: checks</title><meta http-equiv="refresh" content="30">
<style>body{font:14px system-ui;margin:2em}table{border-collapse:collapse}td,th{padding:.3em .8em;border-bottom:1px solid #ddd;text-align:left}
.banner{background:#c62828;color:#fff;padding:1em;font-weight:600;margin-bottom:1em}</style>
${banner}<h1>Checks of the fleet</h1>${silent.length === 0 ? '' : `<p>Silent:</p><ul>${silent.join('')}</ul>`}
<table><thead><tr><th>cluster</th><th>check</th><th>outcome</th><th>details</th><th>time</th></tr></thead>
<tbody>${rows.join('\n')}</tbody></table><p>As of ${new Date(view.at).toISOString()}.</p></html>
`;
}

export function healthBadge(view: HealthView): string {
  const word = healthWord(view);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="110" height="20" role="img" aria-label="checks: ${word}"><title>checks: ${word}</title>
<rect width="50" height="20" fill="#555"/><rect x="50" width="60" height="20" fill="${colours[word]}"/>
<g fill="#fff" text-anchor="middle" font-family="Verdana,sans-serif" font-size="11"><text x="25" y="14">checks</text><text x="80" y="14">${word}</text></g></svg>
`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
