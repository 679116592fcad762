/** What the fleet's checks say now, for people and machines: one row a cluster and check, and whether anybody still looks. Pure. */
import type { HistoryResult } from '../../ports/e2e-store.ts';
import { formatDuration } from '../../support/duration.ts';

export interface HealthRow {
  cluster: string;
  channel: string;
  check: string;
  outcome: string;
  message: string;
  at: number;
  /** Failures in a row, up to the newest. */
  consecutiveFailures: number;
  lastSuccessAt: number | null;
}

export interface HealthView {
  at: number;
  /** Newest first. */
  rows: HealthRow[];
  /** Clusters from which nothing was heard for too long, or ever. */
  stale: { cluster: string; lastAt: number | null }[];
  /** Shown above all else; undefined while results come in. */
  banner?: string;
}

const failing = new Set(['fail', 'timedout']);

/**
 * `results` are oldest first, of scheduled runs. `expected` are clusters that are checked on a schedule, with the time after which
 * silence is a problem of its own.
 */
export function healthView(
  results: readonly HistoryResult[],
  expected: readonly { cluster: string; staleAfterMs: number }[],
  now: number,
): HealthView {
  const rows = new Map<string, HealthRow>();
  const heard = new Map<string, number>();
  for (const one of results) {
    const key = `${one.clusterId}\n${one.test}`;
    const before = rows.get(key);
    const bad = failing.has(one.outcome);
    const said = bad || one.outcome === 'pass' || one.outcome === 'flaky';
    heard.set(one.clusterId, Math.max(heard.get(one.clusterId) ?? 0, one.startedAt + one.durationMs));
    rows.set(key, {
      cluster: one.clusterId,
      channel: one.channel,
      check: one.test,
      outcome: one.outcome,
      message: one.message,
      at: one.startedAt,
      consecutiveFailures: bad ? (before?.consecutiveFailures ?? 0) + 1 : said ? 0 : (before?.consecutiveFailures ?? 0),
      lastSuccessAt: one.outcome === 'pass' ? one.startedAt : (before?.lastSuccessAt ?? null),
    });
  }
  const stale = expected
    .map(({ cluster, staleAfterMs }) => ({ cluster, lastAt: heard.get(cluster) ?? null, staleAfterMs }))
    .filter(({ lastAt, staleAfterMs }) => lastAt === null || now - lastAt > staleAfterMs)
    .map(({ cluster, lastAt }) => ({ cluster, lastAt }));
  const banner = bannerOf(expected.length, stale, heard, now);
  return {
    at: now,
    rows: [...rows.values()].sort(
      (a, b) => b.at - a.at || a.cluster.localeCompare(b.cluster) || a.check.localeCompare(b.check),
    ),
    stale,
    ...(banner === undefined ? {} : { banner }),
  };
}

function bannerOf(
  expected: number,
  stale: readonly { lastAt: number | null }[],
  heard: ReadonlyMap<string, number>,
  now: number,
): string | undefined {
  if (stale.length === 0) return undefined;
  if (stale.length < expected) return `${stale.length} of ${expected} clusters have no recent test data`;
  const last = Math.max(0, ...heard.values());
  return last === 0 ? 'No test data yet' : `No test data for ${formatDuration(now - last)}`;
}

/** `passing`, `failing` or `stale`: for a badge. */
export function healthWord(view: HealthView): 'passing' | 'failing' | 'stale' {
  if (view.rows.some((row) => failing.has(row.outcome))) return 'failing';
  return view.stale.length > 0 || view.rows.length === 0 ? 'stale' : 'passing';
}
