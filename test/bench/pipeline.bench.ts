/**
 * How soon the pipeline decides: from a state change to the commit of the decision on it, and from a merge to the rollout that it
 * starts. Real engine, machines, steps and SQLite file; clusters and git as scripted. Time runs faster than the wall's, so that the
 * load is that of many times as many clusters in flight; latencies are wall time.
 */
import { setMaxListeners } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Committed } from '../../src/engine/engine-options.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import { clockFromEnvironment } from '../../src/support/clock.ts';
import { startDeadline, wallMs } from '../../src/support/deadline.ts';
import { startEventLoopMonitor } from '../../src/support/event-loop-lag.ts';
import { minute, PipelineWorld } from '../support/pipeline/pipeline-world.ts';
import type { BenchRow } from './bench-row.ts';

/** Wall time that a run may take. */
const limitMs = 30 * minute;
const pollIntervalMs = minute;
/** Between two merges at least, wall time. */
const mergeEveryMs = 500;
const shares = { dev: 0.01, alpha: 0.04, beta: 0.15, stable: 0.8 };

/** `CLM_BENCH_CLUSTERS` clusters (1,000 unless given), `CLM_BENCH_RATE` simulated seconds a second (20 unless given). */
export async function run(): Promise<BenchRow[]> {
  const clusters = numberFrom('CLM_BENCH_CLUSTERS', 1_000);
  const rate = numberFrom('CLM_BENCH_RATE', 20);
  const directory = await mkdtemp(join(tmpdir(), 'clm-bench-'));
  try {
    return await new PipelineBench(clusters, rate).run(join(directory, 'clm.db'));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function numberFrom(name: string, otherwise: number): number {
  const value = Number(process.env[name] ?? otherwise);
  if (!Number.isFinite(value) || value < 1) throw new RangeError(`${name} must be a number of at least 1`);
  return value;
}

class PipelineBench {
  readonly #clusters: number;
  readonly #rate: number;
  /** Reports of children that a parent has not taken yet, and that it has taken and not decided on: since when, by parent. */
  readonly #reported = new Map<string, number[]>();
  readonly #heard = new Map<string, number[]>();
  readonly #decided: number[] = [];
  readonly #merged = new Map<string, { at: number; by: 'webhook' | 'poll' }>();
  readonly #noticed = { webhook: [] as number[], poll: [] as number[] };
  readonly #waiting: { holds: (commit: Committed) => boolean; resolve: () => void }[] = [];
  #commits = 0;
  #updated = 0;

  constructor(clusters: number, rate: number) {
    this.#clusters = clusters;
    this.#rate = rate;
  }

  async run(path: string): Promise<BenchRow[]> {
    const epoch = Date.now();
    const clock = clockFromEnvironment(`${epoch}@${this.#rate}`);
    const names = Object.entries(shares);
    const channels = Object.fromEntries(
      names.map(([name, share]) => [name, Math.max(1, Math.round(this.#clusters * share))]),
    );
    const maxParallel = Math.max(4, Math.ceil(this.#clusters / 10));
    const world = await PipelineWorld.create({
      channels,
      startsAt: epoch,
      policy: { maxParallel, soakMs: 5 * minute },
      fleetMaxParallel: maxParallel,
    });
    await world.store.close();
    world.store = await openSqliteStore({ path });
    await world.settleClusters();
    await world.adopt();
    const daemon = await world.daemon({ time: clock, pollIntervalMs, onCommitted: (commit) => this.#hear(commit) });
    const deadline = startDeadline(limitMs, 'the bench', new AbortController().signal);
    // one listener a condition that is waited for, and every merge is one
    setMaxListeners(0, deadline.signal);
    const monitor = startEventLoopMonitor();
    try {
      await daemon.start();
      await daemon.engine.settled();
      const cpu = process.cpuUsage();
      const startedAt = wallMs();
      const provenOn = (channel: string, commit: string): Promise<void> =>
        this.#until(
          ({ row, to }) =>
            row.machine === 'rollout' && row.channel === channel && row.commit === commit && to === 'proven',
          deadline.signal,
        );
      const commit = world.source.merge('dev', 'b1', { pool: 'p2', manifest: 'm2' });
      const last = names.at(-1)?.[0] ?? '';
      const proven = provenOn(last, commit);
      const stableStarts = this.#until(
        ({ row, from }) => row.machine === 'rollout' && row.channel === last && from === 'planned',
        deadline.signal,
      );
      daemon.webhook();
      await stableStarts;
      const hold = {
        kind: 'hold' as const,
        scope: { kind: 'channel' as const, name: 'dev' },
        reason: 'bench',
        forSeconds: 86_400,
      };
      await daemon.control.override(hold, { name: 'bench' });
      let over = false;
      void proven.finally(() => {
        over = true;
      });
      for (let number = 2; !over; number += 1) {
        const by = number % 2 === 0 ? 'webhook' : 'poll';
        const merged = world.source.merge('dev', `b${number.toString(16)}`, { manifest: `m${number}` });
        this.#merged.set(merged, { at: wallMs(), by });
        const noticed = this.#until(({ row }) => row.id === `rollout:dev:${merged}`, deadline.signal);
        if (by === 'webhook') daemon.webhook();
        await Promise.race([noticed, proven]);
        await Promise.race([pause(mergeEveryMs), proven]);
      }
      const wall = wallMs() - startedAt;
      const { user, system } = process.cpuUsage(cpu);
      return this.#rows({ wall, cpuMs: (user + system) / 1000, lag: monitor.read() });
    } finally {
      monitor.stop();
      deadline.clear();
      await daemon.engine.stop();
      await world.store.close();
    }
  }

  #hear(commit: Committed): void {
    const { row, event, journal } = commit;
    const now = wallMs();
    this.#commits += 1;
    if (row.machine === 'clusterUpdate' && row.status === 'final' && row.parent !== null) {
      this.#updated += 1;
      this.#reported.set(row.parent, [...(this.#reported.get(row.parent) ?? []), now]);
    }
    // one commit takes the report, the next of a step is the decision on it: reports are taken in their order
    const reported = this.#reported.get(row.id) ?? [];
    const taken = event === 'CHILD_FINISHED' ? reported.shift() : undefined;
    const heard = [...(this.#heard.get(row.id) ?? []), ...(taken === undefined ? [] : [taken])];
    const decides = event.startsWith('STEP_');
    if (decides) this.#decided.push(...heard.map((at) => now - at));
    this.#heard.set(row.id, decides ? [] : heard);
    if (journal.some((entry) => entry.kind === 'rollout-requested')) {
      for (const [merged, { at, by }] of this.#merged) {
        if (!journal.some((entry) => (entry.data as { commit?: string } | null)?.commit === merged)) continue;
        this.#noticed[by].push(now - at);
        this.#merged.delete(merged);
      }
    }
    for (const one of this.#waiting.filter(({ holds }) => holds(commit))) {
      this.#waiting.splice(this.#waiting.indexOf(one), 1);
      one.resolve();
    }
  }

  #until(holds: (commit: Committed) => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ holds, resolve });
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }

  #rows({ wall, cpuMs, lag }: { wall: number; cpuMs: number; lag: { p99Ms: number; maxMs: number } }): BenchRow[] {
    const load = `${this.#clusters} clusters, ${this.#updated} updates, ${this.#rate} simulated seconds a second`;
    const poll = `poll interval ${pollIntervalMs / 1000} s of decision time, ${(pollIntervalMs / this.#rate / 1000).toFixed(1)} s of wall time`;
    return [
      ...percentiles('decision latency (cluster update ends → decision of its rollout committed)', this.#decided, load),
      ...percentiles(
        'merge noticed by webhook',
        this.#noticed.webhook,
        'merge → rollout requested, while the last channel updates',
      ),
      ...percentiles('merge noticed without', this.#noticed.poll, poll),
      {
        name: 'commits',
        value: Math.round((this.#commits / wall) * 1000),
        unit: '/s',
        note: `${this.#commits} in all`,
      },
      {
        name: 'whole run',
        value: Math.round(wall / 100) / 10,
        unit: 's',
        note: `${Math.round(cpuMs / 100) / 10} s CPU`,
      },
      { name: 'event-loop lag, p99', value: lag.p99Ms, unit: 'ms', note: `max ${lag.maxMs} ms` },
    ];
  }
}

function percentiles(name: string, samples: number[], note: string): BenchRow[] {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return (
    [
      [0.5, 'p50'],
      [0.99, 'p99'],
    ] as const
  ).map(([share, label], index) => ({
    name: `${name}, ${label}`,
    value: Math.round(at(share) * 10) / 10,
    unit: 'ms',
    note:
      index === 0 ? note : `${sorted.length} samples, worst ${Math.round((sorted.at(-1) ?? Number.NaN) * 10) / 10} ms`,
  }));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
