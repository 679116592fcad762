/** `clm simulate serve`: builds a fleet, puts it on loopback, and says what happens in it until it is interrupted. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { World } from '../../simulator/model/world.ts';
import type { Scenario } from '../../simulator/scenarios/scenario-schema.ts';
import { startUniformClusters, uniformClusters, uniformSize } from '../../simulator/scenarios/uniform-fleet.ts';
import { type ServedWorld, serveWorld } from '../../simulator/wire/serve.ts';
import { type ScaledClock, scaledClockFromNow } from '../../support/clock.ts';
import { sleep, wallMs } from '../../support/deadline.ts';
import { formatDuration } from '../../support/duration.ts';
import { projectRoot } from '../../support/project.ts';
import { buildWorld } from '../demo/build-world.ts';
import { renderFleet, writeSelectedFleet } from '../demo/sample-fleet.ts';
import { CliError, exitCodes } from '../exit.ts';
import type { CliIo } from '../io.ts';
import { EventLines } from './event-lines.ts';
import { placesAreKnown, readScenario } from './scenario-file.ts';
import { checkRepository, openSurroundings, type Surroundings } from './surroundings.ts';
import { checkKubeconfigPlace, howToReach, reachDocument, writeKubeconfig } from './welcome.ts';

export interface ServeOptions {
  clusters: number;
  /** Simulated seconds a second. */
  speed: number;
  scenario: string | undefined;
  kubeconfig: string | undefined;
  port: number;
  /** A bare git repository, for the services around the fleet; undefined = without them. */
  repository: string | undefined;
  seed: string;
  output: 'text' | 'json';
}

/** The simulated past in which the fleet came to be. */
const pastMs = 6 * 3_600_000;
const timeLineMs = 30_000;
const saidEveryMs = 1_500;

/** Serves until the signal; everything that it wrote to a temporary place is gone then. @throws CliError for bad input */
export async function runServe(options: ServeOptions, io: CliIo): Promise<void> {
  const scenario = options.scenario === undefined ? undefined : await readScenario(options.scenario);
  if (options.kubeconfig !== undefined) await checkKubeconfigPlace(options.kubeconfig);
  if (options.repository !== undefined) await checkRepository(options.repository);
  const directory = await mkdtemp(join(tmpdir(), 'clm-simulate-'));
  try {
    const world = await build(options, directory, io);
    if (options.scenario !== undefined && scenario) placesAreKnown(options.scenario, scenario, world);
    if (!io.signal.aborted) await serve(options, world, scenario?.scenario, directory, io);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function build(options: ServeOptions, directory: string, io: CliIo): Promise<World> {
  const startedAt = wallMs();
  const say = (message: string): void =>
    io.err(`${((wallMs() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${message}\n`);
  const fleet = await writeSelectedFleet({ projectRoot, directory, clusters: options.clusters });
  // The sample fleet has one cluster a channel at least; here fewer will do.
  const clusters = fleet.clusters.slice(0, options.clusters);
  const configuration = join(projectRoot, 'channels', 'cluster');
  say(`rendering ${clusters.length} clusters`);
  const members = await renderFleet(configuration, clusters, '0'.repeat(40));
  const world = new World({ seed: options.seed, startMs: scaledClockFromNow(1).now() - pastMs });
  await buildWorld({ world, members, seed: options.seed, undrainable: new Set(), onProgress: say });
  await addMore(world, options.clusters - clusters.length, io, say);
  return world;
}

/** Clusters beyond the sample fleet are all alike, so that a thousand start in seconds. Stops half-way on Ctrl-C. */
async function addMore(world: World, count: number, io: CliIo, say: (message: string) => void): Promise<void> {
  if (count <= 0) return;
  const { nodes, pods } = uniformSize;
  say(`adding ${count} clusters of ${nodes} nodes and ${pods} pods`);
  let saidAt = wallMs();
  for (const doing of startUniformClusters(world, uniformClusters(world.clusters().length, count))) {
    if (wallMs() - saidAt >= saidEveryMs) {
      say(doing);
      saidAt = wallMs();
    }
    // Lets the signal in.
    await sleep(0, io.signal);
    if (io.signal.aborted) return;
  }
}

async function serve(
  options: ServeOptions,
  world: World,
  scenario: Scenario | undefined,
  directory: string,
  io: CliIo,
): Promise<void> {
  const clock = scaledClockFromNow(options.speed);
  const around = options.repository === undefined ? undefined : await openSurroundings(options.repository);
  const served = await listen(options, { world, around }, clock, io).catch(async (error: unknown) => {
    await around?.outside.stop();
    throw error;
  });
  try {
    const kubeconfig = options.kubeconfig ?? join(directory, 'kubeconfig');
    await writeKubeconfig(kubeconfig, served.kubeconfig());
    const reach = { served, world, kubeconfig, speed: options.speed };
    const beside = around?.welcome(around.outside.urls(served.awsEndpoint));
    const document = { ...reachDocument(reach), ...(beside === undefined ? {} : { around: beside.document }) };
    io.out(options.output === 'json' ? `${JSON.stringify(document)}\n` : `${howToReach(reach)}${beside?.text ?? ''}`);
    world.advanceTo(Math.floor(clock.now()));
    const lines = new EventLines(options.output, io);
    const unsubscribe = world.subscribe((event) => lines.event(event));
    for (const fault of scenario?.faults ?? []) lines.faultPlanned(served.player.play(fault), fault);
    while (!io.signal.aborted) {
      if (await sleep(timeLineMs, io.signal)) lines.time(clock.now(), served.stats());
    }
    unsubscribe();
    const { awsCalls, kubeCalls } = served.stats();
    const simulated = formatDuration(clock.now() - clock.epochMs);
    io.err(`stopped after ${simulated} of simulated time: ${awsCalls} calls to AWS, ${kubeCalls} to Kubernetes\n`);
  } finally {
    await served.stop();
    await around?.outside.stop();
  }
}

async function listen(
  options: ServeOptions,
  { world, around }: { world: World; around: Surroundings | undefined },
  clock: ScaledClock,
  io: CliIo,
): Promise<ServedWorld> {
  const beside = around?.outside.handlers ?? [];
  const onError = (handler: string, error: unknown): void => {
    io.err(`clm: the simulator has a bug in ${handler}: ${error instanceof Error ? error.stack : String(error)}\n`);
  };
  try {
    return await serveWorld({ world, host: '127.0.0.1', port: options.port, clock, onError, beside });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new CliError(exitCodes.badInput, `port ${options.port} is in use: give another --port, or none`);
  }
}
