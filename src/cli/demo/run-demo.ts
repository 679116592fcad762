import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StatusDocument } from '../../planning/explain/status-document.ts';
import { environmentOfClock } from '../../support/clock.ts';
import { sleep, wallMs } from '../../support/deadline.ts';
import { seededRandom } from '../../support/random.ts';
import { exitCodes } from '../exit.ts';
import type { CliIo } from '../io.ts';
import { runStatus } from '../run/status.ts';
import { type FollowResult, follow, progressLine } from './follow.ts';
import { type DemoOptions, exitCodeOf } from './options.ts';
import { describeReport, reportOf } from './report.ts';
import { adoptFleet, closeStage, mergeChange, nodesAndIngress, type Stage, setUpStage } from './stage.ts';

/** The whole demo; resolves with the exit code. */
export async function runDemo(options: DemoOptions, io: CliIo): Promise<number> {
  const startedAt = wallMs();
  const say = (message: string): void =>
    io.err(`${((wallMs() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${message}\n`);
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'clm-demo-')));
  const { clusters, speed, seed } = options;
  const stage = await setUpStage({ directory, clusters, speed, seed, break: options.break, say });
  let result: FollowResult;
  let commit = '';
  try {
    stage.daemon.start();
    commit = await adoptAndMerge(stage, io.signal, say);
    result = await watchRun(options, stage, commit, io);
    stage.meter.finish(leftInTheMiddle(result));
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
    await closeStage(stage);
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
  }
}

async function adoptAndMerge(stage: Stage, signal: AbortSignal, say: (message: string) => void): Promise<string> {
  say('adopting the fleet as soon as the daemon is up');
  await adoptFleet(stage, signal);
  const commit = await mergeChange(stage, nodesAndIngress);
  say(`merged ${commit.slice(0, 12)} to ${nodesAndIngress.branch}: new node images, a new ingress`);
  return commit;
}

const underWay: ReadonlySet<string> = new Set(['blocked', 'updating', 'verifying', 'stalled', 'paused']);

/** A cluster in the middle of its update keeps its surge and its marks; after a promoted run there is none. */
function leftInTheMiddle({ outcome, status }: FollowResult): ReadonlySet<string> {
  if (outcome === 'promoted' || status === undefined) return new Set();
  return new Set(status.clusters.filter((cluster) => underWay.has(cluster.state)).map((cluster) => cluster.id));
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
      onStatus: options.output === 'json' || !io.outIsTerminal ? lineProgress(io, commit) : () => undefined,
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
function lineProgress(io: CliIo, commit: string): (status: StatusDocument) => void {
  let last = '';
  return (status) => {
    const line = progressLine(status.channels, commit);
    if (line !== last) io.err(`          ${line}\n`);
    last = line;
  };
}

/** SIGKILLs the daemon at seeded random moments. */
async function killAtRandom(options: DemoOptions, stage: Stage, signal: AbortSignal): Promise<void> {
  const random = seededRandom(options.seed).fork('kills');
  for (let kill = 0; kill < options.kills && !signal.aborted; kill++) {
    if (!(await sleep(1_000 + random.int(4_000), signal))) return;
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
