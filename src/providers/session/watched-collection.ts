/** All objects of one kind in one cluster as views, kept by list and watch. */
import { FailureError, transient } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { KubeCluster, Resource, WatchEvent, WatchHandle } from '../../ports/kube-cluster.ts';
import { type BackoffPolicy, backoffMs } from '../../support/backoff.ts';
import type { Clock, Timer } from '../../support/clock.ts';
import type { Logger } from '../../support/logger.ts';
import type { Random } from '../../support/random.ts';
import { compareVersions } from './resource-version.ts';

export interface WatchedKind<V> {
  resource: Resource;
  parse(object: KubeObject): V;
  /** true when nothing that a decision reads differs. */
  same(a: V, b: V): boolean;
}

export interface WatchedCollectionOptions<V> {
  kube: KubeCluster;
  kind: WatchedKind<V>;
  /** Times restarts of the watch: wall time outside of simulation. */
  wall: Clock;
  random: Random;
  log: Logger;
  /** What readers see of a view before and after a change decides whether anybody is woken. */
  seen(view: V): V;
  /** Something that matters changed. */
  changed(): void;
  /** Called for every change of one object, whether it matters or not; no view = it is gone, no view before = it is new. */
  observed(view: V | undefined, before: V | undefined): void;
}

export interface WatchedCollection<V> {
  /** Starts list and watch, and resolves once both stand. Rejects with the failure of the first try; the next call tries again. */
  synced(): Promise<void>;
  /** Why the views may be old; undefined while the watch stands. */
  stale(): string | undefined;
  views(): IterableIterator<V>;
  get(key: string): V | undefined;
  /** Grows with every change of any object. */
  revision(): number;
  stop(): void;
}

const restartBackoff: BackoffPolicy = { baseMs: 200, maxMs: 30_000 };
/** A watch that was away longer than this is not trusted to catch up unnoticed: list anew. */
const longestGapMs = 10_000;

const shortestWatchMs = 1_000;

/** Key of an object in the cache: `namespace/name`, or the name alone. */
export function keyOf(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

export function createWatchedCollection<V>(options: WatchedCollectionOptions<V>): WatchedCollection<V> {
  const { kube, kind, wall, log } = options;
  const name = kind.resource.resource;
  const objects = new Map<string, { view: V; version: string }>();
  let revision = 0;
  let starting: Promise<void> | undefined;
  let started = false;
  let stopped = false;
  let staleBecause: string | undefined = `${name}: not listed yet`;
  let version = '';
  let handle: WatchHandle | undefined;
  let restart: Timer | undefined;
  let failures = 0;
  let lostAt = 0;
  let openedAt = 0;

  function put(object: KubeObject): boolean {
    const key = keyOf(object);
    const before = objects.get(key);
    const objectVersion = object.metadata.resourceVersion ?? '';
    if (before !== undefined && compareVersions(objectVersion, before.version) < 0) return false;
    const view = kind.parse(object);
    const seenBefore = before === undefined ? undefined : options.seen(before.view);
    objects.set(key, { view, version: objectVersion });
    options.observed(view, before?.view);
    return seenBefore === undefined || !kind.same(seenBefore, options.seen(view));
  }

  function drop(key: string): boolean {
    const before = objects.get(key);
    if (before === undefined) return false;
    objects.delete(key);
    options.observed(undefined, before.view);
    return true;
  }

  function take(event: WatchEvent): void {
    const { object } = event;
    version = object.metadata.resourceVersion ?? version;
    failures = 0;
    if (event.type === 'BOOKMARK') return;
    const matters = event.type === 'DELETED' ? drop(keyOf(object)) : put(object);
    revision += 1;
    if (matters) options.changed();
  }

  async function list(): Promise<void> {
    const answer = await kube.list(kind.resource);
    const present = new Set<string>();
    let matters = false;
    for (const object of answer.items) {
      present.add(keyOf(object));
      if (put(object)) matters = true;
    }
    for (const key of [...objects.keys()]) if (!present.has(key) && drop(key)) matters = true;
    version = answer.resourceVersion;
    revision += 1;
    if (matters) options.changed();
  }

  /** Opens the watch; resolves when the server accepted it, rejects when it did not. Later ends are handled by `lost`. */
  function open(): Promise<void> {
    return new Promise((resolve, reject) => {
      let opened = false;
      handle = kube.watch(
        kind.resource,
        { resourceVersion: version },
        {
          opened: () => {
            opened = true;
            openedAt = wall.now();
            if (staleBecause !== undefined) {
              staleBecause = undefined;
              options.changed();
            }
            resolve();
          },
          event: (event) => {
            if (!stopped) take(event);
          },
          closed: (reason, message) => {
            handle = undefined;
            if (reason === 'expired') version = '';
            if (opened) lost(reason, message);
            else reject(new FailureError(transient('kube-unreachable', message)));
          },
        },
      );
    });
  }

  function lost(reason: 'expired' | 'ended' | 'error', message: string): void {
    if (stopped) return;
    staleBecause = message;
    lostAt = wall.now();
    if (reason === 'error') log.warn({ resource: name, reason: message }, 'watch broke, restarting it');
    // Servers end watches in good order every few minutes; only trouble is worth a pause, and an end at once is trouble.
    schedule(reason === 'error' || lostAt - openedAt < shortestWatchMs ? backoff() : 0);
  }

  function backoff(): number {
    failures += 1;
    return backoffMs(restartBackoff, failures, options.random);
  }

  function schedule(waitMs: number): void {
    restart = wall.at(wall.now() + waitMs, () => {
      restart = undefined;
      resume().catch((error: unknown) => {
        if (stopped) return;
        staleBecause = error instanceof Error ? error.message : `${name}: watch failed`;
        log.warn({ resource: name, failures, err: error }, 'watch not restored, trying again');
        schedule(backoff());
      });
    });
  }

  async function resume(): Promise<void> {
    if (stopped) return;
    if (version === '' || wall.now() - lostAt > longestGapMs) await list();
    if (!stopped) await open();
  }

  async function begin(): Promise<void> {
    await list();
    if (stopped) throw new FailureError(transient('session-closed', `${name}: the session was closed`));
    await open();
    started = true;
  }

  return {
    synced() {
      if (started) return Promise.resolve();
      starting ??= begin().finally(() => {
        starting = undefined;
      });
      return starting;
    },
    stale: () => staleBecause,
    *views() {
      for (const { view } of objects.values()) yield view;
    },
    get: (key) => objects.get(key)?.view,
    revision: () => revision,
    stop() {
      stopped = true;
      staleBecause = `${name}: the session was closed`;
      restart?.cancel();
      handle?.stop();
      objects.clear();
    },
  };
}
