import type { Timer, VirtualClock } from '../../../support/clock.ts';
import { type Random, seededRandom } from '../../../support/random.ts';

export interface RegistryOptions {
  /** What one pull takes at most, bytes/s. */
  streamBytesPerSecond: number;
  /** What the registry gives to all pulls together, bytes/s. */
  bytesPerSecond: number;
  /** More pulls at once than this are refused: 429. */
  mostPulls: number;
  /** Of an image, compressed; seeded by its name. */
  imageBytes: { median: number; sigma: number };
  /** Sizes of images that matter, by a part of the name. */
  sizes: Readonly<Record<string, number>>;
}

export const defaultRegistryOptions: RegistryOptions = {
  streamBytesPerSecond: 40 * 2 ** 20,
  bytesPerSecond: 8 * 2 ** 30,
  mostPulls: Number.POSITIVE_INFINITY,
  imageBytes: { median: 100 * 2 ** 20, sigma: 0.5 },
  sizes: {},
};

interface Transfer {
  /** Bytes that each transfer has been given by the time this one is complete. */
  endsAt: number;
  order: number;
  done: (problem: string | undefined) => void;
  cancelled: boolean;
}

/**
 * The registry of a world. All pulls share its bandwidth evenly, none gets more than its own stream takes: fifty nodes that start at
 * once slow each other down.
 */
export class ImageRegistry {
  readonly #clock: VirtualClock;
  #options: RegistryOptions;
  /** Sorted heap by endsAt. */
  readonly #heap: Transfer[] = [];
  #active = 0;
  /** Bytes given to each transfer since the beginning. */
  #given = 0;
  #givenAt = 0;
  #order = 0;
  #timer: { atMs: number; timer: Timer } | undefined;
  #broken = false;
  #pulls = 0;
  #bytes = 0;
  #refused = 0;
  #peak = 0;

  constructor(clock: VirtualClock, options: Partial<RegistryOptions> = {}) {
    this.#clock = clock;
    this.#options = { ...defaultRegistryOptions, ...options };
    this.#givenAt = clock.now();
  }

  /** What was asked of it so far. */
  get stats(): { pulls: number; bytes: number; refused: number; active: number; peak: number } {
    return { pulls: this.#pulls, bytes: this.#bytes, refused: this.#refused, active: this.#active, peak: this.#peak };
  }

  /** What it gives to all pulls together. */
  get limits(): Pick<RegistryOptions, 'bytesPerSecond' | 'mostPulls'> {
    const { bytesPerSecond, mostPulls } = this.#options;
    return { bytesPerSecond, mostPulls };
  }

  /** Changes limits at run time; transfers in flight go on at the new rate. */
  configure(changes: Partial<RegistryOptions> & { broken?: boolean }): void {
    this.#settle();
    const { broken, ...options } = changes;
    this.#options = { ...this.#options, ...options };
    if (broken !== undefined) this.#broken = broken;
    this.#arm();
  }

  sizeOf(image: string): number {
    for (const part of Object.keys(this.#options.sizes))
      if (image.includes(part)) return this.#options.sizes[part] as number;
    const { median, sigma } = this.#options.imageBytes;
    return Math.round(median * Math.exp(sigma * normal(seededRandom(`image/${image}`))));
  }

  /** Calls back when the image is there, or with what the registry said instead. */
  pull(image: string, done: (problem: string | undefined) => void): () => void {
    const refuse = (problem: string): (() => void) => {
      const timer = this.#clock.at(this.#clock.now() + 200, () => done(problem));
      return () => timer.cancel();
    };
    if (this.#broken) return refuse('connection refused');
    if (this.#active >= this.#options.mostPulls) {
      this.#refused += 1;
      return refuse('429 Too Many Requests: toomanyrequests: Rate exceeded');
    }
    this.#settle();
    const bytes = this.sizeOf(image);
    const transfer: Transfer = { endsAt: this.#given + bytes, order: this.#order++, done, cancelled: false };
    this.#push(transfer);
    this.#active += 1;
    this.#pulls += 1;
    this.#bytes += bytes;
    this.#peak = Math.max(this.#peak, this.#active);
    this.#arm();
    return () => {
      if (transfer.cancelled) return;
      this.#settle();
      transfer.cancelled = true;
      this.#active -= 1;
      this.#arm();
    };
  }

  /** Bytes a millisecond, of each. */
  #rate(): number {
    const share = this.#options.bytesPerSecond / Math.max(1, this.#active);
    return Math.min(this.#options.streamBytesPerSecond, share) / 1000;
  }

  #settle(): void {
    const now = this.#clock.now();
    if (this.#active > 0) this.#given += (now - this.#givenAt) * this.#rate();
    this.#givenAt = now;
  }

  #arm(): void {
    while (this.#heap[0]?.cancelled) this.#pop();
    const first = this.#heap[0];
    if (!first) {
      this.#timer?.timer.cancel();
      this.#timer = undefined;
      return;
    }
    const atMs = this.#clock.now() + Math.max(0, Math.ceil((first.endsAt - this.#given) / this.#rate()));
    if (this.#timer?.atMs === atMs) return;
    this.#timer?.timer.cancel();
    this.#timer = { atMs, timer: this.#clock.at(atMs, () => this.#finish()) };
  }

  #finish(): void {
    this.#timer = undefined;
    this.#settle();
    const ended: Transfer[] = [];
    for (
      let first = this.#heap[0];
      first && (first.cancelled || first.endsAt <= this.#given + 1);
      first = this.#heap[0]
    ) {
      this.#pop();
      if (first.cancelled) continue;
      first.cancelled = true;
      this.#active -= 1;
      ended.push(first);
    }
    this.#arm();
    for (const transfer of ended) transfer.done(undefined);
  }

  #push(item: Transfer): void {
    const heap = this.#heap;
    let i = heap.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(item, heap[parent] as Transfer)) break;
      heap[i] = heap[parent] as Transfer;
      i = parent;
    }
    heap[i] = item;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Transfer, heap[child] as Transfer)) child += 1;
      if (!before(heap[child] as Transfer, last)) break;
      heap[i] = heap[child] as Transfer;
      i = child;
    }
    heap[i] = last;
  }
}

function before(a: Transfer, b: Transfer): boolean {
  return a.endsAt < b.endsAt || (a.endsAt === b.endsAt && a.order < b.order);
}

function normal(random: Random): number {
  const u = 1 - random.next();
  const value = Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * random.next());
  return Math.max(-3, Math.min(3, value));
}
