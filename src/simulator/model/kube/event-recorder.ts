import type { Clock } from '../../../support/clock.ts';
import { isTerminating } from './kinds.ts';
import { type SimObject, shownText, stamp } from './object.ts';
import type { ObjectStore } from './object-store.ts';
import type { ResourceDefinition, ResourceRegistry } from './resource-definition.ts';
import type { WatchHub } from './watch-hub.ts';

export interface EventText {
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

/** What of a cluster the recorder works with. */
export interface EventPlace {
  clock: Clock;
  store: ObjectStore;
  resources: ResourceRegistry;
  watches: WatchHub;
  options: { mostEvents: number };
  newEventUid(): string;
}

interface Entry extends EventText {
  component: string;
  host: string | undefined;
  about: { apiVersion: string; kind: string; namespace: string | undefined; name: string; uid: string };
  name: string;
  count: number;
  firstMs: number;
  lastMs: number;
  dirty: boolean;
  stored: boolean;
}

/** How long an Event is kept after it last happened. */
const timeToLiveMs = 3_600_000;

/**
 * The Events that controllers write. What repeats counts up. They are kept as short notes, the latest few hundred a cluster, and
 * become objects when somebody looks at Events: nobody looks at most clusters of a fleet.
 */
export class EventRecorder {
  readonly #core: EventPlace;
  /** By what makes two the same, the one that happened last at the end. */
  readonly #entries = new Map<string, Entry>();
  #dropped: Entry[] = [];
  #serial = 0;

  constructor(core: EventPlace) {
    this.#core = core;
  }

  /** Notes that something happened to an object. `host` is the node whose kubelet says so. */
  record(component: string, about: SimObject, text: EventText, host?: string): void {
    const { uid, namespace, name } = about.metadata;
    const key = `${uid} ${component} ${text.reason} ${text.message}`;
    const now = this.#core.clock.now();
    const known = this.#entries.get(key);
    if (known) {
      known.count += 1;
      known.lastMs = now;
      known.dirty = true;
      this.#entries.delete(key);
      this.#entries.set(key, known);
    } else {
      this.#serial += 1;
      this.#entries.set(key, {
        ...text,
        component,
        host,
        about: { apiVersion: about.apiVersion, kind: about.kind, namespace, name, uid },
        name: `${name}.${this.#serial.toString(16).padStart(16, '1')}`,
        count: 1,
        firstMs: now,
        lastMs: now,
        dirty: true,
        stored: false,
      });
      if (this.#entries.size > this.#core.options.mostEvents) this.#dropOldest();
    }
    if (this.#core.watches.isWatched('events')) this.flush();
  }

  #dropOldest(): void {
    for (const [key, entry] of this.#entries) {
      this.#entries.delete(key);
      if (entry.stored) this.#dropped.push(entry);
      return;
    }
  }

  /** Brings the stored Events up to date, and removes those whose time is over: before anybody looks at them. */
  flush(): void {
    const definition = this.#core.resources.find('', 'v1', 'events') as ResourceDefinition;
    const table = this.#core.store.table(definition.key);
    const oldest = this.#core.clock.now() - timeToLiveMs;
    for (const [key, entry] of this.#entries) {
      if (entry.lastMs > oldest) break;
      this.#entries.delete(key);
    }
    for (const entry of this.#dropped) {
      const stored = table.get(entry.about.namespace ?? 'default', entry.name);
      if (stored) this.#core.store.remove(definition, stored);
    }
    this.#dropped = [];
    for (const event of [...table.byKey.values()]) {
      const last = shownText(event['lastTimestamp'] ?? event['eventTime'] ?? event.metadata.creationTimestamp);
      if (Date.parse(last) <= oldest) this.#core.store.remove(definition, event);
    }
    for (const entry of this.#entries.values()) if (entry.dirty) this.#store(definition, entry);
  }

  #store(definition: ResourceDefinition, entry: Entry): void {
    entry.dirty = false;
    const namespace = entry.about.namespace ?? 'default';
    const home = this.#core.store.table('namespaces').get(undefined, namespace);
    if (!home || isTerminating(home)) return;
    const old = this.#core.store.table(definition.key).get(namespace, entry.name);
    // Somebody deleted it: it stays away until it would be a new one.
    if (entry.stored && !old) return;
    entry.stored = true;
    const { component, host, type, reason, message, count } = entry;
    this.#core.store.put(definition, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: entry.name,
        namespace,
        uid: old?.metadata.uid ?? this.#core.newEventUid(),
        resourceVersion: '',
        creationTimestamp: stamp(entry.firstMs),
      },
      involvedObject: entry.about,
      reason,
      message,
      source: host === undefined ? { component } : { component, host },
      firstTimestamp: stamp(entry.firstMs),
      lastTimestamp: stamp(entry.lastMs),
      count,
      type,
      eventTime: null,
      reportingComponent: component,
      reportingInstance: host ?? '',
    });
  }
}
