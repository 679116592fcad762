/** What people do: they merge a commit a day, merge back what went around, approve, and use every command there is. */
import { ApiError } from '../../../src/api/errors.ts';
import type { RolloutState } from '../../../src/domain/rollout.ts';
import type { Random } from '../../../src/support/random.ts';
import type { PipelineDaemon } from '../pipeline/pipeline-world.ts';
import type { CommitContent } from '../pipeline/scripted-source.ts';
import { pickOne, recurring, type Stage } from './pipeline-run.ts';
import { day, hour } from './scenario.ts';

/** Parts of a commit's content, each for its share of the clusters. */
const parts = 4;
const names = ['ada', 'bob', 'eve'];
const reason = 'it seemed right at the time';

export class People {
  readonly #stage: Stage;
  readonly #random: Random;
  #commits = 0;
  refused = 0;
  done = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#random = stage.random.fork('people');
  }

  start(): void {
    const { scenario, from, until } = this.#stage;
    const first = scenario.pipeline.channels[0]?.branch ?? 'dev';
    for (let number = 0; number < scenario.days; number += 1) {
      const at = from + number * day + 6 * hour + this.#random.next() * 14 * hour;
      if (at < until) this.#stage.at(at, () => this.#merge(first));
    }
    recurring(this.#stage, this.#random.fork('approvals'), 3 * hour, () => this.approveAll());
    if (scenario.troubles.includes('operators')) {
      const own = this.#random.fork('commands');
      recurring(this.#stage, own, 14 * hour, () => this.#command(own));
    }
    if (scenario.troubles.includes('foreign-heads')) {
      const own = this.#random.fork('foreign');
      recurring(this.#stage, own, 8 * day, () => this.#pushElsewhere(own));
    }
  }

  /** Everything of every branch in one commit that changes every cluster: what the fleet must come to in the end. */
  lastMerge(): string {
    const { world } = this.#stage;
    const { source } = world;
    const first = world.pipeline.channels[0]?.branch ?? 'dev';
    for (const head of this.#diverged(first)) source.mergeBack(first, this.#nextId(), head, {});
    const content = { stack: 'end', manifest: 'end', pool: 'end', broken: [] };
    return source.merge(first, this.#nextId(), content);
  }

  /** A commit of the first channel; brings back what was committed elsewhere, if there is such a thing. */
  #merge(first: string): void {
    const { world, scenario } = this.#stage;
    const { source } = world;
    if (!source.branches.has(first)) return;
    for (const head of this.#diverged(first)) {
      source.mergeBack(first, this.#nextId(), head, {});
      this.#stage.note(`${head.slice(0, 6)} is merged back`);
    }
    const commit = source.merge(
      first,
      this.#nextId(),
      this.#change(source.contentOf(source.branches.get(first) ?? '')),
    );
    this.#stage.note(`${commit.slice(0, 6)} is merged`);
    if (!scenario.troubles.includes('lost-webhooks') || this.#random.next() < 0.5) this.#stage.daemon()?.webhook();
  }

  #diverged(first: string): string[] {
    const { source } = this.#stage.world;
    const head = source.branches.get(first);
    return [...source.branches.values()].filter((one) => head !== undefined && !source.contains(one, head));
  }

  #nextId(): string {
    this.#commits += 1;
    return `c${this.#commits.toString(16).padStart(4, '0')}`;
  }

  #change(before: CommitContent): Partial<CommitContent> {
    const random = this.#random;
    const bad = this.#stage.scenario.troubles.includes('bad-commits') && random.next() < 0.2;
    const name = `${bad ? 'bad' : 'v'}${this.#commits}`;
    if (bad) this.#stage.badManifest(name, random.next() < 0.5 ? 1 : 0.1 + random.next() * 0.3);
    const what = bad
      ? 'manifest'
      : (pickOne(random, ['manifest', 'manifest', 'manifest', 'pool', 'stack'] as const) ?? 'manifest');
    const broken = bad || random.next() > 0.04 ? [] : [pickOne(random, this.#stage.world.registry)?.alias ?? ''];
    return { [what]: this.#partly(before[what], name), broken };
  }

  /** Most commits change some of the clusters only. */
  #partly(before: string, name: string): string {
    if (this.#random.next() < 0.25) return name;
    const now = before.includes('|') ? before.split('|') : Array.from({ length: parts }, () => before);
    const which = this.#random.int(parts);
    return now.map((old, index) => (index === which ? name : old)).join('|');
  }

  /** Somebody pushes to a later channel, past clm. */
  #pushElsewhere(random: Random): void {
    const { world } = this.#stage;
    const policy = pickOne(random, world.pipeline.channels.slice(1));
    if (policy === undefined || !world.source.branches.has(policy.branch)) return;
    const commit = world.source.merge(policy.branch, this.#nextId(), { manifest: `by-hand${this.#commits}` });
    this.#stage.note(`somebody pushes ${commit.slice(0, 6)} to ${policy.branch}`);
    if (random.next() < 0.5) return;
    this.#stage.at(world.clock.now() + random.next() * 6 * hour, () =>
      this.#try((daemon) =>
        daemon.control.approve(
          { verdict: 'approved', channel: policy.name, commit, gate: 'head', reason, forSeconds: 86_400 },
          this.#who(random),
        ),
      ),
    );
  }

  /** Whoever may approve something looks at what waits, and says yes. */
  async approveAll(): Promise<void> {
    const { world } = this.#stage;
    for (const row of await world.store.rows({ status: 'active' })) {
      const { channel, commit } = row;
      if (row.machine === 'promotion' && row.value === 'reviewing') {
        const { target } = row.context as { target: string };
        await this.#approve(target, commit, 'review', ['ada']);
      }
      if (row.machine !== 'rollout') continue;
      const { gates } = row.context as unknown as RolloutState;
      if (gates.some((gate) => gate.name === 'release' && gate.state === 'closed'))
        await this.#approve(channel, commit, 'release', ['ada', 'bob']);
    }
  }

  async #approve(channel: string, commit: string, gate: string, by: string[]): Promise<void> {
    for (const name of by) {
      const request = { verdict: 'approved' as const, channel, commit, gate, reason, forSeconds: 30 * 86_400 };
      await this.#try((daemon) => daemon.control.approve(request, { name }));
    }
  }

  /** What operators do when all is to go on: nothing is overridden any more, and what halted is tried again. */
  async letGo(): Promise<void> {
    const by = { name: 'ada' };
    for (const { value } of await this.#stage.world.store.facts('override')) {
      const { kind, scope: text } = value as { kind: 'freeze' | 'pause'; scope: string };
      const [first = 'fleet', ...rest] = text.split(':');
      const scope = { kind: first as 'channel', name: rest.join(':') };
      await this.#try((daemon) =>
        kind === 'pause'
          ? daemon.operations.resume({ scope, reason }, by)
          : daemon.control.endOverride({ kind, scope, reason }, by),
      );
    }
  }

  /** Resumes and retries what waits for people. */
  async unblock(): Promise<void> {
    const by = { name: 'ada' };
    const active = await this.#stage.world.store.rows({ status: 'active' });
    for (const { name } of this.#stage.world.pipeline.channels) {
      const scope = { kind: 'channel' as const, name };
      const waits = (state: string): boolean => active.some((row) => row.channel === name && row.value === state);
      if (waits('paused')) await this.#try((daemon) => daemon.operations.resume({ scope, reason }, by));
      if (waits('halted')) await this.#try((daemon) => daemon.operations.retry({ scope, reason }, by));
    }
    // what failed within the budget of a rollout that is over
    const head = this.#stage.world.source.branches.get(this.#stage.world.pipeline.channels[0]?.branch ?? '');
    if (active.some((row) => row.machine === 'rollout')) return;
    for (const { key, value } of await this.#stage.world.store.facts('cluster')) {
      if ((value as { commit?: string }).commit === head) continue;
      const scope = { kind: 'cluster' as const, name: key };
      await this.#try((daemon) => daemon.operations.retry({ scope, reason }, by));
    }
  }

  async #command(random: Random): Promise<void> {
    const { world } = this.#stage;
    const channel = pickOne(random, world.pipeline.channels);
    const cluster = pickOne(random, world.registry);
    const head = channel === undefined ? undefined : world.source.branches.get(channel.branch);
    if (channel === undefined || cluster === undefined || head === undefined) return;
    const by = this.#who(random);
    const forSeconds = 600 + Math.round(random.next() ** 2 * 86_400);
    const ofChannel = { kind: 'channel' as const, name: channel.name };
    const ofCluster = { kind: 'cluster' as const, name: cluster.alias };
    const fleet = { kind: 'fleet' as const, name: '' };
    const place = pickOne(random, [ofChannel, ofCluster, fleet]) ?? fleet;
    const wave = pickOne(random, channel.waves);
    const ofWave = { kind: 'wave' as const, name: `${channel.name}/${wave?.name ?? 'none'}` };
    const ofCommit = { kind: 'commit' as const, name: head };
    const skip = [pickOne(random, ['soak', 'waves', 'gates', 'windows'] as const) ?? 'soak'];
    const override =
      (
        kind: 'freeze' | 'pin' | 'hold' | 'skip' | 'veto',
        scope: { kind: typeof place.kind | 'commit'; name: string },
      ) =>
      (daemon: PipelineDaemon) =>
        daemon.control.override({ kind, scope, reason, forSeconds }, by);
    const commands: Record<string, (daemon: PipelineDaemon) => Promise<unknown>> = {
      freeze: override('freeze', place),
      hold: override('hold', ofChannel),
      pin: override('pin', random.next() < 0.7 ? ofCluster : ofChannel),
      skip: override('skip', ofCluster),
      veto: override('veto', ofCommit),
      pause: (daemon) =>
        daemon.operations.pause({ scope: pickOne(random, [place, ofWave]) ?? place, reason, forSeconds }, by),
      resume: (daemon) => daemon.operations.resume({ scope: place, reason }, by),
      retry: (daemon) => daemon.operations.retry({ scope: ofChannel, reason }, by),
      'retry again': (daemon) => daemon.operations.retry({ scope: ofCluster, reason }, by),
      'stop the line': (daemon) => daemon.control.stopTheLine({ reason, forSeconds }, by),
      rollback: (daemon) => daemon.control.rollback({ channel: channel.name, reason, vetoSeconds: forSeconds }, by),
      hotfix: (daemon) => {
        const commit = world.source.add(this.#nextId(), { manifest: `fix${this.#commits}` }, head);
        return daemon.control.hotfix({ channel: channel.name, commit, skip, reason }, by);
      },
      promote: (daemon) =>
        daemon.control.promote({ commit: head, to: channel.promotesTo[0] ?? channel.name, bypass: false, reason }, by),
      bypass: (daemon) => {
        const last = world.pipeline.channels.at(-1)?.name ?? '';
        return daemon.control.promote({ commit: head, to: last, bypass: true, reason }, by);
      },
      'let go': () => this.letGo(),
    };
    const name = pickOne(random, Object.keys(commands)) ?? '';
    this.#stage.note(`${by.name}: ${name} (${channel.name}, ${cluster.alias})`);
    await this.#try(commands[name] as (daemon: PipelineDaemon) => Promise<unknown>);
  }

  #who(random: Random): { name: string } {
    return { name: pickOne(random, names) ?? 'ada' };
  }

  /** Refusals are answers; a daemon that is down or dies meanwhile gives none. */
  async #try(command: (daemon: PipelineDaemon) => Promise<unknown>): Promise<void> {
    const daemon = this.#stage.daemon();
    if (daemon === undefined) return;
    try {
      await command(daemon);
      this.done += 1;
    } catch (error) {
      if (error instanceof ApiError) this.refused += 1;
      else if (this.#stage.daemon() === daemon) throw error;
    }
  }
}

/** How often people look whether something waits for them, in the end. */
export const attentionMs = 2 * hour;
