import { createWireServer, type WireServer } from '../../../../src/simulator/wire/http-server.ts';
import { kubeWireHandler } from '../../../../src/simulator/wire/kube-wire.ts';
import { ScaledClock } from '../../../../src/support/clock.ts';
import { TestCluster } from '../../../unit/simulator-kube/test-cluster.ts';
import { difference, type Step, valuesAt } from './step.ts';

const mostTries = 90;
const betweenMs = 1_000;
const wall = new ScaledClock(0, 1);

/** Plays steps over HTTP against a simulated cluster, or against the server that CONVERSATION_SERVER names (`kubectl proxy`). */
export class Speaker {
  readonly #url: string;
  readonly #wire: WireServer | undefined;
  readonly #cluster: TestCluster | undefined;
  readonly #kept = new Map<string, string>();

  private constructor(url: string, wire?: WireServer, cluster?: TestCluster) {
    this.#url = url;
    this.#wire = wire;
    this.#cluster = cluster;
  }

  static async start(): Promise<Speaker> {
    const real = process.env['CONVERSATION_SERVER'];
    if (real !== undefined) return new Speaker(real.replace(/\/$/, ''));
    const cluster = TestCluster.withNodes(3, { kubernetesVersion: 'v1.34.3' });
    const handler = kubeWireHandler({ cluster: () => cluster.model });
    const wire = await createWireServer({ host: '127.0.0.1', port: 0, handlers: [handler] });
    return new Speaker(`${wire.url}/clusters/c`, wire, cluster);
  }

  async stop(): Promise<void> {
    await this.#wire?.close();
  }

  /** Errors are for the test to show: what was asked, what came, and what should have come. */
  async play(step: Step): Promise<void> {
    let problem: string | undefined;
    for (let tries = step.eventually === true ? mostTries : 1; tries > 0; tries--) {
      const { status, body } = await this.#send(step);
      problem = this.#problem(step, status, body);
      if (problem === undefined) {
        for (const [name, path] of Object.entries(step.keep ?? {})) this.#kept.set(name, String(valuesAt(body, path)));
        return;
      }
      problem = `${problem}\n${status} ${JSON.stringify(body).slice(0, 3_000)}`;
      await this.#pass();
    }
    throw new Error(`${step.id} (${step.source}): ${problem}`);
  }

  #problem(step: Step, status: number, body: unknown): string | undefined {
    const wanted = step.status ?? (step.method === 'POST' ? 201 : 200);
    if (status !== wanted) return `the status is ${status} and not ${wanted}`;
    const parts = Object.entries(step.at ?? {}).map(([path, expected]) =>
      difference(valuesAt(body, path), expected, path),
    );
    return [difference(body, step.expect ?? {}), ...parts].find((each) => each !== undefined);
  }

  /** Simulated time moves by itself only here: the same conversation goes the same way every time. */
  async #pass(): Promise<void> {
    if (this.#cluster) this.#cluster.advance(betweenMs);
    else await new Promise<void>((resolve) => wall.at(wall.now() + betweenMs, resolve));
  }

  async #send(step: Step): Promise<{ status: number; body: unknown }> {
    const method = step.method ?? 'GET';
    const headers: Record<string, string> = { accept: step.accept ?? 'application/json' };
    if (step.body !== undefined)
      headers['content-type'] = step.type ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
    const text = typeof step.body === 'string' ? step.body : JSON.stringify(step.body);
    const body = step.body === undefined ? {} : { body: this.#filled(text) };
    const answer = await fetch(`${this.#url}${this.#filled(step.path)}`, { method, headers, ...body });
    const received = await answer.text();
    try {
      return { status: answer.status, body: JSON.parse(received) as unknown };
    } catch {
      return { status: answer.status, body: received };
    }
  }

  #filled(text: string): string {
    return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => this.#kept.get(name) ?? whole);
  }
}
