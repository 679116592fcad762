import { expect, it } from 'vitest';
import { htmlReport } from '../../../src/checks/report/html.ts';
import type { RunReport } from '../../../src/checks/report/run-report.ts';
import type { CheckOutcome } from '../../../src/ports/check-runner.ts';

const result = (check: string, outcome: CheckOutcome, leaked: string[] = []): RunReport['results'][number] => ({
  ...{ check, outcome, leaked, title: `${check} & more`, area: 'api', gate: 'blocking' },
  ...{ message: 'as seen', startedAt: 0, durationMs: 1_000, attempts: 1 },
  steps: [{ name: 'one', outcome: 'pass', durationMs: 1 }],
});

it('a report for people begins with what needs somebody, and keeps the order of the rest', () => {
  const page = htmlReport({
    ...{ run: 'r', cluster: 'kube-1', profile: 'core', kubernetesVersion: '', startedAt: '', finishedAt: '' },
    ...{ durationSeconds: 1, verdict: 'fail', reason: '', counts: {}, notSelected: [], inNoProfile: [], kept: [] },
    ...{ leaked: ['service/x'], runnerVersion: '0' },
    results: [
      result('a.pass', 'pass'),
      result('b.skipped', 'skipped'),
      result('c.fail', 'fail'),
      result('d.leak', 'pass', ['service/x']),
      result('e.flaky', 'flaky'),
    ],
  });
  const order = [...page.matchAll(/<b>([\w.]+)<\/b>/g)].map((found) => found[1]);
  expect(order).toEqual(['c.fail', 'd.leak', 'e.flaky', 'a.pass', 'b.skipped']);
  expect(page).toContain('<summary>1 step</summary>');
  expect(page).toContain('a.pass &#38; more');
});
