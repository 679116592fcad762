import type { KubeObject } from '../domain/kube-object.ts';

/** A REST resource: group '' is the core group. */
export interface Resource {
  group: string;
  version: string;
  /** Plural: `pods`. */
  resource: string;
  kind: string;
  namespaced: boolean;
}

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

export interface KubeList {
  items: KubeObject[];
  resourceVersion: string;
}

export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: KubeObject;
}

export interface WatchHandlers {
  /** The server accepted the watch: from here on every change is delivered. Not called when it is refused. */
  opened?(): void;
  event(event: WatchEvent): void;
  /**
   * Called exactly once, whatever the reason (`expired` = 410: list again; `ended` also after `stop`), and nothing after it. The
   * watch is not restarted by the port.
   */
  closed(reason: 'expired' | 'ended' | 'error', message: string): void;
}

export interface WatchHandle {
  stop(): void;
}

export type Patch =
  | { type: 'merge'; body: unknown }
  | { type: 'strategic'; body: unknown }
  | { type: 'json'; body: unknown[] };

/** What the Eviction API answered, told apart exactly (reference/node-roll.md §1.2). */
export type EvictionResult =
  /** 2xx: deletion accepted, the pod is not gone yet. */
  | { kind: 'accepted' }
  /** 404, or 409 on the uid precondition: this pod is no more. */
  | { kind: 'gone' }
  /** 429 with cause DisruptionBudget. retryAfterMs only when the server sent one ("still being processed"). */
  | { kind: 'refused-by-budget'; message: string; budgets: string[]; retryAfterMs?: number }
  /** 500 "more than one PodDisruptionBudget", 403 negative or overfull budget: permanent until somebody changes the spec. */
  | { kind: 'blocked'; code: 'multiple-budgets' | 'budget-invalid' | 'admission-denied'; message: string }
  /** 403 with cause NamespaceTerminating. */
  | { kind: 'namespace-terminating'; message: string };

export interface ApplyOptions {
  /** Take fields over from other managers. */
  force?: boolean;
  dryRun?: boolean;
}

/**
 * One cluster's API. Every method throws FailureError: `kube-unauthorized`, `kube-forbidden`, `kube-timeout`,
 * `kube-unreachable`, `kube-conflict`, `kube-throttled`, `kube-invalid`, `kube-server-error`, `kube-not-found`,
 * `kube-already-exists`, `kube-expired`.
 * Reads without a resourceVersion are quorum reads. Unknown is never empty (B8): a failed list throws.
 */
export interface KubeCluster {
  /** undefined on 404. */
  get(resource: Resource, namespace: string | undefined, name: string): Promise<KubeObject | undefined>;
  /** Follows `continue` to the end. */
  list(resource: Resource, options?: ListOptions): Promise<KubeList>;
  watch(resource: Resource, options: ListOptions & { resourceVersion: string }, handlers: WatchHandlers): WatchHandle;
  create(resource: Resource, object: KubeObject, options?: { dryRun?: boolean }): Promise<KubeObject>;
  /** Replaces the whole object (PUT): its resourceVersion, when given, must be the current one. */
  update(resource: Resource, object: KubeObject): Promise<KubeObject>;
  patch(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    patch: Patch,
    options?: { subresource?: string; dryRun?: boolean },
  ): Promise<KubeObject>;
  /** Server-side apply as field manager `clm`. */
  apply(resource: Resource, object: KubeObject, options?: ApplyOptions): Promise<KubeObject>;
  /** false on 404. Always give the uid when the object was seen. */
  delete(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    options?: { uid?: string; gracePeriodSeconds?: number; propagation?: 'Background' | 'Foreground' | 'Orphan' },
  ): Promise<boolean>;
  /** policy/v1 only; never falls back to a delete. */
  evict(namespace: string, pod: string, options: { uid: string; dryRun?: boolean }): Promise<EvictionResult>;
  /** GET of any path: /readyz?verbose, /version, logs, service proxies. Does not throw on an HTTP error status. */
  raw(path: string): Promise<{ status: number; body: string }>;
  /** The resource that serves a kind; throws `kube-unknown-kind` when discovery does not know it. */
  resourceOf(apiVersion: string, kind: string): Promise<Resource>;
  close(): void;
}
