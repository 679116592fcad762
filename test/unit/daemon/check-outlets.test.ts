import { createSocket } from 'node:dgram';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { healthBadge, healthHtml } from '../../../src/daemon/e2e-health-page.ts';
import { registerCheckMetrics } from '../../../src/daemon/e2e-metrics.ts';
import { openStatsd, statsdLines } from '../../../src/daemon/statsd.ts';
import type { HealthView } from '../../../src/planning/e2e/health-view.ts';
import type { CheckResult } from '../../../src/ports/check-runner.ts';

const result: CheckResult = {
  check: 'network.http',
  gate: 'blocking',
  outcome: 'fail',
  message: 'a <b>bold</b> answer',
  startedAt: 0,
  durationMs: 1_500,
  attempts: 1,
  leaked: ['namespace/clm-e2e-x'],
  metrics: [
    { name: 'action_duration_seconds', value: 2.5, labels: { resource: 'Deployment', action: 'create' } },
    { name: 'http_requests_total', value: 30, labels: { result: 'answered' } },
    { name: 'http_requests_total', value: 2, labels: { result: 'connection_error' } },
    { name: 'dns_requests_total', value: 4, labels: { name: 'x', result: 'healthy' } },
    { name: 'dns_requests_total', value: 1, labels: { name: 'y', result: 'exception' } },
  ],
};
const view: HealthView = {
  at: 0,
  rows: [
    {
      cluster: 'kube-1',
      channel: 'dev',
      check: 'network.http',
      outcome: 'fail',
      message: 'a <b>bold</b> answer',
      at: 0,
      consecutiveFailures: 3,
      lastSuccessAt: 60_000,
    },
  ],
  stale: [{ cluster: 'kube-2', lastAt: null }],
  banner: '1 of 2 clusters have no recent test data',
};

describe('what checks tell the world', () => {
  it('are statsd lines with the names of kube-e2etestapp', () => {
    expect(statsdLines('aws:1:eu:kube-1', result)).toEqual([
      'e2etest.action.aws_1_eu_kube-1_network_http.check.run:1500|ms',
      'e2etest.action.aws_1_eu_kube-1_network_http.Deployment.create:2500|ms',
      'e2etest.http.aws_1_eu_kube-1_network_http.service.200:30|c',
      'e2etest.http.aws_1_eu_kube-1_network_http.service.connection_error:2|c',
      'e2etest.dns.healthy:4|c',
      'e2etest.dns.exception:1|c',
      'e2etest.error.aws_1_eu_kube-1_network_http.check.k8s.failed:1|c',
      'e2etest.error.aws_1_eu_kube-1_network_http.check.k8s.not_deleted:1|c',
    ]);
  });

  it('come over UDP, in datagrams that fit', async () => {
    const server = createSocket('udp4');
    const port = await new Promise<number>((resolve) =>
      server.bind(0, '127.0.0.1', () => resolve(server.address().port)),
    );
    const heard: string[] = [];
    const complete = new Promise<void>((resolve) => {
      server.on('message', (message) => {
        expect(message.length).toBeLessThanOrEqual(1_400);
        heard.push(...message.toString().split('\n'));
        if (heard.length >= 8 * 20) resolve();
      });
    });
    const sink = openStatsd({ host: '127.0.0.1', port }, (error) => {
      throw error;
    });
    sink.send(
      'kube-1',
      Array.from({ length: 20 }, () => result),
    );
    await complete;
    sink.close();
    server.close();
    expect(heard).toHaveLength(8 * 20);
  });

  it('are Prometheus metrics', async () => {
    const registry = new Registry();
    const metrics = registerCheckMetrics([registry], () => view);
    metrics.observe({ clusterId: 'kube-1', channel: 'dev' }, [result]);
    const text = await registry.metrics();
    for (const line of [
      'clm_e2e_check_result{cluster="kube-1",channel="dev",check="network.http",outcome="fail"} 1',
      'clm_e2e_check_consecutive_failures{cluster="kube-1",check="network.http"} 3',
      'clm_e2e_check_last_success_timestamp_seconds{cluster="kube-1",check="network.http"} 60',
      'clm_e2e_stale_clusters 1',
      'clm_e2e_results_total{channel="dev",check="network.http",outcome="fail"} 1',
      'clm_e2e_errors_total{check="network.http",area="k8s",error="fail"} 1',
      'clm_e2e_http_requests_total{check="network.http",result="connection_error"} 2',
      'clm_e2e_leaked_objects_total{check="network.http",kind="namespace"} 1',
      'clm_e2e_action_duration_seconds_sum{check="network.http",resource="Deployment",action="create"} 2.5',
    ]) {
      expect(text).toContain(line);
    }
  });

  it('are a page with a banner when nobody looks, and a badge; words of clusters are no markup', () => {
    const page = healthHtml(view);
    expect(page).toContain('1 of 2 clusters have no recent test data');
    expect(page).toContain('kube-2: never heard of');
    expect(page).toContain('a &lt;b&gt;bold&lt;/b&gt; answer (3 in a row)');
    expect(page).not.toContain('<b>');
    expect(healthBadge(view)).toContain('checks: failing');
  });
});

describe("kube-e2etestapp's names", () => {
  it('are there for its dashboards: actions, errors, HTTP and DNS', async () => {
    const registry = new Registry();
    const { observe } = registerCheckMetrics([registry], () => view);
    observe({ clusterId: 'kube-1', channel: 'dev' }, [result]);
    const text = await registry.metrics();
    for (const line of [
      'e2etest_action_seconds_total{test="kube-1_network.http",resource="check",action="run"} 1.5',
      'e2etest_action_seconds_total{test="kube-1_network.http",resource="Deployment",action="create"} 2.5',
      'e2etest_errors_total{test="kube-1_network.http",resource="check",type="k8s",error="failed"} 1',
      'e2etest_errors_total{test="kube-1_network.http",resource="check",type="k8s",error="not_deleted"} 1',
      'e2etest_http_requests_total{test="kube-1_network.http",resource="service",result="200"} 30',
      'e2etest_http_requests_total{test="kube-1_network.http",resource="service",result="connection_error"} 2',
      'e2etest_dns_requests_total{result="healthy"} 4',
    ])
      expect(text).toContain(line);
  });
});
