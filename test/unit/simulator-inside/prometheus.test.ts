import { beforeEach, describe, expect, it } from 'vitest';
import type { Body } from '../simulator-kube/test-cluster.ts';
import { CloudCluster } from './cloud-cluster.ts';

function definition(plural: string, kind: string): object {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const names = { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.monitoring.coreos.com` },
    spec: {
      group: 'monitoring.coreos.com',
      scope: 'Namespaced',
      names,
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
}
const object = (kind: string, name: string, spec: object, labels: object = {}): object => ({
  apiVersion: 'monitoring.coreos.com/v1',
  kind,
  metadata: { name, namespace: 'default', labels },
  spec,
});

describe('Prometheus', () => {
  let cloud: CloudCluster;
  beforeEach(() => {
    cloud = new CloudCluster();
    cloud.apply(
      definition('servicemonitors', 'ServiceMonitor'),
      definition('prometheuses', 'Prometheus'),
      definition('prometheusrules', 'PrometheusRule'),
    );
    cloud.install('prometheus', 'quay.io/prometheus/prometheus:v2.54');
    cloud.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'prometheus', namespace: 'kube-system' },
      spec: { selector: { app: 'prometheus' }, ports: [{ name: 'web', port: 9090 }] },
    });
    cloud.serve('web', {}, { labels: { app: 'web' } }, ['--metric', 'marker{run="7"}=1']);
    cloud.apply(object('Prometheus', 'main', { serviceMonitorSelector: { matchLabels: { scrape: 'yes' } } }));
  });
  const monitor = (name = 'web', labels: object = { scrape: 'yes' }): void => {
    const endpoints = [{ port: 'http', interval: '15s' }];
    cloud.apply(object('ServiceMonitor', name, { selector: { matchLabels: { app: 'web' } }, endpoints }, labels));
  };
  const api = (path: string): Body =>
    JSON.parse(cloud.get(`/api/v1/namespaces/kube-system/services/prometheus:web/proxy/api/v1/${path}`));
  const query = (text: string): number[] =>
    api(`query?query=${encodeURIComponent(text)}`).data.result.map((each: { value: [number, string] }) =>
      Number(each.value[1]),
    );

  it('finds targets by monitor and selector, and answers queries about them', () => {
    monitor('other', { other: 'label' });
    cloud.advance(60_000);
    expect(api('targets').data.activeTargets).toEqual([]);
    monitor();
    expect(api('targets').data.activeTargets[0].health).toBe('unknown');
    cloud.advance(60_000);
    expect(api('targets').data.activeTargets).toMatchObject([
      { health: 'up', labels: { job: 'web', namespace: 'default' } },
    ]);
    expect(query('marker{run="7"}')).toEqual([1]);
    expect(query('marker{run="8"}')).toEqual([]);
    expect(query('up{job=~"we.*"}')).toEqual([1]);
    expect(query('count(up) >= 1')).toEqual([1]);
    expect(api('query?query=rate(x[5m])')).toMatchObject({ status: 'error', errorType: 'bad_data' });
  });

  it('sees new values, targets that are down, and targets that are gone', () => {
    monitor();
    cloud.advance(60_000);
    const pod = cloud.ready('app=web')[0]?.metadata.name ?? '';
    cloud.send('PUT', `/api/v1/namespaces/default/pods/${pod}:8080/proxy/metric/marker?value=5`);
    expect(query('marker{run=""}')).toEqual([5]);
    cloud.model.runtimeFaults.set({ images: { 'clm-probe': 'failing' } });
    expect(query('up')).toEqual([0]);
    expect(api('targets').data.activeTargets[0].lastError).toBe('server returned HTTP status 500');
    cloud.model.runtimeFaults.clear();
    cloud.send('DELETE', '/apis/monitoring.coreos.com/v1/namespaces/default/servicemonitors/web');
    expect(api('targets').data.activeTargets).toEqual([]);
  });

  it('raises alerts by rule, and answers nothing when it is broken or gone', () => {
    monitor();
    cloud.apply(
      object('PrometheusRule', 'rules', {
        groups: [{ name: 'g', rules: [{ alert: 'Down', expr: 'up == 0', labels: { severity: 'page' } }] }],
      }),
    );
    cloud.advance(60_000);
    expect(api('alerts').data.alerts).toEqual([]);
    cloud.model.runtimeFaults.set({ images: { 'clm-probe': 'refused' } });
    expect(api('alerts').data.alerts).toMatchObject([
      { state: 'firing', labels: { alertname: 'Down', severity: 'page', job: 'web' } },
    ]);
    cloud.model.runtimeFaults.set({ images: {}, addons: { prometheus: 'broken' } });
    const path = '/api/v1/namespaces/kube-system/services/prometheus:web/proxy/api/v1/targets';
    expect(cloud.send('GET', path).status).toBe(500);
    cloud.send('DELETE', '/apis/apps/v1/namespaces/kube-system/deployments/prometheus');
    cloud.advance(60_000);
    expect(cloud.send('GET', path).status).toBe(503);
  });
});
