/** Measurements say yes. No data is no answer. */
import type { Comparison, PrometheusGate } from '../../../domain/gate.ts';
import type { MetricSample } from '../../../ports/metrics.ts';
import { type Asked, closed, type GateVerdict, inconclusive, open, unanswered } from './gate-verdict.ts';
import { hostOf } from './http-gate.ts';

export interface PrometheusGateInput {
  gate: PrometheusGate;
  asked: Asked<readonly MetricSample[]>;
  now: number;
}

export function judgePrometheus({ gate, asked, now }: PrometheusGateInput): GateVerdict {
  const who = `the measurements in Prometheus at ${hostOf(gate.url)}`;
  if (!asked.answered) return unanswered(asked, { patienceMs: gate.patienceMs, now, who });
  if (asked.answer.length === 0) return inconclusive('the query has no data', who);
  const unknown = asked.answer.find((sample) => !Number.isFinite(sample.value));
  if (unknown !== undefined) return inconclusive(`${nameOf(unknown)} has no finite value`, who);
  const condition = `${gate.comparison} ${gate.value}`;
  const bad = asked.answer.filter((sample) => !compares(sample.value, gate.comparison, gate.value));
  const first = bad[0];
  if (first === undefined) return open(`all ${asked.answer.length} series are ${condition}`);
  const more = bad.length > 1 ? `, and ${bad.length - 1} more series` : '';
  return closed(`${nameOf(first)} is ${first.value}, not ${condition}${more}`, who);
}

function compares(value: number, comparison: Comparison, limit: number): boolean {
  switch (comparison) {
    case '<':
      return value < limit;
    case '<=':
      return value <= limit;
    case '>':
      return value > limit;
    case '>=':
      return value >= limit;
    case '==':
      return value === limit;
    case '!=':
      return value !== limit;
  }
}

function nameOf(sample: MetricSample): string {
  const labels = Object.entries(sample.labels).map(([name, value]) => `${name}=${value}`);
  return labels.length === 0 ? 'the value' : labels.slice(0, 4).join(' ');
}
