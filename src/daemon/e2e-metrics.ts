/** Prometheus metrics of checks. What holds now is read when it is scraped; what happened is counted as runs end. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { HealthView } from '../planning/e2e/health-view.ts';
import type { CheckMetric, CheckResult } from '../ports/check-runner.ts';

const checkBuckets = [1, 5, 15, 30, 60, 120, 300, 600, 1_800];
const actionBuckets = [0.5, 1, 2, 5, 10, 30, 60, 180, 600];

export interface CheckMetrics {
  /** Counts the results of one run. */
  observe: (run: { clusterId: string; channel: string }, results: readonly CheckResult[]) => void;
}

export function registerCheckMetrics(registers: Registry[], health: () => HealthView): CheckMetrics {
  registerHealth(registers, health);
  const duration = new Histogram({
    name: 'clm_e2e_check_duration_seconds',
    help: 'What a check took, reruns included.',
    labelNames: ['check'],
    buckets: checkBuckets,
    registers,
  });
  const actions = new Histogram({
    name: 'clm_e2e_action_duration_seconds',
    help: 'What single actions of checks took: creating, scaling, deleting.',
    labelNames: ['check', 'resource', 'action'],
    buckets: actionBuckets,
    registers,
  });
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> =>
    new Counter({ name, help, labelNames, registers });
  const outcomes = counter('clm_e2e_results_total', 'Results of checks.', ['channel', 'check', 'outcome']);
  const errors = counter('clm_e2e_errors_total', 'Checks that did not pass, by what was in the way.', [
    'check',
    'area',
    'error',
  ]);
  const http = counter('clm_e2e_http_requests_total', 'HTTP requests of probes.', ['check', 'result']);
  const dns = counter('clm_e2e_dns_requests_total', 'DNS questions of probes.', ['check', 'result']);
  const leaked = counter('clm_e2e_leaked_objects_total', 'Objects that cleaning up left behind.', ['check', 'kind']);
  const skipped = counter('clm_e2e_skipped_total', 'Checks that did not apply.', ['check', 'code']);
  const compatible = registerCompatible(registers);
  return {
    observe({ clusterId, channel }, results) {
      for (const result of results) observeCompatible(clusterId, result, compatible);
      for (const { check, outcome, durationMs, leaked: left, skipCode, metrics = [] } of results) {
        outcomes.inc({ channel, check, outcome });
        if (outcome !== 'skipped' && outcome !== 'blocked') duration.observe({ check }, durationMs / 1000);
        if (skipCode !== undefined) skipped.inc({ check, code: skipCode });
        const area = areas[outcome];
        if (area !== undefined) errors.inc({ check, area, error: outcome });
        for (const object of left) leaked.inc({ check, kind: object.split('/')[0] ?? '' });
        for (const metric of metrics) observeMetric(check, metric, { actions, http, dns });
      }
    },
  };
}

interface Compatible {
  actions: Counter<'test' | 'resource' | 'action'>;
  errors: Counter<'test' | 'resource' | 'type' | 'error'>;
  http: Counter<'test' | 'resource' | 'result'>;
  dns: Counter<'result'>;
}

/** The names under which kube-e2etestapp's dashboards and alerts look. */
function registerCompatible(registers: Registry[]): Compatible {
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> =>
    new Counter({ name, help, labelNames, registers });
  return {
    actions: counter('e2etest_action_seconds_total', 'Seconds that actions of tests took.', [
      'test',
      'resource',
      'action',
    ]),
    errors: counter('e2etest_errors_total', 'Errors of tests.', ['test', 'resource', 'type', 'error']),
    http: counter('e2etest_http_requests_total', 'HTTP requests of tests.', ['test', 'resource', 'result']),
    dns: counter('e2etest_dns_requests_total', 'DNS requests of tests.', ['result']),
  };
}

const errorNames: Partial<Record<CheckResult['outcome'], string>> = {
  fail: 'failed',
  timedout: 'timed_out',
  error: 'no_verdict',
};

function observeCompatible(cluster: string, result: CheckResult, into: Compatible): void {
  const test = `${cluster}_${result.check}`;
  into.actions.inc({ test, resource: 'check', action: 'run' }, result.durationMs / 1000);
  for (const { name, labels, value } of result.metrics ?? []) {
    const resource = labels['resource'] ?? 'service';
    const answered = labels['result'] === 'answered';
    if (name === 'action_duration_seconds')
      into.actions.inc({ test, resource, action: labels['action'] ?? 'run' }, value);
    else if (name === 'http_requests_total')
      into.http.inc({ test, resource, result: answered ? '200' : (labels['result'] ?? 'unknown') }, value);
    else if (name === 'dns_requests_total')
      into.dns.inc({ result: labels['result'] === 'healthy' ? 'healthy' : 'exception' }, value);
  }
  const type = areas[result.outcome];
  const error = errorNames[result.outcome];
  if (type !== undefined && error !== undefined) into.errors.inc({ test, resource: 'check', type, error });
  if (result.leaked.length > 0)
    into.errors.inc({ test, resource: 'check', type: 'k8s', error: 'not_deleted' }, result.leaked.length);
}

const areas: Record<string, string> = { fail: 'k8s', timedout: 'timeout', error: 'api' };

function observeMetric(
  check: string,
  { name, labels, value }: CheckMetric,
  into: {
    actions: Histogram<'check' | 'resource' | 'action'>;
    http: Counter<'check' | 'result'>;
    dns: Counter<'check' | 'result'>;
  },
): void {
  const result = labels['result'] ?? '';
  if (name === 'http_requests_total') into.http.inc({ check, result }, value);
  else if (name === 'dns_requests_total') into.dns.inc({ check, result }, value);
  else if (name === 'action_duration_seconds') {
    into.actions.observe({ check, resource: labels['resource'] ?? '', action: labels['action'] ?? '' }, value);
  }
}

function registerHealth(registers: Registry[], health: () => HealthView): void {
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> =>
    new Gauge({ name, help, labelNames, registers });
  // First: its collecting fills the others, which are read after it.
  new Gauge({
    name: 'clm_e2e_check_result',
    help: '1 for the newest outcome of a scheduled check on a cluster.',
    labelNames: ['cluster', 'channel', 'check', 'outcome'],
    registers,
    collect() {
      const view = health();
      for (const one of [this, failures, success]) one.reset();
      stale.set(view.stale.length);
      for (const { cluster, channel, check, outcome, consecutiveFailures, lastSuccessAt } of view.rows) {
        this.set({ cluster, channel, check, outcome }, 1);
        failures.set({ cluster, check }, consecutiveFailures);
        if (lastSuccessAt !== null) success.set({ cluster, check }, lastSuccessAt / 1000);
      }
    },
  });
  const failures = gauge('clm_e2e_check_consecutive_failures', 'Failures in a row of a scheduled check.', [
    'cluster',
    'check',
  ]);
  const success = gauge('clm_e2e_check_last_success_timestamp_seconds', 'When a scheduled check passed last.', [
    'cluster',
    'check',
  ]);
  const stale = gauge(
    'clm_e2e_stale_clusters',
    'Clusters that are checked on a schedule and were not heard of for too long.',
    [],
  );
}
