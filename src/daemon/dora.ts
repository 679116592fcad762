/**
 * The four measures of DORA a channel. A deployment is a version that is proven there. A change has failed when its rollout halts, or when
 * it is rolled back; it is counted once until the channel has a proven version again, and that ends the time to restore.
 */
import { Counter, Histogram, type Registry } from 'prom-client';
import type { ChannelSource } from '../ports/channel-source.ts';
import type { JournalEntry, ReadStore, StoredJournalEntry } from '../ports/store.ts';

export interface DoraSources {
  store: Pick<ReadStore, 'journal'>;
  source: Pick<ChannelSource, 'commitInfo'>;
  /** The journal or git could not be read: that one is not counted. */
  onError: (error: unknown) => void;
}

const hours = [0.25, 0.5, 1, 2, 4, 8, 24, 48, 96, 168, 336].map((each) => each * 3_600);
/** Requests of rollouts looked through for rollbacks. */
const requestsSeen = 100;

export class DoraCounts {
  readonly #sources: DoraSources;
  readonly #deployments: Counter<'channel'>;
  readonly #failures: Counter<'channel'>;
  readonly #lead: Histogram<'channel'>;
  readonly #restore: Histogram<'channel'>;
  #last: Promise<void> = Promise.resolve();

  constructor(registers: Registry[], sources: DoraSources) {
    this.#sources = sources;
    const labelNames = ['channel'] as const;
    this.#deployments = new Counter({
      name: 'clm_dora_deployments_total',
      help: 'Versions that were proven on a channel, rollbacks apart: how often is deployed.',
      labelNames,
      registers,
    });
    this.#failures = new Counter({
      name: 'clm_dora_change_failures_total',
      help: 'Versions that halted a channel or were rolled back there.',
      labelNames,
      registers,
    });
    this.#lead = new Histogram({
      name: 'clm_dora_lead_time_seconds',
      help: 'Time from the making of a commit until it was proven on a channel.',
      labelNames,
      buckets: hours,
      registers,
    });
    this.#restore = new Histogram({
      name: 'clm_dora_time_to_restore_seconds',
      help: 'Time from a failed change of a channel until a version was proven there again.',
      labelNames,
      buckets: hours,
      registers,
    });
  }

  /** Entries that have just been written. */
  committed(journal: readonly JournalEntry[]): void {
    for (const entry of journal) {
      const work =
        entry.kind === 'rollout-proven' ? this.#proven(entry) : isFailure(entry) ? this.#failed(entry) : undefined;
      if (work === undefined) continue;
      // one after the other, each waits for the one before
      this.#last = this.#last.then(() => work()).catch((error: unknown) => this.#sources.onError(error));
    }
  }

  counted(): Promise<void> {
    return this.#last;
  }

  #proven({ channel, commit, at }: JournalEntry): () => Promise<void> {
    return async () => {
      const { store, source } = this.#sources;
      const [, before] = await store.journal({ channel, kind: 'rollout-proven', limit: 2, newestFirst: true });
      const failures = await this.#failuresSince(channel, before?.id ?? 0);
      const [first] = failures;
      if (first !== undefined) this.#restore.observe({ channel }, Math.max(0, at - first.at) / 1000);
      if (failures.some((one) => isRollback(one) && commitOf(one) === commit)) return;
      this.#deployments.inc({ channel });
      const madeAt = Date.parse((await source.commitInfo(commit)).committedAt);
      if (Number.isFinite(madeAt)) this.#lead.observe({ channel }, Math.max(0, at - madeAt) / 1000);
    };
  }

  #failed({ channel }: JournalEntry): () => Promise<void> {
    return async () => {
      const [proven] = await this.#sources.store.journal({
        channel,
        kind: 'rollout-proven',
        limit: 1,
        newestFirst: true,
      });
      const failures = await this.#failuresSince(channel, proven?.id ?? 0);
      if (failures.length === 1) this.#failures.inc({ channel });
    };
  }

  /** Oldest first. */
  async #failuresSince(channel: string, afterId: number): Promise<StoredJournalEntry[]> {
    const { store } = this.#sources;
    const halted = await store.journal({ channel, kind: 'rollout-halted', afterId, limit: requestsSeen });
    const requested = await store.journal({ channel, kind: 'rollout-requested', afterId, limit: requestsSeen });
    return [...halted, ...requested.filter(isRollback)].sort((a, b) => a.id - b.id);
  }
}

/** A channel asks for a rollout: of which version, its data say. */
function commitOf({ commit, data }: JournalEntry): unknown {
  return commit === '' ? (data as { commit?: unknown } | null)?.commit : commit;
}

function isFailure(entry: JournalEntry): boolean {
  return entry.kind === 'rollout-halted' || isRollback(entry);
}

function isRollback({ kind, data }: JournalEntry): boolean {
  return kind === 'rollout-requested' && (data as { lane?: unknown } | null)?.lane === 'rollback';
}
