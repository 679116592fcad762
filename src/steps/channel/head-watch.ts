/** Where the branches are: one fetch for all channels, however many ask at once. */
import type { Pipeline } from '../../domain/pipeline.ts';
import { parseChannelFact } from '../../planning/pipeline/facts.ts';
import type { ChannelSource, CommitInfo, HeadProblem } from '../../ports/channel-source.ts';
import type { ReadStore } from '../../ports/store.ts';

export interface Heads {
  /** Decision time of the fetch. */
  at: number;
  byBranch: ReadonlyMap<string, string>;
  problems: ReadonlyMap<string, HeadProblem>;
}

export interface HeadWatchInput {
  source: Pick<ChannelSource, 'fetch' | 'commitInfo'>;
  pipeline: () => Pipeline;
  store: Pick<ReadStore, 'facts'>;
  pollIntervalMs: number;
}

const keptCommits = 1000;

export class HeadWatch {
  readonly #input: HeadWatchInput;
  readonly #commits = new Map<string, CommitInfo>();
  #last: Heads | undefined;
  #fetching: Promise<Heads> | undefined;
  #generation = 0;

  constructor(input: HeadWatchInput) {
    this.#input = input;
  }

  /** The heads as of a fetch that is at most half a poll interval old. Throws what the source throws. */
  async look(now: number): Promise<Heads> {
    const last = this.#last;
    if (last !== undefined && now >= last.at && now - last.at < this.#input.pollIntervalMs / 2) return last;
    this.#fetching ??= this.#fetch(now);
    return this.#fetching;
  }

  /** The next look fetches: a webhook said so, or a branch was moved. */
  forget(): void {
    this.#generation += 1;
    this.#last = undefined;
    this.#fetching = undefined;
  }

  async commitInfo(commit: string): Promise<CommitInfo> {
    const known = this.#commits.get(commit);
    if (known !== undefined) return known;
    const info = await this.#input.source.commitInfo(commit);
    if (this.#commits.size >= keptCommits) this.#commits.clear();
    this.#commits.set(commit, info);
    return info;
  }

  async #fetch(now: number): Promise<Heads> {
    const generation = this.#generation;
    try {
      const policies = this.#input.pipeline().channels;
      const branchOf = new Map(policies.map((policy) => [policy.name, policy.branch]));
      const lastGood: Record<string, string> = {};
      for (const fact of await this.#input.store.facts('channel')) {
        const branch = branchOf.get(fact.key);
        const commit = parseChannelFact(fact.value)?.lastGood;
        if (branch !== undefined && commit) lastGood[branch] = commit;
      }
      const branches = [...new Set(policies.map((policy) => policy.branch))];
      const { heads, problems } = await this.#input.source.fetch(branches, lastGood);
      const result: Heads = {
        at: now,
        byBranch: new Map(heads.map((head) => [head.branch, head.commit])),
        problems: new Map(problems.map((problem) => [problem.branch, problem])),
      };
      if (generation === this.#generation) this.#last = result;
      return result;
    } finally {
      if (generation === this.#generation) this.#fetching = undefined;
    }
  }
}
