/**
 * The last registry and pipeline that were in order. They are kept in the store, so that a restart with a bad file goes on with
 * them, and a reader without a daemon knows the fleet.
 */
import type { Cluster, InfrastructureAccount } from '../domain/cluster.ts';
import type { Pipeline } from '../domain/pipeline.ts';
import type { Problem } from '../domain/problem.ts';
import type { StatusProblem } from '../planning/explain/status-document.ts';
import { type LifecycleFact, withLifecycle } from '../planning/lifecycle/cluster-lifecycle.ts';
import type { Registry } from '../ports/channel-source.ts';
import type { Json, ReadStore, Store } from '../ports/store.ts';
import { digestOf } from '../support/digest.ts';
import { readLifecycles } from './lifecycles.ts';
import { judgeRegistryChange } from './registry-change.ts';

const factKind = 'last-good';

export interface LastGoodView {
  clusters: Cluster[];
  accounts: InfrastructureAccount[];
  pipeline: Pipeline | undefined;
}

/** What the store has of an earlier run, each cluster with the lifecycle status that counts. */
export async function readLastGood(store: Pick<ReadStore, 'fact' | 'facts'>): Promise<LastGoodView> {
  const view = await readAsWritten(store);
  return { ...view, clusters: withLifecycle(view.clusters, await readLifecycles(store)) };
}

async function readAsWritten(store: Pick<ReadStore, 'fact'>): Promise<LastGoodView> {
  const registry = (await store.fact(factKind, 'registry'))?.value as
    | { clusters?: Cluster[]; accounts?: InfrastructureAccount[] }
    | undefined;
  const pipeline = (await store.fact(factKind, 'pipeline'))?.value as Pipeline | undefined;
  return { clusters: registry?.clusters ?? [], accounts: registry?.accounts ?? [], pipeline };
}

export interface LastGoodOptions {
  store: Store;
  registry: Registry;
  /** Reads and parses the pipeline; `pipeline` is undefined exactly when there are problems. */
  readPipeline: () => Promise<{ pipeline: Pipeline | undefined; problems: Problem[] }>;
  now: () => number;
}

export interface LastGood {
  /** With the lifecycle status that counts. */
  clusters: () => Cluster[];
  /** A cluster has come that far. */
  lifecycle: (clusterId: string, known: LifecycleFact) => void;
  accounts: () => InfrastructureAccount[];
  pipeline: () => Pipeline | undefined;
  /** Why the newest files are not the ones in use; empty when they are. */
  problems: () => StatusProblem[];
  registryProblems: () => Problem[];
  /** Reads both again; true when what is in use changed. */
  refresh: () => Promise<boolean>;
  /** Accepts the registry read that is held back now; undefined when none is. */
  confirm: (actor: string, reason: string) => Promise<{ clusters: number } | undefined>;
}

/** Starts from what the store has; call `refresh` before anything else is asked. */
export async function openLastGood(options: LastGoodOptions): Promise<LastGood> {
  return new LastGoodKeeper(options, await readAsWritten(options.store), await readLifecycles(options.store));
}

class LastGoodKeeper implements LastGood {
  readonly #options: LastGoodOptions;
  #view: LastGoodView;
  #registryDigest: string;
  #pipelineDigest: string;
  #registryProblems: Problem[] = [];
  #pipelineProblems: Problem[] = [];
  #held:
    | { view: Pick<LastGoodView, 'clusters' | 'accounts'>; message: string; since: number; digest: string }
    | undefined;
  #refreshing: Promise<boolean> | undefined;
  readonly #lifecycles: Map<string, LifecycleFact>;
  /** The view's clusters with the status that counts; undefined = to be made anew. */
  #clusters: Cluster[] | undefined;

  constructor(options: LastGoodOptions, view: LastGoodView, lifecycles: Map<string, LifecycleFact>) {
    this.#options = options;
    this.#view = view;
    this.#lifecycles = lifecycles;
    this.#registryDigest = digestOf({ clusters: view.clusters, accounts: view.accounts });
    this.#pipelineDigest = digestOf(view.pipeline ?? null);
  }

  clusters(): Cluster[] {
    this.#clusters ??= withLifecycle(this.#view.clusters, this.#lifecycles);
    return this.#clusters;
  }

  lifecycle(clusterId: string, known: LifecycleFact): void {
    this.#lifecycles.set(clusterId, known);
    this.#clusters = undefined;
  }

  accounts(): InfrastructureAccount[] {
    return this.#view.accounts;
  }

  pipeline(): Pipeline | undefined {
    return this.#view.pipeline;
  }

  registryProblems(): Problem[] {
    return this.#registryProblems;
  }

  problems(): StatusProblem[] {
    const problems: StatusProblem[] = this.#pipelineProblems.map((problem) => ({
      severity: 'error',
      scope: 'pipeline',
      subject: problem.line === undefined ? problem.file : `${problem.file}:${problem.line}`,
      code: 'pipeline-invalid',
      message: `${problem.path === undefined ? '' : `${problem.path}: `}${problem.message}${this.#view.pipeline === undefined ? '' : ' (the last good pipeline stays in use)'}`,
      remedy: problem.remedy,
    }));
    if (this.#held !== undefined) {
      problems.push({
        severity: 'error',
        scope: 'registry',
        subject: 'registry',
        code: 'registry-held-back',
        message: this.#held.message,
        remedy: 'put the files back, or accept it: clm confirm registry --reason …',
        since: new Date(this.#held.since).toISOString(),
      });
    }
    return problems;
  }

  /** Concurrent callers share one read. */
  refresh(): Promise<boolean> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<boolean> {
    const pipelineChanged = await this.#refreshPipeline();
    const registryChanged = await this.#refreshRegistry();
    return pipelineChanged || registryChanged;
  }

  async #refreshPipeline(): Promise<boolean> {
    const { pipeline, problems } = await this.#options.readPipeline();
    this.#pipelineProblems = problems;
    if (pipeline === undefined || problems.length > 0) return false;
    const digest = digestOf(pipeline);
    if (digest === this.#pipelineDigest) return false;
    await this.#keep(
      'pipeline',
      pipeline,
      `The pipeline was read: ${pipeline.channels.map((one) => one.name).join(', ')}`,
    );
    this.#view = { ...this.#view, pipeline };
    this.#pipelineDigest = digest;
    return true;
  }

  async #refreshRegistry(): Promise<boolean> {
    const read = await this.#options.registry.read();
    this.#registryProblems = read.problems;
    if (read.problems.length > 0) return false;
    const view = { clusters: read.clusters, accounts: read.accounts };
    const digest = digestOf(view);
    if (digest === this.#registryDigest) {
      this.#held = undefined;
      return false;
    }
    const verdict = judgeRegistryChange(this.clusters(), read.clusters);
    if (!verdict.accepted) {
      const since = this.#held?.digest === digest ? this.#held.since : this.#options.now();
      this.#held = { view, message: verdict.message, since, digest };
      return false;
    }
    await this.#accept(view, digest, `The registry was read: ${read.clusters.length} clusters`, 'daemon');
    return true;
  }

  async confirm(actor: string, reason: string): Promise<{ clusters: number } | undefined> {
    await this.refresh();
    const held = this.#held;
    if (held === undefined) return undefined;
    const message = `${held.message} – accepted by ${actor}: ${reason}`;
    await this.#accept(held.view, held.digest, message, `operator:${actor}`);
    return { clusters: held.view.clusters.length };
  }

  async #accept(
    view: Pick<LastGoodView, 'clusters' | 'accounts'>,
    digest: string,
    message: string,
    source: string,
  ): Promise<void> {
    await this.#keep('registry', view, message, source);
    this.#view = { ...this.#view, ...view };
    this.#clusters = undefined;
    this.#registryDigest = digest;
    this.#held = undefined;
  }

  async #keep(key: 'pipeline' | 'registry', value: unknown, message: string, source = 'daemon'): Promise<void> {
    const now = this.#options.now();
    await this.#options.store.post({
      // the fleet is rendered from it
      facts: [{ kind: factKind, key, value: value as Json, exact: true }],
      journal: [
        { at: now, source, seq: 0, kind: `${key}-read`, channel: '', cluster: '', commit: '', message, data: null },
      ],
      now,
    });
  }
}
