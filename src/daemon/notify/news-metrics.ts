/** How telling people goes, for Prometheus. */
import { Counter, Gauge, type Registry } from 'prom-client';

export interface NewsMetrics {
  attempt: (sink: string, outcome: string) => void;
}

export function registerNewsMetrics(
  registers: Registry[],
  counts: () => { sink: string; pending: number; dead: number }[],
): NewsMetrics {
  const attempts = new Counter({
    name: 'clm_notifications_total',
    help: 'Attempts to tell people: delivered, failed (tried again) or dead (given up).',
    labelNames: ['sink', 'outcome'],
    registers,
  });
  const gauge = (name: string, help: string, read: (one: { pending: number; dead: number }) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['sink'],
      registers,
      collect() {
        this.reset();
        for (const one of counts()) this.set({ sink: one.sink }, read(one));
      },
    });
  };
  gauge('clm_notifications_pending', 'News that wait to be told.', (one) => one.pending);
  gauge('clm_notifications_dead', 'News of the last days that could not be told.', (one) => one.dead);
  return { attempt: (sink, outcome) => attempts.inc({ sink, outcome }) };
}
