import type { Random } from '../../../support/random.ts';
import type { ClusterRuntime } from '../cluster-runtime.ts';
import type { KubeAnswer, KubeRequest } from '../kube/api-request.ts';
import type { ClusterCore } from '../kube/cluster-core.ts';
import { keyOf, type SimObject } from '../kube/object.ts';
import type { ObjectWriter } from '../kube/object-writer.ts';
import type { Process, Program } from '../kube/process.ts';
import type { ResourceDefinition } from '../kube/resource-definition.ts';
import { seededLag, WorkQueue } from '../kube/work-queue.ts';
import { httpAnswer, type Message, type Served } from '../network/messages.ts';
import type { CallCloud } from '../seams.ts';

export interface AddonContext {
  core: ClusterCore;
  writer: ObjectWriter;
  runtime: ClusterRuntime;
  /** The cluster's own API. */
  api(request: KubeRequest): KubeAnswer;
  /** The cloud of the cluster's account and region, with the add-on's own credentials. */
  cloud: CallCloud;
}

const bootMs = 1_500;

/**
 * A controller that is installed by objects: it acts while a container of its image runs and is ready, and the scenario has not
 * switched it off. Until then it costs nothing.
 */
export abstract class Addon {
  abstract readonly name: string;
  /** Last parts of the names of its images. */
  abstract readonly images: readonly string[];
  protected readonly ctx: AddonContext;
  protected readonly random: Random;
  readonly #processes = new Set<Process>();
  #queue: WorkQueue | undefined;

  constructor(ctx: AddonContext, name: string) {
    this.ctx = ctx;
    this.random = ctx.core.random.fork(`addon/${name}`);
  }

  /** What its image does. */
  program(): Program {
    return {
      start: (process) => {
        this.#processes.add(process);
        process.after(bootMs, () => this.#started());
      },
      bootMs: () => bootMs,
      listens: (process, port, transport) => transport === 'TCP' && this.ports(process).includes(port),
      serve: (process, port, message, from) =>
        this.state() === 'broken' ? { reply: failing(message), afterMs: 1 } : this.serve(process, port, message, from),
      exec: () => ({ code: 0, output: '' }),
    };
  }

  /** Ports that its containers listen on: the declared ones, and more by add-on. */
  protected ports(process: Process): number[] {
    const probes = [process.container.readinessProbe, process.container.livenessProbe];
    const probed = probes.flatMap((probe) => {
      const port = (probe?.httpGet ?? probe?.tcpSocket)?.port;
      return typeof port === 'number' ? [port] : [];
    });
    return [...(process.container.ports ?? []).map((each) => each.containerPort), ...probed];
  }

  protected serve(_process: Process, _port: number, message: Message, _from: string): Served {
    return message.kind === 'http' ? { reply: httpAnswer(200, 'ok'), afterMs: 1 } : 'reset';
  }

  /** As the scenario has it. */
  protected state(): 'on' | 'off' | 'broken' {
    return this.ctx.runtime.faults.values.addons[this.name] ?? 'on';
  }

  /** The container that acts for it, when one may. */
  protected leader(): Process | undefined {
    if (this.state() !== 'on') return undefined;
    for (const process of this.#processes) {
      if (process.pod() === undefined) this.#processes.delete(process);
      else if (process.serving()) return process;
    }
    return undefined;
  }

  active(): boolean {
    return this.leader() !== undefined;
  }

  /** The value of a flag of the leader's command line. */
  protected flag(name: string): string | undefined {
    const { command, args } = this.leader()?.container ?? {};
    for (const word of [...(command ?? []), ...(args ?? [])]) {
      const match = new RegExp(`^--?${name}=(.*)$`).exec(word);
      if (match) return match[1];
    }
    return undefined;
  }

  /** Looks at the key soon; also what a key that is waiting already. */
  protected enqueue(key: string, afterMs = 0): void {
    if (afterMs > 0) this.#queue?.addAt(key, this.ctx.core.clock.now() + afterMs);
    else this.#queue?.add(key);
  }

  protected onChange(resource: string, keys: (object: SimObject, type: string) => readonly string[]): void {
    this.ctx.core.store.onChange(resource, ({ object, type }) => {
      if (this.#queue) for (const key of keys(object, type)) this.enqueue(key);
    });
  }

  /** Objects of the resource, in order of their keys. */
  protected all(resource: string): SimObject[] {
    return this.ctx.core.store.table(resource).sorted();
  }

  protected definition(group: string, version: string, plural: string): ResourceDefinition | undefined {
    return this.ctx.core.resources.find(group, version, plural);
  }

  protected readonly keyOf = keyOf;

  #started(): void {
    if (!this.#queue) {
      const lag = seededLag(this.ctx.core, this.name, [50, 500]);
      this.#queue = new WorkQueue(this.ctx.core, this.name, lag, (key) => {
        if (this.active()) this.sync(key);
      });
      this.watch();
      this.ctx.runtime.faults.onChange(() => this.resync());
    }
    this.resync();
  }

  /** Everything anew: after a start, and when the scenario changes. */
  protected abstract resync(): void;
  /** Registers for changes; called once, by the first start. */
  protected abstract watch(): void;
  protected abstract sync(key: string): void;
}

function failing(message: Message) {
  return message.kind === 'http' ? httpAnswer(500, 'internal error') : ({ kind: 'bytes', text: '' } as const);
}
