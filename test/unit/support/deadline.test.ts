import { describe, expect, it } from 'vitest';
import { sleep, startDeadline, wallMs } from '../../../src/support/deadline.ts';

function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });
}

describe('deadlines', () => {
  it('abort with a reason that names the work once the time is up', async () => {
    const deadline = startDeadline(5, 'reading the registry');
    expect(String(await aborted(deadline.signal))).toContain('reading the registry took longer than 5 ms');
    expect(deadline.expired()).toBe(true);
  });

  it('follow their parent, and can tell that from being late', async () => {
    const parent = new AbortController();
    const deadline = startDeadline(60_000, 'x', parent.signal);
    const reason = aborted(deadline.signal);
    parent.abort(new Error('shut down'));
    expect(String(await reason)).toContain('shut down');
    expect(deadline.expired()).toBe(false);
    expect(startDeadline(60_000, 'x', parent.signal).signal.aborted).toBe(true);
    deadline.clear();
  });

  it('do nothing any more once they are cleared', async () => {
    const parent = new AbortController();
    const cleared = startDeadline(1, 'x', parent.signal);
    cleared.clear();
    await aborted(startDeadline(10, 'something longer').signal);
    parent.abort();
    expect(cleared.signal.aborted).toBe(false);
  });

  it('let a sleep be cut short', async () => {
    const abort = new AbortController();
    const start = wallMs();
    const long = sleep(60_000, abort.signal);
    abort.abort();
    expect(await long).toBe(false);
    expect(await sleep(60_000, abort.signal)).toBe(false);
    expect(await sleep(5)).toBe(true);
    expect(wallMs() - start).toBeLessThan(5_000);
  });
});
