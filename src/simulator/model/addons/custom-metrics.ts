import type { AggregatedApi } from '../kube/aggregated-api.ts';
import type { KubeAnswer, KubeRequest } from '../kube/api-request.ts';
import { stamp } from '../kube/object.ts';
import type { Process } from '../kube/process.ts';
import { Addon, type AddonContext } from './addon.ts';
import { parseExposition } from './prometheus-query.ts';

const scrapePort = 8080;
const scrapeTimeoutMs = 5_000;

/** kube-metrics-adapter: metrics that pods show themselves, on port 8080, as the API custom.metrics.k8s.io. */
export class CustomMetrics extends Addon implements AggregatedApi {
  readonly name = 'custom-metrics';
  readonly images = ['kube-metrics-adapter', 'prometheus-adapter'];
  readonly group = 'custom.metrics.k8s.io';
  readonly version = 'v1beta1';
  readonly resources = [{ name: 'pods', kind: 'MetricValueList', namespaced: true }];

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

  /** `/apis/custom.metrics.k8s.io/v1beta1/namespaces/NS/pods/* /METRIC` */
  answer(request: KubeRequest): KubeAnswer | undefined {
    const [, namespace, kind, , metric] = request.path.split('/').slice(4);
    const leader = this.leader();
    if (kind !== 'pods' || namespace === undefined || metric === undefined || !leader) return undefined;
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
