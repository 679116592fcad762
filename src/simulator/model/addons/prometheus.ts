import { isTerminating, type LabelSelector, type Pod, type Service } from '../kube/kinds.ts';
import { fieldsOf, listOf, type SimObject, shownText } from '../kube/object.ts';
import type { Process, Source } from '../kube/process.ts';
import { selectorMatcher } from '../kube/selectors.ts';
import { endpointsOf } from '../network/address-book.ts';
import { type HttpAnswer, httpAnswer, type Message, type Served } from '../network/messages.ts';
import { Addon, type AddonContext } from './addon.ts';
import { evaluate, parseExposition, parseQuery, type Sample } from './prometheus-query.ts';

const monitors = 'servicemonitors.monitoring.coreos.com';
const discoveryMs = 5_000;
const defaultIntervalMs = 30_000;
const scrapeTimeoutMs = 10_000;

interface Target {
  labels: Record<string, string>;
  pool: string;
  host: string;
  port: number;
  path: string;
  /** When it is scraped for the first time. */
  firstAt: number;
  intervalMs: number;
}

interface Scrape {
  target: Target;
  health: 'up' | 'down' | 'unknown';
  error: string;
  at: number;
  samples: Sample[];
}

/** Prometheus with its operator's ServiceMonitors: targets, instant queries, alerts. It scrapes when somebody asks. */
export class Prometheus extends Addon {
  readonly name = 'prometheus';
  readonly images = ['prometheus'];

  constructor(ctx: AddonContext) {
    super(ctx, 'prometheus');
  }

  protected override ports(process: Process): number[] {
    return [9090, ...super.ports(process)];
  }

  protected watch(): void {
    // Targets are found when they are asked for.
  }

  protected resync(): void {
    // As above.
  }

  protected sync(): void {
    // As above.
  }

  protected override serve(process: Process, _port: number, message: Message): Served {
    if (message.kind !== 'http' || message.tls) return 'reset';
    const [path = '/', query = ''] = message.path.split('?');
    return { reply: this.#answer(process, path, new URLSearchParams(query)), afterMs: 5 };
  }

  #answer(process: Process, path: string, query: URLSearchParams): HttpAnswer {
    switch (path) {
      case '/-/ready':
      case '/-/healthy':
        return httpAnswer(200, 'Prometheus Server is Healthy.\n');
      case '/api/v1/targets':
        return success({ activeTargets: this.#scrapes(process).map(shownTarget), droppedTargets: [] });
      case '/api/v1/query':
        return this.#query(process, query.get('query') ?? '');
      case '/api/v1/alerts':
        return success({ alerts: this.#alerts(process) });
      default:
        return httpAnswer(404, '404 page not found\n');
    }
  }

  #query(process: Process, text: string): HttpAnswer {
    const parsed = parseQuery(text);
    if ('problem' in parsed) return failure(400, 'bad_data', parsed.problem);
    const now = this.ctx.core.clock.now() / 1000;
    const result = evaluate(parsed, this.#samples(process)).map((sample) => ({
      metric: sample.labels,
      value: [now, String(sample.value)],
    }));
    return success({ resultType: 'vector', result });
  }

  #samples(process: Process): Sample[] {
    return this.#scrapes(process).flatMap((scrape) => {
      if (scrape.health === 'unknown') return [];
      const up = {
        name: 'up',
        labels: { __name__: 'up', ...scrape.target.labels },
        value: scrape.health === 'up' ? 1 : 0,
      };
      return [up, ...scrape.samples];
    });
  }

  /** Rules of kind PrometheusRule whose expression holds; no pending phase. */
  #alerts(process: Process): object[] {
    const samples = this.#samples(process);
    return this.all('prometheusrules.monitoring.coreos.com').flatMap((object) =>
      listOf(fieldsOf(object['spec'])['groups'])
        .map(fieldsOf)
        .flatMap((group) => listOf(group['rules']).map(fieldsOf))
        .flatMap((rule) => {
          if (typeof rule['alert'] !== 'string') return [];
          const parsed = parseQuery(shownText(rule['expr'] ?? ''));
          if ('problem' in parsed) return [];
          return evaluate(parsed, samples).map((sample) => ({
            labels: { alertname: rule['alert'], ...sample.labels, ...fieldsOf(rule['labels']) },
            annotations: fieldsOf(rule['annotations']),
            state: 'firing',
            value: String(sample.value),
          }));
        }),
    );
  }

  #scrapes(process: Process): Scrape[] {
    const now = this.ctx.core.clock.now();
    return this.#targets().map((target) => {
      if (now < target.firstAt) return { target, health: 'unknown', error: '', at: 0, samples: [] };
      const at = now - ((now - target.firstAt) % target.intervalMs);
      return { target, at, ...this.#scrape(process, target) };
    });
  }

  #scrape(process: Process, target: Target): Pick<Scrape, 'health' | 'error' | 'samples'> {
    const pod = process.pod();
    const down = (error: string) => ({ health: 'down' as const, error, samples: [] });
    if (!pod) return down('no pod');
    const source: Source = { kind: 'pod', pod };
    const { host, port, path, labels } = target;
    const headers = { 'user-agent': 'Prometheus/2.54' };
    const request = { kind: 'http', method: 'GET', path, host, headers, body: '', tls: false } as const;
    const result = this.ctx.runtime.network.exchange(
      source,
      { host, port, transport: 'TCP' },
      request,
      scrapeTimeoutMs,
    );
    if (!result.ok) return down(result.message);
    if (result.reply.kind !== 'http') return down('malformed HTTP response');
    const { status, body } = result.reply;
    if (status !== 200) return down(`server returned HTTP status ${status}`);
    const samples = parseExposition(body).map((sample) => ({ ...sample, labels: { ...sample.labels, ...labels } }));
    return { health: 'up', error: '', samples };
  }

  #targets(): Target[] {
    const selectors = this.all('prometheuses.monitoring.coreos.com').map(
      (each) => fieldsOf(each['spec'])['serviceMonitorSelector'] as LabelSelector | undefined,
    );
    const chosen = this.all(monitors).filter(
      (monitor) =>
        !isTerminating(monitor) &&
        (selectors.length === 0 || selectors.some((each) => selectorMatcher(each)(monitor.metadata.labels))),
    );
    return chosen.flatMap((monitor) =>
      this.#servicesOf(monitor).flatMap((service) =>
        listOf(fieldsOf(monitor['spec'])['endpoints'])
          .map(fieldsOf)
          .flatMap((endpoint, index) => this.#targetsOf(monitor, service, endpoint, index)),
      ),
    );
  }

  #servicesOf(monitor: SimObject): Service[] {
    const spec = fieldsOf(monitor['spec']);
    const scope = fieldsOf(spec['namespaceSelector']);
    const names = listOf(scope['matchNames']);
    const matches = selectorMatcher(spec['selector'] as LabelSelector | undefined);
    return (this.all('services') as Service[]).filter((service) => {
      const { namespace, labels } = service.metadata;
      const inScope =
        scope['any'] === true ||
        (names.length > 0 ? names.includes(namespace) : namespace === monitor.metadata.namespace);
      return inScope && matches(labels);
    });
  }

  #targetsOf(monitor: SimObject, service: Service, endpoint: Record<string, unknown>, index: number): Target[] {
    const name = shownText(endpoint['port'] ?? '');
    const interval = /^(\d+)(s|m)$/.exec(shownText(endpoint['interval'] ?? ''));
    const intervalMs = interval ? Number(interval[1]) * (interval[2] === 'm' ? 60_000 : 1_000) : defaultIntervalMs;
    const namespace = service.metadata.namespace ?? '';
    return endpointsOf(this.ctx.core, service)
      .filter((each) => each.ready && each.ports.has(name))
      .map((each) => {
        const port = each.ports.get(name)?.port ?? 0;
        const pod = [...this.ctx.core.store.pods.inNamespace(namespace).values()].find(
          (candidate) => candidate.status.podIP === each.address,
        );
        const since = Math.max(Date.parse(monitor.metadata.creationTimestamp), readySince(pod));
        return {
          labels: {
            instance: `${each.address}:${port}`,
            job: service.metadata.name,
            namespace,
            service: service.metadata.name,
            endpoint: name,
            ...(pod ? { pod: pod.metadata.name } : {}),
          },
          pool: `serviceMonitor/${this.keyOf(monitor)}/${index}`,
          host: each.address,
          port,
          path: shownText(endpoint['path'] ?? '/metrics'),
          firstAt: since + discoveryMs + (intervalMs * (port % 10)) / 10,
          intervalMs,
        };
      });
  }
}

function readySince(pod: Pod | undefined): number {
  const ready = pod?.status.conditions?.find((each) => each.type === 'Ready')?.lastTransitionTime;
  return ready === undefined ? 0 : Date.parse(ready);
}

function shownTarget({ target, health, error, at }: Scrape): object {
  return {
    labels: target.labels,
    scrapePool: target.pool,
    scrapeUrl: `http://${target.host}:${target.port}${target.path}`,
    lastError: error,
    lastScrape: new Date(at).toISOString(),
    scrapeInterval: `${target.intervalMs / 1000}s`,
    health,
  };
}

function success(data: object): HttpAnswer {
  return httpAnswer(200, JSON.stringify({ status: 'success', data }), { 'content-type': 'application/json' });
}

function failure(status: number, errorType: string, error: string): HttpAnswer {
  const body = JSON.stringify({ status: 'error', errorType, error });
  return httpAnswer(status, body, { 'content-type': 'application/json' });
}
