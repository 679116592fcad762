/** How far each version is, said on its commit: a status for each channel, and a deployment to an environment of the channel's name. */
import type { ChannelReport, ForgeReports } from '../../../ports/scm.ts';
import type { Github } from './github-client.ts';
import { ownContext } from './github-reviews.ts';

const longestDescription = 140;
const task = 'clm';

const deploymentStates = {
  pending: 'in_progress',
  success: 'success',
  failure: 'failure',
  superseded: 'inactive',
} as const;
const statusStates = { pending: 'pending', success: 'success', failure: 'failure', superseded: 'error' } as const;

export function createGithubReports(github: Github, what: { statuses: boolean; deployments: boolean }): ForgeReports {
  return {
    report: async (report) => {
      if (what.statuses) await reportStatus(github, report);
      if (what.deployments) await reportDeployment(github, report);
    },
  };
}

/** Written only where it differs: GitHub keeps a thousand a context. */
async function reportStatus({ rest, repo, call }: Github, report: ChannelReport): Promise<void> {
  const { commit, channel } = report;
  const context = `${ownContext}${channel}`;
  const state = statusStates[report.state];
  const description = shortened(report.description);
  const { data } = await call('reading statuses', () =>
    rest.repos.getCombinedStatusForRef({ ...repo, ref: commit, per_page: 100 }),
  );
  const there = data.statuses.find((one) => one.context === context);
  if (there?.state === state && there.description === description) return;
  await call('writing a status', () =>
    rest.repos.createCommitStatus({ ...repo, sha: commit, state, context, description }),
  );
}

async function reportDeployment({ rest, repo, call }: Github, report: ChannelReport): Promise<void> {
  const { commit, channel: environment } = report;
  const { data: known } = await call('reading deployments', () =>
    rest.repos.listDeployments({ ...repo, sha: commit, environment, task }),
  );
  const id = known[0]?.id ?? (await makeDeployment({ rest, repo, call }, report));
  const state = deploymentStates[report.state];
  const { data: statuses } = await call('reading a deployment', () =>
    rest.repos.listDeploymentStatuses({ ...repo, deployment_id: id, per_page: 1 }),
  );
  // one that another took the place of is inactive for good
  if (statuses[0]?.state === state || (statuses[0]?.state === 'inactive' && state === 'success')) return;
  const description = shortened(report.description);
  await call('writing a deployment', () =>
    rest.repos.createDeploymentStatus({ ...repo, deployment_id: id, state, description }),
  );
}

async function makeDeployment(
  { rest, repo, call }: Pick<Github, 'rest' | 'repo' | 'call'>,
  report: ChannelReport,
): Promise<number> {
  const { commit, channel } = report;
  const about = { environment: channel, task, description: `${commit.slice(0, 12)} on ${channel}` };
  // whether it may go there was decided by evidence, not by the checks of the forge
  const how = { ref: commit, auto_merge: false, required_contexts: [] };
  const { data } = await call('making a deployment', () => rest.repos.createDeployment({ ...repo, ...how, ...about }));
  if ('id' in data) return data.id;
  throw new Error('a deployment without auto_merge was merged');
}

function shortened(text: string): string {
  return text.length <= longestDescription ? text : `${text.slice(0, longestDescription - 1)}…`;
}
