/** Promotions as pull requests: opened or found, judged by reviews and checks, closed; merged by others, that is noticed. */
import { FailureError, terminal } from '../../../domain/failure.ts';
import type { ChannelSource } from '../../../ports/channel-source.ts';
import type { Proposal, Review, ReviewState, Scm } from '../../../ports/scm.ts';
import { proposalBranch } from '../proposal-branch.ts';
import { type Github, statusOf } from './github-client.ts';

/** Statuses of clm itself say nothing about whether people want it. */
export const ownContext = 'clm/';
const green = new Set(['success', 'neutral', 'skipped']);

type Pull = Awaited<ReturnType<Github['rest']['pulls']['get']>>['data'];

export function createGithubReviews(github: Github, source: Pick<ChannelSource, 'setProposal'>): Scm {
  const { rest, repo, call } = github;
  const findOpen = async ({
    target,
    commit,
  }: Proposal): Promise<{ number: number; html_url: string; body: string | null; title: string } | undefined> => {
    const head = `${repo.owner}:${proposalBranch(target, commit)}`;
    const { data } = await call('listing pull requests', () =>
      rest.pulls.list({ ...repo, head, base: target, state: 'open' }),
    );
    return data[0];
  };
  const pullOf = async (review: Review): Promise<Pull> =>
    (await call(`reading pull request ${review.id}`, () => rest.pulls.get({ ...repo, pull_number: Number(review.id) })))
      .data;
  return {
    propose: async (proposal) => {
      const { target, commit, title, body } = proposal;
      const head = proposalBranch(target, commit);
      await source.setProposal(head, commit);
      const known = await findOpen(proposal);
      if (known !== undefined) {
        if (known.body !== body || known.title !== title)
          await call('updating a pull request', () =>
            rest.pulls.update({ ...repo, pull_number: known.number, title, body }),
          );
        return { id: String(known.number), url: known.html_url };
      }
      try {
        const { data } = await call('opening a pull request', () =>
          rest.pulls.create({ ...repo, head, base: target, title, body }),
        );
        return { id: String(data.number), url: data.html_url };
      } catch (error) {
        // opened by an earlier attempt whose answer was lost
        const found = statusOf(error) === 422 ? await findOpen(proposal) : undefined;
        if (found === undefined) throw error;
        return { id: String(found.number), url: found.html_url };
      }
    },
    review: async (review, proposal) => judge(github, await pullOf(review), proposal),
    merge: async (review, { commit, title }) => {
      const pull = await pullOf(review);
      if (pull.merged) return { commit: pull.merge_commit_sha ?? commit };
      const how = { merge_method: 'merge' as const, sha: commit, commit_title: title };
      try {
        const { data } = await call(`merging pull request ${review.id}`, () =>
          rest.pulls.merge({ ...repo, pull_number: pull.number, ...how }),
        );
        return { commit: data.sha };
      } catch (error) {
        const after = await pullOf(review);
        if (after.merged) return { commit: after.merge_commit_sha ?? commit };
        if (statusOf(error) === 405 || statusOf(error) === 409)
          throw new FailureError(
            terminal('scm-refused', `pull request ${review.id} cannot be merged: ${(error as Error).message}`),
            error,
          );
        throw error;
      }
    },
    close: async (review, { target, commit }) => {
      const pull = await pullOf(review);
      if (pull.state === 'open')
        await call('closing a pull request', () =>
          rest.pulls.update({ ...repo, pull_number: pull.number, state: 'closed' }),
        );
      await source.setProposal(proposalBranch(target, commit), null);
    },
  };
}

async function judge(github: Github, pull: Pull, proposal: Proposal): Promise<ReviewState> {
  if (pull.merged)
    return {
      kind: 'merged',
      by: pull.merged_by?.login ?? 'somebody',
      commit: pull.merge_commit_sha ?? proposal.commit,
    };
  if (pull.state === 'closed')
    return {
      kind: 'refused',
      message: `pull request ${pull.number} was closed without a merge: reopen it, or clm retry`,
    };
  if (pull.head.sha !== proposal.commit) {
    const message = `pull request ${pull.number} shows ${pull.head.sha.slice(0, 12)} instead of ${proposal.commit.slice(0, 12)}: somebody pushed to ${pull.head.ref}; close it, and clm opens another`;
    return { kind: 'refused', message };
  }
  if (pull.mergeable === false) {
    const message = `it conflicts with ${pull.base.ref}, which has changes of its own: merge them back into the first channel`;
    return { kind: 'pending', message };
  }
  const { approvedBy, objections } = await reviewsOf(github, pull.number);
  if (objections.length > 0) return { kind: 'pending', message: `changes are requested by ${objections.join(', ')}` };
  if (approvedBy.length === 0) return { kind: 'pending', message: 'nobody has approved it yet' };
  const red = await notGreen(github, proposal.commit);
  if (red.length > 0)
    return {
      kind: 'pending',
      message: `approved by ${approvedBy.join(', ')}; not green: ${red.slice(0, 5).join(', ')}`,
    };
  if (pull.mergeable_state === 'blocked')
    return {
      kind: 'pending',
      message: `approved by ${approvedBy.join(', ')}; the protection of ${pull.base.ref} demands more`,
    };
  return { kind: 'approved', by: approvedBy };
}

/** The last word of each. */
async function reviewsOf(
  { rest, repo, paginate, call }: Github,
  number: number,
): Promise<{ approvedBy: string[]; objections: string[] }> {
  const reviews = await call('reading reviews', () =>
    paginate(rest.pulls.listReviews, { ...repo, pull_number: number, per_page: 100 }),
  );
  const last = new Map<string, string>();
  for (const review of reviews)
    if (review.user !== null && review.state !== 'COMMENTED') last.set(review.user.login, review.state);
  const who = (state: string): string[] => [...last].filter(([, said]) => said === state).map(([login]) => login);
  return { approvedBy: who('APPROVED').sort(), objections: who('CHANGES_REQUESTED').sort() };
}

async function notGreen({ rest, repo, call }: Github, commit: string): Promise<string[]> {
  const { data: combined } = await call('reading statuses', () =>
    rest.repos.getCombinedStatusForRef({ ...repo, ref: commit, per_page: 100 }),
  );
  const { data: checks } = await call('reading checks', () =>
    rest.checks.listForRef({ ...repo, ref: commit, per_page: 100 }),
  );
  const statuses = combined.statuses.filter((one) => !one.context.startsWith(ownContext) && one.state !== 'success');
  const runs = checks.check_runs.filter((one) => one.status !== 'completed' || !green.has(one.conclusion ?? ''));
  return [
    ...statuses.map((one) => `${one.context} is ${one.state}`),
    ...runs.map((one) => `${one.name} is ${one.conclusion ?? one.status}`),
  ];
}
