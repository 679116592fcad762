/** P1, P3, P4 and P5: how much is in flight, and what starts although it must not. */
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

/** P4: a rollout whose failures exceed its budget starts nothing, and nothing of it is proven, until they do not or somebody retries. */
export function failuresStop(graceMs = hearsWithinMs): PipelineChecker {
  return {
    invariant: 'P4',
    check(record) {
      const judgement = new Judgement();
      const rollouts = new Map<string, RolloutFailures>();
      // by the registry, not by what the journal says of it
      const kept = new Set(record.clusters.flatMap((one) => (one.until === undefined ? [one.id] : [])));
      const lost = (cluster: string): boolean => !kept.has(cluster);
      for (const entry of record.journal) {
        if (entry.kind === 'retried') for (const state of rollouts.values()) if (concerns(entry, state)) state.reset();
        const id = entry.source.startsWith('rollout:') ? entry.source : textOf(entry, 'rollout');
        if (id === '') continue;
        const state = rollouts.get(id) ?? new RolloutFailures(entry.channel, budgetOf(record, entry.channel), lost);
        rollouts.set(id, state);
        state.hear(entry);
        if (entry.kind === 'clusters-started' || entry.kind === 'rollout-proven')
          judgement.note(state.complaint(entry, graceMs));
      }
      return judgement;
    },
  };
}

class RolloutFailures {
  readonly channel: string;
  readonly #allowed: number;
  /** The registry does not have it any more, or did not for a while. */
  readonly #lost: (cluster: string) => boolean;
  /** Code of the halt; undefined while the rollout goes on. */
  #halted: string | undefined;
  #overSince: number | undefined;
  #failed = new Set<string>();
  #stalled = new Set<string>();
  #joined = new Set<string>();

  constructor(channel: string, allowed: number, lost: (cluster: string) => boolean) {
    this.channel = channel;
    this.#allowed = allowed;
    this.#lost = lost;
  }

  hear(entry: JournalRecord): void {
    if (entry.kind === 'rollout-halted') this.#halted = textOf(entry, 'code') || 'no code';
    // who came later catches up, and its failure is not the version's
    if (entry.kind === 'cluster-joined') this.#joined.add(textOf(entry, 'cluster'));
    if (entry.kind === 'cluster-failed') this.#failed.add(entry.cluster);
    if (entry.kind === 'cluster-stalled') this.#stalled.add(entry.cluster);
    const left = textOf(entry, 'cluster');
    if (entry.kind === 'cluster-left' && this.#lost(left)) {
      this.#failed.delete(left);
      this.#stalled.delete(left);
    }
    const recovers = entry.kind === 'cluster-recovered' || updateEnds.has(entry.kind);
    if (recovers) this.#stalled.delete(entry.cluster);
    if (this.#count() > this.#allowed) this.#overSince ??= entry.at;
    else this.#overSince = undefined;
    // a halt for failures is over when they are; one because nothing passed, when another cluster has something to say
    if (!recovers) return;
    if (this.#halted === 'failure-budget-spent' && this.#overSince === undefined) this.#halted = undefined;
    if (this.#halted === 'nothing-passed') this.#halted = undefined;
  }

  #count(): number {
    return [...new Set([...this.#failed, ...this.#stalled])].filter((cluster) => !this.#joined.has(cluster)).length;
  }

  reset(): void {
    this.#failed.clear();
    this.#stalled.clear();
    this.#overSince = undefined;
    this.#halted = undefined;
  }

  complaint(entry: JournalRecord, graceMs: number): string | undefined {
    const what = `${entry.source} goes on (${entry.kind})`;
    if (this.#halted !== undefined) return `${what} although it has halted`;
    if (this.#overSince === undefined) return undefined;
    const late = entry.at - this.#overSince > graceMs || entry.kind === 'rollout-proven';
    return late ? `${what} with ${this.#count()} failed clusters` : undefined;
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

/** P1: while a veto of a version stands, no cluster starts to go to it, on whichever channel: nor to another commit with its tree. */
export const vetoedVersions: PipelineChecker = {
  invariant: 'P1',
  check({ journal }) {
    const judgement = new Judgement();
    const vetoes = new Map<string, { until: number; tree: string }>();
    const trees = new Map<string, string>();
    for (const entry of journal) {
      const scope = textOf(entry, 'scope');
      if (entry.kind === 'override-veto' || entry.kind === 'vetoed')
        vetoes.set(scope, {
          until: numberOf(entry, 'expiresAt') ?? Number.POSITIVE_INFINITY,
          tree: textOf(entry, 'tree'),
        });
      if (entry.kind === 'override-ended' && textOf(entry, 'kind') === 'veto') vetoes.delete(scope);
      const tree = textOf(entry, 'tree');
      const commit = textOf(entry, 'commit') || entry.commit;
      if (tree !== '' && commit !== '') trees.set(commit, tree);
      if (entry.kind !== 'update-started') continue;
      const own = trees.get(entry.commit);
      const veto = [...vetoes].find(
        ([name, one]) =>
          entry.at < one.until && (name === `commit:${entry.commit}` || (own !== undefined && own === one.tree)),
      );
      judgement.note(
        veto !== undefined &&
          `${entry.cluster} of ${entry.channel} starts to go to ${entry.commit} while the veto of ${veto[0]} stands`,
      );
    }
    return judgement;
  },
};
