import { structuredPatch } from 'diff';

export interface LineDiff {
  /** Hunks of a unified diff, without its header. */
  lines: string[];
  added: number;
  removed: number;
}

const context = 3;
/** Two texts that have less in common than this are not worth a diff, and it would take long. */
const mostEdits = 4_000;

/** The lines that differ, with some around them. */
export function lineDiff(before: string, after: string): LineDiff {
  if (before === after) return { lines: [], added: 0, removed: 0 };
  const patch = structuredPatch('', '', before, after, '', '', { context, maxEditLength: mostEdits });
  if (patch === undefined) {
    const [removed, added] = [countLines(before), countLines(after)];
    return { lines: [`too different to compare: ${removed} lines become ${added}`], added, removed };
  }
  const lines: string[] = [];
  for (const { oldStart, oldLines, newStart, newLines, lines: own } of patch.hunks) {
    lines.push(`@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`);
    // the texts are ours and end with a line break
    lines.push(...own.filter((line) => !line.startsWith('\\')));
  }
  const count = (sign: string): number => lines.filter((line) => line.startsWith(sign)).length;
  return { lines, added: count('+'), removed: count('-') };
}

function countLines(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}
