import type { Timer } from '../../../support/clock.ts';
import type { ClusterCore, ControllerQueue } from './cluster-core.ts';

/**
 * A controller's queue: keys wait a short seeded while, the same key once, then are worked through in one go. Nothing runs
 * while nothing changes.
 */
export class WorkQueue implements ControllerQueue {
  readonly #core: ClusterCore;
  readonly #name: string;
  readonly #lagMs: () => number;
  readonly #process: (key: string) => void;
  #keys = new Set<string>();
  #armed = false;
  readonly #later = new Map<string, { atMs: number; timer: Timer }>();

  constructor(core: ClusterCore, name: string, lagMs: () => number, process: (key: string) => void) {
    this.#core = core;
    this.#name = name;
    this.#lagMs = lagMs;
    this.#process = process;
    core.queues.push(this);
  }

  get busy(): boolean {
    return this.#armed;
  }

  waiting(): { key: string; atMs: number }[] {
    return [...this.#later].map(([key, { atMs }]) => ({ key, atMs }));
  }

  add(key: string): void {
    this.#keys.add(key);
    if (this.#armed) return;
    this.#armed = true;
    this.#core.clock.at(this.#core.clock.now() + this.#lagMs(), () => this.#run());
  }

  /** Adds the key at a later time, unless it is already due earlier. */
  addAt(key: string, atMs: number): void {
    const waiting = this.#later.get(key);
    if (waiting && waiting.atMs <= atMs) return;
    waiting?.timer.cancel();
    const timer = this.#core.clock.at(atMs, () => {
      this.#later.delete(key);
      this.add(key);
    });
    this.#later.set(key, { atMs, timer });
  }

  #run(): void {
    const keys = this.#keys;
    this.#keys = new Set();
    this.#armed = false;
    this.#core.as({ kind: 'world', name: this.#name }, () => {
      for (const key of keys) {
        try {
          this.#process(key);
        } catch (error) {
          this.#core.internalError(`${this.#name} ${key}`, error);
        }
      }
    });
  }
}

/** A reaction time out of [least, most], from its own seeded stream. */
export function seededLag(core: ClusterCore, name: string, range: readonly [number, number]): () => number {
  const random = core.random.fork(`lag/${name}`);
  const [least, most] = range;
  return () => least + random.int(Math.max(1, most - least + 1));
}
