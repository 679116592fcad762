/** `clm why` as a chain that reads from top to bottom. */
import type { Explanation } from '../../planning/explain/status-document.ts';
import { formatDuration } from '../../support/duration.ts';
import { type Palette, printable, wrap } from './terminal.ts';

export function renderExplanation(explanation: Explanation, options: { columns: number; colors: Palette }): string[] {
  const { columns, colors } = options;
  const now = Date.parse(explanation.at);
  const lines = wrap(printable(explanation.summary), columns).map(colors.bold);
  explanation.chain.forEach((link, depth) => {
    const indent = '  '.repeat(Math.min(depth, 6));
    const since = link.since === undefined ? '' : colors.dim(` (for ${formatDuration(now - Date.parse(link.since))})`);
    const code = link.code === undefined ? '' : colors.dim(` [${link.code}]`);
    lines.push('', `${indent}${depth === 0 ? '' : '└ '}${colors.cyan(printable(link.subject))}${since}${code}`);
    const inner = `${indent}${depth === 0 ? '  ' : '    '}`;
    for (const line of wrap(printable(link.message), columns - inner.length)) lines.push(`${inner}${line}`);
    if (link.next !== undefined) {
      for (const line of wrap(`next: ${printable(link.next)}`, columns - inner.length))
        lines.push(`${inner}${colors.dim(line)}`);
    }
    if (link.action !== undefined) {
      for (const line of wrap(`you can: ${printable(link.action)}`, columns - inner.length)) {
        lines.push(`${inner}${colors.yellow(line)}`);
      }
    }
  });
  return lines;
}
