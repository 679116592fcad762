/** The measuring process of `npm run bench -- simulator`: `simulator-fleet.ts CLUSTERS`, with `--expose-gc`. */
import { World } from '../../src/simulator/model/world.ts';
import { startUniformClusters, uniformClusters, uniformSize } from '../../src/simulator/scenarios/uniform-fleet.ts';
import { wallMs } from '../../src/support/deadline.ts';
import type { BenchRow, Measured } from './bench-row.ts';

const startMs = Date.UTC(2026, 10, 21);
const hourMs = 3_600_000;
const compared = 10;

function main(wanted: number): BenchRow[] {
  const one = `${uniformSize.nodes} nodes, ${uniformSize.pods} pods`;
  const slowly = measured(() => slowFleet(compared));
  const before = liveMebibytes();
  const started = measured(() => fleet(wanted));
  const resident = process.memoryUsage().rss / 2 ** 20;
  const live = liveMebibytes() - before;
  const { ready, pods } = sizeOf(started.value);
  return [
    row(
      `start ${wanted} clusters like one`,
      started.cpuMs / 1000,
      's CPU',
      `${seconds(started)} wall; ${ready} ready nodes, ${pods} ready pods`,
    ),
    row('start of one of them', started.cpuMs / wanted, 'ms CPU', one),
    row('start of one, object by object', slowly.cpuMs / compared, 'ms CPU', `through its API; mean of ${compared}`),
    row('memory they take', live, 'MiB', `live objects; ${Math.round(resident)} MiB resident, heap limit 4096 MiB`),
    row('memory of one of them', live / wanted, 'MiB', one),
    idleHour(started.value, wanted),
    ...(wanted === 84 ? [] : [idleHour(fleet(84), 84)]),
  ];
}

function row(name: string, value: number, unit: string, note: string): BenchRow {
  return { name, value: Number(value.toPrecision(3)), unit, note };
}

function seconds({ wallMs: ms }: Measured): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function measured<T>(run: () => T): Measured & { value: T } {
  const wall = wallMs();
  const cpu = process.cpuUsage();
  const value = run();
  const used = process.cpuUsage(cpu);
  return { value, wallMs: wallMs() - wall, cpuMs: (used.user + used.system) / 1000 };
}

/** What is left of the start (deadlines of deployments, the garbage collector's second looks) is over by then. */
function idleHour(world: World, clusters: number): BenchRow {
  world.advanceTo(world.clock.now() + hourMs);
  const hour = measured(() => world.advanceTo(world.clock.now() + hourMs));
  return row(`an idle hour of ${clusters} clusters`, hour.cpuMs, 'ms CPU', `${hour.value} timers`);
}

/** What is reachable, after a collection. */
function liveMebibytes(): number {
  gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

/** Each of them object by object. */
function slowFleet(clusters: number): World {
  const world = new World({ seed: 'bench', startMs });
  for (const cluster of uniformClusters(0, clusters)) finish(startUniformClusters(world, [cluster]));
  return world;
}

/** The first cluster is started object by object; the others are started from it. */
function fleet(clusters: number): World {
  const world = new World({ seed: 'bench', startMs });
  finish(startUniformClusters(world, uniformClusters(0, clusters)));
  return world;
}

/** Runs it through: what it says on the way is for people. */
function finish(parts: Iterable<string>): void {
  for (const _ of parts);
}

function sizeOf(world: World): { ready: number; pods: number } {
  const isReady = (object: { status?: { conditions?: { type: string; status: string }[] } }): boolean =>
    object.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;
  let ready = 0;
  let pods = 0;
  for (const id of world.clusters()) {
    const truth = world.kube(id).truth();
    for (const node of truth.nodes.values()) if (isReady(node)) ready += 1;
    for (const pod of truth.pods.values()) if (isReady(pod)) pods += 1;
  }
  return { ready, pods };
}

process.send?.(main(Number(process.argv[2])));
