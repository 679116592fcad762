/** What runs while this daemon holds the lease: engine, API, metrics and health; started in order, ended in reverse. */
import { startApiServer } from '../api/server.ts';
import type { RegistryStatusStore } from '../ports/registry-status.ts';
import type { Lease, Store } from '../ports/store.ts';
import type { Github } from '../providers/scm/github/github-client.ts';
import type { Clock } from '../support/clock.ts';
import { sleep, wallMs } from '../support/deadline.ts';
import { type EventLoopMonitor, startEventLoopMonitor } from '../support/event-loop-lag.ts';
import type { Logger } from '../support/logger.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { type Composition, compose } from './composition.ts';
import type { DaemonConfig } from './config.ts';
import { EngineProgress } from './engine-progress.ts';
import { openForge, type RunningForgeReporter, startForgeReporter } from './forge.ts';
import type { GitWatch } from './git-watch.ts';
import { type HealthVerdict, judgeHealth } from './health.ts';
import type { LastGood } from './last-good.ts';
import { type LevelLoop, startLevelLoop } from './level-loop.ts';
import { createMetrics, type DaemonMetrics } from './metrics.ts';
import { type Notifications, startNotifications } from './notify/notifications.ts';
import { notifiersOf } from './notify/notifiers.ts';
import { startProbeServer } from './probe-server.ts';
import { type RegistryReporter, startRegistryReporter } from './registry-reporter.ts';
import { openStatsd, type StatsdSink } from './statsd.ts';
import { startWebhookServer, type WebhookServer } from './webhook-server.ts';

export interface LeadingInput {
  config: DaemonConfig;
  version: string;
  store: Store;
  lease: Lease;
  lastGood: LastGood;
  /** Where the status of clusters is told to, when the registry keeps it. */
  statuses: RegistryStatusStore | undefined;
  git: GitWatch;
  clock: Clock;
  log: Logger;
  /** Filled in here, once there are metrics. */
  reports: { gitPoll(outcome: string): void };
}

export interface Leading {
  composition: Composition;
  addresses: { socket: string; metricsPort?: number; webhookPort?: number };
  /** Aborts when the lease is gone. */
  leaseLost: AbortSignal;
  close: () => Promise<void>;
}

export async function startLeading(input: LeadingInput): Promise<Leading> {
  const { config, version, lease, log } = input;
  const lost = new AbortController();
  const lag = startEventLoopMonitor();
  const random = seededRandom(`${process.pid}:${wallMs()}`);
  const late: Late = {
    keepers: [],
    committed: () => {},
  };
  const statsd = statsdOf(config, log);
  const forge = openForge(config.forge, (outcome, remaining) => late.metrics?.forgeCall(outcome, remaining));
  const composition = compose({
    ...input,
    forge,
    source: input.git.source,
    random,
    reportProblems: () => [late.reporter, late.forge, late.notifications].flatMap((one) => one?.problems() ?? []),
    onCommitted: (commit) => {
      late.metrics?.committed(commit);
      late.committed();
    },
    onActed: () => late.committed(),
    onNewsChanged: async () => late.notifications?.reread(),
    onStep: (run) => late.metrics?.step(run),
    onLeaseLost: () => lost.abort(),
    onChecks: (run, results) => {
      late.metrics?.checks(run, results);
      statsd?.send(run.clusterId, results);
    },
    report: {
      aws: (operation, outcome, ms) => late.metrics?.providerCall('aws', operation, outcome, ms),
      kube: (operation, outcome, ms) => late.metrics?.providerCall('kube', operation, outcome, ms),
    },
  });
  const metrics = metricsOf(input, composition, lag, () => late.notifications?.counts() ?? []);
  late.metrics = metrics;
  input.reports.gitPoll = metrics.gitPoll;
  const closers: (() => Promise<void>)[] = [
    async () => lag.stop(),
    async () => statsd?.close(),
    () => composition.close(),
  ];
  const close = async (): Promise<void> => {
    // Backwards: first the work, so that running steps finish and commit; last what they work with.
    for (const one of closers.reverse()) await one();
  };
  try {
    const probes = await probesOf(input, composition, metrics);
    if (probes !== undefined) closers.push(probes.close);
    const api = await startApiServer({ backend: composition.backend, socketPath: config.api.socket, log, version });
    closers.push(api.close);
    if (input.statuses !== undefined) {
      const { status } = composition.backend;
      const leaseHeld = (): boolean => lease.held();
      late.reporter = startRegistryReporter({
        statuses: input.statuses,
        status,
        leaseHeld,
        random: random.fork('registry'),
        log,
      });
      closers.push(late.reporter.close);
    }
    late.committed = () => {
      api.changes.notify();
      late.reporter?.notify();
      for (const keeper of late.keepers) keeper.notify();
      late.notifications?.notify();
      late.forge?.notify();
    };
    closers.push(() => composition.engine.stop());
    await overridesKnown(composition, log);
    await composition.engine.start();
    await composition.startChannels();
    composition.periodic.start();
    closers.push(() => composition.periodic.close());
    late.keepers = startKeepers(composition, random, log);
    closers.push(...late.keepers.map((keeper) => keeper.close));
    const telling = tellOthers(input, { composition, metrics, forge, random });
    Object.assign(late, telling);
    closers.push(...Object.values(telling).map((one) => one.close));
    const webhooks = await webhooksOf(input, composition, metrics);
    if (webhooks !== undefined) closers.push(webhooks.close);
    const addresses = addressesOf(config, probes, webhooks);
    log.info({ leaseHeld: lease.held(), ...addresses }, 'engine started');
    return { composition, addresses, leaseLost: lost.signal, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Late {
  metrics?: DaemonMetrics;
  reporter?: RegistryReporter;
  keepers: LevelLoop[];
  notifications?: Notifications;
  forge?: RunningForgeReporter;
  committed(): void;
}

function addressesOf(
  config: DaemonConfig,
  probes?: { port: number },
  webhooks?: { port: number },
): Leading['addresses'] {
  return {
    socket: config.api.socket,
    ...(probes === undefined ? {} : { metricsPort: probes.port }),
    ...(webhooks === undefined ? {} : { webhookPort: webhooks.port }),
  };
}

interface TellingParts {
  composition: Composition;
  metrics: DaemonMetrics;
  forge: Github | undefined;
  random: Random;
}

/** People, and the forge. */
function tellOthers(
  input: LeadingInput,
  parts: TellingParts,
): { notifications: Notifications; forge?: RunningForgeReporter } {
  const { forge, composition } = parts;
  const notifications = notificationsOf(input, { ...parts, random: parts.random.fork('notifications') });
  const config = input.config.forge;
  if (forge === undefined || config === undefined) return { notifications };
  const { status } = composition.backend;
  return {
    notifications,
    forge: startForgeReporter({ ...input, config, forge, status, random: parts.random.fork('forge') }),
  };
}

function notificationsOf(
  { config, store, lease, lastGood, clock, log }: LeadingInput,
  parts: TellingParts,
): Notifications {
  const { metrics, random } = parts;
  const { sinks, blockedForMs, attempts } = config.notifications;
  return startNotifications({
    sinks: notifiersOf(sinks, parts.forge, process.env),
    store,
    status: () => parts.composition.backend.status(),
    pipeline: () => lastGood.pipeline(),
    blockedForMs,
    attempts,
    leaseHeld: () => lease.held(),
    now: () => Math.round(clock.now()),
    onAttempt: metrics.news,
    random,
    log,
  });
}

/** What is brought to git notes whenever it changes. */
function startKeepers({ mirror, moveNotes }: Composition, random: Random, log: Logger): LevelLoop[] {
  const overrides = 'the overrides cannot be kept in git notes';
  const moves = 'the records of branch moves cannot be published in git notes';
  return [
    startLevelLoop({ pass: () => mirror.pass(), broken: overrides, random: random.fork('mirroring'), log }),
    startLevelLoop({ pass: () => moveNotes.pass(), broken: moves, random: random.fork('publishing'), log }),
  ];
}

/** Pushes are noticed as they come, a burst of them as one or two looks. */
async function webhooksOf(
  { config, log }: LeadingInput,
  composition: Composition,
  metrics: DaemonMetrics,
): Promise<WebhookServer | undefined> {
  const listen = config.api.webhookListen;
  const secret = config.forge?.webhookSecret;
  if (listen === undefined || secret === undefined) return undefined;
  const coalesced = (work: () => Promise<void>, broken: string) => {
    let running: Promise<void> | undefined;
    let again = false;
    const run = (): void => {
      again = running !== undefined;
      running ??= work()
        .catch((error: unknown) => log.error({ err: error }, broken))
        .finally(() => {
          running = undefined;
          if (again) run();
        });
    };
    return run;
  };
  return startWebhookServer({
    listen,
    secret,
    environment: process.env,
    onPush: coalesced(() => composition.look(true), 'a push could not be looked at'),
    onReview: coalesced(() => composition.reviewsChanged(), 'a review could not be looked at'),
    onDelivery: metrics.webhook,
    log,
  });
}

/** Wall ms that the start waits for the notes. Work in flight goes on without them; a fleet not adopted yet stays so. */
const overridesPatienceMs = 5_000;

async function overridesKnown({ mirror }: Composition, log: Logger): Promise<void> {
  const patience = new AbortController();
  const taken = mirror
    .take()
    .catch((error: unknown) => log.warn({ err: error }, 'the overrides kept in git cannot be read; it is tried again'));
  await Promise.race([taken, sleep(overridesPatienceMs, patience.signal)]);
  patience.abort();
}

async function probesOf(input: LeadingInput, composition: Composition, metrics: DaemonMetrics) {
  const { config, log } = input;
  if (config.api.metricsListen === undefined) return undefined;
  const checks = () => composition.periodic.health();
  const sources = { metrics: metrics.text, health: healthOf(input, composition), checks };
  return startProbeServer(config.api.metricsListen, sources, log);
}

function statsdOf(config: DaemonConfig, log: Logger): StatsdSink | undefined {
  const onError = (error: Error): void => log.warn({ err: error }, 'statsd cannot be told of checks');
  return config.checks.statsd === undefined ? undefined : openStatsd(config.checks.statsd, onError);
}

function metricsOf(
  { version, lease, lastGood, store, git, log }: LeadingInput,
  { engine, backend, periodic }: Composition,
  lag: EventLoopMonitor,
  news: () => ReturnType<Notifications['counts']>,
): DaemonMetrics {
  return createMetrics({
    version,
    status: () => backend.status(),
    engine: () => {
      const stats = engine.stats();
      return { ...stats, quarantined: stats.quarantined.length };
    },
    leaseHeld: () => lease.held(),
    lag: () => lag.read(),
    checks: () => periodic.health(),
    news,
    pipeline: () => lastGood.pipeline(),
    delivery: {
      store,
      source: git.source,
      onError: (error) => log.warn({ err: error }, 'a change could not be counted among the measures of delivery'),
    },
  });
}

function healthOf({ config, lease, git, clock }: LeadingInput, { engine }: Composition): () => HealthVerdict {
  const startedAt = wallMs();
  const progress = new EngineProgress(clock);
  return () => {
    const stats = engine.stats();
    const sinceGitPollMs = git.sinceSuccessMs();
    const gitProblem = git.problem();
    return judgeHealth({
      engineSilentMs: progress.silentMs(stats),
      engineRunning: stats.running,
      leaseHeld: lease.held(),
      overdueSteps: stats.overdueSteps,
      ...progress.storeTrouble(stats),
      ...(sinceGitPollMs === undefined ? {} : { sinceGitPollMs }),
      ...(gitProblem === undefined ? {} : { gitProblem }),
      pollIntervalWallMs: config.configRepository.pollIntervalMs,
      sinceStartMs: wallMs() - startedAt,
    });
  };
}
