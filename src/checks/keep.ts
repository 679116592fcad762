/** Objects of a failed check that stay for a while, for people to look at. */
import type { Cluster } from '../domain/cluster.ts';
import type { CheckLedger, KeptObjects, LedgerEntry } from '../ports/check-runner.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { Clock } from '../support/clock.ts';
import { parseDuration } from '../support/duration.ts';
import type { LedgerWriter } from './recording-kube.ts';
import { namespaces } from './resources.ts';
import { CheckSettings } from './settings.ts';

/** Nothing is kept longer, whoever asks. */
export const longestKeepMs = 24 * 3_600_000;

/**
 * For how long objects of failed checks are kept on a cluster, in ms; 0 = not at all. The cluster's own `e2e_keep_on_failure` (a
 * duration, or `off`) decides; without it the request does, and never on production. What cannot be read keeps nothing.
 */
export function keepFor(cluster: Cluster, requestedMs: number | undefined): number {
  const own = new CheckSettings(cluster).get('keep_on_failure');
  const wanted = own === undefined ? (cluster.environment === 'production' ? 0 : requestedMs) : parseDuration(own);
  return Math.min(wanted ?? 0, longestKeepMs);
}

/** What of a run is kept, whether or not its time is over. */
export function keptIn(entries: readonly LedgerEntry[]): KeptObjects[] {
  return entries.flatMap(({ run, cluster, check, what }) =>
    what.kind === 'kept' ? [{ run, cluster, check, namespace: what.name, until: what.until }] : [],
  );
}

/** What is kept on a cluster, of whatever run. */
export async function keptOn(ledger: CheckLedger, clusterId: string): Promise<KeptObjects[]> {
  const runs = await ledger.openRuns(clusterId);
  return (await Promise.all(runs.map(async (run) => keptIn(await ledger.open(run))))).flat();
}

/** One check after the other decides what it keeps: two that fail at once see each other. */
export class KeepQuota {
  #turn: Promise<unknown> = Promise.resolve();
  readonly #ledger: CheckLedger;
  readonly #clusterId: string;
  readonly #most: number;

  constructor(ledger: CheckLedger, clusterId: string, most: number) {
    this.#ledger = ledger;
    this.#clusterId = clusterId;
    this.#most = most;
  }

  /** undefined: as many are kept there as may be. */
  within<Kept>(keep: () => Promise<Kept>): Promise<Kept | undefined> {
    const turn = this.#turn
      .catch(() => {})
      .then(async () => {
        const kept = this.#most === Number.POSITIVE_INFINITY ? [] : await keptOn(this.#ledger, this.#clusterId);
        return kept.length < this.#most ? keep() : undefined;
      });
    this.#turn = turn;
    return turn;
  }
}

/**
 * Why nothing of these can stay: only what is in the check's own namespace disturbs nobody else. A cordon, a webhook for the whole
 * cluster or nodes that were asked for are taken back at once.
 */
function reachesOut({ what }: LedgerEntry): boolean {
  if (what.kind === 'undo' || what.kind === 'appearing') return true;
  return what.kind === 'object' && what.namespace === undefined && what.resource.kind !== 'Namespace';
}

/** Writes down that a failed check's objects stay, then says so on the namespace. Undefined: they do not, and are to be cleaned up. */
export async function keepObjects(input: {
  kube: KubeCluster;
  clock: Clock;
  entries: readonly LedgerEntry[];
  ledger: LedgerWriter;
  namespace: string;
  forMs: number;
}): Promise<{ namespace: string; until: number } | undefined> {
  const { kube, clock, entries, ledger, namespace, forMs } = input;
  const made = entries.some(({ what }) => what.kind === 'object' && what.name === namespace);
  if (forMs <= 0 || !made || entries.some(reachesOut)) return undefined;
  const until = Math.round(clock.now()) + forMs;
  await ledger.write({ kind: 'kept', name: namespace, until });
  const body = { metadata: { annotations: { 'clm.e2e/expires-at': new Date(until).toISOString() } } };
  // The ledger decides; the date is for whoever looks at the cluster.
  await kube.patch(namespaces, undefined, namespace, { type: 'merge', body }).catch(() => {});
  return { namespace, until };
}
