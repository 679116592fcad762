/** Figures of the engine and the store on this machine's disk. No timed test: it prints, it does not judge. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngine } from '../../src/engine/engine.ts';
import type { Engine } from '../../src/engine/engine-options.ts';
import type { Lease, ProcessRow, Store } from '../../src/ports/store.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import { type Clock, clockFromEnvironment } from '../../src/support/clock.ts';
import { wallMs } from '../../src/support/deadline.ts';
import { startEventLoopMonitor } from '../../src/support/event-loop-lag.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { seededRandom } from '../../src/support/random.ts';
import { startMessage } from '../support/engine-harness.ts';
import { counter, member } from '../support/toy-machines.ts';
import { toySteps, toyWorld } from '../support/toy-steps.ts';
import type { BenchRow, Measured } from './bench-row.ts';

const clusters = 1_000;
const rowsPerCluster = 4;

/** Runs all measurements of the engine; about ten seconds. */
export async function run(): Promise<BenchRow[]> {
  const directory = await mkdtemp(join(tmpdir(), 'clm-bench-'));
  try {
    return [
      ...(await storeCommits(join(directory, 'commits.db'))),
      ...(await transitions(join(directory, 'transitions.db'))),
      ...(await coldRestart(join(directory, 'restart.db'))),
    ];
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function measured(work: () => Promise<void>): Promise<Measured> {
  const cpu = process.cpuUsage();
  const start = wallMs();
  await work();
  const wall = wallMs() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { wallMs: wall, cpuMs: (user + system) / 1_000 };
}

function rates(name: string, count: number, { wallMs: wall, cpuMs }: Measured, note: string): BenchRow[] {
  const perSecond = Math.round((count / wall) * 1_000);
  // What a steady load of 300 a second would take of one core
  const shareAt300 = Math.round(((cpuMs / count) * 300) / 10);
  return [
    { name, value: perSecond, unit: '/s', note },
    {
      name: `${name}: CPU`,
      value: Math.round((cpuMs / count) * 1_000) / 1_000,
      unit: 'ms each',
      note: `${shareAt300} % of a core at 300/s`,
    },
  ];
}

/** Rows as large as real ones: about 1.5 kB of context. */
function rowOf(index: number, seq: number): ProcessRow {
  return {
    id: `update:dev:${index}`,
    machine: 'member',
    version: 1,
    seq,
    value: 'applying',
    context: { member: `m${index}`, waits: seq, failures: 0, paused: false, reason: 'x'.repeat(1_500) },
    status: 'active',
    wakeAt: 1_700_000_000_000,
    parent: null,
    channel: 'dev',
    cluster: `aws:1:eu:${index}`,
    commit: 'c1',
    createdAt: 1_700_000_000_000,
    updatedAt: 1_700_000_000_000,
  };
}

async function storeCommits(path: string): Promise<BenchRow[]> {
  const store = await openSqliteStore({ path });
  const count = 3_000;
  const now = 1_700_000_000_000;
  for (let index = 0; index < 100; index += 1) await store.commit({ row: rowOf(index, 0), expectedSeq: null, now });
  const figures = await measured(async () => {
    for (let n = 0; n < count; n += 1) {
      const row = rowOf(n % 100, 1 + Math.floor(n / 100));
      const entry = {
        at: now,
        source: row.id,
        seq: row.seq,
        kind: 'node-drained',
        channel: 'dev',
        cluster: row.cluster,
        commit: 'c1',
        message: 'a node was drained',
        data: null,
      };
      await store.commit({
        row,
        expectedSeq: row.seq - 1,
        journal: [entry],
        trace: { event: 'STEP_DONE', from: 'a', to: 'b' },
        now,
      });
    }
  });
  await store.close();
  return rates('store commits', count, figures, 'row of 1.5 kB, journal and trace entry, synchronous=FULL');
}

const freeLease: Lease = { held: () => true, release: async () => {} };

function engineOn(store: Store, clock: Clock): Engine {
  return createEngine({
    store,
    lease: freeLease,
    clock,
    random: seededRandom(1),
    machines: [counter, member],
    steps: toySteps(toyWorld()),
    log: silentLogger(),
  });
}

async function transitions(path: string): Promise<BenchRow[]> {
  const store = await openSqliteStore({ path });
  const clock = clockFromEnvironment(undefined);
  const engine = engineOn(store, clock);
  const processes = 100;
  const each = 30;
  await engine.start();
  const monitor = startEventLoopMonitor();
  const figures = await measured(async () => {
    const starts = Array.from({ length: processes }, (_, index) =>
      startMessage(`counter:${index}`, 'counter', { target: each }),
    );
    await engine.post(starts);
    await engine.settled();
  });
  const lag = monitor.read();
  monitor.stop();
  const { commits } = engine.stats();
  await engine.stop();
  await store.close();
  return [
    ...rates('engine transitions (load, step, transition, commit)', commits, figures, `${processes} rows side by side`),
    { name: 'event-loop lag during it, p99', value: lag.p99Ms, unit: 'ms', note: `max ${lag.maxMs} ms` },
  ];
}

async function coldRestart(path: string): Promise<BenchRow[]> {
  const store = await openSqliteStore({ path });
  const now = Date.now();
  const total = clusters * rowsPerCluster;
  for (let index = 0; index < total; index += 1) {
    const row = { ...rowOf(index, 0), wakeAt: now + 3_600_000, createdAt: now, updatedAt: now };
    await store.commit({ row, expectedSeq: null, now });
  }
  await store.close();
  let reopened: Store | undefined;
  const opening = await measured(async () => {
    reopened = await openSqliteStore({ path });
  });
  if (!reopened) throw new Error('the store did not open');
  const engine = engineOn(reopened, clockFromEnvironment(undefined));
  const starting = await measured(async () => {
    await engine.start();
    await engine.settled();
  });
  const { active, quarantined } = engine.stats();
  if (active !== total || quarantined.length > 0) throw new Error(`restart found ${active} of ${total} rows`);
  await engine.stop();
  await reopened.close();
  return [
    { name: `cold restart, ${total} rows: open and check`, value: Math.round(opening.wallMs), unit: 'ms', note: '' },
    {
      name: `cold restart, ${total} rows: load and resume`,
      value: Math.round(starting.wallMs),
      unit: 'ms',
      note: `${Math.round(starting.cpuMs)} ms CPU`,
    },
  ];
}
