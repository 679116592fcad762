/**
 * One seed: twenty days of a fleet's pipeline in which everything drawn goes wrong, then days without trouble in which a last commit
 * must reach every cluster. The real machines, steps, engine and store; the checkers judge what they wrote down.
 */
import { createHash } from 'node:crypto';
import type { Store } from '../../../src/ports/store.ts';
import { type Random, seededRandom } from '../../../src/support/random.ts';
import { CrashPoint, crashingLease, crashingStore } from '../crashing-store.ts';
import { auditOf } from '../pipeline/audit-world.ts';
import { type PipelineDaemon, PipelineWorld } from '../pipeline/pipeline-world.ts';
import { partOf } from '../pipeline/scripted-render.ts';
import { startNature, startRolls } from './nature.ts';
import { attentionMs, People } from './people.ts';
import type { Stage } from './pipeline-run.ts';
import { day, drawPipelineScenario, hour, minute, type PipelineScenario } from './scenario.ts';
import { SkewedClock } from './skewed-clock.ts';

export interface PipelineSeedResult {
  seed: string;
  /** `P3: …`, `audit: …` (the published records do not prove a branch), `L1: …` (never came to its end), `P11: …`, `crash: …`; empty when all is well. */
  violations: string[];
  simulatedSeconds: number;
  /** Judgements made, by invariant. */
  checked: Record<string, number>;
  clusters: number;
  crashes: number;
  updates: number;
  moves: number;
  commands: number;
  troubles: string[];
  history: string[];
  /** Of the journal: the same seed gives the same. */
  digest: string;
}

export interface PipelineSeedOptions {
  history?: boolean;
  scenario?: PipelineScenario;
  /** Called with the world before the daemon starts: tests plant what they want to be caught. */
  plant?: (world: PipelineWorld, stage: Stage) => void;
}

/** A Monday, so that weekends come where people expect them. */
export const startsAt = Date.UTC(2026, 0, 5, 5);
const livenessLimitMs = 20 * day;
/** What is counted while something waits is written every six hours, and a stored wake-up may be that early: a crash loses more than it would for users. */
const limits = { wakeSlackMs: 6 * hour, flushMs: 6 * hour };
/** Merges are told of by webhook; where those get lost, so long at most. */
const pollIntervalMs = hour;

export async function runPipelineSeed(seed: string, options: PipelineSeedOptions = {}): Promise<PipelineSeedResult> {
  const scenario = options.scenario ?? drawPipelineScenario(seed);
  const world = await PipelineWorld.create({ channels: scenario.clusters, startsAt });
  return runPipelineScenario(scenario, world, startRolls, options);
}

/** `rolls`: starts what goes wrong with nodes while the scenario lasts. */
export async function runPipelineScenario(
  scenario: PipelineScenario,
  world: PipelineWorld,
  rolls: (stage: Stage) => void,
  options: PipelineSeedOptions,
): Promise<PipelineSeedResult> {
  const run = new PipelineSeedRun(scenario, options, world, rolls);
  try {
    await run.run();
  } catch (error) {
    run.violations.push(`crash: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
  return run.result();
}

class PipelineSeedRun implements Stage {
  readonly scenario: PipelineScenario;
  readonly world: PipelineWorld;
  readonly random: Random;
  readonly from: number;
  readonly until: number;
  readonly violations: string[] = [];
  readonly rewritten = new Set<string>();
  readonly #options: PipelineSeedOptions;
  readonly #rolls: (stage: Stage) => void;
  readonly #time: SkewedClock;
  readonly #people: People;
  readonly #due: (() => void | Promise<void>)[] = [];
  readonly #undo: (() => void)[] = [];
  readonly #bad = new Map<string, number>();
  readonly #notes: string[] = [];
  readonly #checked: Record<string, number> = {};
  #life: { daemon: PipelineDaemon; point: CrashPoint } | undefined;
  #lives = 0;
  #digest = '';
  #updates = 0;

  constructor(
    scenario: PipelineScenario,
    options: PipelineSeedOptions,
    world: PipelineWorld,
    rolls: (stage: Stage) => void,
  ) {
    this.#rolls = rolls;
    this.scenario = scenario;
    this.world = world;
    this.#options = options;
    this.random = seededRandom(`run/${scenario.seed}`);
    this.#time = new SkewedClock(world.clock);
    this.from = world.clock.now();
    this.until = this.from + scenario.days * day;
    this.#people = new People(this);
    world.pipeline = scenario.pipeline;
    world.measurements.set('healthy', [0]);
    for (const [index, cluster] of world.registry.entries()) {
      cluster.criticalityLevel = index % 3;
      cluster.configItems = { pair: String(index >> 1) };
    }
    world.checksFail = (cluster, runId) => this.#checkTrouble(cluster, runId);
  }

  // ---- the stage ----

  daemon(): PipelineDaemon | undefined {
    return this.#life?.point.dead === false ? this.#life.daemon : undefined;
  }

  at(ms: number, act: () => void | Promise<void>): void {
    this.world.clock.at(ms, () => void this.#due.push(act));
  }

  undo(act: () => void): void {
    this.#undo.push(act);
  }

  note(text: string): void {
    if (this.#options.history === true) this.#notes.push(`${this.#stamp(this.world.clock.now())} * ${text}`);
  }

  crash(): void {
    this.#life?.point.arm(this.random.int(40));
  }

  jump(byMs: number): void {
    this.#time.jump(byMs);
  }

  badManifest(name: string, share: number): void {
    this.#bad.set(name, share);
  }

  // ---- the run ----

  async run(): Promise<void> {
    const { world } = this;
    await world.settleClusters();
    await world.adopt();
    this.#options.plant?.(world, this);
    await this.#startLife();
    startNature(this);
    this.#rolls(this);
    this.#people.start();
    for (let at = this.from + day; at < this.until; at += day) this.at(at, () => this.#judgeWaits());
    await this.#passUntil(this.until, async () => false);
    await this.#judgeWaits();
    await this.#comeToTheEnd();
    await this.#passUntil(world.clock.now() + world.ground.restMs, async () => false);
    await this.#judgeAll();
    await this.#life?.daemon.stop();
    await world.store.close();
  }

  /** No trouble any more: a last commit has to reach every cluster, and leave nothing behind. */
  async #comeToTheEnd(): Promise<void> {
    this.#life?.point.disarm();
    for (const act of this.#undo.splice(0)) act();
    this.#bad.clear();
    this.note('all is well from here on');
    await this.#passUntil(this.world.clock.now() + 10 * minute, async () => false);
    await this.#people.letGo();
    const last = this.#people.lastMerge();
    this.note(`${last.slice(0, 6)} is merged, the last one`);
    const end = this.world.clock.now() + livenessLimitMs;
    const attend = async (): Promise<void> => {
      await this.#people.unblock();
      await this.#people.approveAll();
      if (this.world.clock.now() < end) this.at(this.world.clock.now() + attentionMs, attend);
    };
    this.at(this.world.clock.now() + attentionMs, attend);
    let lookAt = 0;
    const ended = await this.#passUntil(end, async () => {
      if (this.world.clock.now() < lookAt) return false;
      lookAt = this.world.clock.now() + 10 * minute;
      return (await this.#differences(last)).length === 0;
    });
    if (!ended) {
      const left = await this.#differences(last);
      this.violations.push(`L1: after ${livenessLimitMs / day} quiet days: ${left.slice(0, 6).join('; ')}`);
    }
  }

  /** P11: what differs from the end that a run without any trouble comes to. */
  async #differences(last: string): Promise<string[]> {
    const { world } = this;
    const found: string[] = [];
    for (const [branch, head] of world.source.branches)
      if (head !== last) found.push(`${branch} is at ${head.slice(0, 8)}`);
    if (found.length > 0) return found;
    const active = (await world.store.rows({ status: 'active' })).filter((row) => row.machine !== 'channel');
    found.push(...active.map((row) => `${row.id} is ${JSON.stringify(row.value)}`));
    if (found.length > 0) return found;
    const facts = new Map(
      (await world.store.facts('cluster')).map((fact) => [fact.key, fact.value as { commit?: string }]),
    );
    const content = world.source.contentOf(last);
    for (const cluster of world.registry) {
      if (facts.get(cluster.id)?.commit !== last)
        found.push(`${cluster.id} is recorded at ${facts.get(cluster.id)?.commit?.slice(0, 8)}`);
      found.push(...world.ground.differences(cluster, content));
    }
    for (const holder of await world.store.slotHolders('fleet')) found.push(`${holder} still holds a slot`);
    // one of a cluster that has left can only expire
    for (const { key, value } of await world.store.facts('override')) {
      if ((value as { expiresAt: number }).expiresAt > this.#time.now()) found.push(`override ${key} is left`);
    }
    for (const fact of await world.store.facts('debt')) found.push(`debt ${fact.key} is left`);
    return found;
  }

  result(): PipelineSeedResult {
    return {
      seed: this.scenario.seed,
      violations: this.violations.slice(0, 50),
      simulatedSeconds: Math.round((this.world.clock.now() - this.from) / 1000),
      checked: this.#checked,
      clusters: this.world.registry.length,
      crashes: Math.max(0, this.#lives - 1),
      updates: this.#updates,
      moves: this.world.source.moves.length,
      commands: this.#people.done,
      troubles: this.scenario.troubles,
      history: this.#notes,
      digest: this.#digest,
    };
  }

  // ---- time ----

  /** Lets time pass until `until` holds (true) or the moment has come (false). */
  async #passUntil(atMs: number, until: () => Promise<boolean>): Promise<boolean> {
    const { clock, ground } = this.world;
    for (;;) {
      await ground.settled(this.#life?.daemon.engine);
      for (let act = this.#due.shift(); act !== undefined; act = this.#due.shift()) await act();
      await ground.settled(this.#life?.daemon.engine);
      if (this.#life?.point.dead === true) await this.#restart();
      if (await until()) return true;
      const next = clock.nextAt();
      if (next === undefined || next > atMs) {
        clock.advanceTo(Math.max(atMs, clock.now()));
        return false;
      }
      clock.advanceTo(next);
    }
  }

  async #restart(): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    this.note(`the daemon dies (${life?.point.diedAt})`);
    await life?.daemon.stop().catch(() => {});
    const back = this.world.clock.now() + minute + this.random.next() ** 2 * 2 * hour;
    this.at(back, () => this.#startLife());
  }

  async #startLife(): Promise<void> {
    this.#lives += 1;
    const point = new CrashPoint(Number.POSITIVE_INFINITY);
    const store: Store = crashingStore(this.world.store, point);
    const parts = {
      store,
      lease: crashingLease(point),
      point,
      seed: this.#lives,
      time: this.#time,
      pollIntervalMs,
      limits,
    };
    const daemon = await this.world.daemon(parts);
    this.#life = { daemon, point };
    this.note('the daemon starts');
    await daemon.start();
  }

  // ---- what is wrong, and what is judged ----

  /** A bad manifest fails on its share of the clusters, always on the same ones. */
  #checkTrouble(cluster: string, runId: string): string | undefined {
    const commit = runId.split(':')[3] ?? '';
    const manifest = partOf(this.world.source.contentOf(commit).manifest, { localId: cluster });
    const share = this.#bad.get(manifest);
    if (share === undefined || seededRandom(`${manifest}/${cluster}`).next() >= share) return undefined;
    return `broken by ${manifest}`;
  }

  async #judgeWaits(): Promise<void> {
    if (this.daemon() === undefined) return;
    const { violations } = await this.world.judge(['P8', 'P9']);
    this.violations.push(...violations);
  }

  async #judgeAll(): Promise<void> {
    const { checked, violations } = await this.world.judge();
    const ground = this.world.ground.judge();
    Object.assign(this.#checked, checked, ground.checked);
    this.violations.push(...violations, ...ground.violations);
    // people push around clm here, and the audit is right to say so; what they force away has no commit to stand on any more
    const branches = new Map(this.scenario.pipeline.channels.map(({ name, branch }) => [name, branch]));
    const findings = (await auditOf(this.world)).findings.filter(
      ({ kind, channel }) =>
        kind !== 'unrecorded' && !(kind === 'unpublished' && this.rewritten.has(branches.get(channel) ?? '')),
    );
    this.violations.push(...findings.map(({ channel, message }) => `audit: ${channel}: ${message}`));
    const journal = await this.world.store.journal({ limit: 1_000_000 });
    this.#updates = journal.filter((entry) => entry.kind === 'update-started').length;
    this.#digest = createHash('sha256')
      .update(journal.map((entry) => `${entry.at} ${entry.message}\n`).join(''))
      .digest('hex')
      .slice(0, 16);
    if (this.#options.history !== true) return;
    const told = journal.map((entry) => `${this.#stamp(entry.at)}   ${entry.kind}: ${entry.message}`);
    this.#notes.push(...told);
    this.#notes.sort((a, b) => (a.slice(0, 10) < b.slice(0, 10) ? -1 : a.slice(0, 10) > b.slice(0, 10) ? 1 : 0));
  }

  /** `d03 14:07:59` since the beginning. */
  #stamp(at: number): string {
    const seconds = Math.max(0, Math.floor((at - this.from) / 1000));
    const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
    return `d${two(seconds / 86_400)} ${two((seconds % 86_400) / 3600)}:${two((seconds % 3600) / 60)}`;
  }
}
