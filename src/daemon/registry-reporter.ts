/**
 * Tells the cluster registry how far each cluster is. Level-triggered: what the registry should have is made from the status
 * document whenever something was committed, and written where it differs; a restart or a lost write changes nothing.
 */
import { FailureError } from '../domain/failure.ts';
import { nextRegistryStatus, sameRegistryStatus } from '../domain/registry-status.ts';
import { observedStatus } from '../planning/explain/registry-status.ts';
import type { ClusterStatus, StatusDocument, StatusProblem } from '../planning/explain/status-document.ts';
import type { RegistryStatusStore } from '../ports/registry-status.ts';
import type { Logger } from '../support/logger.ts';
import { mapBounded } from '../support/map-bounded.ts';
import type { Random } from '../support/random.ts';
import { startLevelLoop } from './level-loop.ts';

export interface RegistryReporterOptions {
  statuses: RegistryStatusStore;
  status: () => Promise<StatusDocument>;
  /** Another daemon may act once this is false: nothing is written any more. */
  leaseHeld: () => boolean;
  random: Random;
  log: Logger;
  /** Wall ms between two passes, however much is committed. */
  shortestPassMs?: number;
}

export interface RegistryReporter {
  /** Something was committed. */
  notify: () => void;
  problems: () => StatusProblem[];
  close: () => Promise<void>;
}

const writesAtOnce = 8;

export function startRegistryReporter(options: RegistryReporterOptions): RegistryReporter {
  const reporter = new Reporter(options);
  const { random, log, shortestPassMs } = options;
  const loop = startLevelLoop({
    pass: () => reporter.pass(),
    broken: 'the status for the registry cannot be made',
    random,
    log,
    ...(shortestPassMs === undefined ? {} : { shortestPassMs }),
  });
  return { notify: loop.notify, problems: () => reporter.problems(), close: loop.close };
}

class Reporter {
  readonly #options: RegistryReporterOptions;
  /** What the registry was told last, by cluster id. */
  readonly #told = new Map<string, string>();
  #failed: { code: string; message: string; clusters: number } | undefined;

  constructor(options: RegistryReporterOptions) {
    this.#options = options;
  }

  problems(): StatusProblem[] {
    if (this.#failed === undefined) return [];
    const { code, message, clusters } = this.#failed;
    const told = `The status of ${clusters} ${clusters === 1 ? 'cluster' : 'clusters'} is not told to the registry`;
    return [
      {
        severity: 'warning',
        scope: 'registry',
        subject: 'registry',
        code,
        message: `${told}: ${message}`,
        remedy: `it is tried again; clm explain ${code}`,
      },
    ];
  }

  /** false when some clusters could not be told. */
  async pass(): Promise<boolean> {
    const document = await this.#options.status();
    // Before it is adopted, a fleet is only looked at: that goes for its registry too.
    if (!document.adopted) return true;
    const clusters = document.clusters.filter((cluster) => this.#told.get(cluster.id) !== wordsFor(cluster));
    const failures = (await mapBounded(clusters, writesAtOnce, (cluster) => this.#tell(cluster))).flatMap(
      (failure) => failure ?? [],
    );
    const listed = new Set(document.clusters.map((cluster) => cluster.id));
    for (const id of this.#told.keys()) if (!listed.has(id)) this.#told.delete(id);
    const first = failures[0];
    this.#failed = first === undefined ? undefined : { ...first, clusters: failures.length };
    return first === undefined;
  }

  async #tell(cluster: ClusterStatus): Promise<{ code: string; message: string } | undefined> {
    const { statuses, leaseHeld, log } = this.#options;
    const observed = observedStatus(cluster);
    const known = statuses.known().get(cluster.id);
    const firstLook = !this.#told.has(cluster.id);
    const settled = firstLook && known !== undefined && sameRegistryStatus(known, nextRegistryStatus(known, observed));
    if (!settled) {
      if (!leaseHeld()) return undefined;
      try {
        await statuses.update(cluster.id, (there) => nextRegistryStatus(there, observed));
      } catch (error) {
        if (!(error instanceof FailureError)) throw error;
        log.warn({ cluster: cluster.id, code: error.failure.code }, error.failure.message);
        return error.failure;
      }
    }
    this.#told.set(cluster.id, wordsFor(cluster));
    return undefined;
  }
}

function wordsFor(cluster: ClusterStatus): string {
  return JSON.stringify(observedStatus(cluster));
}
