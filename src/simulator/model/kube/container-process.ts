import type { Timer } from '../../../support/clock.ts';
import type { Random } from '../../../support/random.ts';
import type { ClusterCore } from './cluster-core.ts';
import type { Container, Pod } from './kinds.ts';
import type { FileAccess, NetworkAccess, Process, Program } from './process.ts';

/** What a process asks of the kubelet that runs it. */
export interface ProcessOwner {
  readonly core: ClusterCore;
  readonly nodeName: string;
  readonly random: Random;
  /** Runs later, on behalf of the kubelet, if the container still runs then. */
  later(process: ContainerProcess, delayMs: number, run: () => void): void;
  exited(process: ContainerProcess, code: number, message: string | undefined): void;
  observe(process: ContainerProcess): void;
}

const mostLines = 500;

/** One run of a container. */
export class ContainerProcess implements Process {
  readonly container: Container;
  readonly program: Program;
  readonly podUid: string;
  readonly index: number;
  readonly startedAt: number;
  state: unknown;
  /** When it opens its ports; undefined: never. */
  readonly upAt: number | undefined;
  ready = false;
  /** Since when the probe of this kind says otherwise than the status. */
  readinessTurnedAt: number | undefined;
  livenessFailedAt: number | undefined;
  watch: Timer | undefined;
  ended = false;
  lines: string[] | undefined;
  /** Of the run before this one. */
  previousLines: string[] | undefined;
  readonly #owner: ProcessOwner;
  #files: FileAccess | undefined;

  constructor(owner: ProcessOwner, input: { podUid: string; index: number; container: Container }) {
    this.#owner = owner;
    this.podUid = input.podUid;
    this.index = input.index;
    this.container = input.container;
    this.program = owner.core.runtime.programOf(input.container);
    this.startedAt = owner.core.clock.now();
    const boot = this.program.bootMs(this);
    this.upAt = boot === undefined ? undefined : this.startedAt + boot;
  }

  get node(): string {
    return this.#owner.nodeName;
  }

  get random(): Random {
    return this.#owner.random;
  }

  get network(): NetworkAccess {
    return this.#owner.core.runtime.network;
  }

  get files(): FileAccess {
    this.#files ??= this.#owner.core.runtime.filesOf(this);
    return this.#files;
  }

  serving(): boolean {
    return !this.ended && this.upAt !== undefined && this.now() >= this.upAt;
  }

  pod(): Pod | undefined {
    return this.#owner.core.store.byUid(this.podUid) as Pod | undefined;
  }

  now(): number {
    return this.#owner.core.clock.now();
  }

  after(delayMs: number, run: () => void): void {
    this.#owner.later(this, delayMs, run);
  }

  exit(code: number, terminationMessage?: string): void {
    if (!this.ended) this.#owner.exited(this, code, terminationMessage);
  }

  log(line: string): void {
    this.lines ??= [];
    this.lines.push(line);
    if (this.lines.length > 2 * mostLines) this.lines.splice(0, mostLines);
  }

  healthChanged(): void {
    if (!this.ended) this.#owner.observe(this);
  }

  environment(): Readonly<Record<string, string>> {
    const pod = this.pod();
    return pod ? this.#owner.core.runtime.environmentOf(pod, this.container) : {};
  }
}
