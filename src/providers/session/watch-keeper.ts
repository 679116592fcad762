/** Keeps the cache of one kind up to date by list and watch, and starts broken watches anew. */
import { FailureError, transient } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { KubeCluster, Resource, WatchEvent, WatchHandle } from '../../ports/kube-cluster.ts';
import { type BackoffPolicy, backoffMs } from '../../support/backoff.ts';
import type { Clock, Timer } from '../../support/clock.ts';
import type { Logger } from '../../support/logger.ts';
import type { Random } from '../../support/random.ts';

export interface WatchKeeperOptions {
  kube: KubeCluster;
  resource: Resource;
  /** Each says whether the change matters to anybody. */
  cache: {
    put(object: KubeObject): boolean;
    drop(object: KubeObject): boolean;
    replace(objects: KubeObject[]): boolean;
  };
  /** Something that matters changed, or the cache can be trusted again. */
  changed(): void;
  /** Times restarts: wall time outside of simulation. */
  wall: Clock;
  random: Random;
  log: Logger;
}

const restartBackoff: BackoffPolicy = { baseMs: 200, maxMs: 30_000 };
/** A watch that was away longer than this is not trusted to catch up unnoticed: list anew. */
const longestGapMs = 10_000;
/** Servers end watches in good order every few minutes; one that ends sooner than this is in trouble. */
const shortestWatchMs = 1_000;

export class WatchKeeper {
  readonly #options: WatchKeeperOptions;
  readonly #name: string;
  #starting: Promise<void> | undefined;
  #started = false;
  #stopped = false;
  #stale: string | undefined;
  /** To go on from; empty = list first. */
  #version = '';
  #handle: WatchHandle | undefined;
  #restart: Timer | undefined;
  #failures = 0;
  #lostAt = 0;
  #openedAt = 0;

  constructor(options: WatchKeeperOptions) {
    this.#options = options;
    this.#name = options.resource.resource;
    this.#stale = `${this.#name}: not listed yet`;
  }

  /** Starts list and watch, and resolves once both stand. Rejects with the failure of the first try; the next call tries again. */
  synced(): Promise<void> {
    if (this.#started) return Promise.resolve();
    this.#starting ??= this.#begin().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** Why the cache may be old; undefined while the watch stands. */
  stale(): string | undefined {
    return this.#stale;
  }

  stop(): void {
    this.#stopped = true;
    this.#stale = `${this.#name}: the session was closed`;
    this.#restart?.cancel();
    this.#handle?.stop();
  }

  async #begin(): Promise<void> {
    await this.#list();
    if (this.#stopped) throw new FailureError(transient('session-closed', `${this.#name}: the session was closed`));
    await this.#open();
    this.#started = true;
  }

  async #list(): Promise<void> {
    const { items, resourceVersion } = await this.#options.kube.list(this.#options.resource);
    if (this.#stopped) return;
    this.#version = resourceVersion;
    if (this.#options.cache.replace(items)) this.#options.changed();
  }

  /** Opens the watch; resolves when the server accepted it, rejects when it did not. */
  #open(): Promise<void> {
    return new Promise((resolve, reject) => {
      let opened = false;
      this.#handle = this.#options.kube.watch(
        this.#options.resource,
        { resourceVersion: this.#version },
        {
          opened: () => {
            opened = true;
            this.#stands();
            resolve();
          },
          event: (event) => {
            this.#take(event);
          },
          closed: (reason, message) => {
            this.#handle = undefined;
            if (reason === 'expired') this.#version = '';
            if (opened) this.#lost(reason, message);
            else reject(new FailureError(transient('kube-unreachable', message)));
          },
        },
      );
    });
  }

  #stands(): void {
    this.#openedAt = this.#options.wall.now();
    if (this.#stopped || this.#stale === undefined) return;
    this.#stale = undefined;
    this.#options.changed();
  }

  #take(event: WatchEvent): void {
    if (this.#stopped) return;
    const { object, type } = event;
    this.#version = object.metadata.resourceVersion ?? this.#version;
    this.#failures = 0;
    if (type === 'BOOKMARK') return;
    const { cache } = this.#options;
    if (type === 'DELETED' ? cache.drop(object) : cache.put(object)) this.#options.changed();
  }

  #lost(reason: 'expired' | 'ended' | 'error', message: string): void {
    if (this.#stopped) return;
    const { wall, log } = this.#options;
    this.#stale = message;
    this.#lostAt = wall.now();
    if (reason === 'error') log.warn({ resource: this.#name, reason: message }, 'watch broke, restarting it');
    const trouble = reason === 'error' || this.#lostAt - this.#openedAt < shortestWatchMs;
    this.#schedule(trouble ? this.#backoff() : 0);
  }

  #backoff(): number {
    this.#failures += 1;
    return backoffMs(restartBackoff, this.#failures, this.#options.random);
  }

  #schedule(waitMs: number): void {
    const { wall, log } = this.#options;
    this.#restart = wall.at(wall.now() + waitMs, () => {
      this.#restart = undefined;
      this.#resume().catch((error: unknown) => {
        if (this.#stopped) return;
        this.#stale = error instanceof Error ? error.message : `${this.#name}: watch failed`;
        log.warn({ resource: this.#name, failures: this.#failures, err: error }, 'watch not restored, trying again');
        this.#schedule(this.#backoff());
      });
    });
  }

  async #resume(): Promise<void> {
    if (this.#stopped) return;
    if (this.#version === '' || this.#options.wall.now() - this.#lostAt > longestGapMs) await this.#list();
    if (!this.#stopped) await this.#open();
  }
}
