/**
 * One seed from its first event to its verdict: a safety phase in which everything drawn goes wrong, then a liveness phase without
 * faults. Everything is judged from the world's truth.
 */
import type { NodePoolRollInput } from '../../../src/domain/node-pool-roll.ts';
import type { Json, Lease, Store } from '../../../src/ports/store.ts';
import { connectSimulatedAws, connectSimulatedKube } from '../../../src/providers/simulated/connect-simulated.ts';
import { type Latency, noLatency, randomLatency } from '../../../src/providers/simulated/latency.ts';
import { type Checker, InvariantWatch } from '../../../src/simulator/invariants/checker.ts';
import { endInvariants, endStateOf, type RollEnd } from '../../../src/simulator/invariants/end-invariants.ts';
import { type Baselines, key, takeBaselines } from '../../../src/simulator/invariants/limits.ts';
import { nodeInvariants } from '../../../src/simulator/invariants/node-invariants.ts';
import { truthOf } from '../../../src/simulator/invariants/world-truth.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { type Random, seededRandom } from '../../../src/support/random.ts';
import { crashing, crashingKube } from '../crashing-ports.ts';
import { CrashPoint, crashingStore } from '../crashing-store.ts';
import { EtcdGroup } from '../etcd-world.ts';
import { account, clusterId, type RollDaemon, RollWorld, region, rollParent, startDaemon } from '../roll-world.ts';
import { startEtcdFaults } from './etcd-faults.ts';
import { EtcdRun } from './etcd-run.ts';
import { type FaultRun, faultClasses } from './fault-classes.ts';
import { History } from './history.ts';
import { KubeGate } from './kube-gate.ts';
import { limitsFor } from './limits-for.ts';
import { cloud, others } from './people.ts';
import { drawScenario, loosened, type Scenario } from './scenario.ts';
import { storageClass } from './workloads.ts';

export interface SeedResult {
  seed: string;
  /** `I4: …`, `L1: …`, `crash: …`; empty when all is well. */
  violations: string[];
  simulatedSeconds: number;
  /** Judgements made. */
  checked: number;
  /** Lives of the daemon, kills, and so on: what the seed exercised. */
  kills: number;
  replaced: number;
  evictions: number;
  faults: string[];
  history: string[];
  /** Of all events of the world: the same seed gives the same. */
  digest: string;
}

export interface SeedOptions {
  /** Keeps a readable history; costs time. */
  history?: boolean;
  /** The same world without anything going wrong. */
  faultFree?: boolean;
  /** What the run without faults leaves, to be compared with; derived from the beginning otherwise. */
  crashFree?: unknown;
  /** Runs in place of the drawn scenario. */
  scenario?: Scenario;
  /** Called with the world when it stands, before anything is rolled: tests plant what they want to be caught. */
  plant?: (roll: RollWorld) => void;
}

const minute = 60_000;
/** A loop without pause violates a limit at every turn; what follows says nothing new. */
const violationsAtMost = 500;
/** A leap of time. */
const farAhead = minute;
const livenessLimitMs = 12 * 3_600_000;

interface Life {
  daemon: RollDaemon;
  point: CrashPoint;
  lease: { lost: boolean };
}

export async function runSeed(seed: string, options: SeedOptions = {}): Promise<SeedResult> {
  const drawn = options.scenario ?? drawScenario(seed);
  const scenario = options.faultFree === true ? undisturbed(drawn) : drawn;
  const run = new SeedRun(scenario, options);
  try {
    await run.run();
  } catch (error) {
    run.violations.push(`crash: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
  return run.result();
}

function undisturbed({ etcd, ...scenario }: Scenario): Scenario {
  return { ...scenario, faults: [], safetyMs: 0, ...(etcd ? { etcd: { ...etcd, faults: [] } } : {}) };
}

/** Groups, counts and marks as a run without faults leaves them. */
export async function crashFreeEnd(scenario: Scenario): Promise<unknown> {
  const run = new SeedRun(undisturbed(scenario), {});
  await run.run();
  return endStateOf(truthOf(run.roll.world), clusterId);
}

class SeedRun {
  readonly roll: RollWorld;
  readonly violations: string[] = [];
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #gate: KubeGate;
  readonly #history: History;
  readonly #baselines: Baselines;
  readonly #watch: InvariantWatch;
  readonly #end: RollEnd;
  readonly #undo: (() => void)[] = [];
  readonly #latency: Latency;
  readonly #etcd: EtcdRun | undefined;
  readonly #startedAt: number;
  #store: Store | undefined;
  #life: Life | undefined;
  #lives = 0;
  #kills = 0;
  /** Launched by their group while no roll was under way: whether they boot is nobody's business but their owner's. */
  readonly #strays = new Set<string>();
  /** Rows by pool: the attempt under way and how it stands. */
  readonly #attempts = new Map<string, { number: number; state: string; final: boolean }>();

  constructor(scenario: Scenario, options: SeedOptions) {
    this.#scenario = scenario;
    this.#random = seededRandom(`run/${scenario.seed}`);
    this.roll = buildRollWorld(scenario);
    const { world } = this.roll;
    const group = scenario.etcd && new EtcdGroup(this.roll, scenario.etcd.kind, scenario.etcd.members);
    group?.create();
    this.#history = new History(world.clock, options.history === true);
    this.#gate = new KubeGate(world.clock, this.#random.fork('gate'));
    const truth = truthOf(world);
    this.#baselines = takeBaselines(truth);
    const before = endStateOf(truth, clusterId);
    for (const name of scenario.rolled) this.roll.outdate(name);
    this.#end = { groups: scenario.rolled, maxBlocked: 1 };
    if (options.crashFree !== undefined) this.#end.crashFree = options.crashFree;
    const limits = limitsFor(scenario, others);
    this.#watch = new InvariantWatch(
      [...nodeInvariants(this.#baselines, limits, truth), ...endInvariants(this.#end), this.#endsAs(before)],
      truth,
    );
    this.#latency = scenario.faults.includes('slow-calls')
      ? randomLatency({
          clock: world.clock,
          random: this.#random.fork('latency'),
          leastMs: 1,
          mostMs: 5 + this.#random.int(400),
        })
      : noLatency;
    this.#startedAt = world.clock.now();
    this.#etcd = group && this.#etcdRun(group);
    world.subscribe((event) => {
      this.#watch.onEvent(event);
      this.#history.event(event);
      if (event.kind === 'instance-launched' && !this.#isRolling(event.group) && this.#etcd?.owns(event.group) !== true)
        this.#strays.add(event.instanceId);
    });
    options.plant?.(this.roll);
  }

  #etcdRun(group: EtcdGroup): EtcdRun {
    return new EtcdRun(this.roll, group, {
      random: seededRandom(`etcd-run/${this.#scenario.seed}`),
      latency: this.#latency,
      note: (text) => this.#history.note(text),
      ask: (act) =>
        this.#todo.push(async () => {
          if (this.#life) await act(this.#life.daemon);
        }),
      onOver: () => this.#todo.push(() => this.#postAll()),
    });
  }

  /** What is left is told from what was there, with what others changed since. */
  #endsAs(before: unknown): Checker {
    const groups = before as { name: string; nodes: string[] }[];
    return {
      invariant: 'L4',
      onEvent: () => undefined,
      atEnd: (cluster, truth) => {
        const expected = groups
          .filter(({ name }) => name !== this.#scenario.removed)
          .map((group) => {
            const now = this.#baselines.get(key(cluster, group.name));
            if (!now) return group;
            const { min, desired } = now;
            const left = truth.groups(cluster).find((one) => one.name === group.name)?.max ?? now.max;
            const max = now.maxOr?.includes(left) ? left : now.max;
            const nodes = Array.from({ length: desired }, () => group.nodes[0]);
            return { ...group, min, max, desired, live: desired, nodes };
          });
        const found = JSON.stringify(endStateOf(truth, cluster));
        const wanted = JSON.stringify(expected);
        return found === wanted ? [] : [`ends as ${found}, without crashes as ${wanted}`];
      },
    };
  }

  async run(): Promise<void> {
    const { world } = this.roll;
    this.#startFaults();
    this.#store = await openSqliteStore({ path: ':memory:' });
    try {
      await this.#startLife();
      const safetyEnd = this.#startedAt + this.#scenario.safetyMs;
      await this.#passUntil(safetyEnd, () => false);
      this.#endFaults();
      if (this.#scenario.blockers.length > 0) await this.#untilOnlyBlockersAreLeft();
      this.roll.kube.seed(loosened(this.#scenario), 'team');
      this.#history.note('all is well from here on');
      const done = await this.#passUntil(world.clock.now() + livenessLimitMs, () => this.#allDone());
      if (!done) await this.#explainStuck();
      await this.#comeToRest();
      this.#watch.atEnd(world.clock.now());
      this.violations.push(...(this.#etcd?.wrong() ?? []));
      for (const error of this.roll.kube.truth().internalErrors) this.violations.push(`simulator: ${error}`);
    } finally {
      this.#life?.daemon.kill();
      await this.#store.close().catch(() => {});
    }
  }

  result(): SeedResult {
    const violations = [
      ...this.#watch.violations.map((one) => `${one.invariant}: ${this.#history.time(one.at)} ${one.message}`),
      ...this.violations,
    ];
    return {
      seed: this.#scenario.seed,
      violations,
      simulatedSeconds: Math.round((this.roll.world.clock.now() - this.#startedAt) / 1000),
      checked: this.#watch.checked,
      kills: this.#kills,
      replaced: this.#history.replaced,
      evictions: this.#history.evictions,
      faults: [...this.#scenario.faults, ...(this.#scenario.etcd?.faults ?? [])],
      history: this.#history.lines,
      digest: this.#history.digest(),
    };
  }

  /** All pools for which something is under way. */
  get #pools(): string[] {
    const { rolled, removed } = this.#scenario;
    return removed === undefined ? rolled : [...rolled, removed];
  }

  // ---- time ----

  /** Lets time pass until `until` holds (true) or `atMs` has come (false). */
  async #passUntil(atMs: number, until: () => boolean): Promise<boolean> {
    const { clock } = this.roll.world;
    for (;;) {
      await turn();
      await this.#mindDaemon();
      if (until()) return true;
      // What was just asked for comes before time goes on: there may be no other event for hours.
      if (this.#todo.length > 0 && this.#life?.point.dead === false) continue;
      let next = clock.nextAt();
      if (next === undefined || next - clock.now() > farAhead) {
        // What is on its way without a timer (a database that opens) is not to be left behind by hours.
        for (let i = 0; i < 5; i += 1) await turn();
        next = clock.nextAt();
      }
      if (this.#watch.violated >= violationsAtMost) throw new Error('too many violations to go on');
      if (next === undefined || next > atMs) {
        clock.advanceTo(Math.max(atMs, clock.now()));
        return false;
      }
      clock.advanceTo(next);
    }
  }

  // ---- faults ----

  #startFaults(): void {
    const { scenario, roll } = { scenario: this.#scenario, roll: this.roll };
    const runOf = (random: Random): FaultRun => ({
      roll,
      scenario,
      random,
      gate: this.#gate,
      from: this.#startedAt,
      until: this.#startedAt + scenario.safetyMs,
      note: (text) => this.#history.note(text),
      undo: this.#undo,
      tell: (event) => this.#tell(event),
    });
    for (const one of faultClasses)
      if (scenario.faults.includes(one.name)) one.start(runOf(this.#random.fork(`fault/${one.name}`)));
    const etcd = this.#etcd;
    const drawn = scenario.etcd;
    if (etcd !== undefined && drawn !== undefined) {
      const random = seededRandom(`etcd-faults/${scenario.seed}`);
      startEtcdFaults(drawn, (name) => ({
        ...runOf(random.fork(name)),
        until: this.#startedAt + Math.min(scenario.safetyMs, drawn.strikesForMs),
        etcd: etcd.group,
        way: etcd.way,
        newCommit: () => etcd.newCommit(),
      }));
    }
    if (scenario.faults.includes('database-lost')) this.#at(0.2, 0.9, () => this.#loseDatabase());
    if (scenario.faults.includes('failover')) this.#at(0.1, 0.9, () => this.#failOver());
  }

  #at(from: number, to: number, act: () => void): void {
    const share = from + this.#random.next() * (to - from);
    this.roll.world.clock.at(this.#startedAt + share * this.#scenario.safetyMs, act);
  }

  #endFaults(): void {
    for (const undo of this.#undo.reverse()) undo();
    this.#undo.length = 0;
    this.#life?.point.disarm();
    this.#history.note('the faults end');
  }

  // ---- the daemon and its lives ----

  async #startLife(): Promise<void> {
    const { world } = this.roll;
    this.#lives += 1;
    const epoch = this.#lives;
    const strikes = this.#scenario.faults.includes('crashes') && world.clock.now() < this.#safetyEnd();
    const killAt = strikes && this.#random.next() < 0.8 ? this.#random.int(60) : Number.POSITIVE_INFINITY;
    const life = { point: new CrashPoint(killAt), lease: { lost: false } } as Life;
    const point = life.point;
    const dying = Number.isFinite(killAt);
    const lease: Lease = { held: () => !life.point.dead && !life.lease.lost, release: async () => {} };
    const userAgent = `clm/sim epoch/${epoch}`;
    const kube = world.kube(clusterId);
    const connections = {
      connectKube: () =>
        connectSimulatedKube({
          cluster: clusterId,
          api: this.#gate.apiOf({
            handle: (request) => {
              this.#heardCall('kube', userAgent, `${request.method} ${request.path}`, request.method !== 'GET');
              return kube.handle(request);
            },
            watch: (request, sink) => kube.watch(request, sink),
            apiReachable: () => kube.apiReachable(),
          }),
          userAgent,
          latency: this.#latency,
          loses: (call) => this.#gate.loses(call),
        }),
      connectCloud: () =>
        connectSimulatedAws({
          account,
          region,
          userAgent,
          latency: this.#latency,
          api: {
            handle: (request) => {
              const { action } = request;
              this.#heardCall('cloud', userAgent, action, !/^(Describe|Detect|Get|List)/.test(action));
              return world.aws.handle(request);
            },
          },
        }),
    };
    const store = this.#store as Store;
    this.#history.note(epoch === 1 ? 'the daemon starts' : `the daemon starts again (life ${epoch})`);
    const daemon = await startDaemon(this.roll, {
      store: dying ? crashingStore(store, point) : store,
      lease,
      connections,
      ...(this.#etcd ? { more: this.#etcd.more(`${this.#scenario.seed}/${epoch}`, dying ? point : undefined) } : {}),
      ...(dying ? { wrapCloud: (cloud) => crashing(cloud, point), wrapKube: (kube) => crashingKube(kube, point) } : {}),
      seed: `${this.#scenario.seed}/${epoch}`,
      onCommitted: (commit) => {
        if (life !== this.#life && this.#life !== undefined) return;
        this.#committed(commit.row.id, commit.to, commit.row.status === 'final');
        this.#etcd?.committed(commit.row.id, commit.to, commit.row.status === 'final');
        for (const entry of commit.journal) this.#history.journal(entry.kind, entry.message);
      },
    }).catch((error: unknown) => {
      if (point.dead) return undefined;
      throw error;
    });
    if (!daemon) {
      this.#restartLater();
      return;
    }
    life.daemon = daemon;
    this.#life = life;
    // What the last life committed in its last moment is known from the store alone.
    for (const pool of this.#pools) {
      const row = await store.load(this.#rowId(pool));
      if (row) this.#committed(row.id, JSON.stringify(row.value).replaceAll('"', ''), row.status === 'final');
    }
    await this.#etcd?.live(daemon).catch((error: unknown) => {
      // killed by what it did first of all: the next life goes on
      if (!point.dead) throw error;
    });
    await this.#postAll();
  }

  /** Pools wait for etcd, as in a cluster update. */
  async #postAll(): Promise<void> {
    if (this.#etcd?.over === false || !this.#life) return;
    for (const pool of this.#pools) await this.#post(pool);
  }

  #heardCall(api: 'cloud' | 'kube', client: string, action: string, mutates: boolean): void {
    this.#watch.onCall({ at: this.roll.world.clock.now(), cluster: clusterId, api, client, action, mutates });
  }

  #safetyEnd(): number {
    return this.#startedAt + this.#scenario.safetyMs;
  }

  /** Looks after what an operator or the process's supervisor would: dead daemons, paused and ended rolls. */
  async #mindDaemon(): Promise<void> {
    const life = this.#life;
    if (this.#dueStart !== undefined && this.roll.world.clock.now() >= this.#dueStart) {
      this.#dueStart = undefined;
      await this.#startLife();
      return;
    }
    if (life?.point.dead) {
      this.#kills += 1;
      this.#history.note(`the daemon is killed ${life.point.diedAt.split(' (')[0]}`);
      life.daemon.kill();
      this.#life = undefined;
      this.#restartLater();
      return;
    }
    if (this.#todo.length > 0 && life) {
      const todo = this.#todo.splice(0);
      for (const act of todo) await act();
    }
  }

  #dueStart: number | undefined;
  #todo: (() => Promise<void>)[] = [];

  #restartLater(): void {
    this.#dueStart = this.roll.world.clock.now() + 2_000 + this.#random.int(90_000);
    // A timer, so that time comes to that point.
    this.roll.world.clock.at(this.#dueStart, () => {});
  }

  #loseDatabase(): void {
    this.#history.note('the database is lost');
    this.#life?.daemon.kill();
    if (this.#life) this.#life.lease.lost = true;
    this.#life = undefined;
    this.#todo = [];
    const old = this.#store;
    this.#dueStart = undefined;
    this.#attempts.clear();
    this.#etcd?.forget();
    void openSqliteStore({ path: ':memory:' }).then((store) => {
      this.#store = store;
      void old?.close().catch(() => {});
      this.#restartLater();
    });
  }

  /** The lease goes to another process while the first one still runs. */
  #failOver(): void {
    const old = this.#life;
    if (!old) return;
    this.#history.note('the lease is lost to another daemon');
    old.lease.lost = true;
    this.#life = undefined;
    this.#restartLater();
    this.roll.world.clock.at(this.roll.world.clock.now() + 20 * minute, () => old.daemon.kill());
  }

  #rowId(pool: string): string {
    return `roll:${rollParent}:${pool}:${this.#attempts.get(pool)?.number ?? 1}`;
  }

  async #post(pool: string): Promise<void> {
    const { engine } = (this.#life as Life).daemon;
    const number = this.#attempts.get(pool)?.number ?? 1;
    if (!this.#attempts.has(pool)) this.#attempts.set(pool, { number, state: '', final: false });
    const spec = this.#scenario.pools.find((one) => one.name === pool);
    const input: NodePoolRollInput = {
      clusterId,
      updateId: rollParent,
      rolloutId: 'rollout:dev:c1',
      pool,
      controlPlane: spec?.controlPlane === true,
      commit: 'c1',
      blockLimitMs: 30 * minute,
      bootTimeoutMs: 10 * minute,
      ...(this.#scenario.surge === 'adaptive' ? {} : { surge: this.#scenario.surge }),
      ...(pool === this.#scenario.removed ? { removes: true } : {}),
    };
    const id = this.#rowId(pool);
    await engine
      .post({
        to: id,
        event: { type: 'START', input: input as unknown as Json },
        start: { machine: 'nodePoolRoll', parent: null, channel: 'dev', cluster: clusterId, commit: 'c1' },
        key: `start ${id}`,
      })
      .catch((error: unknown) => {
        if (this.#life?.point.dead !== true) throw error;
      });
  }

  #tell(event: { type: string; [key: string]: string | null }): void {
    this.#todo.push(async () => {
      if (this.#life) await this.#etcd?.tell(this.#life.daemon, event);
    });
    for (const pool of this.#pools) {
      this.#todo.push(async () => {
        if (this.#attempts.get(pool)?.final !== false) return;
        await this.#life?.daemon.engine.post({ to: this.#rowId(pool), event: event }).catch((error: unknown) => {
          if (this.#life?.point.dead !== true) throw error;
        });
      });
    }
  }

  #committed(id: string, state: string, final: boolean): void {
    for (const [pool, attempt] of this.#attempts) {
      if (this.#rowId(pool) !== id) continue;
      const before = attempt.state;
      attempt.state = state;
      attempt.final = final;
      if (before === state) return;
      this.#history.note(`roll of ${pool}: ${state}`);
      // An operator resumes what was paused; the cluster update tries again what did not come to its end.
      if (state === 'paused') this.#later(1 + this.#random.int(8), () => this.#resume(pool, id));
      else if (final && state !== 'rolled') this.#later(1 + this.#random.int(8), () => this.#again(pool, id));
    }
  }

  #later(minutes: number, act: () => Promise<void>): void {
    this.roll.world.clock.at(this.roll.world.clock.now() + minutes * minute, () => this.#todo.push(act));
  }

  async #resume(pool: string, id: string): Promise<void> {
    if (this.#rowId(pool) !== id || this.#attempts.get(pool)?.state !== 'paused') return;
    this.#history.note(`an operator resumes the roll of ${pool}`);
    await this.#life?.daemon.engine
      .post({ to: id, event: { type: 'RESUME', by: 'operator', reason: 'go on' } })
      .catch(() => {});
    // Lost with a kill: said again until it is heard.
    this.#later(10, () => this.#resume(pool, id));
  }

  async #again(pool: string, id: string): Promise<void> {
    const attempt = this.#attempts.get(pool);
    // After a lost database the first attempt may be under way once more under its old name.
    if (!attempt?.final || this.#rowId(pool) !== id) return;
    this.#attempts.set(pool, { number: attempt.number + 1, state: '', final: false });
    this.#history.note(`the roll of ${pool} is tried again`);
    await this.#post(pool);
  }

  // ---- the end ----

  #isRolling(pool: string): boolean {
    const attempt = this.#attempts.get(pool);
    return attempt !== undefined && !attempt.final && attempt.state !== '';
  }

  /** What is under way on its own (nodes that end, or that replace one that died at the last moment; budgets that are counted). */
  async #comeToRest(): Promise<void> {
    const { clock } = this.roll.world;
    for (let look = 0; look < 4; look += 1) {
      const ended = this.#replaceStrays();
      await this.#passUntil(clock.now() + 5 * minute, () => false);
      if (!ended && this.#allServe() && this.#etcd?.isWhole() !== false) return;
    }
  }

  #nodeGroups() {
    const groups = this.roll.world.aws.truth().groups(clusterId);
    return groups.filter((group) => this.#etcd?.owns(group.name) !== true);
  }

  #readyInstances(): Set<string> {
    const nodes = truthOf(this.roll.world).nodes(clusterId);
    return new Set(nodes.filter((node) => node.ready).map((node) => node.instanceId));
  }

  #allServe(): boolean {
    const ready = this.#readyInstances();
    const groups = this.#nodeGroups();
    return groups.every((group) => group.members.every((one) => ready.has(one.instanceId)));
  }

  /** Somebody ends what did not become a node after the rolls, as its owner would; their groups launch anew. */
  #replaceStrays(): boolean {
    const { world } = this.roll;
    const serving = this.#readyInstances();
    const groups = world.aws.truth().groups(clusterId);
    const dead = groups
      .flatMap((group) => group.members)
      .filter((one) => one.state === 'InService' && this.#strays.has(one.instanceId) && !serving.has(one.instanceId));
    for (const { instanceId } of dead) {
      this.#history.note(`somebody ends ${instanceId}, which did not become a node`);
      cloud(this.roll, 'aws-cli/2', 'ec2', 'TerminateInstances', { InstanceIds: [instanceId] });
    }
    return dead.length > 0;
  }

  #outdatedLeft(pools: readonly string[]): number {
    const groups = this.roll.world.aws.truth().groups(clusterId);
    return groups
      .filter((group) => pools.includes(group.name))
      .flatMap((group) => group.members)
      .filter((one) => one.outdated && /^(Pending|InService)/.test(one.state)).length;
  }

  #allDone(): boolean {
    if (this.#etcd?.over === false) return false;
    if (!this.#life || [...this.#attempts.values()].some((one) => !one.final)) return false;
    if (!this.#allFinal()) return false;
    if (!this.#removedIsGone()) return false;
    if (this.#outdatedLeft(this.#scenario.rolled) === 0) return true;
    for (const pool of this.#scenario.rolled) this.#rollAnew(pool);
    return false;
  }

  /** As its stack's deletion would, and not by force: a group that still has instances is refused. */
  #removedIsGone(): boolean {
    const { removed } = this.#scenario;
    const group = this.roll.world.aws
      .truth()
      .groups(clusterId)
      .find((one) => one.name === removed);
    if (removed === undefined || group === undefined) return true;
    if (group.desired > 0 || group.members.some((one) => /^(Pending|InService)/.test(one.state))) {
      // somebody let it grow after it was drained: the next look at what is left drains it again
      this.#rollAnew(removed);
      return false;
    }
    return cloud(this.roll, 'aws-cli/2', 'autoscaling', 'DeleteAutoScalingGroup', { AutoScalingGroupName: removed });
  }

  /** The template changed after the end of a roll: the next update rolls again. */
  #rollAnew(pool: string): void {
    const id = this.#rowId(pool);
    this.#todo.push(() => this.#again(pool, id));
  }

  /** L2: with budgets that never allow, everything else is replaced all the same. */
  async #untilOnlyBlockersAreLeft(): Promise<void> {
    const { clock } = this.roll.world;
    const l2 = endInvariants(this.#end).filter((one) => one.invariant === 'L2');
    const truth = truthOf(this.roll.world);
    const wrong = (): string[] => l2.flatMap((one) => one.atEnd?.(clusterId, truth, clock.now()) ?? []);
    let lookAt = 0;
    const settled = await this.#passUntil(clock.now() + livenessLimitMs, () => {
      for (const pool of this.#scenario.rolled) {
        if (this.#attempts.get(pool)?.state === 'rolled' && this.#outdatedLeft([pool]) > 0) this.#rollAnew(pool);
      }
      if (this.#allFinal()) return true;
      if (clock.now() < lookAt) return false;
      lookAt = clock.now() + 20_000;
      return wrong().length === 0 && this.#nothingInFlight();
    });
    if (!settled) this.violations.push(...wrong().map((message) => `L2: ${message}`));
  }

  #allFinal(): boolean {
    return this.#pools.every((pool) => this.#attempts.get(pool)?.state === 'rolled');
  }

  #nothingInFlight(): boolean {
    const groups = this.roll.world.aws.truth().groups(clusterId);
    return groups.every((group) => group.members.every((one) => one.state === 'InService'));
  }

  async #explainStuck(): Promise<void> {
    const rows = await (this.#store as Store).rows({});
    for (const row of rows) {
      const context = row.context as { wait?: { code?: string; message?: string }; failure?: unknown };
      this.violations.push(
        `L1: ${row.id} is ${JSON.stringify(row.value)} after ${livenessLimitMs / 3_600_000} h without faults: ${JSON.stringify(context.wait)} ${JSON.stringify(context.failure ?? null)}`,
      );
    }
  }
}

/** Whatever was set off by the last event runs to its end: promises, and the turns that the engine gives to others. */
async function turn(): Promise<void> {
  for (let i = 0; i < 2; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** The drawn cluster with its workloads running, before its templates change. */
function buildRollWorld(scenario: Scenario): RollWorld {
  const roll = new RollWorld({
    seed: scenario.seed,
    pools: scenario.pools,
    policy: { maxUnavailable: scenario.maxUnavailable },
  });
  roll.apply(storageClass, ...[...scenario.workloads, ...scenario.blockers].flatMap((one) => one.objects));
  return roll;
}
