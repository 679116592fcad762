/** A second container beside one that writes results: it hands them out, so that nothing but the API must be reachable. */
import { type CheckContext, CheckInterrupted } from './contract.ts';
import { probeContainer } from './probe.ts';

export const reporterPort = 8099;
const chunkBytes = 1024 * 1024;
const mostBytes = 96 * 1024 * 1024;

/** `folder` is where both containers have the results. */
export function reporterContainer(
  context: CheckContext,
  folder: string,
  volumeMounts: readonly object[],
): Record<string, unknown> {
  return {
    ...probeContainer(context, ['serve', '--http', String(reporterPort), '--files', folder]),
    name: 'reporter',
    ports: [{ containerPort: reporterPort, name: 'results' }],
    volumeMounts,
  };
}

/** The second container, by way of the API server's proxy: nothing but the API must be reachable. */
export class Reporter {
  readonly #context: CheckContext;
  readonly #base: string;
  #log: Buffer = Buffer.alloc(0);

  constructor(context: CheckContext, pod: string) {
    this.#context = context;
    this.#base = `/api/v1/namespaces/${context.namespace}/pods/${pod}:${reporterPort}/proxy`;
  }

  text(): string {
    return this.#log.toString('utf8');
  }

  /** What was posted last to this path, as JSON; undefined when nothing was, or it cannot be asked. */
  async posted(path: 'progress' | 'report'): Promise<unknown> {
    try {
      const { status, body } = await this.#context.kube.raw(`${this.#base}/${path}`);
      return status === 200 ? (JSON.parse(body) as unknown) : undefined;
    } catch {
      return undefined;
    }
  }

  /** As much as is there now; never throws. */
  async moreOfLog(): Promise<void> {
    try {
      for (;;) {
        const part = await this.#part('e2e.log', this.#log.length);
        if (part === undefined || part.length === 0 || this.#log.length >= mostBytes) return;
        this.#log = Buffer.concat([this.#log, part]);
      }
    } catch {
      // Next time.
    }
  }

  async restOfLog(deadline: number): Promise<Buffer> {
    const whole = await this.#patiently(deadline, async () => {
      await this.#part('e2e.log', this.#log.length);
      return true;
    });
    if (whole) await this.moreOfLog();
    return this.#log;
  }

  /** Undefined when the suite has not written it. */
  file(name: string, deadline: number): Promise<Buffer | undefined> {
    return this.#patiently(deadline, async () => {
      const first = await this.#part(name, 0);
      if (first === undefined) return undefined;
      const parts = [first];
      let length = first.length;
      while ((parts.at(-1) as Buffer).length > 0 && length < mostBytes) {
        const next = (await this.#part(name, length)) ?? Buffer.alloc(0);
        parts.push(next);
        length += next.length;
      }
      return Buffer.concat(parts);
    });
  }

  async #part(name: string, from: number): Promise<Buffer | undefined> {
    const path = `${this.#base}/files/${name}?from=${from}&bytes=${chunkBytes}`;
    const { status, body } = await this.#context.kube.raw(path);
    if (status === 404) return undefined;
    if (status !== 200) throw new Error(`the reporter answers ${status} for ${name}: ${body.slice(0, 200)}`);
    return Buffer.from(body, 'base64');
  }

  /** Again and again while it cannot be asked; CheckInterrupted when that does not end. */
  async #patiently<T>(deadline: number, work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (this.#context.clock.now() >= deadline) throw new CheckInterrupted(message);
        await this.#context.pause(5_000);
      }
    }
  }
}
