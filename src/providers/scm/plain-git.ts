/** Reviews without a forge: a proposal branch that people can look at, and `clm approve` to say yes. */
import type { ChannelSource } from '../../ports/channel-source.ts';
import type { Scm } from '../../ports/scm.ts';
import { proposalBranch } from './proposal-branch.ts';

export function createPlainGitReviews(source: Pick<ChannelSource, 'setProposal'>): Scm {
  return {
    propose: async (proposal) => {
      const branch = proposalBranch(proposal.target, proposal.commit);
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
