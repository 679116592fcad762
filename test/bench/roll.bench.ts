/**
 * `npm run bench -- roll`: a pool is rolled by the real planner and steps in the simulated world. The boots and drains that this run
 * met are then given to every other policy, to the bound and to the clairvoyant schedule.
 */
import { defaultRollPolicy } from '../../src/planning/roll/policy.ts';
import type { WorldEvent } from '../../src/simulator/model/seams.ts';
import { seededRandom } from '../../src/support/random.ts';
import { budget, deployment, type RollDaemon, RollWorld, startDaemon, startRoll } from '../support/roll-world.ts';
import type { BenchRow } from './bench-row.ts';
import { bound, clairvoyant, clairvoyantWithCare, type Draw, policies } from './roll-policies.ts';

interface Cell {
  nodes: number;
  surge: number;
  seeds: number;
  /** Means over the seeds, seconds. */
  bound: number;
  clairvoyant: number;
  /** Where new nodes count after the same minimum time as ours: what is left between this and ours is waste. */
  clairvoyantPausing: number;
  /** Nodes of the same content have shown in another pool that it boots: the steady state of a fleet. The others have no canary either. */
  ours: { makespan: number; peak: number; movesPerPod: number; refused: number; apiCalls: number };
  /** The first roll of the same pool, before anything was measured: drains are forecast from grace and budgets alone. */
  unmeasured: { makespan: number; clairvoyant: number };
  /** Another roll, of a content that no node has had: one node first. `withCanary`: the clairvoyant schedule that has one too, and the pauses. */
  firstOfItsKind: {
    makespan: number;
    clairvoyant: number;
    withCanary: number;
    policies: Record<string, { makespan: number }>;
  };
  policies: Record<string, { makespan: number }>;
}

const sizes = (process.env['BENCH_NODES'] ?? '30,100').split(',').map(Number);
const surges = (process.env['BENCH_SURGES'] ?? '1,3,10').split(',').map(Number);
const seeds = Number(process.env['BENCH_SEEDS'] ?? '3');

/** Before a new node counts. An empty one has been quiet for as long as its slowest pod took to stop. */
const careSeconds = defaultRollPolicy.minReadyMs / 1000;

interface Run {
  draws: Draw[];
  canary: boolean;
  makespan: number;
  peak: number;
  movesPerPod: number;
  refused: number;
  apiCalls: number;
}

/**
 * Two pods of each application, on different nodes; each stops after a time of its own, some after minutes. The pool is rolled once without
 * knowing any of that, and once more with what the first roll has measured, as a cluster does that is rolled every week. The third
 * time another pool has shown before that the content boots, so that no canary is needed, as the other policies have none.
 */
async function rollThrice(
  nodes: number,
  surge: number,
  seed: number,
): Promise<{ first: Run; known: Run; proven: Run }> {
  const random = seededRandom(`bench/${nodes}/${surge}/${seed}`);
  const stops = Array.from({ length: nodes * 2 }, () => {
    const tail = random.next() < 0.015 ? 600 : 0;
    return 10 + Math.min(120, -30 * Math.log(1 - random.next())) + tail;
  });
  const roll = new RollWorld({
    seed: `bench/${seed}`,
    pools: [
      { name: 'workers', nodes, max: nodes + surge + 2 },
      { name: 'other', nodes: 1 },
    ],
    policy: { bootCap: Math.max(10, surge) },
    surge,
    behaviours: stops.map((seconds, index) => ({ image: `app-${index}:`, stopAfterMs: seconds * 1000 })),
    kube: { bootMs: { median: 100_000, sigma: 0.25 } },
  });
  roll.apply(
    ...stops.flatMap((_, index) => [
      deployment(`app-${index}`, 2, { image: `app-${index}:1`, grace: 900 }),
      budget(`app-${index}`, { maxUnavailable: 1 }),
    ]),
  );
  const ended = new Set<string>();
  const daemon = await startDaemon(roll, {
    onCommitted: ({ row }) => {
      if (row.status === 'final') ended.add(row.id);
    },
  });
  const first = await measure(roll, daemon, { nodes, stops, round: 1, ended });
  const known = await measure(roll, daemon, { nodes, stops, round: 2, ended });
  roll.pass(60);
  roll.outdate('other', imageOf(3));
  const other = await startRoll(daemon, roll, 'other');
  await daemon.run(() => ended.has(other), 24 * 3600);
  const proven = await measure(roll, daemon, { nodes, stops, round: 3, ended });
  if (proven.canary) throw new Error('the other pool has proved nothing: there was a canary');
  await daemon.stop();
  return { first, known, proven };
}

const imageOf = (round: number): string => `ami-${String(round + 1).padStart(17, '0')}`;

/** One roll of the pool, and the boots and drains that it met. */
async function measure(
  roll: RollWorld,
  daemon: RollDaemon,
  { nodes, stops, round, ended }: { nodes: number; stops: number[]; round: number; ended: ReadonlySet<string> },
): Promise<Run> {
  // What was described in this very moment is not described again.
  roll.pass(60);
  roll.outdate('workers', imageOf(round));
  const launched = new Map<string, number>();
  const boots: number[] = [];
  const drains = new Map<string, number>();
  const old = new Set(roll.nodes('workers').map((node) => String(node.metadata.name)));
  let [live, peak, evictions, refused, endedAt] = [nodes, nodes, 0, 0, 0];
  const callsBefore = daemon.calls.aws + daemon.calls.kube;
  const unsubscribe = roll.world.subscribe((event: WorldEvent) => {
    if (event.kind === 'instance-launched') {
      launched.set(event.instanceId, event.at);
      live += 1;
      peak = Math.max(peak, live);
    } else if (event.kind === 'node-ready' && launched.has(event.instanceId)) {
      boots.push((event.at - (launched.get(event.instanceId) ?? 0)) / 1000);
    } else if (event.kind === 'instance-terminate-requested') {
      live -= 1;
      endedAt = event.at;
    } else if (event.kind === 'eviction-refused') refused += 1;
    else if (event.kind === 'eviction-accepted') {
      evictions += 1;
      const app = /^app-(\d+)-/.exec(event.pod)?.[1];
      const seconds = stops[Number(app)] ?? 0;
      if (old.has(event.node)) drains.set(event.node, Math.max(drains.get(event.node) ?? 0, seconds));
    }
    if (process.env['BENCH_TRACE'] !== undefined && old.size > 0)
      process.stderr.write(`${(event.at - startedAt) / 1000} ${JSON.stringify(event)}\n`);
  });
  const movable = [...roll.kube.truth().pods.values()].filter(
    (pod) => pod.metadata.namespace === 'shop' && old.has(pod.spec.nodeName ?? ''),
  ).length;
  const startedAt = roll.world.clock.now();
  const id = await startRoll(daemon, roll, 'workers', round);
  await daemon.run(() => ended.has(id), 30 * 24 * 3600);
  unsubscribe();
  const row = await daemon.store.load(id);
  const context = row?.context as { memory: { groups: { canary: { needed: boolean } }[] } } | undefined;
  const stopped = [...drains.values()];
  const draws = Array.from({ length: nodes }, (_, i) => ({ boot: boots[i] ?? 0, drain: stopped[i] ?? 0 }));
  return {
    draws,
    canary: context?.memory.groups.some(({ canary }) => canary.needed) ?? true,
    makespan: (endedAt - startedAt) / 1000,
    peak,
    movesPerPod: evictions / Math.max(1, movable),
    refused,
    apiCalls: daemon.calls.aws + daemon.calls.kube - callsBefore,
  };
}

const mean = (values: number[]): number =>
  Math.round((values.reduce((sum, one) => sum + one, 0) / Math.max(1, values.length)) * 100) / 100;

async function cellOf(nodes: number, surge: number): Promise<Cell> {
  const runs: Run[] = [];
  const firsts: Run[] = [];
  const knowns: Run[] = [];
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { first, known, proven } = await rollThrice(nodes, surge, seed);
    firsts.push(first);
    knowns.push(known);
    runs.push(proven);
  }
  const of = (pick: (run: Run) => number): number => mean(runs.map(pick));
  return {
    nodes,
    surge,
    seeds,
    bound: of((run) => bound(run.draws, surge)),
    clairvoyant: of((run) => clairvoyant(run.draws, surge)),
    clairvoyantPausing: of((run) => clairvoyant(pausing(run.draws), surge)),
    ours: {
      makespan: of((run) => run.makespan),
      peak: Math.max(...runs.map((run) => run.peak)),
      movesPerPod: of((run) => run.movesPerPod),
      refused: of((run) => run.refused),
      apiCalls: of((run) => run.apiCalls),
    },
    unmeasured: {
      makespan: mean(firsts.map((run) => run.makespan)),
      clairvoyant: mean(firsts.map((run) => clairvoyant(run.draws, surge))),
    },
    firstOfItsKind: {
      makespan: mean(knowns.map((run) => run.makespan)),
      clairvoyant: mean(knowns.map((run) => clairvoyant(run.draws, surge))),
      withCanary: mean(knowns.map((run) => clairvoyantWithCare(run.draws, surge, careSeconds))),
      policies: policiesOn(knowns, surge),
    },
    policies: policiesOn(runs, surge),
  };
}

/** The minimum time is a rule of safety, not of a schedule: who keeps it boots that much longer. */
const pausing = (draws: Draw[]): Draw[] => draws.map(({ boot, drain }) => ({ boot: boot + careSeconds, drain }));

function policiesOn(runs: Run[], surge: number): Cell['policies'] {
  return Object.fromEntries(
    Object.entries(policies).map(([name, policy]) => [
      name,
      { makespan: mean(runs.map((run) => policy(run.draws, surge))) },
    ]),
  );
}

export async function run(): Promise<{ rows: BenchRow[]; document: { cells: Cell[] } }> {
  const cells: Cell[] = [];
  const rows: BenchRow[] = [];
  for (const nodes of sizes) {
    for (const surge of surges) {
      const cell = await cellOf(nodes, surge);
      cells.push(cell);
      const { ours } = cell;
      const { firstOfItsKind: fresh, unmeasured } = cell;
      const others = (all: Cell['policies'], mine: number): string =>
        Object.entries(all)
          .map(([name, one]) => `${name} ${(one.makespan / mine).toFixed(2)}x`)
          .join(', ');
      rows.push({
        name: `roll of ${nodes}, surge ${surge}`,
        value: Math.round(ours.makespan),
        unit: 's',
        note: `content proven elsewhere: ${(ours.makespan / cell.clairvoyant).toFixed(3)} x clairvoyant, ${(ours.makespan / cell.clairvoyantPausing).toFixed(3)} x the same with minReady, ${(ours.makespan / cell.bound).toFixed(3)} x bound; ${others(cell.policies, ours.makespan)}; peak ${ours.peak}, ${ours.movesPerPod.toFixed(2)} moves a pod, ${ours.refused} refused, ${Math.round(ours.apiCalls)} calls. First of its kind: ${Math.round(fresh.makespan)} s, ${(fresh.makespan / fresh.withCanary).toFixed(3)} x clairvoyant with a canary and pauses, ${(fresh.makespan / fresh.clairvoyant).toFixed(3)} x clairvoyant; ${others(fresh.policies, fresh.makespan)}. Unmeasured ${(unmeasured.makespan / unmeasured.clairvoyant).toFixed(3)} x clairvoyant`,
      });
      process.stderr.write(`${rows.at(-1)?.name}: ${rows.at(-1)?.value} s, ${rows.at(-1)?.note}\n`);
    }
  }
  return { rows, document: { cells } };
}
