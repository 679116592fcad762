/** Configuration from several repositories: those that a commit of the first one pins (docs/configuration.md). */
import { FailureError } from '../domain/failure.ts';
import type { Problem } from '../domain/problem.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import { combineTrees } from '../rendering/configuration-tree.ts';
import { configSourcesFile, parseConfigSources, type SourcePin } from '../sources/config-sources.ts';

/** A repository beside the first one, as clm.yaml names it. */
export interface FurtherSource {
  name: string;
  source: Pick<ChannelSource, 'fetch' | 'readTree' | 'isAncestor'>;
  /** Folder of the configuration in it. */
  path: string;
  /** Pins have to be on it; undefined = any commit of the repository will do. */
  branch: string | undefined;
}

export type WholeTree =
  | { ok: true; tree: ReadonlyMap<string, string>; pins: readonly SourcePin[] }
  | { ok: false; problems: Problem[] };

/** The tree of a commit with those that it pins. Throws FailureError when a repository cannot be read. */
export async function wholeTree(
  base: ReadonlyMap<string, string>,
  further: readonly FurtherSource[],
): Promise<WholeTree> {
  const text = base.get(configSourcesFile);
  if (text === undefined) return { ok: true, tree: base, pins: [] };
  const names = further.map((one) => one.name);
  const parsed = parseConfigSources(text, names);
  if (!parsed.ok) return parsed;
  const trees: { name: string; tree: ReadonlyMap<string, string> }[] = [];
  const problems: Problem[] = [];
  for (const pin of parsed.pins) {
    const read = await readPin(further.find((one) => one.name === pin.name) as FurtherSource, pin);
    if ('tree' in read) trees.push({ name: pin.name, tree: read.tree });
    else problems.push({ ...read.problem, file: configSourcesFile, line: lineOf(text, pin.commit), path: pin.name });
  }
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, tree: combineTrees(base, trees), pins: parsed.pins };
}

type PinRead = { tree: ReadonlyMap<string, string> } | { problem: Pick<Problem, 'message' | 'remedy'> };

async function readPin({ source, path, branch }: FurtherSource, { name, commit }: SourcePin): Promise<PinRead> {
  const short = commit.slice(0, 12);
  try {
    if (branch !== undefined) {
      const { heads } = await source.fetch([branch], {});
      const head = heads[0]?.commit;
      if (head === undefined) {
        const remedy = `push the branch, or correct configRepository.further of clm.yaml`;
        return { problem: { message: `source ${name} has no branch ${branch}`, remedy } };
      }
      if (!(await source.isAncestor(commit, head))) {
        const remedy = `pin a commit of that branch, whose head is ${head}`;
        return { problem: { message: `${short} is not on branch ${branch} of source ${name}`, remedy } };
      }
    }
    return { tree: await readAfterFetch(source, commit, path) };
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    const { code } = error.failure;
    if (code === 'git-unknown-commit') {
      const remedy = 'push the commit there, or pin one that it has';
      return { problem: { message: `source ${name} has no commit ${short}`, remedy } };
    }
    if (code === 'git-path-missing') {
      const remedy = 'pin a commit that has it, or correct the path in configRepository.further of clm.yaml';
      return { problem: { message: `${short} of source ${name} has no folder ${path}`, remedy } };
    }
    throw error;
  }
}

/** A mirror may be older than the pin, and not every server gives commits away by id. */
async function readAfterFetch(
  source: FurtherSource['source'],
  commit: string,
  path: string,
): Promise<ReadonlyMap<string, string>> {
  try {
    return await source.readTree(commit, path);
  } catch (error) {
    if (!(error instanceof FailureError) || error.failure.code !== 'git-unknown-commit') throw error;
    await source.fetch([], {});
    return source.readTree(commit, path);
  }
}

function lineOf(text: string, commit: string): number {
  return text.slice(0, text.indexOf(commit)).split('\n').length;
}
