/** The daemon's life: check the input, take the lease, run, end in order. Anything else that ends it is a crash, and safe. */

import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { somebodyAnswers } from '../api/socket-file.ts';
import { ArtifactFolder } from '../checks/artifact-folder.ts';
import type { Problem } from '../domain/problem.ts';
import type { Lease, Store } from '../ports/store.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { type Clock, clockFromEnvironment } from '../support/clock.ts';
import { sleep, wallMs } from '../support/deadline.ts';
import type { Logger } from '../support/logger.ts';
import { SteadyClock } from '../support/steady-clock.ts';
import { checkInput } from './check-input.ts';
import { artifactFolder, type Composition } from './composition.ts';
import type { DaemonConfig } from './config.ts';
import { watchGit } from './git-watch.ts';
import { openRegistry, readPipeline } from './inputs.ts';
import { openLastGood, readLastGood } from './last-good.ts';
import { startLeading } from './leading.ts';
import { addressTrouble } from './probe-server.ts';
import { openSource } from './source.ts';

/** The daemon cannot start on this input; nothing was touched. */
export class BadDaemonInput extends Error {
  readonly problems: Problem[];

  constructor(message: string, problems: Problem[]) {
    super(message);
    this.name = 'BadDaemonInput';
    this.problems = problems;
  }
}

export interface DaemonOptions {
  /** Aborts to end the daemon in order. */
  signal: AbortSignal;
  log: Logger;
  version: string;
  environment?: NodeJS.ProcessEnv;
  /** Another daemon holds the lease. */
  onStandby?: () => void;
  /** It acts, and its API answers. */
  onLeading?: (addresses: { socket: string; metricsPort?: number; webhookPort?: number }) => void;
}

export type DaemonEnd = 'stopped' | 'lease-lost';

/** Runs until the signal aborts or the lease is lost. Throws BadDaemonInput, and FailureError of store, socket and port. */
export async function runDaemon(config: DaemonConfig, options: DaemonOptions): Promise<DaemonEnd> {
  const { signal, log } = options;
  const clock = daemonClock((options.environment ?? process.env)['CLM_CLOCK'], log);
  await requireUsableInput(config, log);
  for (const folder of [config.stateDir, path.dirname(config.store.path)])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  const store = await openSqliteStore({ path: config.store.path });
  try {
    const lease = await takeLease(store, config, options);
    if (lease === undefined) return 'stopped';
    try {
      return await lead(config, options, { store, lease, clock });
    } finally {
      await lease.release();
    }
  } finally {
    if (signal.aborted) log.info({}, 'stopped');
    await store.close();
  }
}

/** Real time that no jump moves; a simulated fleet's time line is the same in all processes, whatever servers say. */
function daemonClock(setting: string | undefined, log: Logger): Clock {
  if (setting !== undefined && setting !== '') return clockFromEnvironment(setting);
  return new SteadyClock(undefined, ({ kind, ...correction }) =>
    log.warn(
      correction,
      kind === 'moved'
        ? "this machine's clock, or the time that API servers tell, has moved: decisions follow"
        : "this machine's clock has jumped: decisions do not follow, for API servers say otherwise",
    ),
  );
}

/** undefined when the daemon was told to end while it waited. */
async function takeLease(store: Store, config: DaemonConfig, options: DaemonOptions): Promise<Lease | undefined> {
  const { signal, log, onStandby } = options;
  try {
    return await store.acquireLease({
      holder: String(process.pid),
      signal,
      onWait: () => {
        log.warn({ store: config.store.path }, 'another daemon holds the lease; waiting for it to end');
        onStandby?.();
      },
    });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

async function lead(
  config: DaemonConfig,
  options: DaemonOptions,
  { store, lease, clock }: { store: Store; lease: Lease; clock: Clock },
): Promise<DaemonEnd> {
  const { log, version } = options;
  const reports = { gitPoll: (_outcome: string): void => {} };
  const git = watchGit(openSource(config, log), (outcome) => reports.gitPoll(outcome));
  const channels: { names: string[] | undefined } = { names: undefined };
  const { registry, statuses } = openRegistry(config, () => channels.names);
  const lastGood = await openLastGood({
    store,
    registry,
    readPipeline: async () => {
      const read = await readPipeline(config, git.source);
      // Clusters are judged by the channels of the pipeline that will be in use.
      if (read.pipeline !== undefined) channels.names = read.pipeline.channels.map((channel) => channel.name);
      return read;
    },
    now: () => Math.round(clock.now()),
  });
  channels.names = lastGood.pipeline()?.channels.map((channel) => channel.name);
  await lastGood.refresh();
  if (lastGood.pipeline() === undefined) {
    const problems = lastGood
      .problems()
      .map((one) => ({ file: one.subject, message: one.message, remedy: one.remedy ?? 'correct it' }));
    throw new BadDaemonInput('there is no usable pipeline, and none from an earlier run', problems);
  }
  const leading = await startLeading({ config, version, store, lease, lastGood, statuses, git, clock, log, reports });
  log.info({ socket: config.api.socket, store: config.store.path, clusters: lastGood.clusters().length }, 'leading');
  options.onLeading?.(leading.addresses);
  const end = AbortSignal.any([options.signal, leading.leaseLost]);
  try {
    await lookUntil(config, leading.composition, { store, clock, log, signal: end });
  } finally {
    log.info({}, 'stopping');
    await leading.close();
  }
  return leading.leaseLost.aborted ? 'lease-lost' : 'stopped';
}

/** Ended processes are kept this long, in decision time. */
const keepEndedMs = 30 * 86_400_000;
const pruneEveryMs = 3_600_000;
/** A fast clock must not make the daemon spin: at least this much wall time between two looks. */
const shortestLookMs = 1_000;

/** Looks at the files and prunes the store until the daemon is to end. */
async function lookUntil(
  config: DaemonConfig,
  composition: Composition,
  { store, clock, log, signal }: { store: Store; clock: Clock; log: Logger; signal: AbortSignal },
): Promise<void> {
  let prunedAt = wallMs();
  while (await sleep(shortestLookMs, signal)) {
    await reached(clock, clock.now() + config.configRepository.pollIntervalMs, signal);
    if (signal.aborted) return;
    try {
      await composition.look(false);
      if (wallMs() - prunedAt < pruneEveryMs) continue;
      prunedAt = wallMs();
      const now = Math.round(clock.now());
      await store.prune(now - keepEndedMs);
      await store.e2e.pruneHistory(now - config.checks.keepMs);
      // Files have times of the wall.
      await new ArtifactFolder(artifactFolder(config)).prune(wallMs() - config.checks.keepFilesMs);
    } catch (error) {
      log.error({ err: error }, 'looking at the files failed');
    }
  }
}

function reached(clock: Clock, at: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.at(at, finish);
    signal.addEventListener('abort', finish, { once: true });
  });
}

/**
 * Ends a start on bad input before anything is made. Where an earlier run has left a good pipeline and registry, the daemon goes on
 * with those instead, and shows what is wrong.
 */
async function requireUsableInput(config: DaemonConfig, log: Logger): Promise<void> {
  const problems: Problem[] = [];
  const { metricsListen, webhookListen, socket } = config.api;
  const ports = { 'api.metricsListen': metricsListen, 'api.webhookListen': webhookListen };
  // Where a daemon answers, this one will wait for its lease, and the ports will be free by then.
  for (const [path, listen] of (await somebodyAnswers(socket)) ? [] : Object.entries(ports)) {
    const use = path === 'api.metricsListen' ? '/metrics and /healthz' : 'webhooks';
    const trouble = listen === undefined ? undefined : await addressTrouble(listen, use);
    if (trouble === undefined) continue;
    const remedy = "end the other program, choose another port, or write 'off'";
    problems.push({ file: config.file, path, message: trouble, remedy });
  }
  if (!(await hasLastGood(config))) problems.push(...(await checkInput(config, { log, render: false })).problems);
  if (problems.length > 0) throw new BadDaemonInput('the daemon cannot start like this; nothing was touched', problems);
}

async function hasLastGood(config: DaemonConfig): Promise<boolean> {
  if (!existsSync(config.store.path)) return false;
  const store = await openSqliteStore({ path: config.store.path, readonly: true }).catch(() => undefined);
  if (store === undefined) return false;
  try {
    const { pipeline, clusters } = await readLastGood(store);
    return pipeline !== undefined && clusters.length > 0;
  } finally {
    await store.close();
  }
}
