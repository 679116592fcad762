import type { CheckOutcome } from '../../ports/check-runner.ts';

/** One result of one test on one cluster, oldest first when in a list. */
export interface Sample {
  test: string;
  clusterId: string;
  startedAt: number;
  outcome: CheckOutcome;
  attempts: number;
}

export interface FlakeRate {
  test: string;
  runs: number;
  passed: number;
  failed: number;
  flaky: number;
  /** No verdict: error, cancelled. */
  infrastructure: number;
  skipped: number;
  /** From a pass to a failure that did not last, or a flaky result. */
  flips: number;
  /** 100 · failed / (passed + failed); null with fewer runs than asked for. */
  naivePercent: number | null;
  /** 100 · flips / results that say something; failures that last do not count. */
  flipPercent: number | null;
  /** The flip rate of the second half of the time against the first. */
  trend: 'up' | 'down' | 'steady';
}

/** So many failures in a row are real breakage, not flakiness. */
const lastingFailures = 3;
/** Percentage points by which the halves must differ to be a trend. */
const trendPoints = 5;

const failing = new Set<CheckOutcome>(['fail', 'timedout']);

/** Flake rates by test, the flakiest first. Infrastructure errors and skips never count as runs of the test. */
export function flakeRates(samples: readonly Sample[], options: { minRuns: number }): FlakeRate[] {
  const byTest = groupBy(samples, (sample) => sample.test);
  const rates = [...byTest].map(([test, own]) => rateOf(test, own, options.minRuns));
  return rates.sort(
    (a, b) => (b.flipPercent ?? -1) - (a.flipPercent ?? -1) || b.failed - a.failed || a.test.localeCompare(b.test),
  );
}

/** What the statistical verdict needs of each test. */
export function flakeHistories(samples: readonly Sample[]): Record<string, { runs: number; flakes: number }> {
  return Object.fromEntries(
    [...groupBy(samples, (sample) => sample.test)].map(([test, own]) => {
      const { flips, considered } = flipsOf(own);
      return [test, { runs: considered, flakes: flips }];
    }),
  );
}

function rateOf(test: string, samples: Sample[], minRuns: number): FlakeRate {
  const count = (wanted: (outcome: CheckOutcome) => boolean): number =>
    samples.filter((sample) => wanted(sample.outcome)).length;
  const failed = count((outcome) => failing.has(outcome));
  const passed = count((outcome) => outcome === 'pass');
  const flaky = count((outcome) => outcome === 'flaky');
  const { flips, considered } = flipsOf(samples);
  const said = passed + failed + flaky;
  const middle = middleOf(samples);
  const percent = (part: { flips: number; considered: number }): number =>
    part.considered === 0 ? 0 : (100 * part.flips) / part.considered;
  const before = percent(flipsOf(samples.filter((sample) => sample.startedAt < middle)));
  const after = percent(flipsOf(samples.filter((sample) => sample.startedAt >= middle)));
  return {
    test,
    runs: samples.length,
    passed,
    failed,
    flaky,
    infrastructure: count((outcome) => outcome === 'error' || outcome === 'cancelled'),
    skipped: count((outcome) => outcome === 'skipped' || outcome === 'blocked'),
    flips,
    naivePercent: said < minRuns ? null : (100 * failed) / said,
    flipPercent: said < minRuns ? null : percent({ flips, considered }),
    trend: after - before > trendPoints ? 'up' : before - after > trendPoints ? 'down' : 'steady',
  };
}

/** Cluster by cluster: a pass on one and a failure on another is no flip. */
function flipsOf(samples: readonly Sample[]): { flips: number; considered: number } {
  let flips = 0;
  let considered = 0;
  for (const own of groupBy(samples, (sample) => sample.clusterId).values()) {
    const said = own.filter((one) => one.outcome === 'pass' || one.outcome === 'flaky' || failing.has(one.outcome));
    for (let i = 0; i < said.length; ) {
      const outcome = (said[i] as Sample).outcome;
      if (!failing.has(outcome)) {
        considered += 1;
        if (outcome === 'flaky') flips += 1;
        i += 1;
        continue;
      }
      let end = i;
      while (end < said.length && failing.has((said[end] as Sample).outcome)) end += 1;
      if (end - i < lastingFailures) {
        considered += end - i;
        if (i > 0 && (said[i - 1] as Sample).outcome === 'pass') flips += 1;
      }
      i = end;
    }
  }
  return { flips, considered };
}

function middleOf(samples: readonly Sample[]): number {
  const times = samples.map((sample) => sample.startedAt);
  return times.length === 0 ? 0 : (Math.min(...times) + Math.max(...times)) / 2;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
