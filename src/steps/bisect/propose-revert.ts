/** A commit on the first channel's head that takes back what one commit changed, put where people can merge it. */
import type { BisectState } from '../../domain/bisect.ts';
import type { StepInput } from '../../ports/step.ts';
import { upstreamOf } from '../channel/head-facts.ts';
import { type PipelineDependencies, policyOf } from '../pipeline-dependencies.ts';

/** `since` makes the same revert of a repeat. Throws FailureError of repository and forge. */
export async function proposeRevert(
  deps: PipelineDependencies,
  { context, now }: StepInput<BisectState>,
  { commit, before, since }: { commit: string; before: string; since: number },
): Promise<{ place: string | null; message: string }> {
  const none = (why: string) => ({ place: null, message: `no revert is proposed: ${why}` });
  const branch = policyOf(deps, firstBefore(deps, context.channel))?.branch;
  const head = branch === undefined ? undefined : (await deps.heads.look(now)).byBranch.get(branch);
  if (branch === undefined || head === undefined) return none('the first channel has no branch');
  if (!(await deps.source.isAncestor(commit, head))) return none(`it is not on ${branch}`);
  if (deps.scm === undefined) return none('there is no place to propose it');
  const { subject } = await deps.heads.commitInfo(commit);
  const title = `Revert "${subject}"`;
  const body = `This takes back ${commit}.\n\nIt made ${context.channel} halt on ${context.commit}; found by trying the commits between on a cluster that had failed.`;
  const message = `${title}\n\n${body}`;
  // a commit that goes from it to what was before: picked onto the head, it is the revert
  const inverse = await deps.source.restoringCommit({ parent: commit, treeOf: before, message, at: since });
  const picked = await deps.source.pickedCommit({ onto: head, commit: inverse, message, at: since });
  if (picked.kind === 'conflict') return none(`what came after it builds on it (${picked.message})`);
  const { url } = await deps.scm.propose({ target: branch, commit: picked.commit, title, body });
  return { place: url, message: `its revert waits to be merged to ${branch}: ${url}` };
}

function firstBefore(deps: PipelineDependencies, channel: string): string {
  const seen = new Set<string>();
  let name = channel;
  for (
    let [before] = upstreamOf(deps, name);
    before !== undefined && !seen.has(before);
    [before] = upstreamOf(deps, name)
  ) {
    seen.add(before);
    name = before;
  }
  return name;
}
