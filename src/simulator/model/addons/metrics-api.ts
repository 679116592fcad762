import type { AggregatedApi } from '../kube/aggregated-api.ts';
import type { KubeAnswer, KubeRequest } from '../kube/api-request.ts';
import { requestsOf } from '../kube/controllers/node-fit.ts';
import { isNodeReady, isPodFinished, type Node, type Pod } from '../kube/kinds.ts';
import { type Fields, stamp } from '../kube/object.ts';
import { parseQuantity } from '../kube/quantity.ts';
import { parseLabelSelector } from '../kube/selectors.ts';
import { Addon, type AddonContext } from './addon.ts';

const group = 'metrics.k8s.io';
const version = 'v1beta1';
const resolutionMs = 15_000;
/** Of what it asks for, a pod uses about this share. */
const usedShare = 0.4;

/** metrics-server: usage of nodes and pods, served by way of the API server. */
export class MetricsServer extends Addon implements AggregatedApi {
  readonly name = 'metrics-server';
  readonly images = ['metrics-server'];
  readonly group = group;
  readonly version = version;
  readonly resources = [
    { name: 'nodes', kind: 'NodeMetrics', namespaced: false },
    { name: 'pods', kind: 'PodMetrics', namespaced: true },
  ];

  constructor(ctx: AddonContext) {
    super(ctx, 'metrics-server');
  }

  protected watch(): void {
    // Nothing to keep: usage is computed when it is read.
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

  answer(request: KubeRequest): KubeAnswer | undefined {
    const path = request.path.split('/').slice(4);
    const matches = parseLabelSelector(request.query.get('labelSelector') ?? '');
    if (path[0] === 'nodes') return this.#shown('NodeMetrics', this.#nodeItems(), path[1], matches, request);
    const namespace = path[0] === 'namespaces' ? path[1] : undefined;
    const rest = namespace === undefined ? path : path.slice(2);
    if (rest[0] !== 'pods') return undefined;
    return this.#shown('PodMetrics', this.#podItems(namespace), rest[1], matches, request);
  }

  #shown(
    kind: string,
    items: Fields[],
    name: string | undefined,
    matches: (labels: Record<string, string> | undefined) => boolean,
    _request: KubeRequest,
  ): KubeAnswer | undefined {
    const metadata = (item: Fields) => item['metadata'] as { name: string; labels?: Record<string, string> };
    if (name !== undefined) {
      const found = items.find((item) => metadata(item).name === name);
      return found && { status: 200, body: found };
    }
    const chosen = items.filter((item) => matches(metadata(item).labels));
    const body = { kind: `${kind}List`, apiVersion: `${group}/${version}`, metadata: {}, items: chosen };
    return { status: 200, body };
  }

  /** The moment of the last scrape. */
  #scrapedAt(): number {
    const now = this.ctx.core.clock.now();
    return now - (now % resolutionMs);
  }

  #frame(kind: string, object: Node | Pod): Fields {
    const { name, namespace, labels, creationTimestamp } = object.metadata;
    return {
      kind,
      apiVersion: `${group}/${version}`,
      metadata: { name, ...(namespace === undefined ? {} : { namespace }), labels, creationTimestamp },
      timestamp: stamp(this.#scrapedAt()),
      window: '15s',
    };
  }

  #nodeItems(): Fields[] {
    return (this.all('nodes') as Node[]).filter(isNodeReady).map((node) => {
      let usage = { cpu: 0.05, memory: 400 * 2 ** 20 };
      for (const pod of this.ctx.core.store.podsOn(node.metadata.name).values()) {
        const own = this.#usage(pod);
        usage = { cpu: usage.cpu + own.cpu, memory: usage.memory + own.memory };
      }
      return { ...this.#frame('NodeMetrics', node), usage: quantities(usage) };
    });
  }

  #podItems(namespace: string | undefined): Fields[] {
    const pods = this.ctx.core.store.pods.sorted(namespace).filter((pod) => pod.status.phase === 'Running');
    return pods.map((pod) => {
      const count = pod.spec.containers.length;
      const { cpu, memory } = this.#usage(pod);
      const containers = pod.spec.containers.map((container) => ({
        name: container.name,
        usage: quantities({ cpu: cpu / count, memory: memory / count }),
      }));
      return { ...this.#frame('PodMetrics', pod), containers };
    });
  }

  /** Steady, a little different from pod to pod and scrape to scrape. */
  #usage(pod: Pod): { cpu: number; memory: number } {
    if (isPodFinished(pod) || pod.status.phase !== 'Running') return { cpu: 0, memory: 0 };
    const wanted = requestsOf(pod.spec);
    let seed = this.#scrapedAt() / resolutionMs;
    for (const char of pod.metadata.uid) seed = (seed * 31 + char.charCodeAt(0)) % 1009;
    const share = usedShare + seed / 5_000;
    let own: number | undefined;
    for (const container of pod.spec.containers) {
      const cores = this.ctx.runtime.programOf(container).cores?.(container);
      const limit = parseQuantity(container.resources?.limits?.['cpu']) ?? Number.POSITIVE_INFINITY;
      if (cores !== undefined) own = (own ?? 0) + Math.min(cores, limit);
    }
    return { cpu: Math.max(0.001, own ?? wanted.cpu * share), memory: Math.max(8 * 2 ** 20, wanted.memory * share) };
  }
}

function quantities({ cpu, memory }: { cpu: number; memory: number }): Record<string, string> {
  return { cpu: `${Math.round(cpu * 1e9)}n`, memory: `${Math.round(memory / 1024)}Ki` };
}
