/** How talking to the forge goes, for Prometheus. */
import { Counter, Gauge, type Registry } from 'prom-client';

export interface ForgeMetrics {
  forgeCall: (outcome: string, remaining: number | undefined) => void;
  webhook: (outcome: string) => void;
}

export function registerForgeMetrics(registers: Registry[]): ForgeMetrics {
  const calls = new Counter({
    name: 'clm_scm_calls_total',
    help: 'Calls of the forge; `outcome` is ok or a failure code.',
    labelNames: ['outcome'],
    registers,
  });
  const left = new Gauge({
    name: 'clm_scm_rate_limit_remaining',
    help: 'Calls of the forge that are left until its limit starts anew; absent before the first one.',
    labelNames: ['resource'],
    registers,
  });
  const deliveries = new Counter({
    name: 'clm_webhooks_total',
    help: 'Webhooks of the forge: taken, ignored, or why they were refused.',
    labelNames: ['outcome'],
    registers,
  });
  return {
    forgeCall: (outcome, remaining) => {
      calls.inc({ outcome });
      if (remaining !== undefined) left.set({ resource: 'core' }, remaining);
    },
    webhook: (outcome) => deliveries.inc({ outcome }),
  };
}
