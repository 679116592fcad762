import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BisectTrial } from '../../../src/domain/bisect.ts';
import { type BisectView, type NextTrial, nextTrial } from '../../../src/planning/pipeline/bisect.ts';

const good = { commit: 'good', tree: 't' };
const clusters = ['a', 'b'].map((id) => ({ id, code: 'e2e-failed' }));
const batch = (size: number) => Array.from({ length: size }, (_, i) => ({ commit: `c${i + 1}` }));
const viewOf = (size: number, change: Partial<BisectView> = {}): BisectView => ({
  good,
  candidates: batch(size),
  clusters,
  trials: [],
  limits: { clusters: 2, attempts: 20 },
  ...change,
});

type Answer = (commit: string, cluster: string, time: number) => BisectTrial['result'];

/** Tries what is asked for until there is an end. */
function search(view: BisectView, answer: Answer): { end: NextTrial; trials: BisectTrial[] } {
  const trials: BisectTrial[] = [];
  for (;;) {
    const end = nextTrial({ ...view, trials });
    if (end.kind !== 'try') return { end, trials };
    const { commit, cluster } = end;
    const time = trials.filter((one) => one.commit === commit && one.cluster === cluster).length;
    trials.push({ commit, cluster, attempt: trials.length, result: answer(commit, cluster, time) });
  }
}

const brokenFrom =
  (culprit: number): Answer =>
  (commit) =>
    commit !== 'good' && Number(commit.slice(1)) >= culprit ? 'failed' : 'passed';

describe('the search for the commit that halts a channel', () => {
  it('finds it wherever it stands in the batch, in as many trials as halving takes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(), (size, at) => {
        const culprit = 1 + (at % size);
        const { end, trials } = search(viewOf(size), brokenFrom(culprit));
        const before = culprit === 1 ? 'good' : `c${culprit - 1}`;
        expect(end).toMatchObject({ kind: 'culprit', commit: `c${culprit}`, before });
        expect(trials.length).toBeLessThanOrEqual(4 + Math.ceil(Math.log2(size)));
        // whatever is blamed has failed twice, and what is before it has passed
        expect(trials.some((one) => one.commit === before && one.result === 'passed')).toBe(true);
      }),
    );
  });

  it('blames nothing when the failure does not come again, on any cluster', () => {
    const { end, trials } = search(viewOf(3), () => 'passed');
    expect(end).toMatchObject({ kind: 'inconclusive', code: 'not-reproducible' });
    expect(trials.map((one) => [one.commit, one.cluster])).toEqual([
      ['c3', 'a'],
      ['c3', 'b'],
    ]);
  });

  it('goes on to the next cluster when the version before fails on the first one too', () => {
    const { end } = search(viewOf(3), (commit, cluster) =>
      cluster === 'a' ? 'failed' : brokenFrom(2)(commit, cluster, 0),
    );
    expect(end).toMatchObject({ kind: 'culprit', commit: 'c2', before: 'c1' });
    expect(end).toMatchObject({ reason: expect.stringContaining('on b ') as string });
  });

  it('blames nothing that fails once and passes once, or could not be tried', () => {
    const flaky = search(viewOf(3), (commit, cluster, time) =>
      commit === 'c2' && time > 0 ? 'passed' : brokenFrom(2)(commit, cluster, time),
    );
    expect(flaky.end).toMatchObject({ kind: 'inconclusive', reason: expect.stringContaining('passes once') as string });
    const none = search(viewOf(3), (commit, cluster) => (commit === 'c2' ? 'none' : brokenFrom(2)(commit, cluster, 0)));
    expect(none.end).toMatchObject({
      kind: 'inconclusive',
      reason: expect.stringContaining('could not be tried') as string,
    });
  });

  it('keeps its limits, and says what it lacks', () => {
    const spent = search(viewOf(40, { limits: { clusters: 2, attempts: 4 } }), brokenFrom(17));
    expect(spent.trials).toHaveLength(4);
    expect(spent.end).toMatchObject({ kind: 'inconclusive', code: 'attempts-spent' });
    expect(nextTrial(viewOf(3, { good: null }))).toMatchObject({ code: 'no-known-good' });
    expect(nextTrial(viewOf(0))).toMatchObject({ code: 'no-candidates' });
    expect(nextTrial(viewOf(2, { clusters: [] }))).toMatchObject({ code: 'not-reproducible' });
    const trials: BisectTrial[] = [{ commit: 'c3', cluster: 'a', attempt: 1001, result: 'inFlight' }];
    expect(nextTrial(viewOf(3, { trials }))).toMatchObject({ kind: 'wait' });
  });
});
