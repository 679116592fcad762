import type { KubeAnswer, KubeRequest } from '../../kube/api-request.ts';
import type { Pod } from '../../kube/kinds.ts';
import { type Fields, fieldsOf, listOf, shownText } from '../../kube/object.ts';
import type { Process } from '../../kube/process.ts';
import type { DnsAccess } from '../probe/asking.ts';

/** A test that has found the cluster wanting. */
export class SuiteFailure extends Error {
  override readonly name = 'SuiteFailure';
}

/** A test waits by yielding milliseconds. */
export type Waiting<T = void> = Generator<number, T, void>;

export interface SuiteParts {
  process: Process;
  api(request: KubeRequest): KubeAnswer;
  dns: DnsAccess;
  /** Of this run of the suite. */
  runId: string;
}

const pollMs = 2_000;
const image = 'registry.k8s.io/e2e-test-images/agnhost:2.53';

/** The cluster as one test of the suite sees it: its API, and the network from inside of pods. */
export class SuiteCluster {
  readonly namespace: string;
  readonly #parts: SuiteParts;

  constructor(parts: SuiteParts, namespace: string) {
    this.#parts = parts;
    this.namespace = namespace;
  }

  /** Path below the test's own namespace. */
  own(plural: string, group = ''): string {
    const root = group === '' ? '/api/v1' : `/apis/${group}/v1`;
    return `${root}/namespaces/${this.namespace}/${plural}`;
  }

  ask(method: string, path: string, body?: object, contentType?: string): KubeAnswer {
    const [bare = '', query = ''] = path.split('?');
    return this.#parts.api({
      method,
      path: bare,
      query: new URLSearchParams(query),
      userAgent: 'e2e.test/v1 (linux/amd64) kubernetes/simulated',
      ...(body === undefined ? {} : { body }),
      contentType: contentType ?? 'application/json',
    });
  }

  /** An API that is away for a moment is asked again, as the suite's client does. */
  *create(path: string, body: object): Waiting {
    let answer: KubeAnswer | undefined;
    for (let attempt = 0; attempt < 10; attempt++) {
      answer = this.ask('POST', path, body);
      if (answer.status === 201 || answer.status === 200) return;
      if (answer.status >= 400 && answer.status < 500) break;
      yield pollMs;
    }
    throw new SuiteFailure(`creating ${path}: ${shown(answer)}`);
  }

  /** Undefined when it is not there, or cannot be asked. */
  get(path: string): Fields | undefined {
    const answer = this.ask('GET', path);
    return answer.status === 200 ? fieldsOf(answer.body) : undefined;
  }

  list(path: string): Fields[] {
    return listOf(this.get(path)?.['items']).map(fieldsOf);
  }

  patch(path: string, body: object): KubeAnswer {
    return this.ask('PATCH', path, body, 'application/merge-patch+json');
  }

  /** `look` says what is still missing. */
  *until(what: string, withinMs: number, look: () => string | undefined): Waiting {
    const deadline = this.#parts.process.now() + withinMs;
    for (;;) {
      const missing = look();
      if (missing === undefined) return;
      if (this.#parts.process.now() >= deadline)
        throw new SuiteFailure(`timed out after ${withinMs / 1000}s waiting for ${what}: ${missing}`);
      yield pollMs;
    }
  }

  *pod(name: string, parts: { labels?: object; spec?: object; port?: number } = {}): Waiting<Pod> {
    yield* this.create(this.own('pods'), this.podOf(name, parts));
    return yield* this.running(name);
  }

  podOf(name: string, parts: { labels?: object; spec?: object; port?: number } = {}): object {
    const ports = parts.port === undefined ? {} : { ports: [{ containerPort: parts.port }] };
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: this.namespace, labels: { ...parts.labels } },
      spec: { containers: [{ name: 'agnhost', image, ...ports }], terminationGracePeriodSeconds: 1, ...parts.spec },
    };
  }

  *running(name: string): Waiting<Pod> {
    const path = `${this.own('pods')}/${name}`;
    yield* this.until(`pod ${name} to be running`, 5 * 60_000, () => {
      const status = fieldsOf(this.get(path)?.['status']);
      return status['phase'] === 'Running' && typeof status['podIP'] === 'string'
        ? undefined
        : `it is ${shownText(status['phase'] ?? 'not there')}`;
    });
    return this.get(path) as unknown as Pod;
  }

  /** An HTTP request from inside of a pod; undefined when it was answered well. */
  request(from: Pod, host: string, port: number): string | undefined {
    const { network } = this.#parts.process;
    const message = { kind: 'http', method: 'GET', path: '/', host, headers: {}, body: '', tls: false } as const;
    const result = network.exchange({ kind: 'pod', pod: from }, { host, port, transport: 'TCP' }, message, 5_000);
    if (!result.ok) return `${host}:${port}: ${result.error}: ${result.message}`;
    const { reply } = result;
    return reply.kind === 'http' && reply.status === 200 ? undefined : `${host}:${port} answers badly`;
  }

  /** Looks a name up as the pod would; undefined when it has addresses. */
  resolve(from: Pod, name: string): string | undefined {
    const found = this.#parts.dns.lookup({ kind: 'pod', pod: from }, name, 'A', 5_000);
    if (!found.ok) return `${name}: ${found.error}`;
    return found.answer.rcode === 'NOERROR' && found.answer.records.length > 0
      ? undefined
      : `${name}: ${found.answer.rcode}`;
  }

  /** Names of nodes that take pods. */
  nodes(): string[] {
    return this.list('/api/v1/nodes')
      .filter((node) => {
        const spec = fieldsOf(node['spec']);
        const ready = listOf(fieldsOf(node['status'])['conditions'])
          .map(fieldsOf)
          .some((each) => each['type'] === 'Ready' && each['status'] === 'True');
        return ready && spec['unschedulable'] !== true && listOf(spec['taints']).length === 0;
      })
      .map((node) => String(fieldsOf(node['metadata'])['name']))
      .sort();
  }

  readonly image = image;
}

function shown(answer: KubeAnswer | undefined): string {
  const body = typeof answer?.body === 'string' ? answer.body : shownText(fieldsOf(answer?.body)['message'] ?? '');
  return `${answer?.status ?? 0} ${body}`.trim();
}
