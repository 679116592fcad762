import { describe, expect, it } from 'vitest';
import { attributeFailures } from '../../../../src/planning/e2e/attribution.ts';
import { judgeGenerations, type NodeCell } from '../../../../src/planning/e2e/generations.ts';
import { type CheckFailure, judgeRegressions } from '../../../../src/planning/e2e/regressions.ts';
import { judgeAttempts, mostAttempts } from '../../../../src/planning/e2e/statistical-verdict.ts';

const verdicts = (attempts: string, history: { runs: number; flakes: number; failingElsewhere?: number }) =>
  judgeAttempts(
    attempts.split('').map((letter) => (letter === 'F' ? 'fail' : 'pass')),
    history,
  ).kind;

describe('the statistical verdict', () => {
  const steady = { runs: 500, flakes: 0 };
  const shaky = { runs: 100, flakes: 30 };

  it('takes a first pass at its word', () => {
    expect(verdicts('P', steady)).toBe('passes');
    expect(verdicts('P', shaky)).toBe('passes');
  });

  it('never believes one failure alone, however steady the check has been', () => {
    expect(verdicts('F', steady)).toBe('again');
  });

  it('calls a steady check broken at its second failure, and a shaky one much later', () => {
    expect(verdicts('FF', steady)).toBe('broken');
    expect(verdicts('FF', shaky)).toBe('again');
    expect(verdicts('FFFFF', shaky)).toBe('broken');
  });

  it('wants more passes to excuse a steady check than a shaky one', () => {
    const passesNeeded = (history: typeof steady): number => {
      for (let passes = 1; passes < mostAttempts; passes++) {
        if (verdicts(`F${'P'.repeat(passes)}`, history) === 'flaky') return passes;
      }
      return mostAttempts;
    };
    expect(passesNeeded(steady)).toBeGreaterThan(passesNeeded(shaky));
    expect(passesNeeded(shaky)).toBeLessThanOrEqual(3);
  });

  it('counts what is undecided in the end as broken: it fails closed', () => {
    expect(verdicts('FPFPFPP', { runs: 40, flakes: 4 })).toBe('broken');
  });

  it('needs less where other clusters fail the same check at the same version', () => {
    expect(verdicts('FF', shaky)).toBe('again');
    expect(verdicts('FF', { ...shaky, failingElsewhere: 3 })).toBe('broken');
  });

  it('is wrong as seldom as it says, both ways, and always comes to an end', () => {
    // a deterministic stand-in for chance: enough for a bound, not for a distribution
    let seed = 12345;
    const chance = (): number => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return seed / 2 ** 31;
    };
    const wrong = (failureRate: number, bad: string): number => {
      let count = 0;
      for (let run = 0; run < 2_000; run++) {
        const attempts: ('pass' | 'fail')[] = [];
        let kind: string;
        do {
          attempts.push(chance() < failureRate ? 'fail' : 'pass');
          kind = judgeAttempts(attempts, { runs: 1_000, flakes: 50 }).kind;
        } while (kind === 'again');
        if (kind === bad) count += 1;
      }
      return count / 2_000;
    };
    expect(wrong(0.05, 'broken')).toBeLessThan(0.02);
    expect(wrong(0.97, 'flaky')).toBeLessThan(0.01);
  });
});

describe('regressions', () => {
  const failure = (check: string, signature = check): CheckFailure => ({
    check,
    outcome: 'fail',
    message: `${check} is broken`,
    signature,
  });
  const after = (failures: CheckFailure[], more: object = {}) => ({
    passed: 5,
    failed: failures.length,
    failures,
    flaky: [] as string[],
    ...more,
  });
  const strict = { maxFlaky: 3 };

  it('block when nothing was measured before the change', () => {
    expect(judgeRegressions(after([failure('dns.cluster')]), undefined, strict)).toMatchObject({ kind: 'block' });
  });

  it('are told from failures that were there in the same way before', () => {
    const verdict = judgeRegressions(
      after([failure('dns.cluster'), failure('lb.service')]),
      [failure('dns.cluster')],
      strict,
    );
    expect(verdict.kind).toBe('block');
    expect(verdict.reason).toBe('check lb.service fail: lb.service is broken, and it passed before the change');
    expect(judgeRegressions(after([failure('dns.cluster')]), [failure('dns.cluster')], strict)).toMatchObject({
      kind: 'acceptable',
      reason: 'failed before the change too: dns.cluster',
    });
  });

  it('include a check that now fails in another way', () => {
    const verdict = judgeRegressions(after([failure('dns.cluster', 'new')]), [failure('dns.cluster', 'old')], strict);
    expect(verdict.reason).toContain('otherwise than before the change (fail: dns.cluster is broken)');
  });

  it('are told in a line, however much a check says', () => {
    const long = { ...failure('dns.cluster'), message: 'x'.repeat(5_000) };
    expect(judgeRegressions(after([long]), undefined, strict).reason).toBe(
      `check dns.cluster fail: ${'x'.repeat(400)}…`,
    );
  });

  it('are never excused when something was left behind, or more failed than was kept', () => {
    const leaking = { ...failure('lb.service'), outcome: 'pass', signature: '' };
    expect(judgeRegressions(after([leaking]), [leaking], strict).kind).toBe('block');
    expect(judgeRegressions(after([failure('a')], { failed: 30 }), [failure('a')], strict).kind).toBe('block');
  });

  it('cannot hide behind a run in which nothing passed', () => {
    expect(judgeRegressions(after([failure('a')], { passed: 0 }), [failure('a')], strict).kind).toBe('block');
    expect(judgeRegressions(after([failure('a')], { passed: 0 }), undefined, strict).reason).toContain('check a ');
  });

  it('let so many masked failures through, and no more', () => {
    const flaky = ['a', 'b', 'c'];
    expect(judgeRegressions(after([], { flaky }), [], { maxFlaky: 3 }).kind).toBe('pass');
    expect(judgeRegressions(after([], { flaky }), [], { maxFlaky: 2 })).toMatchObject({
      kind: 'block',
      reason: '3 masked failures, 2 allowed: a, b, c',
    });
  });
});

describe('attribution', () => {
  const verdict = (cluster: string, ...failing: string[]) => ({ cluster, failing });

  it('blames the change for what fails everywhere, and the cluster for what fails on one', () => {
    expect(attributeFailures([verdict('a', 'dns'), verdict('b', 'dns')])[0]).toMatchObject({ cause: 'change' });
    const one = attributeFailures([verdict('a', 'dns'), verdict('b'), verdict('c')])[0];
    expect(one).toMatchObject({ cause: 'cluster', failing: ['a'] });
    expect(one?.reason).toBe('dns fails on 1 of 3 clusters with this version: the others pass, so it is the cluster');
  });

  it('does not guess from too few', () => {
    expect(attributeFailures([verdict('a', 'dns')])[0]?.cause).toBe('unclear');
    expect(attributeFailures([verdict('a', 'dns'), verdict('b')])[0]?.cause).toBe('unclear');
  });

  it('judges each check by itself, the most widespread first', () => {
    const all = [verdict('a', 'dns', 'lb'), verdict('b', 'dns'), verdict('c', 'dns'), verdict('d')];
    expect(attributeFailures(all).map((one) => [one.check, one.cause])).toEqual([
      ['dns', 'change'],
      ['lb', 'cluster'],
    ]);
  });
});

describe('generations of nodes', () => {
  const cell = (
    generation: 'old' | 'new',
    state: NodeCell['state'],
    node = `${generation}-1`,
    question = 'DNS',
  ): NodeCell => ({
    node,
    generation,
    question,
    state,
    message: state === 'fail' ? 'no DNS' : '',
  });

  it('stop the roll when only new nodes fail', () => {
    expect(judgeGenerations([cell('new', 'fail'), cell('old', 'ok')])).toEqual({
      kind: 'stop',
      reason: 'only new nodes fail (DNS: 0 of 1 new nodes work, 1 of 1 old ones): new-1: no DNS',
    });
  });

  it.each([
    ['old nodes fail too', [cell('new', 'fail'), cell('old', 'fail'), cell('old', 'ok', 'old-2')]],
    ['no old node can be judged', [cell('new', 'fail'), cell('old', 'unknown')]],
    [
      'one new node fails of three',
      [cell('new', 'fail'), cell('new', 'ok', 'n2'), cell('new', 'ok', 'n3'), cell('old', 'ok')],
    ],
    ['no new node can be judged', [cell('new', 'unknown'), cell('old', 'ok')]],
  ])('do not when %s', (_name, cells) => {
    expect(judgeGenerations(cells).kind).toBe('unclear');
  });

  it('stop it too when the first new node of one pool fails, however well those of other pools do', () => {
    const others = [cell('new', 'ok', 'n2'), cell('new', 'ok', 'n3'), cell('old', 'ok')];
    expect(judgeGenerations([{ ...cell('new', 'fail'), first: true }, ...others])).toMatchObject({
      kind: 'stop',
      reason: expect.stringContaining('new-1: no DNS') as string,
    });
    expect(judgeGenerations([cell('new', 'fail'), { ...cell('new', 'ok', 'n4'), first: true }, ...others]).kind).toBe(
      'unclear',
    );
  });

  it.each([
    ['it fails and no old node can be judged', [{ ...cell('new', 'fail'), first: true }, cell('old', 'unknown')]],
    ['it fails and there is no old node', [{ ...cell('new', 'fail'), first: true }]],
    ['it cannot be asked', [{ ...cell('new', 'unknown'), first: true }, cell('new', 'ok', 'n2'), cell('old', 'ok')]],
    [
      'it cannot be asked one of two questions',
      [
        { ...cell('new', 'ok'), first: true },
        cell('old', 'ok'),
        { ...cell('new', 'unknown', 'new-1', 'API'), first: true },
      ],
    ],
  ])('leave a first new node without a verdict when %s', (_name, cells) => {
    expect(judgeGenerations(cells).kind).toBe('no-verdict');
  });

  it('let a first new node go on that fails as old nodes do: the checks after the roll decide', () => {
    const cells = [{ ...cell('new', 'fail'), first: true }, cell('old', 'fail')];
    expect(judgeGenerations(cells).kind).toBe('unclear');
  });

  it('stop it too when what new nodes have taken over fails everywhere', () => {
    const moved = [cell('new', 'fail'), cell('old', 'fail')];
    const api = [cell('new', 'fail', 'new-1', 'API'), cell('old', 'ok', 'old-1', 'API')];
    expect(judgeGenerations(moved).kind).toBe('unclear');
    expect(judgeGenerations([...moved, ...api])).toMatchObject({ kind: 'stop' });
    expect(judgeGenerations([...moved, ...api]).reason).toContain('API: 0 of 1 new nodes work, 1 of 1 old ones');
  });

  it('let the roll go on when new nodes work', () => {
    expect(judgeGenerations([cell('new', 'ok'), cell('old', 'fail')]).kind).toBe('go-on');
  });
});
