import type { Clock, Timer } from '../../../support/clock.ts';
import type { Fields, SimObject } from './object.ts';
import type { Change, ObjectStore } from './object-store.ts';
import type { ResourceDefinition } from './resource-definition.ts';

export interface KubeWatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: Fields | SimObject;
}

/** Who receives a watch's events. With `line` the events come serialised (one JSON text each), else as objects. */
export interface WatchSink {
  event(event: KubeWatchEvent): void;
  line?(text: string): void;
  /** The watch ended by itself: its time is over, its resource is gone, or it was cut. Not called after `stop()`. */
  closed(): void;
}

export interface WatchHandle {
  stop(): void;
}

export interface WatchTarget {
  definition: ResourceDefinition;
  namespace: string | undefined;
  matches(object: SimObject): boolean;
  /** The object as this client wants it; undefined when it wants it as it is stored. */
  present: ((object: SimObject) => Fields) | undefined;
  /** 0 or undefined: begin with the present state. */
  revision: number | undefined;
  bookmarks: boolean;
  initialEventsEnd: boolean;
  timeoutMs: number | undefined;
}

interface Watcher extends WatchTarget {
  sink: WatchSink;
  timer: Timer | undefined;
  sentRevision: number;
}

const bookmarkIntervalMs = 60_000;

/** Every open watch of one cluster. An event is serialised once, however many watch it. */
export class WatchHub {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #watchers = new Map<string, Set<Watcher>>();
  #count = 0;
  #bookmarking = 0;
  #bookmarkTimer: Timer | undefined;

  constructor(store: ObjectStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    store.onAnyChange((change) => this.#deliver(change));
  }

  /** How many watches are open. */
  get size(): number {
    return this.#count;
  }

  isWatched(resourceKey: string): boolean {
    return this.#watchers.has(resourceKey);
  }

  open(target: WatchTarget, sink: WatchSink): WatchHandle {
    const table = this.#store.table(target.definition.key);
    const watcher: Watcher = { ...target, sink, timer: undefined, sentRevision: this.#store.revision };
    const from = target.revision;
    if (from !== undefined && from > 0 && from < table.compactedRevision) {
      const message = `too old resource version: ${from} (${table.compactedRevision})`;
      const object = {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message,
        reason: 'Expired',
        code: 410,
      };
      send(sink, { type: 'ERROR', object });
      sink.closed();
      return { stop: () => undefined };
    }
    if (from === undefined || from === 0) {
      for (const object of table.sorted(target.namespace)) {
        if (target.matches(object)) this.#send(watcher, 'ADDED', object);
      }
      if (target.initialEventsEnd) this.#bookmark(watcher, true);
    } else {
      for (const change of table.history) if (change.revision > from) this.#offer(watcher, change);
    }
    this.#add(watcher);
    return { stop: () => this.#drop(watcher) };
  }

  /** Ends every watch (of one resource), as an API server does that restarts. */
  closeAll(resourceKey?: string): void {
    for (const [key, set] of this.#watchers) {
      if (resourceKey !== undefined && key !== resourceKey) continue;
      for (const watcher of [...set]) this.#end(watcher);
    }
  }

  #add(watcher: Watcher): void {
    const key = watcher.definition.key;
    const set = this.#watchers.get(key);
    if (set) set.add(watcher);
    else this.#watchers.set(key, new Set([watcher]));
    this.#count += 1;
    if (watcher.bookmarks) this.#bookmarking += 1;
    if (watcher.timeoutMs !== undefined) {
      watcher.timer = this.#clock.at(this.#clock.now() + watcher.timeoutMs, () => this.#end(watcher));
    }
  }

  #drop(watcher: Watcher): boolean {
    watcher.timer?.cancel();
    const set = this.#watchers.get(watcher.definition.key);
    if (!set?.delete(watcher)) return false;
    if (set.size === 0) this.#watchers.delete(watcher.definition.key);
    this.#count -= 1;
    if (watcher.bookmarks) this.#bookmarking -= 1;
    return true;
  }

  #end(watcher: Watcher): void {
    if (this.#drop(watcher)) watcher.sink.closed();
  }

  #deliver(change: Change): void {
    if (this.#count === 0) return;
    if (this.#bookmarking > 0 && !this.#bookmarkTimer) {
      this.#bookmarkTimer = this.#clock.at(this.#clock.now() + bookmarkIntervalMs, () => this.#sendBookmarks());
    }
    const set = this.#watchers.get(change.resourceKey);
    if (set) for (const watcher of set) this.#offer(watcher, change);
  }

  #offer(watcher: Watcher, change: Change): void {
    const { object, old } = change;
    if (watcher.namespace !== undefined && object.metadata.namespace !== watcher.namespace) return;
    const before = old !== undefined && watcher.matches(old);
    const after = change.type !== 'DELETED' && watcher.matches(object);
    if (!before && !after) return;
    const type = before ? (after ? 'MODIFIED' : 'DELETED') : 'ADDED';
    watcher.sentRevision = change.revision;
    if (watcher.sink.line && watcher.present === undefined) watcher.sink.line(lineOf(change, type));
    else this.#send(watcher, type, object);
  }

  #send(watcher: Watcher, type: KubeWatchEvent['type'], object: SimObject): void {
    send(watcher.sink, { type, object: watcher.present ? watcher.present(object) : object });
  }

  #bookmark(watcher: Watcher, initialEnd: boolean): void {
    const { apiVersion, kind } = watcher.definition;
    const annotations = initialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
    const metadata = { resourceVersion: String(this.#store.revision), creationTimestamp: null, ...annotations };
    watcher.sentRevision = this.#store.revision;
    send(watcher.sink, { type: 'BOOKMARK', object: { kind, apiVersion, metadata } });
  }

  #sendBookmarks(): void {
    this.#bookmarkTimer = undefined;
    for (const set of this.#watchers.values()) {
      for (const watcher of set) {
        if (watcher.bookmarks && watcher.sentRevision < this.#store.revision) this.#bookmark(watcher, false);
      }
    }
  }
}

function send(sink: WatchSink, event: KubeWatchEvent): void {
  if (sink.line) sink.line(JSON.stringify(event));
  else sink.event(event);
}

function lineOf(change: Change, type: string): string {
  change.lines ??= new Map();
  let line = change.lines.get(type);
  if (line === undefined) {
    line = `{"type":"${type}","object":${JSON.stringify(change.object)}}`;
    change.lines.set(type, line);
  }
  return line;
}
