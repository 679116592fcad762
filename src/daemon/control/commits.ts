/** Finds commits by what people type: an id or its beginning, a channel, a branch, a tag. */
import { ApiError } from '../../api/errors.ts';
import { FailureError } from '../../domain/failure.ts';
import type { Pipeline } from '../../domain/pipeline.ts';
import type { ChannelSource } from '../../ports/channel-source.ts';
import type { LastGood } from '../last-good.ts';

type Source = Pick<ChannelSource, 'fetch' | 'commitInfo' | 'commitsBetween' | 'named'>;

/** `meanings`: every commit that the name may stand for, with what it would be. */
export type FoundCommit =
  | { kind: 'found'; commit: string }
  | { kind: 'unknown' }
  | { kind: 'ambiguous'; meanings: string[]; remedy: string };

const looked = 500;
const fullId = /^(?:[\da-f]{40}|[\da-f]{64})$/i;
const beginning = /^[\da-f]{7,63}$/i;

/**
 * Full ids, branches and tags are asked of the repository; beginnings of ids are looked for in what the channels' branches have gained
 * lately. A name that stands for several commits is never guessed at. Throws FailureError.
 */
export async function findCommit(source: Source, pipeline: Pipeline | undefined, ref: string): Promise<FoundCommit> {
  if (fullId.test(ref)) return infoOf(source, ref.toLowerCase());
  const channels = pipeline?.channels ?? [];
  const named = await source.named(channels.find((channel) => channel.name === ref)?.branch ?? ref);
  const meanings = new Map<string, string>();
  if (named.branch !== undefined) meanings.set(`branch ${named.branch.slice(0, 12)}`, named.branch);
  if (named.tag !== undefined) meanings.set(`tag ${named.tag.slice(0, 12)}`, named.tag);
  if (beginning.test(ref)) {
    const branches = channels.map((channel) => channel.branch);
    for (const commit of await beginningWith(source, branches, ref.toLowerCase()))
      meanings.set(`commit ${commit.slice(0, 16)}`, commit);
  }
  const commits = [...new Set(meanings.values())];
  const [commit] = commits;
  if (commit === undefined) return { kind: 'unknown' };
  if (commits.length === 1) return { kind: 'found', commit };
  const kinds = [
    ...(named.branch === undefined ? [] : [`refs/heads/${ref}`]),
    ...(named.tag === undefined ? [] : [`refs/tags/${ref}`]),
    ...(meanings.size > Object.keys(named).length ? ['more digits of the commit'] : []),
  ];
  return { kind: 'ambiguous', meanings: [...meanings.keys()], remedy: `write ${kinds.join(' or ')}` };
}

async function infoOf(source: Source, commit: string): Promise<FoundCommit> {
  try {
    return { kind: 'found', commit: (await source.commitInfo(commit)).commit };
  } catch (error) {
    if (error instanceof FailureError && error.failure.code === 'git-unknown-commit') return { kind: 'unknown' };
    throw error;
  }
}

async function beginningWith(source: Source, branches: string[], prefix: string): Promise<Set<string>> {
  const found = new Set<string>();
  const { heads } = await source.fetch(branches, {});
  for (const head of heads) {
    for (const { commit } of await source.commitsBetween(undefined, head.commit, looked)) {
      if (commit.startsWith(prefix)) found.add(commit);
    }
  }
  return found;
}

/** As `findCommit`, for the API: undefined when nobody knows it. Throws ApiError. */
export function commitFinder(
  source: Source,
  lastGood: Pick<LastGood, 'pipeline'>,
): (ref: string) => Promise<string | undefined> {
  return async (ref) => {
    try {
      const found = await findCommit(source, lastGood.pipeline(), ref);
      if (found.kind === 'found') return found.commit;
      if (found.kind === 'unknown') return undefined;
      const named = found.meanings.join(', ');
      throw new ApiError(400, 'ambiguous-commit', `'${ref}' may be any of: ${named}; ${found.remedy}.`);
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      // what the name itself is at fault for is no trouble of the daemon
      const status = error.failure.code === 'git-tag-no-commit' ? 400 : 503;
      throw new ApiError(status, error.failure.code, error.failure.message);
    }
  };
}
