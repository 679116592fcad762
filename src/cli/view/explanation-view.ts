/** `clm why` as a tree that reads from top to bottom. */
import type { Explanation } from '../../planning/explain/status-document.ts';
import { formatDuration } from '../../support/duration.ts';
import { type Palette, printable, wrap } from './terminal.ts';

type Link = Explanation['chain'][number];

export function renderExplanation(explanation: Explanation, options: { columns: number; colors: Palette }): string[] {
  const { columns, colors } = options;
  const now = Date.parse(explanation.at);
  const lines = wrap(printable(explanation.summary), columns).map(colors.bold);
  explanation.chain.forEach((link, i) => {
    const { head, inner } = branches(explanation.chain, i);
    const since = link.since === undefined ? '' : colors.dim(` (for ${formatDuration(now - Date.parse(link.since))})`);
    const code = link.code === undefined ? '' : colors.dim(` [${link.code}]`);
    if (link.depth === 0) lines.push('');
    lines.push(`${colors.dim(head)}${colors.cyan(printable(link.subject))}${since}${code}`);
    const put = (text: string, paint: (line: string) => string): void => {
      for (const line of wrap(printable(text), columns - inner.length))
        lines.push(`${colors.dim(inner)}${paint(line)}`);
    };
    put(link.message, (line) => line);
    if (link.next !== undefined) put(`next: ${link.next}`, colors.dim);
    if (link.action !== undefined) put(`you can: ${link.action}`, colors.yellow);
  });
  return lines;
}

/** The lines of the tree before a link's subject, and before what is said of it. */
function branches(chain: readonly Link[], at: number): { head: string; inner: string } {
  const { depth } = chain[at] as Link;
  let head = '';
  let inner = '';
  for (let level = 1; level <= depth; level += 1) {
    const goesOn = hasMore(chain, at, level);
    head += level < depth ? (goesOn ? '│  ' : '   ') : goesOn ? '├─ ' : '└─ ';
    inner += goesOn ? '│  ' : '   ';
  }
  const child = (chain[at + 1]?.depth ?? 0) > depth;
  return { head, inner: `${inner}${child ? '│  ' : '   '}` };
}

/** Does another link follow at this level, under the same one? */
function hasMore(chain: readonly Link[], at: number, level: number): boolean {
  for (const { depth } of chain.slice(at + 1)) {
    if (depth < level) return false;
    if (depth === level) return true;
  }
  return false;
}
