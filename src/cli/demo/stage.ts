/** Everything that a run on a simulated fleet needs: world, served APIs, repository and daemon, each to be driven by itself. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pipeline } from '../../domain/pipeline.ts';
import { World } from '../../simulator/model/world.ts';
import { type ServedWorld, serveWorld } from '../../simulator/wire/serve.ts';
import { environmentOfClock, type ScaledClock, scaledClockFromNow } from '../../support/clock.ts';
import { projectRoot } from '../../support/project.ts';
import { DaemonClient } from '../daemon-client.ts';
import { CliError, exitCodes } from '../exit.ts';
import { buildWorld, type FleetMember } from './build-world.ts';
import { type ConfigRepository, createConfigRepository } from './config-repository.ts';
import { DaemonProcess, type DaemonSetup } from './daemon-process.ts';
import { awaitDaemon } from './follow.ts';
import { renderFleet, writeSelectedFleet } from './sample-fleet.ts';
import { WorldMeter } from './world-meter.ts';

const shippedConfiguration = join(projectRoot, 'channels', 'cluster');
/** The simulated past in which the fleet came to be. */
const pastMs = 6 * 3_600_000;

export interface StageOptions {
  /** Holds repository, registry, database and logs. */
  directory: string;
  /** Clusters of the sample fleet. */
  clusters: number;
  /** Simulated seconds a second. */
  speed: number;
  seed: string;
  /** What is broken on the first channel's clusters before anything starts. */
  break?: 'e2e' | 'pdb' | undefined;
  say(message: string): void;
}

export interface Stage {
  directory: string;
  repository: ConfigRepository;
  pipeline: Pipeline;
  /** As they render at the first commit. */
  members: FleetMember[];
  world: World;
  served: ServedWorld;
  clock: ScaledClock;
  meter: WorldMeter;
  /** Written, not started. */
  daemon: DaemonProcess;
  daemonSetup: DaemonSetup;
  client: DaemonClient;
}

/** A settled fleet at the first commit, served on loopback; the daemon is configured and not started. */
export async function setUpStage(options: StageOptions): Promise<Stage> {
  const { directory, say } = options;
  const fleet = await writeSelectedFleet({ projectRoot, directory, clusters: options.clusters });
  const repository = await createConfigRepository({
    directory,
    channelConfiguration: shippedConfiguration,
    branches: fleet.pipeline.channels.map((channel) => channel.branch),
  });
  say(`rendering ${fleet.clusters.length} clusters at ${repository.initialCommit.slice(0, 12)}`);
  const members = await renderFleet(shippedConfiguration, fleet.clusters, repository.initialCommit);
  const first = fleet.pipeline.channels[0]?.name ?? '';
  const { world, meter } = await buildFleetWorld({ ...options, members, firstChannel: first });
  const clock = scaledClockFromNow(options.speed);
  const served = await serveWorld({ world, host: '127.0.0.1', port: 0, clock });
  const daemonSetup: DaemonSetup = {
    directory,
    repository: repository.bare,
    registry: fleet.registryDirectory,
    pipeline: join(projectRoot, 'channels', 'pipeline.demo.yaml'),
    awsEndpoint: served.awsEndpoint,
    kubernetesUrlTemplate: served.kubeUrl('{id}'),
    clock: environmentOfClock(clock),
  };
  const daemon = new DaemonProcess(daemonSetup);
  try {
    await daemon.writeConfig();
  } catch (error) {
    await served.stop();
    throw error;
  }
  const { nodes, pods } = meter.size();
  say(
    `serving ${members.length} clusters, ${nodes} nodes, ${pods} pods at ${options.speed} simulated seconds a second`,
  );
  const client = new DaemonClient(daemon.socket, 'demo');
  const { pipeline } = fleet;
  return { directory, repository, pipeline, members, world, served, clock, meter, daemon, daemonSetup, client };
}

/** Ends everything that the stage started. */
export async function closeStage(stage: Stage): Promise<void> {
  try {
    await stage.daemon.stop();
  } finally {
    await stage.served.stop();
  }
}

/** The fleet as it stands after hours at the first commit, judged from now on. */
export async function buildFleetWorld(
  options: Pick<StageOptions, 'seed' | 'break' | 'say'> & { members: FleetMember[]; firstChannel: string },
): Promise<{ world: World; meter: WorldMeter }> {
  const { seed, say, members } = options;
  const world = new World({ seed, startMs: scaledClockFromNow(1).now() - pastMs });
  const first = members
    .filter(({ cluster }) => cluster.channel === options.firstChannel)
    .map(({ cluster }) => cluster.id);
  const undrainable = new Set(options.break === 'pdb' ? first : []);
  await buildWorld({ world, members, seed, undrainable, onProgress: say });
  if (options.break === 'e2e') for (const id of first) world.kube(id).faults.endpointSlices = 'broken';
  return { world, meter: new WorldMeter(world) };
}

/** Waits for the daemon and has it adopt the fleet. Throws CliError with the end of the daemon's log when it does not come up. */
export async function adoptFleet(stage: Stage, signal: AbortSignal): Promise<void> {
  const { client, daemon } = stage;
  if (!(await awaitDaemon(client, daemon, signal))) {
    const log = await readFile(daemon.logFile, 'utf8').catch(() => '');
    const tail = log.split('\n').slice(-20).join('\n');
    throw new CliError(exitCodes.failed, `${daemon.unexpectedExit ?? 'interrupted'}\n${tail}`);
  }
  await client.post('/v1/adopt', { reason: 'the demo fleet' });
}

/** Merges an edit to a branch and tells the daemon; resolves with the commit. */
export async function mergeChange(
  stage: Stage,
  change: { branch: string; subject: string; edit(workTree: string): Promise<void> },
): Promise<string> {
  const commit = await stage.repository.merge(change.branch, change.subject, (workTree) => change.edit(workTree));
  await stage.client.post('/v1/refresh', {});
  return commit;
}

/** One line of the defaults rolls every node; one image of a manifest changes a deployment. */
export const nodesAndIngress = {
  branch: 'dev',
  subject: 'Roll out new node images and a new ingress',
  edit: (workTree: string): Promise<void> =>
    editDefaults(workTree, (text) =>
      // Members of etcd are not nodes: their image stays.
      withNewIngress(
        text.replace(/(node_image: *"?ami-)([0-9a-f]+)/g, (_, key: string, id: string) => {
          return key + id.split('').reverse().join('');
        }),
      ),
    ),
};

/** Changes one deployment and no node. */
export const ingressOnly = {
  branch: 'dev',
  subject: 'Roll out a new ingress',
  edit: (workTree: string): Promise<void> => editDefaults(workTree, withNewIngress),
};

function withNewIngress(text: string): string {
  return text.replace(/^(ingress_version: *"?)([^"\n]+)("?)$/m, '$1$2-1$3');
}

async function editDefaults(workTree: string, edit: (text: string) => string): Promise<void> {
  const defaults = join(workTree, 'cluster', 'config-defaults.yaml');
  const text = await readFile(defaults, 'utf8');
  const edited = edit(text);
  if (edited === text) throw new Error(`${defaults} holds nothing that the change would replace`);
  await writeFile(defaults, edited);
}
