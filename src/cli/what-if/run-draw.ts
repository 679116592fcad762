/** One simulated promotion: the daemon's engine, machines, steps and planners on the model of the fleet, under a virtual clock. */
import { createPipelineControl } from '../../daemon/control/pipeline-control.ts';
import type { Cluster } from '../../domain/cluster.ts';
import { windowsOf } from '../../domain/pipeline.ts';
import type { RenderedCluster } from '../../domain/rendered.ts';
import type { RolloutState } from '../../domain/rollout.ts';
import type { StoredWait } from '../../domain/stored.ts';
import { createEngine } from '../../engine/engine.ts';
import { machineModules } from '../../machines/registry.ts';
import { readOverrides } from '../../planning/pipeline/overrides.ts';
import { judgeWindows } from '../../planning/pipeline/windows.ts';
import type { FleetBootRecord } from '../../planning/roll/canary.ts';
import type { Step } from '../../ports/step.ts';
import type { OutboxMessage, Store } from '../../ports/store.ts';
import { createPlainGitReviews } from '../../providers/scm/plain-git.ts';
import { createPipelineSteps } from '../../steps/create-pipeline-steps.ts';
import { createCheckSteps } from '../../steps/e2e/run-checks.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { VirtualClock } from '../../support/clock.ts';
import { silentLogger } from '../../support/logger.ts';
import { seededRandom } from '../../support/random.ts';
import { type ApprovalRule, People } from './approvals.ts';
import { type Fault, PlacedFaults } from './faults.ts';
import type { FleetModel } from './fleet-model.ts';
import { modelChecks, modelRollSteps } from './model-steps.ts';
import { openGates } from './open-gates.ts';
import type { OverlaySource } from './overlay-source.ts';
import { Recorder } from './recorder.ts';
import { SettledCluster, settledSessions } from './settled-clusters.ts';
import { drawWork, nodesIn, type Work } from './work-model.ts';

export interface DrawInput {
  fleet: FleetModel;
  source: OverlaySource;
  /** Merged to the branch of the first channel as it begins. */
  commit: string;
  tree: string;
  first: string;
  /** Channels on which it has to be proven. */
  last: string[];
  faults: readonly Fault[];
  approvals: readonly ApprovalRule[];
  /** Epoch ms. */
  at: number;
  limitMs: number;
  seed: string;
  signal: AbortSignal;
}

export interface DrawResult {
  promoted: boolean;
  endedAt: number;
  recorder: Recorder;
  unseenFaults: string[];
  /** As it was at the end; the caller closes it. */
  store: Store;
}

const minute = 60_000;
const hour = 60 * minute;
/** Branches move only when clm moves them, and that wakes who looks at them. */
const pollIntervalMs = 30 * minute;
/** Nothing new in this time, and nothing known to come: it stays as it is. */
const quietMs = 12 * hour;
/** More timers than any fleet has use for: a simulation that does not come to an end is a mistake of the program. */
const mostTimers = 3_000_000;

export async function runDraw(input: DrawInput): Promise<DrawResult> {
  const clock = new VirtualClock(input.at);
  const store = await openSqliteStore({ path: ':memory:' });
  const recorder = new Recorder(input.at);
  const world = new DrawnWorld(input, clock);
  const engine = createEngine({
    store,
    clock,
    lease: { held: () => true, release: async () => undefined },
    random: seededRandom(`${input.seed}/engine`),
    machines: machineModules,
    steps: stepsOf(input, world, { clock, store, wake: (id) => engine.wake(id) }),
    log: silentLogger(),
    onCommitted: (commit) => {
      recorder.committed(commit);
      if (commit.journal.some((entry) => entry.kind === 'cluster-updated'))
        world.recorded(commit.row.cluster, commit.row.commit);
      world.changed ||= commit.row.machine === 'rollout' || commit.row.machine === 'promotion';
    },
  });
  const { fleet, source } = input;
  const lastGood = { clusters: () => fleet.clusters, pipeline: () => fleet.pipeline };
  const control = createPipelineControl({ store, engine, source, lastGood, now: () => clock.now() });
  const { approvals: rules, commit } = input;
  const tell = (channel: string, kind: string, message: string): void =>
    recorder.say(clock.now(), channel, kind, message);
  const people = new People({ rules, pipeline: fleet.pipeline, store, clock, control, commit, tell });
  await store.post({ facts: fleet.facts, now: input.at });
  for (const row of fleet.channels)
    await store.commit({ row: { ...row, wakeAt: input.at }, expectedSeq: null, now: input.at });
  source.branches.set(input.first, input.commit);
  try {
    await engine.start();
    const known = new Set(fleet.channels.map((row) => row.channel));
    await engine.post(
      fleet.pipeline.channels.filter(({ name }) => !known.has(name)).map(({ name }) => startChannel(name)),
    );
    const promoted = await passTime(input, { clock, store, engine, people, recorder, world });
    recorder.close(clock.now());
    return { promoted, endedAt: clock.now(), recorder, unseenFaults: world.faults.unseen(), store };
  } finally {
    await engine.stop();
  }
}

interface Running {
  clock: VirtualClock;
  store: Store;
  engine: ReturnType<typeof createEngine>;
  people: People;
  recorder: Recorder;
  world: DrawnWorld;
}

/** Lets time pass until the version is proven on the last channels (true), or nothing can bring it there (false). */
async function passTime(input: DrawInput, running: Running): Promise<boolean> {
  const { clock, engine, people, recorder, world } = running;
  let quietFrom = input.at;
  for (let timers = 0; timers < mostTimers; timers += 1) {
    input.signal.throwIfAborted();
    await engine.settled();
    if (world.changed) {
      world.changed = false;
      await people.look();
      if (await isProven(input, running.store)) return true;
    }
    if (await people.act()) continue;
    const next = clock.nextAt();
    if (next === undefined || next > input.at + input.limitMs) return false;
    quietFrom = Math.max(quietFrom, recorder.lastAt);
    if (next > quietFrom + quietMs) {
      const ahead = await nextKnown(input, running);
      if (ahead === undefined) return false;
      quietFrom = Math.max(clock.now(), ahead);
    }
    clock.advanceTo(next);
  }
  throw new Error(`the simulation did not come to an end within ${mostTimers} timers`);
}

async function isProven({ last, tree }: DrawInput, store: Store): Promise<boolean> {
  for (const channel of last) {
    if ((await store.fact('proven', `${channel}/${tree}`)) === undefined) return false;
  }
  return true;
}

/** The latest moment at which something is known to change by itself: a soak, a window, a gate of the calendar, an override, a fault. */
async function nextKnown(input: DrawInput, { clock, store, people, world }: Running): Promise<number | undefined> {
  const now = clock.now();
  const { pipeline } = input.fleet;
  const moments: number[] = [world.faults.lastEnd()];
  if (people.busy()) moments.push(now + quietMs);
  const rows = await store.rows({ status: 'active' });
  for (const row of rows) {
    const { wait, gates, paused, members } = row.context as Partial<RolloutState> & { wait?: StoredWait | null };
    if (wait?.code === 'soak' || wait?.code === 'wave-soak') moments.push(now + quietMs);
    if (row.machine === 'clusterUpdate' && isWorking(row.context)) moments.push(now + quietMs);
    for (const gate of gates ?? []) if (gate.state === 'closed' && gate.earliest !== null) moments.push(gate.earliest);
    if (paused?.expiresAt != null) moments.push(paused.expiresAt);
    if (members === undefined && row.machine !== 'promotion') continue;
    const policy = pipeline.channels.find((one) => one.name === row.channel);
    for (const work of ['updates', 'promotions'] as const) {
      const verdict = policy === undefined ? undefined : judgeWindows(windowsOf(pipeline, policy), work, now);
      if (verdict?.open === false && verdict.opensAt !== null) moments.push(verdict.opensAt);
    }
  }
  const overrides = readOverrides(await store.facts('override'));
  moments.push(
    ...overrides.flatMap((one) => (rows.some((row) => row.machine === 'rollout') ? (one.expiresAt ?? []) : [])),
  );
  const ahead = moments.filter((moment) => moment > now);
  return ahead.length === 0 ? undefined : Math.min(...ahead);
}

/** Neither blocked by a budget nor stalled. */
function isWorking(context: unknown): boolean {
  const { stall, rolls } = context as { stall?: unknown; rolls?: Record<string, { blocked?: unknown }> };
  return stall == null && !Object.values(rolls ?? {}).some((roll) => roll.blocked != null);
}

/** What is drawn and changes in one simulation. */
class DrawnWorld {
  readonly clusters = new Map<string, SettledCluster>();
  readonly faults: PlacedFaults;
  /** A rollout or a promotion has changed since somebody looked. */
  changed = true;
  readonly #input: DrawInput;
  readonly #running: Map<string, RenderedCluster>;
  readonly #works = new Map<string, Work>();
  /** Contents of nodes that have shown that they boot since the simulation began. */
  readonly #boots: FleetBootRecord[] = [];
  readonly #byId: Map<string, Cluster>;
  /** The version that each cluster is brought to. */
  readonly #aims = new Map<string, string>();
  readonly #clock: VirtualClock;

  constructor(input: DrawInput, clock: VirtualClock) {
    const { fleet, faults, seed } = input;
    this.#input = input;
    this.#clock = clock;
    this.#running = new Map(fleet.running);
    this.#byId = new Map(fleet.clusters.map((one) => [one.id, one]));
    this.faults = new PlacedFaults(faults, fleet.clusters, seededRandom(`${seed}/faults`));
    for (const cluster of fleet.clusters) {
      const model = new SettledCluster({
        cluster,
        rendered: fleet.running.get(cluster.id),
        kubeSystemUid: fleet.uids.get(cluster.id) ?? '',
        nodesOf: (pool) => nodesIn(fleet.measured, cluster, pool),
        now: () => clock.now(),
        unreachable: () => this.#stalled(cluster.id),
      });
      this.clusters.set(cluster.id, model);
    }
  }

  #stalled(clusterId: string): string | undefined {
    const commit = this.#aims.get(clusterId);
    const fault = commit === undefined ? undefined : this.fault('stall', clusterId, commit);
    return fault === undefined ? undefined : `${clusterId} does not answer (${fault})`;
  }

  /** Text of the fault that shows now. */
  fault(kind: Fault['kind'], clusterId: string, commit: string): string | undefined {
    const cluster = this.#byId.get(clusterId);
    return cluster === undefined ? undefined : this.faults.on(kind, cluster, commit, this.#clock.now())?.text;
  }

  aims(clusterId: string, commit: string): void {
    this.#aims.set(clusterId, commit);
  }

  /** The update has been recorded: from now on the cluster is what the commit renders to. */
  recorded(clusterId: string, commit: string): void {
    this.#aims.delete(clusterId);
    const at = this.#clock.now();
    const { boots = [] } = this.#works.get(`${clusterId} ${commit}`) ?? {};
    for (const boot of boots) this.#boots.push({ ...boot, since: at, lastAt: at });
    const cluster = this.#byId.get(clusterId);
    if (cluster === undefined) return;
    void this.#input.fleet.render(cluster, commit).then((result) => {
      if (!result.ok) return;
      this.#running.set(clusterId, result.rendered);
      this.clusters.get(clusterId)?.runs(result.rendered);
    });
  }

  /** Draws what the update takes, once; nodes of pools that it changes are outdated from then on. */
  async begin(clusterId: string, commit: string): Promise<Work | undefined> {
    const key = `${clusterId} ${commit}`;
    const known = this.#works.get(key);
    const cluster = this.#byId.get(clusterId);
    if (known !== undefined || cluster === undefined) return known;
    const { fleet, seed } = this.#input;
    const result = await fleet.render(cluster, commit);
    if (!result.ok) return undefined;
    const gate = fleet.pipeline.channels.find((one) => one.name === cluster.channel)?.e2eGate;
    const alike = fleet.clusters.filter((one) => one.channel === cluster.channel).map((one) => one.id);
    const work = drawWork(
      fleet.measured,
      {
        cluster,
        before: this.#running.get(clusterId),
        after: result.rendered,
        checkRuns: gate?.baseline === true ? 2 : 1,
        midRoll: gate?.midRoll !== undefined,
        alike,
        boots: this.#boots,
        now: this.#clock.now(),
      },
      seededRandom(`${seed}/${key}`),
    );
    for (const pool of work.rolls.keys()) this.clusters.get(clusterId)?.outdates(pool);
    this.#works.set(key, work);
    return work;
  }

  workOf(clusterId: string): Work | undefined {
    return this.#works.get(`${clusterId} ${this.#aims.get(clusterId) ?? ''}`);
  }
}

interface Parts {
  clock: VirtualClock;
  store: Store;
  wake: (id: string) => void;
}

function stepsOf(input: DrawInput, world: DrawnWorld, { clock, store, wake }: Parts): Record<string, Step> {
  const { fleet, source, seed } = input;
  const pipeline = createPipelineSteps({
    source,
    registry: () => ({ clusters: fleet.clusters, accounts: [], problems: [] }),
    pipeline: () => fleet.pipeline,
    render: fleet.render,
    sessions: settledSessions(world.clusters),
    store,
    clock,
    random: seededRandom(`${seed}/steps`),
    wake,
    log: silentLogger(),
    scm: createPlainGitReviews(source),
    pollIntervalMs,
    looksForDrift: false,
    ...openGates(fleet.pipeline),
  });
  return {
    ...pipeline,
    'preflight-cluster': beginning(world, pipeline['preflight-cluster'] as Step),
    ...modelRollSteps({
      outdated: (cluster, pool) => world.clusters.get(cluster)?.outdatedIn(pool) ?? 0,
      durationMs: async (cluster, pool, commit) => (await world.begin(cluster, commit))?.rolls.get(pool) ?? minute,
      blocked: (cluster, commit) => {
        const fault = world.fault('block', cluster, commit);
        return fault === undefined ? undefined : `a budget lets nothing go (${fault})`;
      },
      rolled: (cluster, pool) => world.clusters.get(cluster)?.rolled(pool),
    }),
    ...createCheckSteps({
      runner: modelChecks({
        clock,
        durationMs: (cluster) => world.workOf(cluster)?.checksMs ?? minute,
        fails: (cluster, runId) => {
          // before the change, and while nodes are replaced, all is well
          const commit = /^e2e:update:[^:]+:([0-9a-f]{40}):/.exec(runId)?.[1];
          return commit === undefined ? undefined : world.fault('fail', cluster, commit);
        },
      }),
      wake,
      history: store.e2e,
      about: async () => ({ request: {}, provider: 'model', region: '', environment: '' }),
      runnerVersion: 'model',
    }),
  };
}

/** The first step of an update that touches its cluster: from here on it aims at the commit. */
function beginning(world: DrawnWorld, step: Step): Step {
  return async (input) => {
    world.aims(input.cluster, input.commit);
    await world.begin(input.cluster, input.commit);
    return step(input);
  };
}

function startChannel(channel: string): OutboxMessage {
  return {
    to: `channel:${channel}`,
    event: { type: 'START', input: { channel } },
    start: { machine: 'channel', parent: null, channel, cluster: '', commit: '' },
  };
}
