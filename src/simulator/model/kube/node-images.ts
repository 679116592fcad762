import type { ImageSource } from './process.ts';

interface Pull {
  waiting: ((problem: string | undefined) => void)[];
  cancel: () => void;
}

/** The images of one node: a pull of the same image that is under way is joined, a finished one is kept. */
export class NodeImages {
  readonly #source: ImageSource;
  readonly #kept = new Set<string>();
  readonly #pulling = new Map<string, Pull>();

  constructor(source: ImageSource) {
    this.#source = source;
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
