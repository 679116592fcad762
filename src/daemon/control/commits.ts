/** Finds commits by what people type. */
import { ApiError } from '../../api/errors.ts';
import { FailureError } from '../../domain/failure.ts';
import type { ChannelSource } from '../../ports/channel-source.ts';
import type { LastGood } from '../last-good.ts';

const looked = 500;

/** Full ids are asked of the repository; shorter ones are looked for in what the channels' branches have gained lately. */
export function commitFinder(
  source: Pick<ChannelSource, 'fetch' | 'commitInfo' | 'commitsBetween'>,
  lastGood: Pick<LastGood, 'pipeline'>,
): (prefix: string) => Promise<string | undefined> {
  return async (prefix) => {
    try {
      if (/^(?:[\da-f]{40}|[\da-f]{64})$/.test(prefix)) return (await source.commitInfo(prefix)).commit;
      const branches = (lastGood.pipeline()?.channels ?? []).map((channel) => channel.branch);
      const { heads } = await source.fetch(branches, {});
      const found = new Set<string>();
      for (const head of heads) {
        for (const { commit } of await source.commitsBetween(undefined, head.commit, looked)) {
          if (commit.startsWith(prefix)) found.add(commit);
        }
      }
      if (found.size > 1) {
        const named = [...found].map((commit) => commit.slice(0, 16)).join(', ');
        throw new ApiError(409, 'ambiguous-commit', `Commit '${prefix}' may be any of: ${named}.`);
      }
      return [...found][0];
    } catch (error) {
      if (error instanceof FailureError && error.failure.code === 'git-unknown-commit') return undefined;
      if (error instanceof FailureError) throw new ApiError(503, error.failure.code, error.failure.message);
      throw error;
    }
  };
}
