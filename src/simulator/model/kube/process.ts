import type { Random } from '../../../support/random.ts';
import type { Exchange, Message, Served, Transport } from '../network/messages.ts';
import type { RuntimeFaults } from '../network/runtime-faults.ts';
import type { Container, Pod } from './kinds.ts';

/** Who sends: a pod, a node itself, or somebody outside of the cluster. */
export type Source = { kind: 'pod'; pod: Pod } | { kind: 'node'; node: string } | { kind: 'outside'; address: string };

export interface Destination {
  /** A name or an address. */
  host: string;
  port: number;
  transport: Transport;
}

/** The network as those see it who use it. */
export interface NetworkAccess {
  /** Asks at once and computes when the answer comes: the caller waits `latencyMs` before it acts on it. */
  exchange(from: Source, to: Destination, message: Message, timeoutMs: number): Exchange;
}

/** One running container, as its program sees the world. */
export interface Process {
  readonly container: Container;
  readonly program: Program;
  readonly node: string;
  readonly startedAt: number;
  readonly random: Random;
  /** What the program remembers; gone with the container. */
  state: unknown;
  /** Runs, and has booted: its ports are open. */
  serving(): boolean;
  /** The pod as it is stored now; undefined once it is gone. */
  pod(): Pod | undefined;
  now(): number;
  /** Runs later, unless the container has ended by then. */
  after(delayMs: number, run: () => void): void;
  /** Ends the container. */
  exit(code: number, terminationMessage?: string): void;
  log(line: string): void;
  /** The program answers its probes differently now. */
  healthChanged(): void;
  readonly network: NetworkAccess;
  readonly files: FileAccess;
  /** The environment as the container sees it. */
  environment(): Readonly<Record<string, string>>;
}

export type FileError = 'not-found' | 'denied' | 'full' | 'io';

/** A container's file system: what is mounted, and a scratch layer that dies with the container. */
export interface FileAccess {
  read(path: string): { content: string } | { error: FileError; message: string };
  write(path: string, content: string): { error: FileError; message: string } | undefined;
  /** Files at and below the folder that volumes hold, as absolute paths in order. */
  list(folder: string): string[];
  /** Something was written outside of its volumes. */
  readonly scratched: boolean;
}

/** What an image's container does. Stateless: everything it remembers is in the process. */
export interface Program {
  /** Called when the container starts. */
  start?(process: Process): void;
  /**
   * A copy of what it remembers, for a container that goes on like this one in another cluster. A program that starts something
   * and has none of this cannot be gone on from.
   */
  keep?(remembers: unknown): unknown;
  /** From the start to the first answer on its ports, ms; undefined: never answers. */
  bootMs(process: Process): number | undefined;
  listens(process: Process, port: number, transport: Transport): boolean;
  /** Never called for a port that it does not listen on, nor before it has booted. */
  serve(process: Process, port: number, message: Message, from: string): Served;
  /** A command run inside the container. */
  exec(process: Process, command: readonly string[]): { code: number; output: string };
  /** When its answers to probes change by themselves next, epoch ms. */
  nextChangeAt?(process: Process): number | undefined;
  /** Processors that it uses while it runs, as its command says; undefined: as any server does. */
  cores?(container: Container): number | undefined;
  /** From SIGTERM to its end, ms; undefined: as options say. */
  stopMs?(process: Process): number | undefined;
}

/** What the kubelets of a cluster need of the world around them. */
export interface RuntimeParts {
  readonly faults: RuntimeFaults;
  readonly images: ImageSource;
  readonly network: NetworkAccess;
  programOf(container: Container): Program;
  filesOf(process: Process): FileAccess;
  /** Volumes were written to. */
  readonly hasFiles: boolean;
  environmentOf(pod: Pod, container: Container): Readonly<Record<string, string>>;
}

/** Where nodes pull images from. */
export interface ImageSource {
  /** Told once how it ended, later; undefined: all is well. Returns the way to give up. */
  pull(image: string, done: (problem: string | undefined) => void): () => void;
}
