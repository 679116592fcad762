/** Bars and node squares. */
import type { PoolStatus } from '../../planning/explain/status-document.ts';
import type { Palette } from './terminal.ts';

export interface Segment {
  count: number;
  glyph: string;
  paint: (text: string) => string;
}

/**
 * A bar of exactly `columns` glyphs, shared out in proportion. A segment with a count above zero is never invisible (while
 * there is room), and the last one never fills the bar before the others are zero: 99 of 100 is not full.
 */
export function segmentBar(segments: Segment[], columns: number): string {
  const total = segments.reduce((sum, segment) => sum + segment.count, 0);
  if (columns <= 0) return '';
  if (total === 0) return ' '.repeat(columns);
  const shares = segments.map((segment) => {
    const exact = (segment.count / total) * columns;
    return segment.count > 0 ? Math.max(1, Math.floor(exact)) : 0;
  });
  const sum = (): number => shares.reduce((a, b) => a + b, 0);
  while (sum() > columns) {
    const largest = shares.indexOf(Math.max(...shares));
    shares[largest] = (shares[largest] as number) - 1;
  }
  while (sum() < columns) {
    // The remainder goes where rounding took most.
    let best = -1;
    let bestLoss = Number.NEGATIVE_INFINITY;
    segments.forEach((segment, index) => {
      if (segment.count === 0) return;
      const loss = (segment.count / total) * columns - (shares[index] as number);
      if (loss > bestLoss) {
        bestLoss = loss;
        best = index;
      }
    });
    shares[best] = (shares[best] as number) + 1;
  }
  return segments.map((segment, index) => segment.paint(segment.glyph.repeat(shares[index] as number))).join('');
}

/** One square a node: ■ updated ◧ draining ◌ booting □ old ✗ blocked; a pool too large for the line becomes a bar. */
export function poolSquares(pool: PoolStatus, columns: number, colors: Palette): string {
  const total = pool.total;
  if (total === undefined) return colors.dim('counting nodes');
  const count = { blocked: 0, draining: 0, booting: 0 };
  for (const node of pool.nodes) {
    if (node.phase === 'blocked' || node.phase === 'draining' || node.phase === 'booting') count[node.phase] += 1;
  }
  const updated = pool.updated ?? 0;
  // A booting node is on top of the old ones that it replaces: it is not part of the pool's own count.
  const old = Math.max(0, total - updated - count.blocked - count.draining);
  const segments: Segment[] = [
    { count: updated, glyph: '■', paint: colors.green },
    { count: count.booting, glyph: '◌', paint: colors.cyan },
    { count: count.draining, glyph: '◧', paint: colors.yellow },
    { count: count.blocked, glyph: '✗', paint: colors.red },
    { count: old, glyph: '□', paint: colors.dim },
  ];
  const squares = segments.reduce((sum, segment) => sum + segment.count, 0);
  if (squares <= columns) return segments.map((segment) => segment.paint(segment.glyph.repeat(segment.count))).join('');
  return segmentBar(segments, columns);
}
