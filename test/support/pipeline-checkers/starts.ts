/** P3, P4 and P5: how much is in flight, and what starts although it must not. */
import {
  type ChannelRules,
  type JournalRecord,
  Judgement,
  numberOf,
  type PipelineChecker,
  type PipelineRecord,
  textOf,
  updateEnds,
} from './record.ts';

/** P3: never more cluster updates in flight than channel and fleet allow, and never two on one cluster. */
export const boundedFlight: PipelineChecker = {
  invariant: 'P3',
  check({ journal, rules }) {
    const judgement = new Judgement();
    const flying = new Map<string, { channel: string; cluster: string }>();
    const limits = new Map(rules.channels.map((channel) => [channel.name, channel.maxParallel]));
    for (const entry of journal) {
      if (updateEnds.has(entry.kind)) flying.delete(entry.source);
      if (entry.kind !== 'update-started') continue;
      flying.set(entry.source, { channel: entry.channel, cluster: entry.cluster });
      const all = [...flying.values()];
      const own = all.filter((one) => one.channel === entry.channel).length;
      const limit = limits.get(entry.channel) ?? 0;
      judgement.note(
        own > limit && `${own} clusters of ${entry.channel} in flight with ${entry.cluster}, ${limit} allowed`,
      );
      judgement.note(
        all.length > rules.maxParallel && `${all.length} clusters in flight, ${rules.maxParallel} allowed`,
      );
      const twice = all.filter((one) => one.cluster === entry.cluster).length > 1;
      judgement.note(twice && `two updates of ${entry.cluster} in flight`);
    }
    return judgement;
  },
};

/** Decision time in which a rollout may not have heard of a failure that it is told of by a message. */
const hearsWithinMs = 5 * 60_000;

/** P4: a rollout whose failures exceed its budget starts nothing, and nothing of it is proven, until somebody asks for a retry. */
export function failuresStop(graceMs = hearsWithinMs): PipelineChecker {
  return {
    invariant: 'P4',
    check(record) {
      const judgement = new Judgement();
      const rollouts = new Map<string, RolloutFailures>();
      for (const entry of record.journal) {
        if (entry.kind === 'retried') for (const state of rollouts.values()) if (concerns(entry, state)) state.reset();
        const id = entry.source.startsWith('rollout:') ? entry.source : textOf(entry, 'rollout');
        if (id === '') continue;
        const state = rollouts.get(id) ?? new RolloutFailures(entry.channel);
        rollouts.set(id, state);
        if (entry.kind === 'cluster-failed') state.fail(entry, budgetOf(record, entry.channel));
        if (entry.kind === 'rollout-halted') state.halted = true;
        if (entry.kind === 'clusters-started' || entry.kind === 'rollout-proven')
          judgement.note(state.complaint(entry, graceMs));
      }
      return judgement;
    },
  };
}

class RolloutFailures {
  readonly channel: string;
  halted = false;
  overSince: number | undefined;
  #failed = new Set<string>();

  constructor(channel: string) {
    this.channel = channel;
  }

  fail(entry: JournalRecord, allowed: number): void {
    this.#failed.add(entry.cluster);
    if (this.#failed.size > allowed) this.overSince ??= entry.at;
  }

  reset(): void {
    this.#failed.clear();
    this.overSince = undefined;
    this.halted = false;
  }

  complaint(entry: JournalRecord, graceMs: number): string | undefined {
    const what = `${entry.source} goes on (${entry.kind})`;
    if (this.halted) return `${what} although it has halted`;
    if (this.overSince === undefined) return undefined;
    const late = entry.at - this.overSince > graceMs || entry.kind === 'rollout-proven';
    return late ? `${what} with ${this.#failed.size} failed clusters` : undefined;
  }
}

function concerns(entry: JournalRecord, state: RolloutFailures): boolean {
  return entry.channel === '' || entry.channel === state.channel;
}

function budgetOf(record: PipelineRecord, channel: string): number {
  return record.rules.channels.find((one: ChannelRules) => one.name === channel)?.maxFailures ?? 0;
}

const starting = new Set(['update-started', 'clusters-started', 'rollout-requested', 'branch-moved']);

/** P5: while a pause or freeze holds a scope, nothing new starts in it. */
export function holdsHold(graceMs = 0): PipelineChecker {
  return {
    invariant: 'P5',
    check({ journal }) {
      const judgement = new Judgement();
      const holds = new Map<string, { from: number; until: number }>();
      for (const entry of journal) {
        const scope = textOf(entry, 'scope');
        if (entry.kind === 'paused' || entry.kind === 'override-freeze') {
          const until = numberOf(entry, 'expiresAt') ?? Number.POSITIVE_INFINITY;
          holds.set(`${entry.kind} ${scope}`, { from: entry.at, until });
        }
        if (entry.kind === 'resumed') holds.delete(`paused ${scope}`);
        if (entry.kind === 'override-ended' && textOf(entry, 'kind') === 'freeze')
          holds.delete(`override-freeze ${scope}`);
        if (!starting.has(entry.kind)) continue;
        const channel = entry.kind === 'branch-moved' ? textOf(entry, 'target') : entry.channel;
        const scopes = ['fleet', `channel:${channel}`, ...(entry.cluster === '' ? [] : [`cluster:${entry.cluster}`])];
        const names = scopes.flatMap((name) => [`paused ${name}`, `override-freeze ${name}`]);
        const held = names.find((name) => {
          const hold = holds.get(name);
          return hold !== undefined && entry.at > hold.from + graceMs && entry.at < hold.until;
        });
        judgement.note(held !== undefined && `${entry.kind} (${entry.message}) while ${held} is held`);
      }
      return judgement;
    },
  };
}
