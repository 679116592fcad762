/** Reviews without a forge: a proposal branch that people can look at, and `clm approve` to say yes. */
import type { ChannelSource } from '../../ports/channel-source.ts';
import type { Proposal, Scm } from '../../ports/scm.ts';

export function createPlainGitReviews(source: Pick<ChannelSource, 'setProposal'>): Scm {
  return {
    propose: async (proposal) => {
      const branch = branchOf(proposal);
      await source.setProposal(branch, proposal.commit);
      return { id: branch, url: `branch ${branch}` };
    },
    review: async (_, { target, commit }) => ({
      kind: 'pending',
      message: `nobody has approved it yet: clm approve ${commit.slice(0, 12)} --channel ${target} --reason …`,
    }),
    close: async ({ id }) => source.setProposal(id, null),
  };
}

/** One for each version and target, so that proposing it again changes nothing. */
function branchOf({ target, commit }: Proposal): string {
  return `clm/promote/${target}/${commit.slice(0, 12)}`;
}
