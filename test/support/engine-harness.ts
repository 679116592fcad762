/** An engine on a virtual clock, and the loop that lets its time pass. */
import { createEngine } from '../../src/engine/engine.ts';
import type { Committed, Engine, EngineLimits, EngineOptions } from '../../src/engine/engine-options.ts';
import type { MachineModule } from '../../src/machines/events.ts';
import type { Json, Lease, OutboxMessage, Store } from '../../src/ports/store.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import { type Clock, VirtualClock } from '../../src/support/clock.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { seededRandom } from '../../src/support/random.ts';

export const testStart = 1_700_000_000_000;

/** A lease that is held until the test says otherwise. */
export function testLease(): Lease & { lose(): void } {
  let held = true;
  return {
    held: () => held,
    lose: () => {
      held = false;
    },
    release: async () => {
      held = false;
    },
  };
}

export interface HarnessOptions {
  machines: MachineModule[];
  steps: EngineOptions['steps'];
  store?: Store;
  clock?: Clock;
  lease?: Lease;
  limits?: Partial<EngineLimits>;
  seed?: number;
  onLeaseLost?: () => void;
  onStep?: EngineOptions['onStep'];
  onCommitted?: (commit: Committed) => void;
  /** false: `commits` stays empty, for runs that make a hundred thousand. */
  keepsCommits?: boolean;
}

export interface EngineHarness {
  engine: Engine;
  store: Store;
  clock: VirtualClock;
  commits: Committed[];
  /** Lets time pass until `until` holds, or nothing is left to happen. Fails after a bounded number of timers. */
  run: (until?: () => boolean | Promise<boolean>) => Promise<void>;
}

export async function engineHarness(options: HarnessOptions): Promise<EngineHarness> {
  const store = options.store ?? (await openSqliteStore({ path: ':memory:' }));
  const virtual = new VirtualClock(testStart);
  const clock = options.clock ?? virtual;
  const commits: Committed[] = [];
  const engine = createEngine({
    store,
    clock,
    lease: options.lease ?? testLease(),
    random: seededRandom(options.seed ?? 1),
    machines: options.machines,
    steps: options.steps,
    log: silentLogger(),
    onCommitted: (commit) => {
      if (options.keepsCommits !== false) commits.push(commit);
      options.onCommitted?.(commit);
    },
    // Every move of a wake-up is written, so that crashes around it are tried; one test is about the slack itself.
    limits: { wakeSlackMs: 0, ...options.limits },
    ...(options.onLeaseLost ? { onLeaseLost: options.onLeaseLost } : {}),
    ...(options.onStep ? { onStep: options.onStep } : {}),
  });
  // Who brings a clock of their own lets its time pass themselves.
  const own = clock instanceof VirtualClock ? clock : virtual;
  return { engine, store, clock: own, commits, run: (until) => passTime(own, [engine], until) };
}

const maxTimers = 20_000;

/** Settles the engines, fires the next timer, and so on. */
export async function passTime(
  clock: VirtualClock,
  engines: Engine[],
  until: () => boolean | Promise<boolean> = () => false,
): Promise<void> {
  for (let timers = 0; timers < maxTimers; timers += 1) {
    for (const engine of engines) await engine.settled();
    if (await until()) return;
    const next = clock.nextAt();
    if (next === undefined) return;
    clock.advanceTo(next);
  }
  throw new Error(`nothing settled within ${maxTimers} timers`);
}

/** START of a process from outside. */
export function startMessage(
  id: string,
  machine: string,
  input: Json,
  start: { cluster?: string; commit?: string } = {},
): OutboxMessage {
  return {
    to: id,
    event: { type: 'START', input },
    start: { machine, parent: null, channel: 'dev', cluster: start.cluster ?? '', commit: start.commit ?? 'c1' },
    key: `start ${id}`,
  };
}
