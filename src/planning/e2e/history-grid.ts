import type { CheckOutcome } from '../../ports/check-runner.ts';
import type { HistoryResult } from '../../ports/e2e-store.ts';

export type GridKind = 'runs' | 'clusters' | 'commits';

export interface GridCell {
  outcome: CheckOutcome;
  message: string;
  /** `passed/runs` when one column holds several results of the row. */
  icon: string;
  runId: string;
}

export interface Grid {
  rows: string[];
  columns: string[];
  /** By row, then column; undefined where nothing was run. */
  cells: (GridCell | undefined)[][];
}

const failing = new Set<CheckOutcome>(['fail', 'timedout', 'blocked']);

/**
 * `runs`: tests × runs. `clusters`: tests × clusters, the latest run of each. `commits`: clusters × commits, all tests of the latest
 * run taken together. Results come oldest first; columns are newest first but for clusters, which go by name.
 */
export function gridOf(results: readonly HistoryResult[], kind: GridKind): Grid {
  const latest = kind === 'runs' ? results : latestRuns(results, kind);
  const rowOf = (one: HistoryResult): string => (kind === 'commits' ? one.clusterId : one.test);
  const columnOf = (one: HistoryResult): string =>
    kind === 'runs' ? one.runId : kind === 'clusters' ? one.clusterId : one.commit.slice(0, 7) || '-';
  const rows = [...new Set(latest.map(rowOf))].sort();
  const seen = [...new Set(latest.map(columnOf))];
  const columns = kind === 'clusters' ? seen.sort() : seen.reverse();
  const groups = new Map<string, HistoryResult[]>();
  for (const one of latest) {
    const key = `${rowOf(one)}\n${columnOf(one)}`;
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  const cells = rows.map((row) => columns.map((column) => merged(groups.get(`${row}\n${column}`), kind)));
  return { rows, columns, cells };
}

/** Only results of the newest run of each cluster (and commit). */
function latestRuns(results: readonly HistoryResult[], kind: GridKind): HistoryResult[] {
  const keyOf = (one: HistoryResult): string =>
    kind === 'clusters' ? one.clusterId : `${one.clusterId}/${one.commit}`;
  const newest = new Map<string, string>();
  for (const one of results) newest.set(keyOf(one), one.runId);
  return results.filter((one) => newest.get(keyOf(one)) === one.runId);
}

/** Several results in one cell: of one test they make it flaky when they differ; of many tests the worst one counts. */
function merged(group: HistoryResult[] | undefined, kind: GridKind): GridCell | undefined {
  const last = group?.at(-1);
  if (group === undefined || last === undefined) return undefined;
  const passed = group.filter((one) => one.outcome === 'pass' || one.outcome === 'flaky').length;
  const said = group.filter((one) => one.outcome !== 'skipped').length;
  const failed = group.find((one) => failing.has(one.outcome));
  const unsure = group.find((one) => one.outcome === 'error' || one.outcome === 'cancelled');
  const icon = group.length === 1 ? '' : `${passed}/${said}`;
  if (kind !== 'commits' && group.length > 1 && failed !== undefined && passed > 0) {
    const message = `${passed}/${said} runs passed: ${failed.message}`;
    return { outcome: 'flaky', message, icon, runId: failed.runId };
  }
  const worst =
    failed ??
    unsure ??
    group.find((one) => one.outcome === 'flaky') ??
    group.find((one) => one.outcome === 'pass') ??
    last;
  return { outcome: worst.outcome, message: worst.message, icon, runId: worst.runId };
}
