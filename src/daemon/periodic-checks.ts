/**
 * Checks on a schedule, cluster by cluster, beside the engine: they decide nothing, so they leave no process behind, only history.
 * What they make is in the ledger; what a killed daemon has left of them is cleaned up by the next one. An update goes first: the
 * cluster's run is cancelled, and none starts while the update has the cluster in hand.
 */

import type { Cluster } from '../domain/cluster.ts';
import { alertChange } from '../planning/e2e/alerts.ts';
import { type HealthView, healthView } from '../planning/e2e/health-view.ts';
import { caseTests, resultRecords, runRecord } from '../planning/e2e/run-record.ts';
import { dueRuns, parseSchedule, type ScheduledProfile, slotAt } from '../planning/e2e/schedule-runs.ts';
import type { CheckResult, CheckRunner } from '../ports/check-runner.ts';
import type { HistoryResult } from '../ports/e2e-store.ts';
import type { JournalEntry, Store } from '../ports/store.ts';
import type { RunBackground } from '../steps/e2e/run-checks.ts';
import type { Clock } from '../support/clock.ts';
import { sleep } from '../support/deadline.ts';
import type { Logger } from '../support/logger.ts';

export interface PeriodicChecksInput {
  runner: CheckRunner;
  store: Store;
  clock: Clock;
  clusters: () => Cluster[];
  /** What a channel checks on a schedule. */
  scheduleOf: (channel: string) => readonly ScheduledProfile[];
  adopted: () => Promise<boolean>;
  leaseHeld: () => boolean;
  about: (run: { clusterId: string; profile: string; commit: string }, now: number) => Promise<RunBackground>;
  onResults: (run: { clusterId: string; channel: string }, results: readonly CheckResult[]) => void;
  /** Runs at once over the fleet. */
  parallel: number;
  version: string;
  log: Logger;
}

interface Active {
  runId: string;
  profile: string;
  finished: Promise<void>;
}

const idPrefix = 'periodic:';
/** Wall ms between two looks. */
const lookEveryMs = 1_000;
/** Decision ms between two looks at what failed checks have kept. */
const keptEveryMs = 60_000;
/** Results of one check on one cluster that alerts and the health page look at. */
const keptResults = 20;
/** Silence of so many intervals is a problem of its own. */
const staleIntervals = 3;
const lookBackMs = 24 * 3_600_000;
const mostRunsRead = 1_000;
const alertKind = 'e2e-alert';

export class PeriodicChecks {
  readonly #input: PeriodicChecksInput;
  readonly #active = new Map<string, Active>();
  /** Being decided on: not running yet, and taken already. */
  readonly #claimed = new Set<string>();
  readonly #yielding = new Set<string>();
  readonly #slots = new Map<string, number>();
  readonly #recent = new Map<string, HistoryResult[]>();
  #keptLookAt = 0;
  #keptSweep: Promise<void> | undefined;
  readonly #stopping = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(input: PeriodicChecksInput) {
    this.#input = input;
  }

  /** Reads what is known, cleans up after a killed daemon, and looks again and again until it is closed. */
  start(): void {
    this.#loop = this.#run();
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await this.#keptSweep;
    await Promise.all([...this.#active.keys()].map((cluster) => this.#cancel(cluster)));
  }

  /** Whether no scheduled run is under way on the cluster; one that is, is being cancelled. */
  yieldCluster(clusterId: string): boolean {
    if (!this.#active.has(clusterId)) return !this.#claimed.has(clusterId);
    if (!this.#yielding.has(clusterId)) {
      this.#yielding.add(clusterId);
      void this.#cancel(clusterId).finally(() => this.#yielding.delete(clusterId));
    }
    return false;
  }

  health(): HealthView {
    const { clock, clusters } = this.#input;
    const expected = clusters().flatMap((cluster) => {
      const every = this.#profilesOf(cluster).map((one) => one.everyMs);
      return every.length === 0 ? [] : [{ cluster: cluster.id, staleAfterMs: staleIntervals * Math.min(...every) }];
    });
    return healthView([...this.#recent.values()].flat(), expected, Math.round(clock.now()));
  }

  async #run(): Promise<void> {
    const { log } = this.#input;
    const { signal } = this.#stopping;
    let known = false;
    do {
      try {
        if (!known) await this.#recall();
        known = true;
        await this.look();
      } catch (error) {
        log.error({ err: error }, 'scheduled checks could not be looked at');
      }
    } while (await sleep(lookEveryMs, signal));
  }

  /** One look: starts what is due and free. */
  async look(): Promise<void> {
    const { clusters, clock, parallel, leaseHeld, adopted } = this.#input;
    if (!leaseHeld() || !(await adopted())) return;
    this.#lookAtKept();
    const scheduled = clusters()
      .filter((cluster) => cluster.lifecycleStatus === 'ready')
      .map((cluster) => ({ id: cluster.id, profiles: this.#profilesOf(cluster) }))
      .filter(({ profiles }) => profiles.length > 0);
    const due = dueRuns({
      now: clock.now(),
      clusters: scheduled,
      lastSlot: (cluster, profile) => this.#slots.get(`${cluster}/${profile}`),
      busy: new Set([...this.#active.keys(), ...this.#claimed]),
      free: parallel - this.#active.size,
    });
    for (const { cluster, profile, slot } of due) {
      // Claimed before the question: an update that comes in between finds the claim, or is found here.
      this.#claimed.add(cluster);
      try {
        if (await this.#inHand(cluster)) continue;
        this.#slots.set(`${cluster}/${profile}`, slot);
        this.#begin(cluster, profile, slot);
      } finally {
        this.#claimed.delete(cluster);
      }
    }
  }

  /** What failed checks of any run have kept goes when its time is over, whoever ran them. */
  #lookAtKept(): void {
    const { clock, log } = this.#input;
    if (this.#keptSweep !== undefined || clock.now() < this.#keptLookAt) return;
    this.#keptLookAt = clock.now() + keptEveryMs;
    // Beside the schedule: a cluster that does not answer holds up no other's checks.
    this.#keptSweep = this.#sweepKept()
      .catch((error: unknown) => log.warn({ err: error }, 'what failed checks have kept could not be looked at'))
      .finally(() => {
        this.#keptSweep = undefined;
      });
  }

  async #sweepKept(): Promise<void> {
    const { clusters, runner, log } = this.#input;
    for (const { id } of clusters()) {
      if (this.#stopping.signal.aborted) return;
      const { swept, left } = await runner.sweepKept(id, 'expired');
      if (swept.length > 0) log.info({ clusterId: id, swept, left }, 'what failed checks had kept is past its time');
    }
  }

  #profilesOf(cluster: Cluster): readonly ScheduledProfile[] {
    const own = cluster.configItems['e2e_periodic'];
    const known = own === undefined ? this.#input.scheduleOf(cluster.channel) : parseSchedule(own).profiles;
    return known.filter(({ profile }) => this.#input.runner.checksOf(profile) !== undefined);
  }

  async #inHand(cluster: string): Promise<boolean> {
    const rows = await this.#input.store.rows({ machine: 'clusterUpdate', status: 'active', cluster });
    return rows.length > 0;
  }

  #begin(cluster: string, profile: string, slot: number): void {
    const runId = `${idPrefix}${cluster}:${profile}:${slot}`;
    const finished = this.#check(cluster, profile, runId)
      .catch((error: unknown) =>
        this.#input.log.warn({ err: error, cluster, profile }, 'a scheduled run of checks failed'),
      )
      .finally(() => {
        this.#active.delete(cluster);
        this.#input.runner.forget(runId);
      });
    this.#active.set(cluster, { runId, profile, finished });
  }

  async #cancel(cluster: string): Promise<void> {
    const active = this.#active.get(cluster);
    if (active === undefined) return;
    await this.#input.runner.cancel(active.runId, cluster);
    await active.finished;
  }

  async #check(clusterId: string, profile: string, runId: string): Promise<void> {
    const { runner, clock, about, clusters, store, version } = this.#input;
    const cluster = clusters().find((one) => one.id === clusterId);
    if (cluster === undefined) return;
    const commit = await this.#commitOf(clusterId);
    const startedAt = Math.round(clock.now());
    const background = await about({ clusterId, profile, commit }, startedAt);
    const results = await new Promise<CheckResult[]>((resolve) => {
      const look = (): void => {
        if (state.done) resolve(state.results);
      };
      const state = runner.ensure({ runId, clusterId, profile, finished: [], ...background.request }, look);
      look();
    });
    if (results.length > 0 && results.every((one) => one.outcome === 'cancelled')) return;
    const { provider, region, environment } = background;
    const run = runRecord(
      {
        id: runId,
        kind: 'periodic',
        profile,
        trigger: 'schedule',
        channel: cluster.channel,
        commit,
        clusterId,
        provider,
        region,
        environment,
        kubernetesVersion: '',
        startedAt,
        runnerVersion: version,
        contact: '',
        headers: { purpose: 'periodic' },
        now: Math.round(clock.now()),
      },
      results,
    );
    const records = resultRecords(runId, results);
    const tests = runner.testsOf(profile);
    await store.e2e.record(run, [...tests, ...caseTests(results, tests)], records);
    // Tests that a check ran itself are for history: the check speaks for them.
    const own = new Set(results.map((result) => result.check));
    const ofChecks = records.filter((record) => own.has(record.test));
    const full = ofChecks.map((record) => ({ ...record, clusterId, channel: cluster.channel, commit }));
    for (const one of full) this.#remember(one);
    this.#input.onResults({ clusterId, channel: cluster.channel }, results);
    await this.#alert(cluster, full);
  }

  async #commitOf(clusterId: string): Promise<string> {
    const value = (await this.#input.store.fact('cluster', clusterId))?.value as { commit?: string | null } | undefined;
    return value?.commit ?? '';
  }

  #remember(result: HistoryResult): void {
    const key = `${result.clusterId}\n${result.test}`;
    this.#recent.set(key, [...(this.#recent.get(key) ?? []), result].slice(-keptResults));
  }

  /** Opens after some failures in a row, closes after a pass; each change is said once, in the journal. */
  async #alert(cluster: Cluster, results: readonly HistoryResult[]): Promise<void> {
    const { store, clock } = this.#input;
    const now = Math.round(clock.now());
    for (const { test, runId } of results) {
      const key = `${cluster.id}/${test}`;
      const open = (await store.fact(alertKind, key)) !== undefined;
      const change = alertChange(this.#recent.get(`${cluster.id}\n${test}`) ?? [], open);
      if (change.kind === 'none') continue;
      const opened = change.kind === 'open';
      const message = opened
        ? `${cluster.alias}: check ${test} failed ${change.failures} times in a row: ${change.message}`
        : `${cluster.alias}: check ${test} passes again`;
      const entry: JournalEntry = {
        at: now,
        source: runId,
        seq: 0,
        kind: opened ? 'e2e-alert-opened' : 'e2e-alert-closed',
        channel: cluster.channel,
        cluster: cluster.id,
        commit: results[0]?.commit ?? '',
        message,
        data: opened
          ? { check: test, run: runId, since: change.since, lastPassRun: change.lastPassRun }
          : { check: test, run: runId },
      };
      const value = opened
        ? { check: test, cluster: cluster.id, since: change.since, message: change.message, run: runId }
        : null;
      await store.post({ facts: [{ kind: alertKind, key, value }], journal: [entry], now });
    }
  }

  /** What earlier lives have found, and left. */
  async #recall(): Promise<void> {
    const { store, clock, clusters, runner } = this.#input;
    const since = Math.round(clock.now()) - lookBackMs;
    for (const one of await store.e2e.results({ kind: 'periodic', since, limit: mostRunsRead })) this.#remember(one);
    for (const run of await store.e2e.runs({ kind: 'periodic', since, limit: mostRunsRead })) {
      const slot = Number(run.id.slice(run.id.lastIndexOf(':') + 1));
      const key = `${run.clusterId}/${run.profile}`;
      if (Number.isSafeInteger(slot)) this.#slots.set(key, Math.max(slot, this.#slots.get(key) ?? slot));
    }
    for (const cluster of clusters()) {
      const left = (await store.e2e.openRuns(cluster.id)).filter((run) => run.startsWith(idPrefix));
      for (const run of left) await runner.cancel(run, cluster.id);
      for (const { profile, everyMs } of this.#profilesOf(cluster)) {
        const key = `${cluster.id}/${profile}`;
        // Nothing is known: its own moment of the interval comes, not all of the fleet at once.
        if (!this.#slots.has(key)) this.#slots.set(key, slotAt(clock.now(), key, everyMs).slot);
      }
    }
  }
}
