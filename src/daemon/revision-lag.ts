/** How far clusters are behind the head of their channel's branch. */
import { FailureError } from '../domain/failure.ts';
import type { StatusDocument } from '../planning/explain/status-document.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import { BoundedCache } from '../support/bounded-cache.ts';

export interface ClusterLag {
  cluster: string;
  channel: string;
  commits: number;
  /** Decision time since the oldest commit that is lacking was made. */
  seconds: number;
}

/** Commits counted; who lacks more lacks that many. */
const mostCommits = 1_000;

type Between = { commits: number; oldestAt: number };

export class RevisionLag {
  readonly #source: Pick<ChannelSource, 'commitsBetween'>;
  /** What lies between two commits never changes. */
  readonly #between = new BoundedCache<string, Between>({ maxEntries: 5_000 });

  constructor(source: Pick<ChannelSource, 'commitsBetween'>) {
    this.#source = source;
  }

  /** Of every cluster whose version is known. One whose commits git does not know any more is left out: unknown is not zero. */
  async of(status: StatusDocument): Promise<ClusterLag[]> {
    const heads = new Map(
      status.channels.flatMap(({ name, head }) => (head === undefined ? [] : [[name, head] as const])),
    );
    const now = Date.parse(status.at);
    const lags: ClusterLag[] = [];
    for (const { id: cluster, channel, version } of status.clusters) {
      const head = heads.get(channel);
      const commit = version?.split('#')[0];
      if (head === undefined || commit === undefined) continue;
      const between = commit === head ? { commits: 0, oldestAt: now } : await this.#lacking(commit, head);
      if (between === undefined) continue;
      lags.push({ cluster, channel, commits: between.commits, seconds: Math.max(0, now - between.oldestAt) / 1000 });
    }
    return lags;
  }

  async #lacking(from: string, head: string): Promise<Between | undefined> {
    const key = `${from}..${head}`;
    const known = this.#between.get(key);
    if (known !== undefined) return known;
    try {
      const commits = await this.#source.commitsBetween(from, head, mostCommits);
      const oldest = commits.at(-1);
      const found = {
        commits: commits.length,
        oldestAt: oldest === undefined ? Number.NaN : Date.parse(oldest.committedAt),
      };
      if (Number.isNaN(found.oldestAt)) return undefined;
      this.#between.set(key, found);
      return found;
    } catch (error) {
      if (error instanceof FailureError) return undefined;
      throw error;
    }
  }
}
