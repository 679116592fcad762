/** Puts the implementations together: everything that acts once the lease is held. */

import path from 'node:path';
import type { ApiBackend } from '../api/backend.ts';
import { ArtifactFolder } from '../checks/artifact-folder.ts';
import { profiles } from '../checks/profiles.ts';
import { createCheckRunner } from '../checks/runner.ts';
import type { Cluster } from '../domain/cluster.ts';
import type { Pipeline } from '../domain/pipeline.ts';
import { createEngine } from '../engine/engine.ts';
import type { Committed, Engine } from '../engine/engine-options.ts';
import { machineModules } from '../machines/registry.ts';
import type { StatusProblem } from '../planning/explain/status-document.ts';
import { lifecycleSaid } from '../planning/lifecycle/cluster-lifecycle.ts';
import { policyOfCluster } from '../planning/roll/cluster-policy.ts';
import { rollOverridesOf } from '../planning/roll/overrides.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import type { CheckResult, CheckRunner } from '../ports/check-runner.ts';
import type { ClusterSessions } from '../ports/cluster-session.ts';
import type { Render } from '../ports/renderer.ts';
import type { Step } from '../ports/step.ts';
import type { Lease, OutboxMessage, Store } from '../ports/store.ts';
import { createHttpClient } from '../providers/http/http-client.ts';
import { createPrometheus } from '../providers/metrics/prometheus.ts';
import type { Github } from '../providers/scm/github/github-client.ts';
import { createGithubReviews } from '../providers/scm/github/github-reviews.ts';
import { createPlainGitReviews } from '../providers/scm/plain-git.ts';
import { createClusterSessions } from '../providers/session/create-cluster-sessions.ts';
import { createSshSigner } from '../sources/git/ssh-signature.ts';
import { HeadWatch } from '../steps/channel/head-watch.ts';
import { createPipelineSteps } from '../steps/create-pipeline-steps.ts';
import { createCheckSteps } from '../steps/e2e/run-checks.ts';
import { bootsKind, readBootRecords } from '../steps/roll/boot-records.ts';
import { bootSlot } from '../steps/roll/boot-slots.ts';
import { createRollSteps } from '../steps/roll/create-roll-steps.ts';
import { historyKey, historyKind, readHistory, readStops, stopsKind } from '../steps/roll/measurements.ts';
import type { Clock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import type { Random } from '../support/random.ts';
import { createAdoption } from './adoption.ts';
import { createBackend } from './backend.ts';
import { createClusterAccess } from './cluster-access.ts';
import type { DaemonConfig } from './config.ts';
import { e2eBackground } from './e2e-background.ts';
import type { GitWatch } from './git-watch.ts';
import type { LastGood } from './last-good.ts';
import { createLookupRecord } from './lookup-record.ts';
import type { CallReport } from './measured.ts';
import { MoveNotes } from './move-notes.ts';
import { OverrideMirror } from './override-mirror.ts';
import { PeriodicChecks, type PeriodicChecksInput } from './periodic-checks.ts';
import { createRender } from './render.ts';
import { previewRoll as previewRollOf } from './roll-preview.ts';
import { openFurther } from './source.ts';

export interface CompositionInput {
  config: DaemonConfig;
  version: string;
  store: Store;
  lease: Lease;
  lastGood: LastGood;
  source: ChannelSource;
  git: GitWatch;
  clock: Clock;
  random: Random;
  log: Logger;
  onCommitted: (commit: Committed) => void;
  /** An operator's action was stored; what it means is committed by processes afterwards. */
  onActed: () => void;
  onStep: (run: { machine: string; step: string; outcome: string; code?: string; wallMs: number }) => void;
  onLeaseLost: () => void;
  onChecks: (run: { clusterId: string; channel: string }, results: readonly CheckResult[]) => void;
  /** undefined = plain git. */
  forge: Github | undefined;
  /** The outbox of news was changed by somebody. */
  onNewsChanged: () => Promise<void>;
  /** What could not be told to the registry. */
  reportProblems: () => StatusProblem[];
  report: { aws: CallReport; kube: CallReport };
}

export interface Composition {
  engine: Engine;
  backend: ApiBackend;
  /** Overrides in git notes: taken from there once, and kept there. */
  mirror: OverrideMirror;
  /** Records of branch moves, published in git notes. */
  moveNotes: MoveNotes;
  /** Starts the row of every channel that has none yet. Idempotent. */
  startChannels: () => Promise<void>;
  /** Looks at the files and, when `git` is asked for, at the repository. */
  look: (git: boolean) => Promise<void>;
  /** Reviews, statuses or checks of the forge may have changed. */
  reviewsChanged: () => Promise<void>;
  /** Checks on a schedule; to be started once the engine runs. */
  periodic: PeriodicChecks;
  close: () => Promise<void>;
}

/** A cluster's session, unused for this long (wall time), is closed. */
const sessionIdleMs = 60_000;

export function compose(input: CompositionInput): Composition {
  const { config, store, lastGood, clock, random, log } = input;
  const inFlight = new Map<string, string>();
  const access = accessOf(input, (clusterId) => inFlight.get(clusterId));
  const clusterOf = (id: string) => lastGood.clusters().find((cluster) => cluster.id === id);
  const sessions = createClusterSessions({
    connectKube: access.connectKube,
    connectCloud: access.connectCloud,
    clusterOf,
    clock,
    random: random.fork('sessions'),
    log,
    idleReleaseMs: sessionIdleMs,
  });
  const wake = (processId: string): void => engine.wake(processId);
  const pipeline = (): Pipeline => cappedPipeline(lastGood, config.concurrency.clusters);
  const { pollIntervalMs } = config.configRepository;
  const heads = new HeadWatch({ source: input.source, pipeline, store, pollIntervalMs });
  const now = (): number => Math.round(clock.now());
  const render = renderOf(input, access, now);
  const checks = checksOf(input, { sessions, clusterOf, pipeline });
  const steps = createSteps({ ...input, ...checks, clusterOf, sessions, wake, pipeline, heads, render });
  const engine = createEngine({
    store,
    lease: input.lease,
    clock,
    random: random.fork('engine'),
    machines: machineModules,
    steps,
    log,
    limits: { concurrency: config.concurrency.steps, stopGraceMs: config.shutdownGraceMs },
    onCommitted: (commit) => {
      follow(inFlight, lastGood, commit);
      input.onCommitted(commit);
    },
    onStep: input.onStep,
    onLeaseLost: input.onLeaseLost,
  });
  const startChannels = async (): Promise<void> => {
    const known = new Set((await store.rows({ machine: 'channel' })).map((row) => row.channel));
    const missing = pipeline().channels.filter((channel) => !known.has(channel.name));
    if (missing.length > 0) await engine.post(missing.map((channel) => startChannel(channel.name)));
  };
  const wakeChannels = (): void => {
    for (const channel of pipeline().channels) engine.wake(`channel:${channel.name}`);
  };
  const look = async (git: boolean): Promise<void> => {
    const changed = await lastGood.refresh();
    if (changed) await startChannels();
    if (git) heads.forget();
    if (changed || git) wakeChannels();
  };
  const { mirror, moveNotes } = createKeepers(input, wakeChannels, now);
  const takeOverrides = () => mirror.take();
  const adoption = createAdoption({ ...input, engine, sessions, render, pipeline, takeOverrides, now });
  const nodesOf = (clusterId: string) => nodeNames(sessions, clusterId);
  const previewRoll = previewOf({ store, sessions, clusters: () => lastGood.clusters(), now });
  const reportProblems = () => [...input.reportProblems(), ...mirror.problems(), ...moveNotes.problems()];
  const backend = createBackend({
    ...input,
    reportProblems,
    storedBeside: () => mirror.taken(),
    engine,
    look,
    adoption,
    wakeChannels,
    nodesOf,
    previewRoll,
    runner: checks.runner,
    now,
  });
  return {
    engine,
    backend,
    mirror,
    moveNotes,
    startChannels,
    look,
    reviewsChanged: () => wakePromotions(store, engine),
    periodic: checks.periodic,
    close: async () => {
      await sessions.close();
      access.close();
    },
  };
}

async function wakePromotions(store: Store, engine: Engine): Promise<void> {
  for (const row of await store.rows({ machine: 'promotion', status: 'active' })) engine.wake(row.id);
}

async function nodeNames(sessions: ClusterSessions, clusterId: string): Promise<string[]> {
  const { nodes } = await (await sessions.sessionFor(clusterId)).view();
  return nodes.map((node) => node.name);
}

function accessOf(input: CompositionInput, rolloutOf: (clusterId: string) => string | undefined) {
  const { config, version, lastGood, report, clock } = input;
  return createClusterAccess({
    providers: config.providers,
    version,
    accounts: () => lastGood.accounts(),
    rolloutOf,
    report,
    heardTime: (clusterId, serverMs) => clock.heard?.(clusterId, serverMs),
  });
}

function renderOf(
  { store, config, source, lastGood, log }: CompositionInput,
  access: ReturnType<typeof accessOf>,
  now: () => number,
): Render {
  return createRender({
    source,
    path: config.configRepository.path,
    further: openFurther(config, log),
    accounts: () => lastGood.accounts(),
    clusters: () => lastGood.clusters(),
    cloud: (cluster) => access.connectLookups(cluster),
    record: createLookupRecord(store, (input) => store.post(input), now),
  });
}

function previewOf(input: Parameters<typeof previewRollOf>[0]): ApiBackend['rolls']['preview'] {
  return (name, signal) => previewRollOf(input, name, signal);
}

/** What keeps parts of the store in git notes, too. */
function createKeepers(
  input: CompositionInput,
  wakeChannels: () => void,
  now: () => number,
): Pick<Composition, 'mirror' | 'moveNotes'> {
  const { config, store, source, lease, random, log } = input;
  const { signingKey } = config.configRepository;
  const leaseHeld = (): boolean => lease.held();
  const signer = signingKey === undefined ? undefined : createSshSigner(signingKey);
  const onTaken = (): void => {
    input.onActed();
    wakeChannels();
  };
  return {
    mirror: new OverrideMirror({ store, source, leaseHeld, onTaken, random: random.fork('mirror'), log, now }),
    moveNotes: new MoveNotes({ store, source, signer, leaseHeld, log, now }),
  };
}

/** Where files of checks are kept. */
export function artifactFolder(config: DaemonConfig): string {
  return path.join(config.stateDir, 'artifacts');
}

/** What runs checks: for cluster updates, and by itself on a schedule. */
function checksOf(
  input: CompositionInput,
  parts: { sessions: ClusterSessions; clusterOf: StepsInput['clusterOf']; pipeline: () => Pipeline },
): Pick<StepsInput, 'runner' | 'about' | 'periodic'> {
  const { store, lastGood, clock, log, config } = input;
  const { sessions, clusterOf, pipeline } = parts;
  const artifacts = new ArtifactFolder(artifactFolder(config));
  const runner = createCheckRunner({ sessions, clusterOf, clock, profiles, artifacts, ledger: store.e2e, log });
  const policyOf = (channel: string) => pipeline().channels.find((one) => one.name === channel);
  const keepOf = (channel: string) => policyOf(channel)?.keepOnFailure;
  const about: PeriodicChecksInput['about'] = (run, at) => e2eBackground({ store, clusterOf, keepOf }, run, at);
  const periodic = new PeriodicChecks({
    runner,
    store,
    clock,
    clusters: () => lastGood.clusters(),
    scheduleOf: (channel) => policyOf(channel)?.periodic ?? [],
    adopted: async () => (await store.fact('adoption', 'fleet')) !== undefined,
    leaseHeld: () => input.lease.held(),
    about,
    onResults: input.onChecks,
    parallel: config.checks.parallel,
    version: input.version,
    log,
  });
  return { runner, about, periodic };
}

interface StepsInput extends CompositionInput {
  runner: CheckRunner;
  about: PeriodicChecksInput['about'];
  periodic: PeriodicChecks;
  clusterOf: (id: string) => Cluster | undefined;
  sessions: ClusterSessions;
  wake: (processId: string) => void;
  pipeline: () => Pipeline;
  heads: HeadWatch;
  render: Render;
}

function createSteps(input: StepsInput): Record<string, Step> {
  const { sessions, wake, clock, random, log, lastGood, clusterOf, source, pipeline, render, store, heads } = input;
  const registry = () => ({
    clusters: lastGood.clusters(),
    accounts: lastGood.accounts(),
    problems: lastGood.registryProblems(),
  });
  const http = createHttpClient((name) => process.env[name]);
  return {
    ...createPipelineSteps({
      source,
      registry,
      pipeline,
      render,
      sessions,
      store,
      clock,
      random: random.fork('pipeline'),
      wake,
      yieldCluster: (clusterId) => input.periodic.yieldCluster(clusterId),
      log,
      pollIntervalMs: input.config.configRepository.pollIntervalMs,
      heads,
      http,
      metrics: createPrometheus(http),
      scm: input.forge === undefined ? createPlainGitReviews(source) : createGithubReviews(input.forge, source),
    }),
    ...createRollSteps({
      sessions,
      clock,
      random: random.fork('roll'),
      wake,
      log,
      policyOf: (clusterId) => policyOfCluster(clusterOf(clusterId)),
      clusterOf,
      fleet: {
        bootLimit: input.config.concurrency.boots,
        booting: () => store.slotHolders(bootSlot),
        historyOf: async (clusterId, pool) =>
          readHistory((await store.fact(historyKind, historyKey(clusterId, pool)))?.value),
        bootRecords: async (prefix) => readBootRecords(await store.facts(bootsKind, prefix)),
        stopsOf: async (cluster) => readStops((await store.fact(stopsKind, cluster))?.value),
      },
      overridesOf: async (clusterId) => rollOverridesOf(await store.facts('override'), clusterId),
    }),
    ...createCheckSteps({
      runner: input.runner,
      wake,
      history: store.e2e,
      about: input.about,
      runnerVersion: input.version,
      onResults: input.onChecks,
    }),
  };
}

/** The daemon's own limit on clusters in flight holds whatever the pipeline says. */
function cappedPipeline(lastGood: LastGood, clusters: number): Pipeline {
  const pipeline = lastGood.pipeline();
  if (pipeline === undefined) throw new Error('the engine runs without a pipeline');
  return pipeline.maxParallel <= clusters ? pipeline : { ...pipeline, maxParallel: clusters };
}

function startChannel(channel: string): OutboxMessage {
  return {
    to: `channel:${channel}`,
    event: { type: 'START', input: { channel } },
    start: { machine: 'channel', parent: null, channel, cluster: '', commit: '' },
  };
}

/** What a commit says of its cluster: how far its life is, and the rollout that it is in, for the user agent of calls. */
function follow(inFlight: Map<string, string>, lastGood: LastGood, { row, journal }: Committed): void {
  const known = lifecycleSaid(journal);
  if (known !== undefined) lastGood.lifecycle(row.cluster, known);
  if (row.machine !== 'clusterUpdate') return;
  const rollout = row.parent ?? '';
  if (row.status === 'active') inFlight.set(row.cluster, rollout);
  else if (inFlight.get(row.cluster) === rollout) inFlight.delete(row.cluster);
}
