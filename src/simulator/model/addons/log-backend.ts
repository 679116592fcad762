import type { Pod } from '../kube/kinds.ts';
import type { Process, Program } from '../kube/process.ts';
import { type HttpAnswer, httpAnswer, type Message, type Served } from '../network/messages.ts';
import { Addon, type AddonContext } from './addon.ts';

const shippers = ['promtail', 'fluent-bit', 'alloy'];
const queryPath = '/loki/api/v1/query_range';

/** Loki, and what ships logs to it: the lines of pods on nodes where a shipper runs, found by namespace and by a text in them. */
export class LogBackend extends Addon {
  readonly name = 'log-backend';
  readonly images = ['loki', ...shippers];
  readonly #shipping = new Map<string, Set<Process>>();

  constructor(ctx: AddonContext) {
    super(ctx, 'log-backend');
  }

  override program(): Program {
    const base = super.program();
    return {
      ...base,
      start: (process) => {
        if (shippers.some((name) => process.container.image?.includes(name))) {
          const known = this.#shipping.get(process.node) ?? new Set();
          this.#shipping.set(process.node, known.add(process));
        }
        base.start?.(process);
      },
    };
  }

  protected override ports(process: Process): number[] {
    return [3100, ...super.ports(process)];
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

  protected override serve(_process: Process, _port: number, message: Message): Served {
    if (message.kind !== 'http') return 'reset';
    const [path = '/', query = ''] = message.path.split('?');
    const answer = path === queryPath ? this.#search(new URLSearchParams(query).get('query') ?? '') : undefined;
    return {
      reply: answer ?? httpAnswer(path === '/ready' ? 200 : 404, path === '/ready' ? 'ready' : 'not found'),
      afterMs: 8,
    };
  }

  /** `{namespace="a"} |= "text"` */
  #search(query: string): HttpAnswer {
    const namespace = /namespace="([^"]*)"/.exec(query)?.[1];
    const text = /\|=\s*[`"]([^`"]*)[`"]/.exec(query)?.[1] ?? '';
    if (!/^\{.*\}/.test(query)) return httpAnswer(400, 'parse error : syntax error: unexpected IDENTIFIER');
    const { core } = this.ctx;
    const pods = this.state() === 'on' ? core.store.pods.sorted(namespace) : [];
    const now = `${core.clock.now()}000000`;
    const result = pods
      .filter((pod) => this.#ships(pod))
      .flatMap((pod) =>
        pod.spec.containers.map(({ name }) => ({
          stream: { namespace: pod.metadata.namespace, pod: pod.metadata.name, container: name },
          values: core
            .podLog(pod, name, false)
            .split('\n')
            .filter((line) => line.includes(text))
            .map((line) => [now, line]),
        })),
      )
      .filter((each) => each.values.length > 0);
    const body = JSON.stringify({ status: 'success', data: { resultType: 'streams', result } });
    return httpAnswer(200, body, { 'content-type': 'application/json' });
  }

  #ships(pod: Pod): boolean {
    return [...(this.#shipping.get(pod.spec.nodeName ?? '') ?? [])].some(
      (process) => process.pod() !== undefined && process.serving(),
    );
  }
}
