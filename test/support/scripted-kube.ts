/** A KubeCluster that a test plays by hand: it says what lists answer, and feeds watches. */
import type { FailureError } from '../../src/domain/failure.ts';
import type { KubeObject } from '../../src/domain/kube-object.ts';
import type { KubeCluster, ListOptions, Resource, WatchHandlers } from '../../src/ports/kube-cluster.ts';

export interface ScriptedWatch {
  resource: string;
  from: string;
  handlers: WatchHandlers;
  stopped: boolean;
}

function refuse(method: string): never {
  throw new Error(`the test does not expect ${method}`);
}

/** Lists answer `objects` at `version`; watches are accepted at once unless `acceptWatches` is false. */
export class ScriptedKube implements KubeCluster {
  readonly objects = new Map<string, KubeObject[]>();
  readonly watches: ScriptedWatch[] = [];
  readonly lists: string[] = [];
  version = 100;
  acceptWatches = true;
  /** Answers of the next lists, in order: a failure, or nothing for the usual answer. */
  listFailures: (FailureError | undefined)[] = [];
  closed = false;

  async list(resource: Resource, _options?: ListOptions): Promise<{ items: KubeObject[]; resourceVersion: string }> {
    this.lists.push(resource.resource);
    const failure = this.listFailures.shift();
    if (failure !== undefined) throw failure;
    return { items: structuredClone(this.objects.get(resource.resource) ?? []), resourceVersion: String(this.version) };
  }

  watch(resource: Resource, options: { resourceVersion: string }, handlers: WatchHandlers): { stop(): void } {
    const watch: ScriptedWatch = {
      resource: resource.resource,
      from: options.resourceVersion,
      handlers,
      stopped: false,
    };
    this.watches.push(watch);
    queueMicrotask(() => {
      if (this.acceptWatches) handlers.opened?.();
      else handlers.closed('error', 'HTTP 503');
    });
    return {
      stop: () => {
        watch.stopped = true;
      },
    };
  }

  /** The newest watch of a resource. */
  watchOf(resource: string): ScriptedWatch {
    const watch = this.watches.findLast((candidate) => candidate.resource === resource);
    if (watch === undefined) throw new Error(`nobody watches ${resource}`);
    return watch;
  }

  /** Feeds one event at the next version. */
  emit(type: 'ADDED' | 'MODIFIED' | 'DELETED', resource: string, object: KubeObject): void {
    this.version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.version) };
    this.watchOf(resource).handlers.event({ type, object: { ...object, metadata } });
  }

  close(): void {
    this.closed = true;
  }

  get = () => refuse('get');
  create = () => refuse('create');
  update = () => refuse('update');
  patch = () => refuse('patch');
  apply = () => refuse('apply');
  delete = () => refuse('delete');
  evict = () => refuse('evict');
  raw = () => refuse('raw');
  resourceOf = () => refuse('resourceOf');
}
