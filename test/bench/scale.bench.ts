/** A pass that changes nothing, over fleets of 84 and 1,000 clusters; and a daemon that has 1,000 clusters. */
import { appendFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DaemonClient } from '../../src/cli/daemon-client.ts';
import { DaemonProcess } from '../../src/cli/demo/daemon-process.ts';
import { awaitDaemon } from '../../src/cli/demo/follow.ts';
import { createRender } from '../../src/daemon/render.ts';
import { machineModules } from '../../src/machines/registry.ts';
import type { StatusDocument } from '../../src/planning/explain/status-document.ts';
import type { ClusterSessions } from '../../src/ports/cluster-session.ts';
import type { Store } from '../../src/ports/store.ts';
import { openChannelSource } from '../../src/sources/git/git-channel-source.ts';
import { createPipelineSteps } from '../../src/steps/create-pipeline-steps.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import { VirtualClock } from '../../src/support/clock.ts';
import { wallMs } from '../../src/support/deadline.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { seededRandom } from '../../src/support/random.ts';
import { engineHarness } from '../support/engine-harness.ts';
import { runClm } from '../support/system/run-clm.ts';
import type { BenchRow } from './bench-row.ts';
import { type LargeFleet, verifiedFacts, writeLargeFleet } from './large-fleet.ts';

const sizes = [84, 1_000];
const pollIntervalMs = 30_000;
const statusSamples = 50;
const commandSamples = 5;

export async function run(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const size of sizes) {
    const directory = await mkdtemp(join(tmpdir(), 'clm-bench-'));
    try {
      const fleet = await writeLargeFleet(directory, size);
      rows.push(...(await noopPass(fleet)));
      if (size === Math.max(...sizes)) rows.push(...(await daemonFigures(fleet)));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
  return rows;
}

/** Sessions that count what is asked of clusters and answer that all is well. */
function countingSessions(): { sessions: ClusterSessions; calls: { kube: number; opened: number } } {
  const calls = { kube: 0, opened: 0 };
  const kube = {
    raw: async () => {
      calls.kube += 1;
      return { status: 200, body: 'ok' };
    },
  };
  const sessions = {
    sessionFor: async (clusterId: string) => {
      calls.opened += 1;
      return { clusterId, kube };
    },
    release: () => {},
    close: async () => {},
  } as unknown as ClusterSessions;
  return { sessions, calls };
}

/** A commit that renders to nothing new goes from dev to stable. */
async function noopPass(fleet: LargeFleet): Promise<BenchRow[]> {
  await mkdir(join(fleet.directory, 'state'), { recursive: true });
  const store = await openSqliteStore({ path: join(fleet.directory, 'state', 'clm.db') });
  const source = openChannelSource({
    url: fleet.repository.bare,
    path: 'cluster',
    mirrorPath: join(fleet.directory, 'state', 'mirror.git'),
    timeoutMs: 60_000,
  });
  // The daemon that follows goes on with this database: its clock is the wall's.
  const clock = new VirtualClock(Math.round(Date.now()));
  const { heads } = await source.fetch(['dev'], {});
  const { tree } = await source.commitInfo(heads[0]?.commit ?? '');
  await store.post({ facts: await verifiedFacts(fleet, tree, clock.now()), now: clock.now() });
  const counted = countingSessions();
  const { engine, run } = await engineHarness({
    machines: machineModules,
    store,
    clock,
    steps: createPipelineSteps({
      source,
      registry: () => ({ clusters: fleet.clusters, accounts: [], problems: [] }),
      pipeline: () => fleet.pipeline,
      render: createRender({ source, path: 'cluster', accounts: () => [] }),
      sessions: counted.sessions,
      store,
      clock,
      random: seededRandom(1),
      wake: () => {},
      log: silentLogger(),
      pollIntervalMs,
    }),
  });
  await engine.start();
  await engine.post(
    fleet.pipeline.channels.map(({ name }) => ({
      to: `channel:${name}`,
      event: { type: 'START', input: { channel: name } },
      start: { machine: 'channel', parent: null, channel: name, cluster: '', commit: '' },
    })),
  );
  const isProven = (channel: string, commit: string) => async (): Promise<boolean> =>
    ((await store.load(`channel:${channel}`))?.context as { proven?: unknown } | undefined)?.proven === commit;
  await run(isProven('stable', fleet.repository.initialCommit));
  const commit = await fleet.repository.merge('dev', 'Explain a default', (work) =>
    appendFile(join(work, 'cluster', 'config-defaults.yaml'), '\n# nothing changes by this line\n'),
  );
  const before = engine.stats().commits;
  const cpu = process.cpuUsage();
  const startedAt = wallMs();
  const simulatedFrom = clock.now();
  await run(isProven('stable', commit));
  const { user, system } = process.cpuUsage(cpu);
  const wall = wallMs() - startedAt;
  if (!(await isProven('stable', commit)())) throw new Error('the commit did not get through');
  const commits = engine.stats().commits - before;
  await engine.stop();
  await assertUntouched(store, commit);
  await store.close();
  const name = `no-op pass over ${fleet.clusters.length} clusters`;
  return [
    {
      name,
      value: round(wall / 1000),
      unit: 's',
      note: `${round((clock.now() - simulatedFrom) / 60_000)} min simulated, ${commits} commits`,
    },
    {
      name: `${name}: CPU`,
      value: round((user + system) / 1e6),
      unit: 's',
      note: 'render, digest and compare every cluster of every channel',
    },
    {
      name: `${name}: calls to clusters`,
      value: counted.calls.kube,
      unit: 'calls',
      note: '/readyz while it soaks; none to AWS',
    },
  ];
}

async function assertUntouched(store: Store, commit: string): Promise<void> {
  const updates = (await store.rows({ machine: 'clusterUpdate' })).filter((row) => row.commit === commit);
  if (updates.length > 0) throw new Error(`${updates.length} clusters were updated by a commit that changes nothing`);
}

/** A real daemon on the database that the pass left behind. */
async function daemonFigures(fleet: LargeFleet): Promise<BenchRow[]> {
  const { directory } = fleet;
  const daemon = new DaemonProcess({
    directory,
    repository: fleet.repository.bare,
    registry: fleet.registry,
    pipeline: fleet.pipelineFile,
    awsEndpoint: 'http://127.0.0.1:9',
    kubernetesUrlTemplate: 'http://127.0.0.1:9/{id}',
    clock: '',
  });
  await daemon.writeConfig();
  const client = new DaemonClient(daemon.socket, 'bench');
  const size = `${fleet.clusters.length} clusters`;
  const signal = new AbortController().signal;
  try {
    daemon.start();
    if (!(await awaitDaemon(client, daemon, signal))) throw new Error(daemon.unexpectedExit);
    await daemon.kill();
    const restartedAt = wallMs();
    daemon.start();
    const status = await awaitDaemon(client, daemon, signal);
    if (status === undefined) throw new Error(daemon.unexpectedExit);
    const restart = wallMs() - restartedAt;
    if (status.clusters.length !== fleet.clusters.length)
      throw new Error(`status knows ${status.clusters.length} clusters`);
    const asked = await samples(statusSamples, () => client.get<StatusDocument>('/v1/status'));
    const typed = await samples(commandSamples, () =>
      runClm(['status', '--config', daemon.configFile], { cwd: directory }),
    );
    await daemon.samplePeakMemory();
    return [
      {
        name: `cold restart of the daemon, ${size}`,
        value: Math.round(restart),
        unit: 'ms',
        note: 'from SIGKILL and spawn to the first status, registry read again',
      },
      {
        name: `GET /v1/status, ${size}, median`,
        value: asked.median,
        unit: 'ms',
        note: `worst of ${statusSamples}: ${asked.worst} ms`,
      },
      {
        name: `clm status, ${size}, median`,
        value: typed.median,
        unit: 'ms',
        note: `a process of its own; worst of ${commandSamples}: ${typed.worst} ms`,
      },
      { name: `daemon with ${size}, peak memory`, value: daemon.peakRssMiB, unit: 'MiB', note: '' },
    ];
  } finally {
    await daemon.stop();
  }
}

async function samples(count: number, ask: () => Promise<unknown>): Promise<{ median: number; worst: number }> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const from = wallMs();
    await ask();
    times.push(wallMs() - from);
  }
  times.sort((a, b) => a - b);
  return { median: round(times[Math.floor(count / 2)] ?? 0), worst: round(times.at(-1) ?? 0) };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
