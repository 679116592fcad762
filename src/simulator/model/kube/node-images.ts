import type { ImageSource } from './process.ts';

interface Pull {
  waiting: ((problem: string | undefined) => void)[];
  cancel: () => void;
}

/** The images of one node: a pull of the same image that is under way is joined, a finished one is kept. */
export class NodeImages {
  readonly #source: ImageSource;
  readonly #kept: Set<string>;
  readonly #pulling = new Map<string, Pull>();

  /** `there`: images that the node has already. */
  constructor(source: ImageSource, there: Iterable<string> = []) {
    this.#source = source;
    this.#kept = new Set(there);
  }

  get kept(): ReadonlySet<string> {
    return this.#kept;
  }

  get isPulling(): boolean {
    return this.#pulling.size > 0;
  }

  /** Calls back at once for what is there. */
  need(image: string, done: (problem: string | undefined) => void): void {
    if (this.#kept.has(image)) {
      done(undefined);
      return;
    }
    const known = this.#pulling.get(image);
    if (known) {
      known.waiting.push(done);
      return;
    }
    const pull: Pull = { waiting: [done], cancel: () => undefined };
    this.#pulling.set(image, pull);
    pull.cancel = this.#source.pull(image, (problem) => {
      this.#pulling.delete(image);
      if (problem === undefined) this.#kept.add(image);
      for (const each of pull.waiting) each(problem);
    });
  }

  /** The machine is gone. */
  stop(): void {
    for (const pull of this.#pulling.values()) pull.cancel();
    this.#pulling.clear();
  }
}
