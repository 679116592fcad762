/** Plain tables: columns as wide as their contents, no frames, so that `cut` and `awk` work on them. */
import { fit, type Palette, padEnd, truncate, visibleWidth } from './terminal.ts';

export interface Column<Row> {
  title: string;
  value(row: Row): string;
  /** Only with `-o wide`. */
  wide?: boolean;
  /** Gives way first when the terminal is too narrow; the last column always may. */
  shrinks?: boolean;
  paint?(text: string, row: Row): string;
}

export interface TableOptions {
  /** undefined = not a terminal: nothing is cut. */
  columns?: number | undefined;
  wide: boolean;
  colors: Palette;
}

/** Lines of the table, its head first; an empty list of rows gives just the head. */
export function renderTable<Row>(rows: Row[], columns: Column<Row>[], options: TableOptions): string[] {
  const shown = columns.filter((column) => options.wide || !column.wide);
  const cells = rows.map((row) => shown.map((column) => column.value(row)));
  const widths = shown.map((column, index) =>
    Math.max(visibleWidth(column.title), ...cells.map((line) => visibleWidth(line[index] as string))),
  );
  if (options.columns !== undefined && !options.wide) shrink(widths, shown, options.columns);
  const last = shown.length - 1;
  const head = shown.map((column, index) =>
    index === last ? truncate(column.title, widths[index] as number) : fit(column.title, widths[index] as number),
  );
  const lines = [options.colors.bold(head.join('  ').trimEnd())];
  rows.forEach((row, rowIndex) => {
    const line = shown.map((column, index) => {
      const width = widths[index] as number;
      const text = truncate(cells[rowIndex]?.[index] as string, width);
      const painted = column.paint?.(text, row) ?? text;
      return index === last ? painted : padEnd(painted, width);
    });
    lines.push(line.join('  ').trimEnd());
  });
  return lines;
}

const narrowest = 8;

function shrink<Row>(widths: number[], columns: Column<Row>[], available: number): void {
  const gaps = 2 * (widths.length - 1);
  const order = columns.map((column, index) => ({ column, index })).filter((item) => item.column.shrinks);
  const last = widths.length - 1;
  if (!order.some((item) => item.index === last)) order.push({ column: columns[last] as Column<Row>, index: last });
  for (;;) {
    const excess = widths.reduce((a, b) => a + b, 0) + gaps - available;
    if (excess <= 0) return;
    const widest = order.reduce((a, b) => ((widths[b.index] as number) > (widths[a.index] as number) ? b : a));
    const width = widths[widest.index] as number;
    if (width <= narrowest) return;
    widths[widest.index] = Math.max(narrowest, width - Math.max(1, Math.min(excess, Math.ceil(width / 8))));
  }
}
