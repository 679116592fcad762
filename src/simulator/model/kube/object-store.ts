import type { Clock } from '../../../support/clock.ts';
import type { Pod } from './kinds.ts';
import { keyOf, type SimObject } from './object.ts';
import type { ResourceDefinition } from './resource-definition.ts';

/** One change of one object: what watches are told. */
export interface Change {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  resourceKey: string;
  object: SimObject;
  old: SimObject | undefined;
  revision: number;
  /** The serialised watch lines, by event type, filled by the first watcher that needs one. */
  lines?: Map<string, string>;
}

export type ChangeListener = (change: Change) => void;

const nothing: ReadonlyMap<string, never> = new Map<string, never>();

/** All objects of one resource. */
export class Table<T extends SimObject = SimObject> {
  readonly key: string;
  readonly byKey = new Map<string, T>();
  readonly #byNamespace = new Map<string, Map<string, T>>();
  /** Bounded history for watches that resume. */
  history: Change[] = [];
  /** Changes up to this revision are forgotten. */
  compactedRevision: number;

  constructor(key: string, revision: number) {
    this.key = key;
    this.compactedRevision = revision;
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.byKey.get(namespace === undefined ? name : `${namespace}/${name}`);
  }

  /** By name, in the order of creation. Cluster-scoped objects are under ''. */
  inNamespace(namespace: string): ReadonlyMap<string, T> {
    return this.#byNamespace.get(namespace) ?? nothing;
  }

  /** In the order of keys, as the API lists them. */
  sorted(namespace?: string): T[] {
    const source = namespace === undefined ? this.byKey : this.inNamespace(namespace);
    const entries = [...source.entries()];
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return entries.map(([, object]) => object);
  }

  set(object: T): void {
    this.byKey.set(keyOf(object), object);
    const namespace = object.metadata.namespace ?? '';
    let group = this.#byNamespace.get(namespace);
    if (!group) {
      group = new Map();
      this.#byNamespace.set(namespace, group);
    }
    group.set(object.metadata.name, object);
  }

  delete(object: SimObject): void {
    this.byKey.delete(keyOf(object));
    const group = this.#byNamespace.get(object.metadata.namespace ?? '');
    group?.delete(object.metadata.name);
    if (group?.size === 0) this.#byNamespace.delete(object.metadata.namespace ?? '');
  }
}

/** One cluster's objects, with their revisions, indexes and history: its etcd. */
export class ObjectStore {
  readonly clock: Clock;
  #revision = 1000;
  readonly #tables = new Map<string, Table>();
  readonly #historyLimit: number;
  readonly #listeners = new Map<string, ChangeListener[]>();
  readonly #allListeners: ChangeListener[] = [];
  readonly #byUid = new Map<string, SimObject>();
  /** Owner's uid → its dependents' uids. */
  readonly #dependents = new Map<string, Set<string>>();
  readonly #podsByNode = new Map<string, Map<string, Pod>>();
  readonly #restored: (() => void)[] = [];
  readonly pods: Table<Pod>;

  constructor(clock: Clock, historyLimit: number) {
    this.clock = clock;
    this.#historyLimit = historyLimit;
    this.pods = this.table('pods') as Table<Pod>;
  }

  get revision(): number {
    return this.#revision;
  }

  table(resourceKey: string): Table {
    let table = this.#tables.get(resourceKey);
    if (!table) {
      table = new Table(resourceKey, this.#revision);
      this.#tables.set(resourceKey, table);
    }
    return table;
  }

  /** The same table, seen as one of a known kind. */
  typed<T extends SimObject>(resourceKey: string): Table<T> {
    return this.table(resourceKey) as unknown as Table<T>;
  }

  tables(): IterableIterator<Table> {
    return this.#tables.values();
  }

  dropTable(resourceKey: string): void {
    this.#tables.delete(resourceKey);
  }

  byUid(uid: string): SimObject | undefined {
    return this.#byUid.get(uid);
  }

  /** Objects that name this uid among their owners. */
  dependents(uid: string): SimObject[] {
    const found: SimObject[] = [];
    for (const each of this.#dependents.get(uid) ?? []) {
      const object = this.byUid(each);
      if (object) found.push(object);
    }
    return found;
  }

  /** Keys of assigned pods, those of one node in the order in which they came there. */
  podOrder(): string[] {
    return [...this.#podsByNode.values()].flatMap((pods) => [...pods.keys()]);
  }

  podsOn(node: string): ReadonlyMap<string, Pod> {
    return this.#podsByNode.get(node) ?? nothing;
  }

  /** Called after every change of this resource, in the order of registration. */
  onChange(resourceKey: string, listener: ChangeListener): void {
    const list = this.#listeners.get(resourceKey);
    if (list) list.push(listener);
    else this.#listeners.set(resourceKey, [listener]);
  }

  onAnyChange(listener: ChangeListener): void {
    this.#allListeners.push(listener);
  }

  /** Called when the store was filled at once, for who keeps account of what is in it. */
  onRestored(listener: () => void): void {
    this.#restored.push(listener);
  }

  /**
   * Fills an empty store with objects as they are, versions included: no change is told, and watches from before get 410.
   * `podOrder` is what another store like this one has of that name.
   */
  restore(
    revision: number,
    tables: Iterable<readonly [string, readonly SimObject[]]>,
    podOrder: Iterable<string>,
  ): void {
    if (this.#byUid.size > 0) throw new RangeError('only an empty store can be restored');
    this.#revision = revision;
    for (const table of this.#tables.values()) table.compactedRevision = revision;
    for (const [key, objects] of tables) {
      const table = this.table(key);
      for (const object of objects) {
        table.set(object);
        const { uid, ownerReferences } = object.metadata;
        this.#byUid.set(uid, object);
        for (const owner of ownerReferences ?? []) this.#addDependent(owner.uid, uid);
      }
    }
    for (const key of podOrder) this.#indexPod(key, undefined, this.pods.byKey.get(key));
    for (const listener of this.#restored) listener();
  }

  /** Stores a new version (its metadata.resourceVersion is set here) and tells everybody. */
  put(definition: ResourceDefinition, object: SimObject): SimObject {
    const table = this.table(definition.key);
    const key = keyOf(object);
    const old = table.byKey.get(key);
    this.#revision += 1;
    object.metadata.resourceVersion = String(this.#revision);
    table.set(object);
    this.#index(table, key, old, object);
    this.#tell(table, {
      type: old ? 'MODIFIED' : 'ADDED',
      resourceKey: definition.key,
      object,
      old,
      revision: this.#revision,
    });
    return object;
  }

  remove(definition: { key: string }, object: SimObject): void {
    const table = this.table(definition.key);
    this.#revision += 1;
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#revision) } };
    table.delete(object);
    this.#index(table, keyOf(object), object, undefined);
    this.#tell(table, {
      type: 'DELETED',
      resourceKey: definition.key,
      object: last,
      old: object,
      revision: this.#revision,
    });
  }

  /** Forgets the history up to now: a watch from an older revision gets 410 (a fault, or a test). */
  compact(): void {
    for (const table of this.#tables.values()) {
      table.history = [];
      table.compactedRevision = this.#revision;
    }
  }

  #tell(table: Table, change: Change): void {
    table.history.push(change);
    if (table.history.length >= 2 * this.#historyLimit) {
      const dropped = table.history.splice(0, this.#historyLimit);
      table.compactedRevision = dropped.at(-1)?.revision ?? table.compactedRevision;
    }
    for (const listener of this.#listeners.get(change.resourceKey) ?? []) listener(change);
    for (const listener of this.#allListeners) listener(change);
  }

  #index(table: Table, key: string, old: SimObject | undefined, next: SimObject | undefined): void {
    const uid = (next ?? old)?.metadata.uid as string;
    if (next) this.#byUid.set(uid, next);
    else this.#byUid.delete(uid);
    const before = old?.metadata.ownerReferences;
    const after = next?.metadata.ownerReferences;
    if (before !== after) {
      for (const owner of before ?? []) {
        const set = this.#dependents.get(owner.uid);
        set?.delete(uid);
        if (set?.size === 0) this.#dependents.delete(owner.uid);
      }
      for (const owner of after ?? []) this.#addDependent(owner.uid, uid);
    }
    if (table.key === 'pods') this.#indexPod(key, old as Pod | undefined, next as Pod | undefined);
  }

  #addDependent(owner: string, uid: string): void {
    const set = this.#dependents.get(owner);
    if (set) set.add(uid);
    else this.#dependents.set(owner, new Set([uid]));
  }

  #indexPod(key: string, old: Pod | undefined, next: Pod | undefined): void {
    const before = old?.spec.nodeName;
    const after = next?.spec.nodeName;
    if (before !== undefined && before !== after) {
      const group = this.#podsByNode.get(before);
      group?.delete(key);
      if (group?.size === 0) this.#podsByNode.delete(before);
    }
    if (after === undefined || !next) return;
    let group = this.#podsByNode.get(after);
    if (!group) {
      group = new Map();
      this.#podsByNode.set(after, group);
    }
    group.set(key, next);
  }
}
