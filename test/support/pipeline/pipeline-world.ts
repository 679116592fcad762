/** A whole pipeline on a virtual clock: real engine, store, machines and steps; clusters, git and node rolls as scripted. */
import type { PipelineControl } from '../../../src/api/pipeline-control.ts';
import type { CheckDefinition } from '../../../src/checks/contract.ts';
import { createPipelineControl } from '../../../src/daemon/control/pipeline-control.ts';
import { createOperations } from '../../../src/daemon/operations.ts';
import type { Cluster } from '../../../src/domain/cluster.ts';
import { FailureError, transient } from '../../../src/domain/failure.ts';
import type { ChannelPolicy, Pipeline } from '../../../src/domain/pipeline.ts';
import type { Committed, Engine, EngineLimits } from '../../../src/engine/engine-options.ts';
import { bisectModule } from '../../../src/machines/bisect/versions.ts';
import { channelModule } from '../../../src/machines/channel/versions.ts';
import { clusterUpdateModule } from '../../../src/machines/cluster-update/versions.ts';
import { decommissionModule } from '../../../src/machines/decommission/versions.ts';
import { e2eRunModule } from '../../../src/machines/e2e-run/versions.ts';
import { promotionModule } from '../../../src/machines/promotion/versions.ts';
import { rolloutModule } from '../../../src/machines/rollout/versions.ts';
import {
  type LifecycleFact,
  lifecycleKind,
  lifecycleSaid,
  parseLifecycle,
  withLifecycle,
} from '../../../src/planning/lifecycle/cluster-lifecycle.ts';
import type { Render } from '../../../src/ports/renderer.ts';
import type { Lease, OutboxMessage, ProcessRow, Store } from '../../../src/ports/store.ts';
import { createPlainGitReviews } from '../../../src/providers/scm/plain-git.ts';
import { adoptionWrites, observeFleet } from '../../../src/steps/adoption/observe-fleet.ts';
import { HeadWatch } from '../../../src/steps/channel/head-watch.ts';
import { createPipelineSteps } from '../../../src/steps/create-pipeline-steps.ts';
import { createCheckSteps } from '../../../src/steps/e2e/run-checks.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import type { Clock, VirtualClock } from '../../../src/support/clock.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { seededRandom } from '../../../src/support/random.ts';
import type { CrashPoint } from '../crashing-store.ts';
import { engineHarness, passTime, testLease, testStart } from '../engine-harness.ts';
import { judgePipeline, type PipelineVerdict, pipelineCheckers } from '../pipeline-checkers/judge-pipeline.ts';
import type { PipelineRecord } from '../pipeline-checkers/record.ts';
import type { Ground, Life } from './ground.ts';
import type { ScriptedCluster } from './scripted-cluster.ts';
import { ScriptedGround } from './scripted-ground.ts';
import { ScriptedSource } from './scripted-source.ts';
import type { RollScript } from './toy-roll.ts';

export const minute = 60_000;

export interface WorldOptions {
  /** Clusters a channel, in the order of promotion. */
  channels: Record<string, number>;
  policy?: Partial<ChannelPolicy>;
  fleetMaxParallel?: number;
  /** Moment at which it begins. */
  startsAt?: number;
  /** What its clusters are made of; scripted in memory unless given. */
  ground?: Ground;
  /** Profiles of real checks that are run on the scripted clusters, which make nothing; what they find is scripted unless given. */
  checks?: Record<string, CheckDefinition[]>;
}

/** How the daemon of a world is built, where it differs from what most tests want. */
export interface DaemonParts {
  store?: Store;
  lease?: Lease;
  seed?: number;
  /** The daemon's own idea of the time. */
  time?: Clock;
  pollIntervalMs?: number;
  limits?: Partial<EngineLimits>;
  /** Where it dies, for a ground that has calls of its own to die in. */
  point?: CrashPoint;
  /** Hears of every commit. */
  onCommitted?: (commit: Committed) => void;
}

/** What survives a restart of the daemon: git, clusters, store, time. */
export class PipelineWorld {
  readonly source = new ScriptedSource();
  readonly clock: VirtualClock;
  readonly ground: Ground;
  /** The scripted ones; none on another ground. */
  readonly clusters = new Map<string, ScriptedCluster>();
  readonly rolls = new Map<string, RollScript>();
  /** Checks that fail, by cluster id; of every version unless one is named. */
  readonly failingChecks = new Map<string, { message: string; commit?: string }>();
  readonly testsThatFail = new Map<string, { checks: string[]; runs: string }>();
  /** Says what is wrong with a cluster to its checks; asked before `failingChecks`. */
  checksFail: (cluster: string, runId: string) => string | undefined = () => undefined;
  /** What a roll takes; asked before `rolls`. */
  rollOf: (cluster: string, pool: string) => RollScript | undefined = () => undefined;
  /** Runs of checks, by cluster id. */
  readonly checkRuns: { cluster: string; runId: string }[] = [];
  /** What Prometheus says, by query; a query that is not there does not answer. */
  readonly measurements = new Map<string, number[]>();
  registry: Cluster[] = [];
  /** How far daemons have brought clusters, as the last one knew it. */
  readonly lifecycles = new Map<string, LifecycleFact>();
  /** Clusters that were in the registry once, and when they came and went. */
  readonly past = new Map<string, { channel: string; since: number; until: number }>();
  pipeline: Pipeline;
  store!: Store;
  /** Highest number of clusters that were touched at once, by channel. */
  readonly peak = new Map<string, number>();

  static async create(options: WorldOptions): Promise<PipelineWorld> {
    const world = new PipelineWorld(options);
    world.store = await openSqliteStore({ path: ':memory:' });
    return world;
  }

  private constructor(options: WorldOptions) {
    const names = Object.keys(options.channels);
    this.ground = options.ground ?? new ScriptedGround(this, options.startsAt ?? testStart, options.checks);
    this.clock = this.ground.clock;
    this.pipeline = {
      channels: names.map((name, index) => ({
        name,
        branch: name,
        promotesTo: names.slice(index + 1, index + 2),
        waves: [],
        maxParallel: 3,
        maxFailures: 0,
        soakMs: 10 * minute,
        e2eProfile: 'smoke',
        blockLimitMs: 10 * minute,
        progressDeadlineMs: 6 * 60 * minute,
        ...options.policy,
      })),
      maxParallel: options.fleetMaxParallel ?? 10,
      evidenceMaxAgeMs: 24 * 60 * minute,
    };
    const first = this.source.add('a0', {}, undefined);
    for (const [name, count] of Object.entries(options.channels)) {
      this.source.branches.set(name, first);
      for (let number = 1; number <= count; number += 1) this.addCluster(name, number);
    }
  }

  addCluster(channel: string, number: number): Cluster {
    const account = String(100_000_000_000 + this.registry.length + 1);
    const id = `aws:${account}:eu-central-1:${channel}-${number}`;
    const cluster: Cluster = {
      id,
      alias: `${channel}-${number}`,
      localId: `${channel}-${number}`,
      infrastructureAccount: `aws:${account}`,
      region: 'eu-central-1',
      provider: 'aws',
      apiServerUrl: 'http://127.0.0.1:1',
      channel,
      environment: 'test',
      criticalityLevel: 1,
      lifecycleStatus: 'ready',
      configItems: {},
      nodePools: [],
    };
    this.registry.push(cluster);
    this.ground.added(cluster);
    return cluster;
  }

  /** Checks beside the one that there always is; in runs whose id begins so, in all unless given. */
  failingTests(cluster: string, checks: string[], runs = ''): void {
    this.testsThatFail.set(cluster, { checks, runs });
  }

  clusterOf(alias: string): ScriptedCluster {
    const entry = this.registry.find((cluster) => cluster.alias === alias);
    return this.clusters.get(entry?.id ?? '') as ScriptedCluster;
  }

  /** How often each commit was rendered for each cluster: `<commit> <cluster id>`. */
  readonly renders = new Map<string, number>();
  readonly render: Render = async (cluster, commit) => {
    const key = `${commit} ${cluster.id}`;
    this.renders.set(key, (this.renders.get(key) ?? 0) + 1);
    const content = this.source.contentOf(commit);
    if (content.broken.includes(cluster.alias)) {
      return { ok: false, problems: [{ file: 'cluster.yaml', line: 3, message: 'no such value', remedy: 'set it' }] };
    }
    return { ok: true, rendered: this.ground.render(cluster, commit, content) };
  };

  /** Makes every cluster what the heads of the branches render to. */
  async settleClusters(): Promise<void> {
    for (const cluster of this.registry) {
      const result = await this.render(cluster, this.source.branches.get(cluster.channel) as string);
      if (!result.ok) throw new Error('the first commit renders');
      await this.ground.settle(cluster, result.rendered);
    }
    await this.ground.rest();
  }

  async adopt(): Promise<void> {
    const findings = await this.observe();
    const writes = adoptionWrites(findings, this.view().clusters, {
      actor: 'jo',
      reason: 'first start',
      now: this.clock.now(),
    });
    await this.store.post({ ...writes, now: this.clock.now() });
  }

  observe() {
    return observeFleet({
      source: this.source,
      registry: () => this.view(),
      pipeline: () => this.pipeline,
      render: this.render,
      sessions: this.ground.sessions({ time: this.clock, seed: 0 }),
      store: this.store,
      now: () => this.clock.now(),
      signal: new AbortController().signal,
    });
  }

  view() {
    return { clusters: withLifecycle(this.registry, this.lifecycles), accounts: [], problems: [] };
  }

  /** What the independent checkers say of everything that was written down so far. */
  async judge(only?: string[]): Promise<PipelineVerdict> {
    // who has ended waits for nothing: only the whole judgement reads those too
    const rows = await this.store.rows(only === undefined ? {} : { status: 'active' });
    const { source } = this;
    const checkers = pipelineCheckers.filter(({ invariant }) => only === undefined || only.includes(invariant));
    const record: PipelineRecord = {
      journal: only === undefined ? await this.store.journal({ limit: 1_000_000 }) : [],
      clusters: [
        ...this.registry.map(({ id, channel }) => ({ id, channel, ...this.past.get(id) })),
        ...[...this.past].flatMap(([id, when]) =>
          this.registry.some((one) => one.id === id) ? [] : [{ id, ...when }],
        ),
      ],
      rules: { maxParallel: this.pipeline.maxParallel, channels: this.pipeline.channels },
      repository: {
        heads: Object.fromEntries(source.branches),
        moves: source.history,
        isAncestor: (ancestor, descendant) => source.contains(ancestor, descendant),
        treeOf: (commit) => source.treeOf(commit),
      },
      processes: rows.map((row) => ({ id: row.id, status: row.status, wakeAt: row.wakeAt, pending: 0 })),
      overrides: (await this.store.facts('override')).map(({ key, value }) => ({ key, value })),
    };
    return judgePipeline(record, checkers);
  }

  /** A daemon on this world; several one after another are restarts. */
  async daemon(parts: DaemonParts = {}): Promise<PipelineDaemon> {
    const store = parts.store ?? this.store;
    this.lifecycles.clear();
    for (const { key, value } of await this.store.facts(lifecycleKind)) {
      const known = parseLifecycle(value);
      if (known !== undefined) this.lifecycles.set(key, known);
    }
    const time = parts.time ?? this.clock;
    const seed = parts.seed ?? 1;
    const random = seededRandom(seed);
    const running: { engine?: Engine } = {};
    const wake = (id: string): void => running.engine?.wake(id);
    const point = parts.point === undefined ? {} : { point: parts.point };
    const life = this.ground.live({ store, time, seed, wake, ...point });
    const log = silentLogger();
    const pollIntervalMs = parts.pollIntervalMs ?? minute;
    const heads = new HeadWatch({ source: this.source, pipeline: () => this.pipeline, store, pollIntervalMs });
    const steps = {
      ...createPipelineSteps({
        source: this.source,
        registry: () => this.view(),
        pipeline: () => this.pipeline,
        render: this.render,
        sessions: life.sessions,
        store,
        clock: time,
        random,
        wake,
        log,
        scm: createPlainGitReviews(this.source),
        pollIntervalMs,
        heads,
        metrics: {
          query: async ({ query }) => {
            const values = this.measurements.get(query);
            if (values === undefined) throw new FailureError(transient('metrics-unreachable', 'connection refused'));
            return values.map((value) => ({ labels: {}, value }));
          },
        },
      }),
      ...createCheckSteps({
        runner: life.runner,
        wake,
        history: store.e2e,
        about: async () => ({ request: {}, provider: 'aws', region: 'eu-central-1', environment: 'test' }),
        runnerVersion: '0.0.0',
      }),
      ...life.steps,
    };
    const harness = await engineHarness({
      machines: [
        channelModule,
        rolloutModule,
        clusterUpdateModule,
        promotionModule,
        e2eRunModule,
        decommissionModule,
        bisectModule,
        ...life.machines,
      ],
      steps,
      store,
      clock: time,
      lease: parts.lease ?? testLease(),
      seed: parts.seed ?? 1,
      keepsCommits: false,
      onCommitted: (commit) => {
        const { row, journal } = commit;
        parts.onCommitted?.(commit);
        const known = lifecycleSaid(journal);
        if (known !== undefined) this.lifecycles.set(row.cluster, known);
      },
      ...(parts.limits === undefined ? {} : { limits: parts.limits }),
    });
    running.engine = harness.engine;
    return new PipelineDaemon(this, harness.engine, { store, time, heads, life });
  }
}

/** A world whose clusters run what the branches say, adopted, with a daemon that has been up for a while. */
export async function adoptedWorld(options: WorldOptions): Promise<{ world: PipelineWorld; daemon: PipelineDaemon }> {
  const world = await PipelineWorld.create(options);
  await world.settleClusters();
  await world.adopt();
  const daemon = await world.daemon();
  await daemon.start();
  await daemon.pass(2 * minute);
  return { world, daemon };
}

export class PipelineDaemon {
  readonly engine: Engine;
  readonly control: PipelineControl;
  readonly operations: ReturnType<typeof createOperations>;
  readonly #world: PipelineWorld;
  readonly #store: Store;
  readonly #heads: HeadWatch;
  readonly #life: Life;

  constructor(
    world: PipelineWorld,
    engine: Engine,
    parts: { store: Store; time: Clock; heads: HeadWatch; life: Life },
  ) {
    const { store, time, heads } = parts;
    this.#life = parts.life;
    this.#world = world;
    this.engine = engine;
    this.#store = store;
    this.#heads = heads;
    const lastGood = { clusters: () => world.view().clusters, pipeline: () => world.pipeline };
    const now = (): number => Math.round(time.now());
    this.control = createPipelineControl({ store, engine, source: world.source, lastGood, now });
    this.operations = createOperations({ store, engine, lastGood, now });
  }

  /** A webhook of the forge says that branches have moved. */
  webhook(): void {
    this.#heads.forget();
    for (const { name } of this.#world.pipeline.channels) this.engine.wake(`channel:${name}`);
  }

  async start(): Promise<void> {
    await this.engine.start();
    await this.engine.post(this.#world.pipeline.channels.map(({ name }) => startChannel(name)));
  }

  /** Ends it; one that died may be in the middle of something that never ends. */
  async stop(): Promise<void> {
    await this.#life.stop(this.engine);
  }

  /** Lets time pass until the condition holds; fails when nothing is left that could make it true. */
  async until(what: string, condition: () => boolean | Promise<boolean>, limitMs = 24 * 60 * minute): Promise<void> {
    const end = this.#world.clock.now() + limitMs;
    let met = false;
    await passTime(this.#world.clock, [this.engine], async () => {
      met = await condition();
      return met || this.#world.clock.now() > end;
    });
    if (!met) throw new Error(`never happened: ${what}\n${await this.story()}`);
  }

  async pass(ms: number): Promise<void> {
    const end = this.#world.clock.now() + ms;
    this.#world.clock.at(end, () => {});
    await passTime(this.#world.clock, [this.engine], () => this.#world.clock.now() >= end);
  }

  async row(id: string): Promise<ProcessRow | undefined> {
    return this.#store.load(id);
  }

  /** Context of a process that must be there. */
  async context<Context>(id: string): Promise<Context> {
    const row = await this.#store.load(id);
    if (row === undefined) throw new Error(`there is no process ${id}`);
    return row.context as unknown as Context;
  }

  async stateOf(id: string): Promise<string> {
    const row = await this.#store.load(id);
    return row === undefined ? 'none' : JSON.stringify(row.value).replaceAll('"', '');
  }

  /** The journal, for people who look at a failed test. */
  async story(): Promise<string> {
    const entries = await this.#store.journal({ limit: 400 });
    return entries.map((entry) => `${(entry.at - testStart) / minute}m ${entry.kind}: ${entry.message}`).join('\n');
  }
}

export function startChannel(name: string): OutboxMessage {
  return {
    to: `channel:${name}`,
    event: { type: 'START', input: { channel: name } },
    start: { machine: 'channel', parent: null, channel: name, cluster: '', commit: '' },
  };
}
