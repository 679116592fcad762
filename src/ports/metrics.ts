/** Measurements that gates ask for. Throws FailureError (`metrics-unreachable`, `metrics-refused`). */
export interface MetricSample {
  labels: Record<string, string>;
  value: number;
}

export interface MetricsQuery {
  /** Base URL of a server that speaks Prometheus' HTTP API. */
  url: string;
  query: string;
  /** Decision time, epoch ms. */
  at: number;
  timeoutMs: number;
  tokenEnv?: string;
}

export interface Metrics {
  /** An instant query; a scalar comes as one sample without labels. */
  query(query: MetricsQuery): Promise<MetricSample[]>;
}
