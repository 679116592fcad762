/** What happens to clusters, to git, to the daemon's machine and to the registry. */
import type { Random } from '../../../src/support/random.ts';
import type { RollScript } from '../pipeline/toy-roll.ts';
import { pickOne, recurring, type Stage } from './pipeline-run.ts';
import { drawRoll } from './roll-outcomes.ts';
import { day, hour, minute, type Trouble } from './scenario.ts';

/** Starts everything of the scenario that is neither a commit nor a person nor a roll. */
export function startNature(stage: Stage): void {
  const { scenario, random } = stage;
  const acts: Partial<Record<Trouble, (own: Random) => void>> = {
    crashes: (own) => recurring(stage, own, 1.5 * day, () => stage.crash()),
    'clock-jumps': (own) => recurring(stage, own, 5 * day, () => jump(stage, own)),
    'unreachable-clusters': (own) => recurring(stage, own, sickEvery(stage), () => cutOff(stage, own)),
    'sick-clusters': (own) => recurring(stage, own, sickEvery(stage), () => makeSick(stage, own)),
    'bad-measurements': (own) => recurring(stage, own, 3 * day, () => measureBadly(stage, own)),
    'git-outages': (own) => recurring(stage, own, 6 * day, () => gitOutage(stage, own)),
    'forced-branches': (own) => recurring(stage, own, 8 * day, () => forceBranch(stage, own)),
    'registry-changes': (own) => recurring(stage, own, 3 * day, () => changeRegistry(stage, own)),
  };
  for (const [name, act] of Object.entries(acts)) {
    if (scenario.troubles.includes(name as Trouble)) act(random.fork(name));
  }
}

/** Each cluster has a bad day in about two months. */
function sickEvery({ world }: Stage): number {
  return (60 * day) / world.registry.length;
}

function jump(stage: Stage, random: Random): void {
  const by = Math.round((random.next() < 0.5 ? -1 : 1) * (minute + random.next() ** 3 * 6 * hour));
  stage.note(`the clock is set ${by > 0 ? 'forward' : 'back'} by ${Math.round(Math.abs(by) / minute)} minutes`);
  stage.jump(by);
}

function cutOff(stage: Stage, random: Random): void {
  const { clock, registry, ground } = stage.world;
  const id = pickOne(random, registry)?.id ?? '';
  const mend = ground.cutOff(id);
  if (mend === undefined) return;
  stage.note(`${id} does not answer`);
  stage.undo(mend);
  stage.at(clock.now() + 5 * minute + random.next() ** 3 * 12 * hour, mend);
}

function makeSick(stage: Stage, random: Random): void {
  const { clock, registry, ground } = stage.world;
  const id = pickOne(random, registry)?.id ?? '';
  const mend = ground.makeSick(id);
  if (mend === undefined) return;
  stage.note(`${id} is not ready`);
  stage.undo(mend);
  stage.at(clock.now() + 5 * minute + random.next() ** 3 * 6 * hour, mend);
}

/** Errors rise, or Prometheus does not answer, or knows nothing. */
function measureBadly(stage: Stage, random: Random): void {
  const { measurements, clock } = stage.world;
  const mend = (): void => void measurements.set('healthy', [0]);
  const drawn = random.next();
  if (drawn < 0.4) measurements.set('healthy', [2]);
  else if (drawn < 0.7) measurements.delete('healthy');
  else measurements.set('healthy', []);
  stage.note('what Prometheus says is not good');
  stage.undo(mend);
  stage.at(clock.now() + 5 * minute + random.next() ** 3 * 5 * hour, mend);
}

function gitOutage(stage: Stage, random: Random): void {
  const { source, clock } = stage.world;
  const mend = (): void => {
    source.unreachable = false;
  };
  stage.note('the repository does not answer');
  source.unreachable = true;
  stage.undo(mend);
  stage.at(clock.now() + 5 * minute + random.next() ** 3 * 3 * hour, mend);
}

/** Somebody forces a branch or deletes it, and puts it back. */
function forceBranch(stage: Stage, random: Random): void {
  const { source, clock } = stage.world;
  const branch = pickOne(random, [...source.branches.keys()]);
  const before = branch === undefined ? undefined : source.branches.get(branch);
  // one that is not put back yet is left alone: what stands there is not what it goes back to
  if (branch === undefined || before === undefined || stage.rewritten.has(branch)) return;
  if (random.next() < 0.4) source.branches.delete(branch);
  else source.branches.set(branch, source.add(`f0${random.int(1e9).toString(16)}`, { manifest: 'forced' }, undefined));
  const forced = source.branches.get(branch);
  stage.note(`branch ${branch} is ${forced === undefined ? 'deleted' : 'forced'}`);
  stage.rewritten.add(branch);
  let mended = false;
  const mend = (): void => {
    if (!mended && source.branches.get(branch) === forced) {
      source.branches.set(branch, before);
      stage.rewritten.delete(branch);
    }
    mended = true;
  };
  stage.undo(mend);
  stage.at(clock.now() + 10 * minute + random.next() * 10 * hour, mend);
}

function changeRegistry(stage: Stage, random: Random): void {
  const { world } = stage;
  const now = world.clock.now();
  const cluster = pickOne(random, world.registry);
  if (random.next() < 0.5 || cluster === undefined) {
    const channel = pickOne(random, world.pipeline.channels)?.name ?? 'dev';
    const added = world.addCluster(channel, 1000 + world.registry.length + world.past.size);
    world.past.set(added.id, { channel, since: now, until: Number.POSITIVE_INFINITY });
    stage.note(`${added.id} comes to ${channel}`);
    return;
  }
  const left = world.registry.filter((one) => one.channel === cluster.channel);
  if (left.length < 2) return;
  world.registry = world.registry.filter((one) => one !== cluster);
  const since = world.past.get(cluster.id)?.since ?? 0;
  world.past.set(cluster.id, { channel: cluster.channel, since, until: now });
  stage.note(`${cluster.id} leaves`);
}

/** Each roll takes what rolls take; some are blocked for a while, some fail. In the end none takes longer than the channels allow, which is trouble too. */
export function startRolls(stage: Stage): void {
  const { world, scenario } = stage;
  const random = stage.random.fork('rolls');
  const since = new Map<string, number>();
  // an update waits for the rolls of two pools, one after the other
  const allowed = Math.min(...scenario.pipeline.channels.map((channel) => channel.progressDeadlineMs)) / 4;
  const fails = scenario.troubles.includes('failing-rolls');
  const blocks = scenario.troubles.includes('blocked-rolls');
  world.rollOf = (cluster, pool): RollScript => {
    const state = world.clusters.get(cluster)?.pools.get(pool);
    const key = `${cluster}/${pool}/${state?.wanted ?? ''}`;
    const first = since.get(key) ?? world.clock.now();
    since.set(key, first);
    const over = world.clock.now() >= stage.until;
    const drawn = drawRoll(random.fork(key), state?.nodes ?? 1);
    const durationMs = over ? Math.min(drawn.durationMs, allowed) : drawn.durationMs;
    if (!over && fails && drawn.fails) return { durationMs, fails: 'nodes do not become ready' };
    if (!over && blocks && world.clock.now() < first + drawn.blockedMs) return { durationMs, blocked: true };
    return { durationMs };
  };
}
