import { describe, expect, it } from 'vitest';
import { initialTransition, transition } from 'xstate';
import type { StoredCheckResult } from '../../../src/machines/e2e-run/context.ts';
import { maxRounds } from '../../../src/machines/e2e-run/context.ts';
import { e2eRunMachine } from '../../../src/machines/e2e-run/machine.ts';

const input = {
  clusterId: 'aws:1:eu:kube-1',
  channel: 'dev',
  commit: 'c0ffee',
  version: 'c0ffee#1',
  updateId: 'update:1',
  attempt: 1,
  profile: 'smoke',
};

const result = (check: string, outcome: StoredCheckResult['outcome'], leaked: string[] = []): StoredCheckResult => ({
  check,
  gate: 'blocking',
  outcome,
  message: `${check} says ${outcome}`,
  startedAt: 1,
  durationMs: 2,
  attempts: 1,
  leaked,
});

const start = () => initialTransition(e2eRunMachine, input)[0];
const done = (...results: StoredCheckResult[]) => ({
  type: 'STEP_DONE' as const,
  output: { results, running: [], total: results.length, endsAt: 9 } as never,
  now: 5,
});

describe('the e2eRun machine', () => {
  it('passes when every check passed', () => {
    const [next] = transition(e2eRunMachine, start(), done(result('a', 'pass'), result('b', 'pass')));
    expect(next.value).toBe('passed');
    expect(next.output).toEqual({ result: 'passed', passed: 2, skipped: 0, failed: 0, failures: [], flaky: [] });
  });

  it('is never green when every check was skipped', () => {
    const [next] = transition(e2eRunMachine, start(), done(result('a', 'skipped')));
    expect(next.value).toBe('failed');
  });

  it('is never green when checks are missing', () => {
    const event = done(result('a', 'pass'));
    (event.output as unknown as { total: number }).total = 2;
    expect(transition(e2eRunMachine, start(), event)[0].value).toBe('failed');
  });

  it('fails on a failed check and says which and why', () => {
    const [next] = transition(e2eRunMachine, start(), done(result('a', 'pass'), result('b', 'fail')));
    expect(next.value).toBe('failed');
    expect(next.output).toMatchObject({
      result: 'failed',
      failures: [{ check: 'b', outcome: 'fail', message: 'b says fail' }],
    });
  });

  it('fails when a check passed but left objects behind', () => {
    const [next] = transition(e2eRunMachine, start(), done(result('a', 'pass', ['namespace/x'])));
    expect(next.value).toBe('failed');
    expect(next.output).toMatchObject({ failures: [{ check: 'a', message: 'a says pass; left behind: namespace/x' }] });
  });

  it('is not held up by a check that only informs, whatever became of it', () => {
    for (const outcome of ['fail', 'error', 'timedout'] as const) {
      const informing = { ...result('b', outcome), gate: 'informing' as const };
      const [next] = transition(e2eRunMachine, start(), done(result('a', 'pass'), informing));
      expect(next.value, outcome).toBe('passed');
    }
  });

  it('is green with flaky checks alone', () => {
    expect(transition(e2eRunMachine, start(), done(result('a', 'flaky')))[0].value).toBe('passed');
  });

  it('runs only the checks without a verdict again, a limited number of times', () => {
    let state = start();
    for (let round = 1; round < maxRounds; round++) {
      [state] = transition(e2eRunMachine, state, done(result('a', 'pass'), result('b', 'error')));
      expect(state.value).toBe('running');
      expect(state.context.round).toBe(round);
      expect(state.context.results.map((one) => one.check)).toEqual(['a']);
    }
    [state] = transition(e2eRunMachine, state, done(result('a', 'pass'), result('b', 'error')));
    expect(state.value).toBe('error');
    expect(state.output).toMatchObject({ result: 'error' });
  });

  it('keeps finished results over a restart', () => {
    const [next] = transition(e2eRunMachine, start(), {
      type: 'STEP_WAITING',
      reason: { code: 'checks-running', message: '1 of 2' },
      progress: { results: [result('a', 'pass')], running: ['b'], total: 2 } as never,
      now: 7,
    });
    expect(next.value).toBe('running');
    expect(next.context).toMatchObject({ startedAt: 7, running: ['b'], total: 2 });
    expect(next.context.results).toHaveLength(1);
  });

  it('cancels by a step that cleans up, and has no verdict then', () => {
    const [cancelling] = transition(e2eRunMachine, start(), { type: 'ABORT' });
    expect(cancelling.value).toBe('cancelling');
    const [final] = transition(e2eRunMachine, cancelling, done());
    expect(final.value).toBe('cancelled');
    expect(final.output).toMatchObject({ result: 'error' });
  });

  it('gives up without a verdict after a terminal failure of its step', () => {
    const [next] = transition(e2eRunMachine, start(), {
      type: 'STEP_FAILED',
      failure: { kind: 'terminal', code: 'e2e-unknown-profile', message: 'no such profile' },
      retryAt: 9,
      now: 8,
    });
    expect(next.value).toBe('error');
  });

  it('goes on after a transient failure of its step', () => {
    const [next] = transition(e2eRunMachine, start(), {
      type: 'STEP_FAILED',
      failure: { kind: 'transient', code: 'kube-timeout', message: 'slow' },
      retryAt: 9,
      now: 8,
    });
    expect(next.value).toBe('running');
    expect(next.context.failures).toBe(1);
  });
});
