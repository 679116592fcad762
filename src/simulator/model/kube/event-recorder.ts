import type { Clock } from '../../../support/clock.ts';
import { type EventNote, EventNotes, type EventText } from './event-notes.ts';
import { isTerminating } from './kinds.ts';
import { type SimObject, shownText, stamp } from './object.ts';
import type { ObjectStore } from './object-store.ts';
import type { ResourceDefinition, ResourceRegistry } from './resource-definition.ts';
import type { WatchHub } from './watch-hub.ts';

/** What of a cluster the recorder works with. */
export interface EventPlace {
  clock: Clock;
  store: ObjectStore;
  resources: ResourceRegistry;
  watches: WatchHub;
  options: { mostEvents: number };
  newEventUid(): string;
}

/** All that a recorder remembers. */
export interface RecordedEvents {
  serial: number;
  entries: EventNote[];
  /** Stored Events that are to go when somebody looks. */
  dropped: EventNote[];
}

/** How long an Event is kept after it last happened. */
const timeToLiveMs = 3_600_000;

/**
 * The Events that controllers write. What repeats counts up. They are kept as short notes, the latest few hundred a cluster, and
 * become objects when somebody looks at Events: nobody looks at most clusters of a fleet.
 */
export class EventRecorder {
  readonly #core: EventPlace;
  readonly #entries = new EventNotes();
  #dropped: EventNote[] = [];
  #serial = 0;
  #restored: (() => RecordedEvents) | undefined;

  constructor(core: EventPlace) {
    this.#core = core;
  }

  /** Copies of all notes. */
  state(): RecordedEvents {
    this.#wake();
    const copies = (entries: Iterable<EventNote>): EventNote[] => [...entries].map((entry) => ({ ...entry }));
    return { serial: this.#serial, entries: copies(this.#entries), dropped: copies(this.#dropped) };
  }

  /** Begins with these notes; they are asked for when the first of them matters. */
  restore(notes: () => RecordedEvents): void {
    this.#restored = notes;
  }

  #wake(): void {
    const notes = this.#restored?.();
    if (!notes) return;
    this.#restored = undefined;
    this.#serial = notes.serial;
    for (const entry of notes.entries) this.#entries.add(entry);
    this.#dropped = notes.dropped;
  }

  /** Notes that something happened to an object. `host` is the node whose kubelet says so. */
  record(component: string, about: SimObject, text: EventText, host?: string): void {
    const { uid, namespace, name } = about.metadata;
    this.#wake();
    const now = this.#core.clock.now();
    const known = this.#entries.repeated(uid, component, text);
    if (known) {
      known.count += 1;
      known.lastMs = now;
      known.dirty = true;
    } else {
      this.#serial += 1;
      this.#entries.add({
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
    const oldest = this.#entries.oldest();
    if (oldest?.stored) this.#dropped.push(oldest);
    this.#entries.dropOldest();
  }

  /** Brings the stored Events up to date, and removes those whose time is over: before anybody looks at them. */
  flush(): void {
    this.#wake();
    const definition = this.#core.resources.find('', 'v1', 'events') as ResourceDefinition;
    const table = this.#core.store.table(definition.key);
    const oldest = this.#core.clock.now() - timeToLiveMs;
    for (let entry = this.#entries.oldest(); entry && entry.lastMs <= oldest; entry = this.#entries.oldest())
      this.#entries.dropOldest();
    for (const entry of this.#dropped) {
      const stored = table.get(entry.about.namespace ?? 'default', entry.name);
      if (stored) this.#core.store.remove(definition, stored);
    }
    this.#dropped = [];
    for (const event of [...table.byKey.values()]) {
      const last = shownText(event['lastTimestamp'] ?? event['eventTime'] ?? event.metadata.creationTimestamp);
      if (Date.parse(last) <= oldest) this.#core.store.remove(definition, event);
    }
    for (const entry of this.#entries) if (entry.dirty) this.#store(definition, entry);
  }

  #store(definition: ResourceDefinition, entry: EventNote): void {
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
