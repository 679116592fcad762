import type { KubeAnswer } from '../../../src/simulator/model/kube/api-request.ts';
import type { Pod } from '../../../src/simulator/model/kube/kinds.ts';
import { KubeModel } from '../../../src/simulator/model/kube/kube-model.ts';
import type { KubeOptions } from '../../../src/simulator/model/kube/options.ts';
import type { KubeWatchEvent } from '../../../src/simulator/model/kube/watch-hub.ts';
import type { SimInstance, WorldEvent } from '../../../src/simulator/model/seams.ts';
import { VirtualClock } from '../../../src/support/clock.ts';
import { seededRandom } from '../../../src/support/random.ts';

export const startMs = Date.parse('2026-01-01T00:00:00Z');

// biome-ignore lint/suspicious/noExplicitAny: tests read answers of every kind
export type Body = any;

export interface Sent {
  type?: string;
  accept?: string;
  agent?: string;
}

export const mergePatchType = 'application/merge-patch+json';
export const strategicPatchType = 'application/strategic-merge-patch+json';
export const applyType = 'application/apply-patch+yaml';

/** One simulated cluster under a virtual clock, with short ways to talk to it. */
export class TestCluster {
  readonly clock = new VirtualClock(startMs);
  readonly events: WorldEvent[] = [];
  readonly model: KubeModel;
  #instances = 0;

  constructor(options: Partial<KubeOptions> = {}, seed: number | string = 1) {
    this.model = new KubeModel({
      clusterId: 'test',
      region: 'eu-central-1',
      clock: this.clock,
      random: seededRandom(seed),
      emit: (event) => this.events.push(event),
      options,
    });
    this.advance(1_000);
  }

  /** A cluster whose nodes are Ready, one zone after the other. */
  static withNodes(count: number, options: Partial<KubeOptions> = {}, seed: number | string = 1): TestCluster {
    const cluster = new TestCluster(options, seed);
    for (let i = 0; i < count; i++) cluster.launch();
    cluster.until(() => cluster.readyNodes() === count, 600_000);
    cluster.advance(5_000);
    return cluster;
  }

  launch(changes: Partial<SimInstance> = {}): SimInstance {
    const n = this.#instances++;
    const instance: SimInstance = {
      id: `i-${n}`,
      account: '111111111111',
      region: 'eu-central-1',
      zone: `eu-central-1${'abc'[n % 3]}`,
      instanceType: 'm5.large',
      imageId: 'ami-1',
      privateIp: `10.0.${n >> 8}.${(n & 255) + 1}`,
      userData:
        'KUBELET_ARGS="--node-labels=node.kubernetes.io/role=worker,node.kubernetes.io/node-pool=default --v=2"',
      tags: {},
      launchedAt: this.clock.now(),
      neverReady: false,
      ...changes,
    };
    this.model.instanceRunning(instance);
    return instance;
  }

  nodeName(instance: SimInstance): string {
    return `ip-${instance.privateIp.replaceAll('.', '-')}.eu-central-1.compute.internal`;
  }

  readyNodes(): number {
    const nodes = [...this.model.truth().nodes.values()];
    return nodes.filter((node) =>
      node.status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True'),
    ).length;
  }

  advance(ms: number): void {
    this.clock.advanceTo(this.clock.now() + ms);
  }

  /** Lets the world go on, event by event, until the condition holds; throws when it does not within the limit. */
  until(holds: () => boolean, limitMs = 120_000): void {
    const end = this.clock.now() + limitMs;
    while (!holds()) {
      const next = this.clock.nextAt();
      if (next === undefined || next > end) throw new Error(`not reached within ${limitMs} ms: ${holds.toString()}`);
      this.clock.advanceTo(next);
    }
  }

  send(method: string, path: string, body?: object | string, sent: Sent = {}): KubeAnswer & { body: Body } {
    const [pathname = '', search = ''] = path.split('?');
    return this.model.handle({
      method,
      path: pathname,
      query: new URLSearchParams(search),
      body,
      contentType: sent.type ?? 'application/json',
      accept: sent.accept,
      userAgent: sent.agent ?? 'test/1.0',
    });
  }

  get(path: string): Body {
    return this.send('GET', path).body;
  }

  /** Creates through the API, in the namespace of the object; throws when it is refused. */
  create(path: string, object: object): Body {
    const answer = this.send('POST', path, object);
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
    return answer.body;
  }

  pods(label?: string): Pod[] {
    const [key = '', value] = (label ?? '').split('=');
    return [...this.model.truth().pods.values()].filter(
      (pod) => label === undefined || pod.metadata.labels?.[key] === value,
    );
  }

  ready(label?: string): Pod[] {
    return this.pods(label).filter((pod) => this.model.truth().trulyReady(pod));
  }

  evict(pod: Pod, extra: object = {}, query = ''): KubeAnswer & { body: Body } {
    const { namespace, name } = pod.metadata;
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace, name }, ...extra };
    return this.send('POST', `/api/v1/namespaces/${namespace}/pods/${name}/eviction${query}`, body);
  }

  watch(path: string): {
    events: KubeWatchEvent[];
    closed: () => boolean;
    stop: () => void;
    refused: KubeAnswer | undefined;
  } {
    const [pathname = '', search = ''] = path.split('?');
    const events: KubeWatchEvent[] = [];
    let closed = false;
    const query = new URLSearchParams(search);
    query.set('watch', 'true');
    const handle = this.model.watch(
      { method: 'GET', path: pathname, query },
      {
        event: (event) => events.push(event),
        closed: () => {
          closed = true;
        },
      },
    );
    return { events, closed: () => closed, stop: () => handle.stop(), refused: handle.refused };
  }
}

export const inDefault = '/api/v1/namespaces/default';
export const apps = '/apis/apps/v1/namespaces/default';
export const policy = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';

export function deployment(name: string, replicas: number, pod: object = {}, spec: object = {}): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'c', image: 'nginx:1' }], ...pod },
      },
      ...spec,
    },
  };
}

export function budget(name: string, spec: object, app = name): object {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace: 'default' },
    spec: { selector: { matchLabels: { app } }, ...spec },
  };
}

export function configMap(name: string, data: object, metadata: object = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data };
}
