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

/** All that one run of a container has come to, but for its timers. */
export interface ProcessState {
  startedAt: number;
  upAt: number | undefined;
  ready: boolean;
  readinessTurnedAt: number | undefined;
  livenessFailedAt: number | undefined;
  ended: boolean;
  lines: readonly string[] | undefined;
  previousLines: readonly string[] | undefined;
  /** As the program keeps it. */
  remembers: unknown;
}

/** One run of a container. */
export class ContainerProcess implements Process {
  readonly container: Container;
  readonly program: Program;
  readonly podUid: string;
  /** Of the pod's init containers, rather than of its containers. */
  readonly init: boolean;
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

  /** With a state it goes on from there. */
  constructor(
    owner: ProcessOwner,
    input: { podUid: string; index: number; container: Container; init?: boolean },
    resumed?: ProcessState,
  ) {
    this.#owner = owner;
    this.podUid = input.podUid;
    this.index = input.index;
    this.init = input.init === true;
    this.container = input.container;
    this.program = owner.core.runtime.programOf(input.container);
    if (resumed) {
      this.startedAt = resumed.startedAt;
      this.upAt = resumed.upAt;
      this.ready = resumed.ready;
      this.readinessTurnedAt = resumed.readinessTurnedAt;
      this.livenessFailedAt = resumed.livenessFailedAt;
      this.ended = resumed.ended;
      this.lines = resumed.lines && [...resumed.lines];
      this.previousLines = resumed.previousLines && [...resumed.previousLines];
      this.state = this.program.keep?.(resumed.remembers);
      return;
    }
    this.startedAt = owner.core.clock.now();
    const boot = this.program.bootMs(this);
    this.upAt = boot === undefined ? undefined : this.startedAt + boot;
  }

  /** What a process like it goes on from; undefined when only this one can know. */
  resumable(): ProcessState | undefined {
    const { startedAt, upAt, ready, readinessTurnedAt, livenessFailedAt, ended, lines, previousLines } = this;
    if (this.#files?.scratched) return undefined;
    if (this.program.start && !this.program.keep) return undefined;
    return {
      startedAt,
      upAt,
      ready,
      readinessTurnedAt,
      livenessFailedAt,
      ended,
      lines: lines && [...lines],
      previousLines: previousLines && [...previousLines],
      remembers: this.program.keep?.(this.state),
    };
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
