import type { KubeObject } from '../../domain/kube-object.ts';
import { compareVersions } from './resource-version.ts';

export interface ViewCacheOptions<V> {
  parse(object: KubeObject): V;
  /** true when nothing that a decision reads differs. */
  same(a: V, b: V): boolean;
  /** What readers see of a view; a change of that is what matters. */
  seen(view: V): V;
  /** Called for every change of one object, whether it matters or not; no view = it is gone, no view before = it is new. */
  observed(view: V | undefined, before: V | undefined): void;
}

/** Objects of one kind as views; the objects themselves are not kept. Every change tells whether it matters to anybody. */
export interface ViewCache<V> {
  put(object: KubeObject): boolean;
  drop(object: KubeObject): boolean;
  /** Takes a complete list: what is not in it is gone. */
  replace(objects: KubeObject[]): boolean;
  get(key: string): V | undefined;
  /** All of them, each as `seen` shows it. */
  views(seen: (view: V) => V): V[];
  /** Grows with every change of any object. */
  revision(): number;
  clear(): void;
}

/** Key of an object in the cache: `namespace/name`, or the name alone. */
export function keyOf(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

export function createViewCache<V>(options: ViewCacheOptions<V>): ViewCache<V> {
  const entries = new Map<string, { view: V; version: string }>();
  let revision = 0;

  function put(object: KubeObject): boolean {
    const key = keyOf(object);
    const version = object.metadata.resourceVersion ?? '';
    const before = entries.get(key);
    if (before !== undefined && compareVersions(version, before.version) < 0) return false;
    const view = options.parse(object);
    const seenBefore = before === undefined ? undefined : options.seen(before.view);
    entries.set(key, { view, version });
    revision += 1;
    options.observed(view, before?.view);
    return seenBefore === undefined || !options.same(seenBefore, options.seen(view));
  }

  function dropKey(key: string): boolean {
    const before = entries.get(key);
    if (before === undefined) return false;
    entries.delete(key);
    revision += 1;
    options.observed(undefined, before.view);
    return true;
  }

  return {
    put,
    drop: (object) => dropKey(keyOf(object)),
    replace(objects) {
      const present = new Set<string>();
      let matters = false;
      for (const object of objects) {
        present.add(keyOf(object));
        if (put(object)) matters = true;
      }
      for (const key of [...entries.keys()]) if (!present.has(key) && dropKey(key)) matters = true;
      return matters;
    },
    get: (key) => entries.get(key)?.view,
    views(seen) {
      const views: V[] = [];
      for (const { view } of entries.values()) views.push(seen(view));
      return views;
    },
    revision: () => revision,
    clear: () => {
      entries.clear();
      revision += 1;
    },
  };
}
