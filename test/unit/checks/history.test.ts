import { XMLParser } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { prowLayout, readJunitRun, readProwRun } from '../../../src/checks/report/prow.ts';
import { readJunit } from '../../../src/checks/report/read-junit.ts';
import { failureClusters } from '../../../src/planning/e2e/failure-clusters.ts';
import { flakeRates } from '../../../src/planning/e2e/flake-rates.ts';
import { gridOf } from '../../../src/planning/e2e/history-grid.ts';
import { resultRecords, runRecord, runVerdict } from '../../../src/planning/e2e/run-record.ts';
import { failureSignature } from '../../../src/planning/e2e/signature.ts';
import type { CheckOutcome, CheckResult } from '../../../src/ports/check-runner.ts';
import type { HistoryResult } from '../../../src/ports/e2e-store.ts';

const result = (check: string, outcome: CheckOutcome, parts: Partial<CheckResult> = {}): CheckResult => ({
  check,
  gate: 'blocking',
  outcome,
  message: `${check} says ${outcome}`,
  startedAt: 1_000,
  durationMs: 2_000,
  attempts: 1,
  leaked: [],
  ...parts,
});

const about = {
  id: 'e2e:1/0',
  kind: 'cluster-update' as const,
  profile: 'smoke',
  trigger: 'e2e:1',
  channel: 'dev',
  commit: 'c0ffee0c0ffee',
  clusterId: 'kube-1',
  provider: 'aws',
  region: 'eu-central-1',
  environment: 'test',
  kubernetesVersion: 'v1.31.4',
  runnerVersion: '0.1.0',
  contact: 'team@example.org',
  headers: {},
  startedAt: 1_000,
  now: 61_000,
};

const history = (outcomes: string, clusterId = 'kube-1', test = 'dns.cluster'): HistoryResult[] =>
  Array.from(outcomes, (sign, index) => ({
    ...(resultRecords(`run-${index}`, [
      result(test, ({ p: 'pass', f: 'fail', y: 'flaky', e: 'error' } as const)[sign as 'p'], {
        startedAt: index * 1_000,
      }),
    ])[0] as HistoryResult),
    clusterId,
    channel: 'dev',
    commit: `commit-${index}`,
  }));

describe('the verdict of a run', () => {
  it('is pass only when something passed and nothing blocking is wrong', () => {
    expect(runVerdict([result('a', 'pass'), result('b', 'skipped')]).verdict).toBe('pass');
    expect(runVerdict([result('a', 'skipped')]).verdict).toBe('error');
    expect(runVerdict([]).verdict).toBe('error');
    expect(runVerdict([result('a', 'pass'), result('b', 'timedout')])).toEqual({
      verdict: 'fail',
      reason: '1 failed: b',
    });
    expect(runVerdict([result('a', 'pass'), result('b', 'fail', { gate: 'informing' })]).verdict).toBe('pass');
    expect(runVerdict([result('a', 'pass'), result('b', 'error')]).verdict).toBe('error');
    expect(runVerdict([result('a', 'pass'), result('b', 'cancelled')]).verdict).toBe('cancelled');
    expect(runVerdict([result('a', 'flaky')]).verdict).toBe('flaky');
  });

  it('is fail when something was left behind, whatever passed', () => {
    expect(runVerdict([result('a', 'pass', { leaked: ['namespace/x'] })]).reason).toBe('1 left something behind: a');
  });

  it('names the first checks alone of many', () => {
    const cancelled = Array.from({ length: 42 }, (_, i) => result(`c${i}`, 'cancelled'));
    const reason = '42 without a verdict: c0, c1, c2, c3, c4, c5, c6, c7 and 34 more';
    expect(runVerdict(cancelled)).toEqual({ verdict: 'cancelled', reason });
  });
});

describe('flake rates', () => {
  it('count changes of mind, and not failures that last', () => {
    const [rate] = flakeRates(history('ppfpppypp'), { minRuns: 5 });
    expect(rate).toMatchObject({ runs: 9, failed: 1, flaky: 1, flips: 2 });
    expect(rate?.flipPercent).toBeCloseTo((100 * 2) / 9);
    expect(flakeRates(history('pppffffppp'), { minRuns: 5 })[0]).toMatchObject({ failed: 4, flips: 0, flipPercent: 0 });
  });

  it('leave out runs without a verdict, and give no rate for too few runs', () => {
    expect(flakeRates(history('peepf'), { minRuns: 5 })[0]).toMatchObject({ infrastructure: 2, naivePercent: null });
    expect(flakeRates(history('peepf'), { minRuns: 3 })[0]?.naivePercent).toBeCloseTo(100 / 3);
  });

  it('never take two clusters for one that changed its mind', () => {
    const both = [...history('ppppp', 'a'), ...history('fffff', 'b')];
    expect(flakeRates(both, { minRuns: 1 })[0]?.flips).toBe(0);
  });

  it('show where it goes', () => {
    expect(flakeRates(history('pppppppfpfpfpfp'), { minRuns: 1 })[0]?.trend).toBe('up');
    expect(flakeRates(history('pfpfpfpfppppppp'), { minRuns: 1 })[0]?.trend).toBe('down');
  });
});

describe('grids', () => {
  it('have tests by runs, newest first', () => {
    const grid = gridOf(history('pf'), 'runs');
    expect(grid).toMatchObject({ rows: ['dns.cluster'], columns: ['run-1', 'run-0'] });
    expect(grid.cells[0]?.map((cell) => cell?.outcome)).toEqual(['fail', 'pass']);
  });

  it('have tests by clusters with the latest run of each', () => {
    const grid = gridOf([...history('pf', 'a'), ...history('fp', 'b')], 'clusters');
    expect(grid.columns).toEqual(['a', 'b']);
    expect(grid.cells[0]?.map((cell) => cell?.outcome)).toEqual(['fail', 'pass']);
  });

  it('have clusters by commits, where the worst result counts', () => {
    const one = history('p', 'a').concat(history('f', 'a', 'api.health'));
    const grid = gridOf(one, 'commits');
    expect(grid).toMatchObject({ rows: ['a'], columns: ['commit-'] });
    expect(grid.cells[0]?.[0]).toMatchObject({ outcome: 'fail', icon: '1/2' });
  });

  it('call a cell flaky in which one test both passed and failed', () => {
    const twice = history('pf').map((one) => ({ ...one, runId: 'run-0' }));
    expect(gridOf(twice, 'runs').cells[0]?.[0]).toMatchObject({ outcome: 'flaky', icon: '1/2' });
  });
});

describe('failures that say the same', () => {
  it('share a signature whatever their names, numbers and times', () => {
    const a =
      'pod web-5d8c7b9f6d-x2x4k on ip-10-0-0-1.eu-central-1.compute.internal: not within 60 s at 2026-01-01T00:00:00Z';
    const b =
      'pod web-7f9c8d6b5c-q9z8w on ip-10-9-8-7.eu-central-1.compute.internal: not within 90 s at 2026-02-03T04:05:06Z';
    expect(failureSignature('t', a)).toBe(failureSignature('t', b));
    expect(failureSignature('t', a)).not.toBe(failureSignature('t', 'pod web is not ready'));
    expect(failureSignature('t', a)).not.toBe(failureSignature('u', a));
  });

  it('share it with what history has kept of them', () => {
    const long = `${'no answer from the server of names; '.repeat(8)}and then some`;
    expect(failureSignature('t', long.slice(0, 256))).toBe(failureSignature('t', long));
  });

  it('are counted over clusters', () => {
    const [first, ...others] = failureClusters([...history('pff', 'a'), ...history('f', 'b')]);
    expect(first).toMatchObject({ count: 3, clusters: ['a', 'b'], tests: ['dns.cluster'] });
    expect(others).toEqual([]);
  });
});

describe('a JUnit report alone', () => {
  const about = { suite: 'chainsaw-report', build: '7', contact: 'them@example.org', cluster: 'kube-1', at: 1_000_000 };
  // As chainsaw writes it: suites in suites.
  const report = (second: string): string =>
    `<testsuites name="chainsaw-report"><testsuite name="quick"><testsuite name="policies"><testcase name="deny" classname="policies" time="12.5"/>` +
    `<testcase name="allow" classname="policies" time="2">${second}</testcase></testsuite></testsuite></testsuites>`;
  const read = (second: string) =>
    readJunitRun({ ...about, files: [{ name: 'chainsaw-report.xml', text: report(second) }] });

  it('is a run with its tests, whoever wrote it', () => {
    const { run, tests, results } = read('');
    expect(run).toMatchObject({
      id: 'import/chainsaw-report/7',
      verdict: 'pass',
      clusterId: 'kube-1',
      contact: 'them@example.org',
    });
    expect(run.finishedAt - run.startedAt).toBe(14_500);
    expect(tests.map((test) => test.key)).toEqual(['deny', 'allow']);
    expect(results.map((one) => one.outcome)).toEqual(['pass', 'pass']);
  });

  it('fails with its tests, and is refused when none of them ran', () => {
    expect(read('<failure message="no"/>').run).toMatchObject({ verdict: 'fail', reason: '1 tests failed' });
    expect(() =>
      readJunitRun({ ...about, files: [{ name: 'a.xml', text: '<testsuites><testsuite name="x"/></testsuites>' }] }),
    ).toThrow('none of its tests ran');
  });
});

describe('the Prow layout', () => {
  const results = [result('a', 'pass'), result('b', 'fail'), result('c', 'skipped', { skipCode: 'CAPABILITY_ABSENT' })];
  const run = runRecord(about, results);
  const tests = results.map((one) => ({ key: one.check, title: one.check, area: 'api', gate: one.gate }));

  it('is written and read back', () => {
    const files = prowLayout(run, resultRecords(run.id, results), tests);
    expect(files.map((file) => file.path)).toEqual([
      'started.json',
      'finished.json',
      'build-log.txt',
      'artifacts/metadata.json',
      'artifacts/junit_01.xml',
    ]);
    expect(JSON.parse(files[1]?.text ?? '')).toMatchObject({ timestamp: 61, passed: false, result: 'FAILURE' });
    const back = readProwRun({ job: 'nightly', build: '7', contact: 'them@example.org', cluster: 'other', files });
    expect(back.run).toMatchObject({
      kind: 'imported',
      verdict: 'fail',
      commit: about.commit,
      contact: 'them@example.org',
      profile: 'smoke',
    });
    expect(back.results.map((one) => [one.test, one.outcome, one.skipCode])).toEqual([
      ['a', 'pass', ''],
      ['b', 'fail', ''],
      ['c', 'skipped', 'CAPABILITY_ABSENT'],
    ]);
  });

  it('gives no verdict for a run that never finished, whatever its tests say', () => {
    const files = prowLayout(run, resultRecords(run.id, [result('a', 'pass')]), tests).filter(
      (file) => file.path !== 'finished.json',
    );
    const back = readProwRun({ job: 'j', build: '1', contact: 'x', cluster: 'c', files });
    expect(back.run).toMatchObject({ verdict: 'error', reason: 'finished.json is missing: the run never ended' });
  });

  it('does not believe a run that says passed while tests failed', () => {
    const files = prowLayout({ ...run, verdict: 'pass' }, resultRecords(run.id, results), tests);
    expect(readProwRun({ job: 'j', build: '1', contact: 'x', cluster: 'c', files }).run.verdict).toBe('fail');
  });

  it('says what is missing or no JSON', () => {
    expect(() => readProwRun({ job: 'j', build: '1', contact: 'x', cluster: 'c', files: [] })).toThrow(
      'started.json is missing',
    );
    const files = [{ path: 'started.json', text: '{' }];
    expect(() => readProwRun({ job: 'j', build: '1', contact: 'x', cluster: 'c', files })).toThrow(
      'started.json is not JSON',
    );
  });
});

describe('JUnit of others', () => {
  const suite = (cases: string): string =>
    `<?xml version="1.0"?><testsuites><testsuite name="e2e">${cases}</testsuite></testsuites>`;

  it('may come in one file or one a process; who skipped what another ran does not count', () => {
    const one = suite('<testcase name="[It] a"/><testcase name="[It] b"><skipped/></testcase>');
    const two = suite(
      '<testcase name="[It] a"><skipped/></testcase><testcase name="[It] b"><failure message="no">x</failure></testcase>',
    );
    expect(
      readJunit([
        { name: '1', text: one },
        { name: '2', text: two },
      ]).map((each) => [each.name, each.outcome]),
    ).toEqual([
      ['a', 'pass'],
      ['b', 'fail'],
    ]);
  });

  it('is flaky where the same test passed and failed', () => {
    const pass = suite('<testcase name="a"/>');
    const fail = suite('<testcase name="a"><failure>boom</failure></testcase>');
    expect(
      readJunit([
        { name: '1', text: pass },
        { name: '2', text: fail },
      ])[0],
    ).toMatchObject({ outcome: 'flaky', message: 'boom' });
  });

  it('may have thousands of skipped cases, names with quotes and brackets, and very long outputs', () => {
    const skipped = Array.from(
      { length: 6_800 },
      (_, index) => `<testcase name="[It] [sig-x] case ${index}" status="skipped"><skipped/></testcase>`,
    );
    const odd =
      '<testcase name="[It] [sig-net] &quot;a&quot; &lt;b&gt; [Conformance]" time="1.5"><failure>' +
      'x'.repeat(20_000) +
      '</failure></testcase>';
    const cases = readJunit([{ name: 'junit_01.xml', text: suite(skipped.join('') + odd) }]);
    expect(cases).toHaveLength(6_801);
    expect(cases.at(-1)).toMatchObject({ name: '[sig-net] "a" <b> [Conformance]', outcome: 'fail', durationMs: 1_500 });
    expect(cases.at(-1)?.message).toHaveLength(10_000);
  });

  it('says which file is none', () => {
    expect(() => readJunit([{ name: 'odd.xml', text: '<html></html>' }])).toThrow(
      'odd.xml: it has no testsuite: not JUnit',
    );
  });

  it('written here can be read by others: control characters are gone, failures counted', () => {
    const run = runRecord(about, [result('a', 'fail', { message: 'bell \u0007 and ]]> & <b>' })]);
    const files = prowLayout(
      run,
      resultRecords(run.id, [result('a', 'fail', { message: 'bell \u0007 and ]]> & <b>' })]),
      [],
    );
    const text = files.at(-1)?.text ?? '';
    expect(text).not.toContain('\u0007');
    const parsed = new XMLParser({ ignoreAttributes: false }).parse(text);
    expect(parsed.testsuites.testsuite['@_failures']).toBe('1');
    expect(parsed.testsuites.testsuite.testcase.failure['@_message']).toBe('bell · and ]]> & <b>');
  });
});
