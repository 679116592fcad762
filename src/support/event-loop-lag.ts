/** How late the event loop runs: the figure that says whether one thread still carries the fleet. */
import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface EventLoopLag {
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

export interface EventLoopMonitor {
  /** Since the start or the last reset. */
  read(): EventLoopLag;
  reset(): void;
  stop(): void;
}

const resolutionMs = 10;

/** Starts measuring; `stop` it before the process should end. */
export function startEventLoopMonitor(): EventLoopMonitor {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  // The histogram holds the whole interval between two ticks of its timer; the lag is what exceeds the interval asked for.
  const lag = (nanoseconds: number): number =>
    Number.isFinite(nanoseconds) ? Math.max(0, Math.round((nanoseconds / 1e6 - resolutionMs) * 100) / 100) : 0;
  return {
    read: () => ({
      p50Ms: lag(histogram.percentile(50)),
      p99Ms: lag(histogram.percentile(99)),
      maxMs: histogram.count === 0 ? 0 : lag(histogram.max),
    }),
    reset: () => histogram.reset(),
    stop: () => {
      histogram.disable();
    },
  };
}
