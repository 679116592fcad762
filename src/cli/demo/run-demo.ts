import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StatusDocument } from '../../planning/explain/status-document.ts';
import { World } from '../../simulator/model/world.ts';
import { type ServedWorld, serveWorld } from '../../simulator/wire/serve.ts';
import { environmentOfClock, type ScaledClock, scaledClockFromNow } from '../../support/clock.ts';
import { sleep, wallMs } from '../../support/deadline.ts';
import { seededRandom } from '../../support/random.ts';
import { DaemonClient } from '../daemon-client.ts';
import { CliError, exitCodes } from '../exit.ts';
import type { CliIo } from '../io.ts';
import { runStatus } from '../run/status.ts';
import { buildWorld, type FleetMember } from './build-world.ts';
import { type ConfigRepository, createConfigRepository } from './config-repository.ts';
import { DaemonProcess } from './daemon-process.ts';
import { awaitDaemon, type FollowResult, follow } from './follow.ts';
import { type DemoOptions, exitCodeOf } from './options.ts';
import { describeReport, reportOf } from './report.ts';
import { renderFleet, writeSelectedFleet } from './sample-fleet.ts';
import { WorldMeter } from './world-meter.ts';

const projectRoot = new URL('../../../', import.meta.url).pathname;
/** The simulated past in which the fleet came to be. */
const pastMs = 6 * 3_600_000;

interface Stage {
  directory: string;
  repository: ConfigRepository;
  world: World;
  served: ServedWorld;
  clock: ScaledClock;
  meter: WorldMeter;
  daemon: DaemonProcess;
  client: DaemonClient;
}

/** The whole demo; resolves with the exit code. */
export async function runDemo(options: DemoOptions, io: CliIo): Promise<number> {
  const startedAt = wallMs();
  const say = (message: string): void =>
    io.err(`${((wallMs() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${message}\n`);
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'clm-demo-')));
  const stage = await setUp(options, directory, say);
  let result: FollowResult;
  let commit = '';
  try {
    stage.daemon.start();
    commit = await adoptAndMerge(stage, io.signal, say);
    result = await watchRun(options, stage, commit, io);
    stage.meter.finish();
    const wallSeconds = (wallMs() - startedAt) / 1000;
    const simulatedSeconds = (stage.clock.now() - stage.clock.epochMs) / 1000;
    const eventLoopLagMs = await stage.daemon.eventLoopLagMs();
    const report = reportOf({ options, stage, commit, result, wallSeconds, simulatedSeconds, eventLoopLagMs });
    if (options.output === 'text') io.out(describeReport(report));
    if (options.keep) await keepServing(stage, io);
    if (options.output === 'json') io.out(`${JSON.stringify(report)}\n`);
    const clean = report.invariants.violated === 0;
    return clean ? exitCodeOf(report.outcome) : exitCodes.failed;
  } finally {
    await stage.daemon.stop();
    await stage.served.stop();
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
  }
}

async function setUp(options: DemoOptions, directory: string, say: (message: string) => void): Promise<Stage> {
  const fleet = await writeSelectedFleet({ projectRoot, directory, clusters: options.clusters });
  const repository = await createConfigRepository({
    directory,
    channelConfiguration: join(projectRoot, 'channels', 'cluster'),
    branches: fleet.pipeline.channels.map((channel) => channel.branch),
  });
  say(`rendering ${fleet.clusters.length} clusters at ${repository.initialCommit.slice(0, 12)}`);
  const members: FleetMember[] = await renderFleet(projectRoot, fleet.clusters, repository.initialCommit);
  const now = scaledClockFromNow(1).now();
  const world = new World({ seed: options.seed, startMs: now - pastMs });
  const dev = fleet.clusters.filter((cluster) => cluster.channel === fleet.pipeline.channels[0]?.name);
  const undrainable = new Set(options.break === 'pdb' ? dev.map((cluster) => cluster.id) : []);
  await buildWorld({ world, members, seed: options.seed, undrainable, onProgress: say });
  if (options.break === 'e2e') for (const cluster of dev) world.kube(cluster.id).faults.endpointSlices = 'broken';
  const meter = new WorldMeter(world);
  const clock = scaledClockFromNow(options.speed);
  const served = await serveWorld({ world, host: '127.0.0.1', port: 0, clock });
  const daemon = new DaemonProcess({
    directory,
    repository: repository.bare,
    registry: fleet.registryDirectory,
    pipeline: join(projectRoot, 'channels', 'pipeline.demo.yaml'),
    awsEndpoint: served.awsEndpoint,
    kubernetesUrlTemplate: served.kubeUrl('{id}'),
    clock: environmentOfClock(clock),
  });
  await daemon.writeConfig();
  const { nodes, pods } = meter.size();
  say(
    `serving ${members.length} clusters, ${nodes} nodes, ${pods} pods at ${options.speed} simulated seconds a second`,
  );
  return {
    directory,
    repository,
    world,
    served,
    clock,
    meter,
    daemon,
    client: new DaemonClient(daemon.socket, 'demo'),
  };
}

async function adoptAndMerge(stage: Stage, signal: AbortSignal, say: (message: string) => void): Promise<string> {
  const { client, daemon, repository } = stage;
  if (!(await awaitDaemon(client, daemon, signal))) {
    const log = await readFile(daemon.logFile, 'utf8').catch(() => '');
    throw new CliError(
      exitCodes.failed,
      `${daemon.unexpectedExit ?? 'interrupted'}\n${log.split('\n').slice(-20).join('\n')}`,
    );
  }
  say('daemon is up; adopting the fleet');
  await client.post('/v1/adopt', { reason: 'the demo fleet' });
  const commit = await repository.merge('dev', 'Roll out new node images and a new ingress', (workTree) =>
    change(workTree),
  );
  await client.post('/v1/refresh', {});
  say(`merged ${commit.slice(0, 12)} to dev: new node images, a new ingress`);
  return commit;
}

/** One line of the defaults rolls every node; one image of a manifest changes a deployment. */
async function change(workTree: string): Promise<void> {
  const defaults = join(workTree, 'cluster', 'config-defaults.yaml');
  const text = await readFile(defaults, 'utf8');
  const edited = text
    .replace(/ami-([0-9a-f]+)/g, (_, id: string) => `ami-${[...id].reverse().join('')}`)
    .replace(/^(ingress_version: *"?)([^"\n]+)("?)$/m, '$1$2-1$3');
  if (edited === text) throw new Error(`${defaults} names no node image to change`);
  await writeFile(defaults, edited);
}

async function watchRun(options: DemoOptions, stage: Stage, commit: string, io: CliIo): Promise<FollowResult> {
  const view = new AbortController();
  const shown = showProgress(options, stage, io, view.signal);
  const kills = killAtRandom(options, stage, view.signal);
  try {
    return await follow({
      client: stage.client,
      daemon: stage.daemon,
      commit,
      timeoutSeconds: options.timeoutSeconds,
      signal: io.signal,
      onStatus: options.output === 'json' || !io.outIsTerminal ? lineProgress(io) : () => undefined,
    });
  } finally {
    view.abort();
    await Promise.allSettled([shown, kills]);
  }
}

/** On a terminal the live view of `clm status -w`. */
async function showProgress(options: DemoOptions, stage: Stage, io: CliIo, signal: AbortSignal): Promise<void> {
  if (options.output === 'json' || !io.outIsTerminal) return;
  const viewIo: CliIo = {
    ...io,
    signal,
    environment: { ...io.environment, CLM_CLOCK: environmentOfClock(stage.clock) },
  };
  await runStatus(
    { output: 'table', watch: true, config: stage.daemon.configFile },
    { io: viewIo, exitWith: () => undefined },
  );
}

/** Elsewhere one line whenever a count changes. */
function lineProgress(io: CliIo): (status: StatusDocument) => void {
  let last = '';
  return (status) => {
    const line = status.channels
      .map(({ name, state, counts }) => `${name} ${state} ${counts.updated}/${counts.total}`)
      .join(' · ');
    if (line !== last) io.err(`          ${line}\n`);
    last = line;
  };
}

/** SIGKILLs the daemon at seeded random moments. */
async function killAtRandom(options: DemoOptions, stage: Stage, signal: AbortSignal): Promise<void> {
  const random = seededRandom(options.seed).fork('kills');
  for (let kill = 0; kill < options.kills && !signal.aborted; kill++) {
    await sleep(1_000 + random.int(4_000), signal);
    if (signal.aborted) return;
    await stage.daemon.restart();
  }
}

async function keepServing(stage: Stage, io: CliIo): Promise<void> {
  const { served, daemon, clock } = stage;
  const kubeconfig = join(stage.directory, 'kubeconfig.json');
  await writeFile(kubeconfig, JSON.stringify(served.kubeconfig(), null, 2));
  io.err(`\nStill serving until Ctrl-C. In another terminal:
  export CLM_CONFIG=${daemon.configFile} CLM_CLOCK=${environmentOfClock(clock)}
  npm run -s clm -- status -w
  kubectl --kubeconfig ${kubeconfig} --context ${stage.world.clusters()[0] ?? ''} get nodes
  AWS_ENDPOINT_URL=${served.awsEndpoint} aws autoscaling describe-auto-scaling-groups\n`);
  while (!io.signal.aborted) await sleep(60_000, io.signal);
}

export type { Stage };
