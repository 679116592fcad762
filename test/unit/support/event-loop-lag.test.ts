import { expect, it } from 'vitest';
import { wallMs, yieldToEventLoop } from '../../../src/support/deadline.ts';
import { startEventLoopMonitor } from '../../../src/support/event-loop-lag.ts';

it('sees how long the event loop was held up, and forgets it on reset', async () => {
  const monitor = startEventLoopMonitor();
  const block = (ms: number): void => {
    const until = wallMs() + ms;
    while (wallMs() < until);
  };
  // the histogram starts with its first tick
  await expect
    .poll(
      async () => {
        block(80);
        await yieldToEventLoop();
        return monitor.read().maxMs;
      },
      { timeout: 5_000 },
    )
    .toBeGreaterThan(50);
  expect(monitor.read().p50Ms).toBeLessThanOrEqual(monitor.read().maxMs);
  monitor.reset();
  expect(monitor.read()).toEqual({ p50Ms: 0, p99Ms: 0, maxMs: 0 });
  monitor.stop();
});
