import type { KubeObject } from '../domain/kube-object.ts';
import type { CheckLedger, LedgerEntry } from '../ports/check-runner.ts';
import type { KubeCluster, Resource } from '../ports/kube-cluster.ts';
import type { Clock } from '../support/clock.ts';

/** Groups whose objects are asked, never stored. */
const reviewGroups = new Set(['authorization.k8s.io', 'authentication.k8s.io']);

/** Writes the ledger of one check; shared by its cluster connection and its context. */
export class LedgerWriter {
  readonly #ledger: CheckLedger;
  readonly #about: { run: string; cluster: string; check: string };
  readonly #clock: Clock;
  readonly #nextSeq: () => number;

  constructor(
    ledger: CheckLedger,
    about: { run: string; cluster: string; check: string },
    clock: Clock,
    nextSeq: () => number,
  ) {
    this.#ledger = ledger;
    this.#about = about;
    this.#clock = clock;
    this.#nextSeq = nextSeq;
  }

  /** Resolves when the entry is durable. */
  write(what: LedgerEntry['what']): Promise<void> {
    return this.#ledger.write({ ...this.#about, seq: this.#nextSeq(), at: Math.round(this.#clock.now()), what });
  }

  object(resource: Resource, object: KubeObject): Promise<void> {
    const { name, namespace } = object.metadata;
    return this.write({ kind: 'object', resource, name, ...(namespace === undefined ? {} : { namespace }) });
  }
}

/** The same cluster: what is created through it is in the ledger first, and carries the check's labels. */
export function recordingKube(kube: KubeCluster, ledger: LedgerWriter, labels: Record<string, string>): KubeCluster {
  const labelled = (object: KubeObject): KubeObject => ({
    ...object,
    metadata: { ...object.metadata, labels: { ...object.metadata.labels, ...labels } },
  });
  return {
    ...bound(kube),
    async create(resource, object, options) {
      if (reviewGroups.has(resource.group)) return kube.create(resource, object, options);
      const ours = labelled(object);
      if (options?.dryRun !== true) await ledger.object(resource, ours);
      return kube.create(resource, ours, options);
    },
    async apply(resource, object, options) {
      const ours = labelled(object);
      if (options?.dryRun !== true) await ledger.object(resource, ours);
      return kube.apply(resource, ours, options);
    },
    // The connection is the session's: a check never closes it.
    close: () => {},
  };
}

/** Every method, bound: implementations may be classes. */
function bound(kube: KubeCluster): KubeCluster {
  return {
    get: (...args) => kube.get(...args),
    list: (...args) => kube.list(...args),
    watch: (...args) => kube.watch(...args),
    create: (...args) => kube.create(...args),
    update: (...args) => kube.update(...args),
    patch: (...args) => kube.patch(...args),
    apply: (...args) => kube.apply(...args),
    delete: (...args) => kube.delete(...args),
    evict: (...args) => kube.evict(...args),
    raw: (...args) => kube.raw(...args),
    resourceOf: (...args) => kube.resourceOf(...args),
    close: () => kube.close(),
  };
}
