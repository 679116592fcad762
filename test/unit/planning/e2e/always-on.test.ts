import { describe, expect, it } from 'vitest';
import { type AlertSample, alertChange } from '../../../../src/planning/e2e/alerts.ts';
import { healthView, healthWord } from '../../../../src/planning/e2e/health-view.ts';
import { dueRuns, parseSchedule, slotAt } from '../../../../src/planning/e2e/schedule-runs.ts';
import type { CheckOutcome } from '../../../../src/ports/check-runner.ts';
import type { HistoryResult } from '../../../../src/ports/e2e-store.ts';

const minute = 60_000;
const fleet = Array.from({ length: 84 }, (_, i) => ({
  id: `kube-${i}`,
  profiles: [{ profile: 'periodic', everyMs: 5 * minute }],
}));

describe('scheduled runs', () => {
  const base = { clusters: fleet, busy: new Set<string>(), free: 100 };

  it('are due once an interval, however often one looks', () => {
    const slots = new Map<string, number>();
    const lastSlot = (cluster: string, profile: string) => slots.get(`${cluster}/${profile}`);
    let starts = 0;
    for (let now = 0; now < 60 * minute; now += 7_000) {
      for (const due of dueRuns({ ...base, now, lastSlot })) {
        slots.set(`${due.cluster}/${due.profile}`, due.slot);
        starts += 1;
      }
    }
    expect(starts).toBeGreaterThanOrEqual(84 * 12);
    expect(starts).toBeLessThanOrEqual(84 * 13);
  });

  it('begin spread over the interval', () => {
    const phases = fleet.map(({ id }) => slotAt(10 * minute, `${id}/periodic`, 5 * minute).since % (5 * minute));
    const minutes = [0, 1, 2, 3, 4].map((m) => phases.filter((phase) => Math.floor(phase / minute) === m).length);
    for (const count of minutes) expect(count).toBeGreaterThan(4);
  });

  it('never start on a busy cluster, twice on one, or more than may run', () => {
    const two = [
      {
        id: 'a',
        profiles: [
          { profile: 'x', everyMs: minute },
          { profile: 'y', everyMs: minute },
        ],
      },
    ];
    const lastSlot = () => undefined;
    const now = 100 * minute;
    expect(dueRuns({ now, clusters: two, lastSlot, busy: new Set(), free: 5 })).toHaveLength(1);
    expect(dueRuns({ now, clusters: two, lastSlot, busy: new Set(['a']), free: 5 })).toEqual([]);
    expect(dueRuns({ ...base, now, lastSlot, free: 10 })).toHaveLength(10);
    expect(dueRuns({ ...base, now, lastSlot, free: 0 })).toEqual([]);
  });

  it('are said by a cluster instead of its channel', () => {
    expect(parseSchedule('periodic=5m, core=6h')).toEqual({
      profiles: [
        { profile: 'periodic', everyMs: 5 * minute },
        { profile: 'core', everyMs: 360 * minute },
      ],
      problems: [],
    });
    expect(parseSchedule('off')).toEqual({ profiles: [], problems: [] });
    expect(parseSchedule('periodic core=1s').problems).toEqual([
      "'periodic' is not PROFILE=SPAN, like periodic=5m",
      "'core=1s' is shorter than a minute",
    ]);
  });
});

describe('alerts', () => {
  const samples = (outcomes: CheckOutcome[]): AlertSample[] =>
    outcomes.map((outcome, i) => ({ runId: `r${i}`, outcome, message: `m${i}`, startedAt: i }));

  it('open at the third failure in a row, with the run that passed last', () => {
    expect(alertChange(samples(['pass', 'fail', 'fail']), false).kind).toBe('none');
    expect(alertChange(samples(['pass', 'fail', 'timedout', 'fail']), false)).toEqual({
      kind: 'open',
      failures: 3,
      message: 'm3',
      since: 1,
      lastPassRun: 'r0',
    });
  });

  it('are not held up by runs without a verdict, and are not opened by flaky ones', () => {
    expect(alertChange(samples(['fail', 'error', 'fail', 'skipped', 'fail']), false).kind).toBe('open');
    expect(alertChange(samples(['fail', 'fail', 'flaky', 'fail']), false).kind).toBe('none');
  });

  it('are said once, and close only after a pass', () => {
    expect(alertChange(samples(['fail', 'fail', 'fail', 'fail']), true).kind).toBe('none');
    expect(alertChange(samples(['fail', 'fail', 'fail', 'flaky']), true).kind).toBe('none');
    expect(alertChange(samples(['fail', 'fail', 'fail', 'pass']), true)).toEqual({ kind: 'close', passes: 1 });
  });
});

describe('the health view', () => {
  const result = (
    clusterId: string,
    startedAt: number,
    outcome: CheckOutcome,
    test = 'dns.cluster',
  ): HistoryResult => ({
    runId: `r${startedAt}`,
    test,
    outcome,
    attempts: 1,
    startedAt,
    durationMs: 1_000,
    message: outcome,
    signature: '',
    skipCode: '',
    leaked: 0,
    nodes: [],
    clusterId,
    channel: 'dev',
    commit: '',
  });
  const expected = [
    { cluster: 'a', staleAfterMs: 15 * minute },
    { cluster: 'b', staleAfterMs: 15 * minute },
  ];

  it('shows the newest of each check, newest first, with failures in a row and the last success', () => {
    const view = healthView(
      [
        result('a', 1, 'pass'),
        result('b', 2, 'pass'),
        result('a', 3, 'fail'),
        result('a', 4, 'error'),
        result('a', 5, 'fail'),
      ],
      expected,
      minute,
    );
    expect(view.rows.map((row) => [row.cluster, row.outcome, row.consecutiveFailures, row.lastSuccessAt])).toEqual([
      ['a', 'fail', 2, 1],
      ['b', 'pass', 0, 2],
    ]);
    expect(view.banner).toBeUndefined();
    expect(healthWord(view)).toBe('failing');
  });

  it('has a banner when nobody looks any more, and says for how long', () => {
    const last = 20 * minute;
    const old = [result('a', last - 1_000, 'pass'), result('b', last - 1_000, 'pass')];
    expect(healthView(old, expected, last + 10 * minute).banner).toBeUndefined();
    const silent = healthView(old, expected, last + 3_661_000);
    expect(silent.banner).toBe('No test data for 1h 1m');
    expect(healthWord(silent)).toBe('stale');
    expect(healthView(old.slice(0, 1), expected, last).banner).toBe('1 of 2 clusters have no recent test data');
    expect(healthView([], expected, last).banner).toBe('No test data yet');
  });
});
