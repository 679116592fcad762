/** The configuration repository with branches of one's own: what is moved, noted or proposed stays in memory. */
import type { ChannelHead, ChannelSource, CommitInfo, HeadProblem, MoveResult } from '../../ports/channel-source.ts';

/** `source` only reads; commits that it makes for a rollback or a pick are never pushed by it. */
export function overlaySource(source: ChannelSource, heads: ReadonlyMap<string, string>): OverlaySource {
  const branches = new Map(heads);
  const notes = new Map<string, string>();
  const ancestry = new Map<string, Promise<boolean>>();
  const infos = new Map<string, Promise<CommitInfo>>();
  const isAncestor = (ancestor: string, descendant: string): Promise<boolean> =>
    remembered(ancestry, `${ancestor} ${descendant}`, () => source.isAncestor(ancestor, descendant));
  return {
    branches,
    async fetch(wanted, lastGood) {
      const found: ChannelHead[] = [];
      const problems: HeadProblem[] = [];
      for (const branch of wanted) {
        const commit = branches.get(branch);
        const good = lastGood[branch];
        if (commit === undefined) problems.push({ branch, kind: 'missing', message: `branch ${branch} is gone` });
        else found.push({ branch, commit });
        if (commit === undefined || good === undefined || (await isAncestor(good, commit))) continue;
        const message = `branch ${branch} was forced from ${good.slice(0, 12)} to ${commit.slice(0, 12)}`;
        problems.push({ branch, kind: 'forced', message, lastGood: good });
      }
      return { heads: found, problems };
    },
    async fastForward(branch, expected, to): Promise<MoveResult> {
      const at = branches.get(branch);
      const refused = (
        reason: 'not-fast-forward' | 'branch-moved' | 'branch-missing',
        message: string,
      ): MoveResult => ({
        kind: 'refused',
        reason,
        message,
      });
      if (at === undefined) return refused('branch-missing', `branch ${branch} is gone`);
      if (at === to) return { kind: 'already' };
      if (at !== expected) return refused('branch-moved', `branch ${branch} is at ${at.slice(0, 12)}`);
      if (!(await isAncestor(at, to))) {
        return refused('not-fast-forward', `${to.slice(0, 12)} does not contain ${at.slice(0, 12)}`);
      }
      branches.set(branch, to);
      return { kind: 'moved' };
    },
    async named(name) {
      const there = await source.named(name);
      const own = branches.get(name.replace(/^refs\/heads\//, ''));
      return own === undefined ? there : { ...there, branch: own };
    },
    isAncestor,
    commitInfo: (commit) => remembered(infos, commit, () => source.commitInfo(commit)),
    commitsBetween: (from, to, limit, options) => source.commitsBetween(from, to, limit, options),
    readTree: (commit, path) => source.readTree(commit, path),
    restoringCommit: (input) => source.restoringCommit(input),
    pickedCommit: (input) => source.pickedCommit(input),
    verifySignature: (commit) => source.verifySignature(commit),
    setProposal: async () => undefined,
    readNote: async (name) => notes.get(name),
    readNotes: async () => new Map(notes),
    writeNote: async (name, text) => void notes.set(name, text),
  };
}

export interface OverlaySource extends ChannelSource {
  /** Head by branch; set one to merge. */
  branches: Map<string, string>;
}

function remembered<Value>(known: Map<string, Promise<Value>>, key: string, ask: () => Promise<Value>): Promise<Value> {
  let answer = known.get(key);
  if (answer === undefined) {
    answer = ask();
    known.set(key, answer);
    answer.catch(() => known.delete(key));
  }
  return answer;
}
