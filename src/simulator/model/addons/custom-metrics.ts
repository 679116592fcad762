import type { AggregatedApi } from '../kube/aggregated-api.ts';
import type { KubeAnswer, KubeRequest } from '../kube/api-request.ts';
import type { Service } from '../kube/kinds.ts';
import { fieldsOf, stamp } from '../kube/object.ts';
import type { Process } from '../kube/process.ts';
import { endpointsOf } from '../network/address-book.ts';
import { httpTarget } from '../programs/http-target.ts';
import { Addon, type AddonContext } from './addon.ts';
import { parseExposition } from './prometheus-query.ts';

const scrapePort = 8080;
const scrapeTimeoutMs = 5_000;

/** An adapter: metrics that pods and services show themselves, on port 8080, as the API custom.metrics.k8s.io. */
export class CustomMetrics extends Addon implements AggregatedApi {
  readonly name = 'custom-metrics';
  readonly images = ['kube-metrics-adapter', 'prometheus-adapter'];
  readonly group = 'custom.metrics.k8s.io';
  readonly version = 'v1beta1';
  readonly resources = [
    { name: 'pods', kind: 'MetricValueList', namespaced: true },
    { name: 'services', kind: 'MetricValueList', namespaced: true },
  ];

  constructor(ctx: AddonContext) {
    super(ctx, 'custom-metrics');
  }

  protected watch(): void {
    // It is asked.
  }

  protected resync(): void {
    // As above.
  }

  protected sync(): void {
    // As above.
  }

  available(): boolean {
    return this.active();
  }

  /** `/apis/custom.metrics.k8s.io/v1beta1/namespaces/NS/pods/* /METRIC`, or of one service: the sum of its pods. */
  answer(request: KubeRequest): KubeAnswer | undefined {
    const [, namespace, kind, name, metric] = request.path.split('/').slice(4);
    const leader = this.leader();
    if (namespace === undefined || metric === undefined || !leader) return undefined;
    if (kind === 'services') return this.#ofService(leader, namespace, name ?? '', metric);
    if (kind !== 'pods') return undefined;
    const pods = this.ctx.core.store.pods.sorted(namespace).filter((pod) => pod.status.phase === 'Running');
    const items = pods.flatMap((pod) => {
      const value = this.#scrape(leader, pod.status.podIP ?? '', metric);
      const describedObject = { kind: 'Pod', namespace, name: pod.metadata.name, apiVersion: '/v1' };
      const timestamp = stamp(this.ctx.core.clock.now());
      return value === undefined ? [] : [{ describedObject, metricName: metric, timestamp, value: String(value) }];
    });
    const apiVersion = `${this.group}/${this.version}`;
    return { status: 200, body: { kind: 'MetricValueList', apiVersion, metadata: {}, items } };
  }

  #ofService(leader: Process, namespace: string, name: string, metric: string): KubeAnswer | undefined {
    const service = this.ctx.core.store.typed<Service>('services').get(namespace, name);
    const endpoints = service ? endpointsOf(this.ctx.core, service).filter((each) => each.ready) : [];
    const values = endpoints.flatMap((each) => this.#scrape(leader, each.address, metric) ?? []);
    if (values.length === 0) return undefined;
    const describedObject = { kind: 'Service', namespace, name, apiVersion: '/v1' };
    const value = String(values.reduce((sum, each) => sum + each, 0));
    const items = [{ describedObject, metricName: metric, timestamp: stamp(this.ctx.core.clock.now()), value }];
    return {
      status: 200,
      body: { kind: 'MetricValueList', apiVersion: `${this.group}/${this.version}`, metadata: {}, items },
    };
  }

  /** The API external.metrics.k8s.io of the same server: numbers that an autoscaler's annotations say where to find. */
  readonly external: AggregatedApi = {
    group: 'external.metrics.k8s.io',
    version: 'v1beta1',
    resources: [{ name: 'externalmetrics', kind: 'ExternalMetricValueList', namespaced: true }],
    available: () => this.active(),
    answer: (request) => this.#external(request),
  };

  /** `/apis/external.metrics.k8s.io/v1beta1/namespaces/NS/METRIC` */
  #external({ path }: KubeRequest): KubeAnswer | undefined {
    const [, namespace, metric] = path.split('/').slice(4);
    const pod = this.leader()?.pod();
    const prefix = `metric-config.external.${metric ?? ''}.json-path`;
    const scaler = this.all('horizontalpodautoscalers.autoscaling').find(
      (each) =>
        each.metadata.namespace === namespace && each.metadata.annotations?.[`${prefix}/endpoint`] !== undefined,
    );
    const { annotations = {} } = scaler?.metadata ?? {};
    const target = httpTarget(annotations[`${prefix}/endpoint`] ?? '', '');
    if (!pod || !target || metric === undefined) return undefined;
    const { hostname, path: asked } = target;
    const message = {
      kind: 'http',
      method: 'GET',
      path: asked,
      host: hostname,
      headers: {},
      body: '',
      tls: false,
    } as const;
    const to = { host: target.host, port: target.port, transport: 'TCP' } as const;
    const result = this.ctx.runtime.network.exchange({ kind: 'pod', pod }, to, message, scrapeTimeoutMs);
    if (!result.ok || result.reply.kind !== 'http' || result.reply.status !== 200) return undefined;
    const value = valueAt(result.reply.body, annotations[`${prefix}/json-key`] ?? '');
    if (value === undefined) return undefined;
    const items = [
      { metricName: metric, metricLabels: {}, timestamp: stamp(this.ctx.core.clock.now()), value: String(value) },
    ];
    const apiVersion = 'external.metrics.k8s.io/v1beta1';
    return { status: 200, body: { kind: 'ExternalMetricValueList', apiVersion, metadata: {}, items } };
  }

  #scrape(leader: Process, address: string, metric: string): number | undefined {
    const pod = leader.pod();
    if (!pod || address === '') return undefined;
    const message = {
      kind: 'http',
      method: 'GET',
      path: '/metrics',
      host: address,
      headers: {},
      body: '',
      tls: false,
    } as const;
    const to = { host: address, port: scrapePort, transport: 'TCP' } as const;
    const result = this.ctx.runtime.network.exchange({ kind: 'pod', pod }, to, message, scrapeTimeoutMs);
    if (!result.ok || result.reply.kind !== 'http' || result.reply.status !== 200) return undefined;
    return parseExposition(result.reply.body).find((sample) => sample.labels['__name__'] === metric)?.value;
  }
}

/** The number at `$.a.b` of a document. */
function valueAt(text: string, key: string): number | undefined {
  try {
    let found: unknown = JSON.parse(text);
    for (const part of key.split('.').slice(1)) found = fieldsOf(found)[part];
    return typeof found === 'number' ? found : undefined;
  } catch {
    return undefined;
  }
}
