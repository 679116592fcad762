/** Instant queries over Prometheus' HTTP API. */
import { z } from 'zod';
import { FailureError, transient } from '../../domain/failure.ts';
import type { HttpClient } from '../../ports/http-client.ts';
import type { MetricSample, Metrics } from '../../ports/metrics.ts';

const sample = z.tuple([z.number(), z.string()]);
const answerSchema = z.object({
  status: z.literal('success'),
  data: z.discriminatedUnion('resultType', [
    z.object({
      resultType: z.literal('vector'),
      result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: sample })).max(10_000),
    }),
    z.object({ resultType: z.literal('scalar'), result: sample }),
  ]),
});

export function createPrometheus(http: HttpClient): Metrics {
  return {
    query: async ({ url, query, at, timeoutMs, tokenEnv }) => {
      const parameters = new URLSearchParams({ query, time: (at / 1000).toFixed(3) });
      const { status, body } = await http.send({
        method: 'GET',
        url: `${url.replace(/\/+$/, '')}/api/v1/query?${parameters.toString()}`,
        timeoutMs,
        ...(tokenEnv === undefined ? {} : { tokenEnv }),
      });
      if (status !== 200) throw refused(`Prometheus answers ${status}: ${errorIn(body)}`);
      const parsed = answerSchema.safeParse(jsonOf(body));
      if (!parsed.success) throw refused('the answer is no vector and no scalar: ask for an instant value');
      return samplesOf(parsed.data.data);
    },
  };
}

function samplesOf(data: z.output<typeof answerSchema>['data']): MetricSample[] {
  if (data.resultType === 'scalar') return [{ labels: {}, value: numberOf(data.result[1]) }];
  return data.result.map(({ metric, value }) => ({ labels: metric, value: numberOf(value[1]) }));
}

function numberOf(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY;
  return text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text);
}

function errorIn(body: string): string {
  const error = (jsonOf(body) as { error?: unknown } | undefined)?.error;
  return (typeof error === 'string' ? error : body).slice(0, 200);
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function refused(message: string): FailureError {
  return new FailureError(transient('metrics-refused', message));
}
