/** Statuses, checks, deployments, comments and webhooks of the simulated forge. */
import { ForgeRefusal } from './forge.ts';
import type { CheckRun, Deployment, Status } from './forge-state.ts';
import { commentView, commitView, deploymentView, statusView, userView } from './forge-views.ts';
import type { GithubCall } from './github-call.ts';
import { commitOf, invalid, missing, on, page, pullOf, repo, textOf } from './route-parts.ts';

const statusStates = ['error', 'failure', 'pending', 'success'];
const mostStatuses = 1_000;

const evidence = [
  on('POST', `${repo}/statuses/:sha`, async (call, parameters) => {
    const sha = await commitOf(call, parameters['sha']);
    const { state, context, description, target_url: targetUrl } = call.body;
    if (!statusStates.includes(String(state))) throw invalid('Status', 'state');
    const name = textOf(context) ?? 'default';
    if ((textOf(description)?.length ?? 0) > 140)
      throw new ForgeRefusal(422, 'Validation Failed', ['description is too long (maximum is 140 characters)']);
    const store = call.forge.state;
    if (store.statuses.filter((one) => one.sha === sha && one.context === name).length >= mostStatuses)
      throw new ForgeRefusal(422, 'This SHA and context has reached the maximum number of statuses.');
    const kept: Status = {
      ...{
        id: store.id(),
        sha,
        context: name,
        state: state as Status['state'],
        creator: call.user.login,
        at: store.time(),
      },
      ...{ description: textOf(description) ?? null, targetUrl: textOf(targetUrl) ?? null },
    };
    store.statuses.push(kept);
    await call.forge.settled();
    const { owner, name: repoName } = store.options;
    call.forge.hooks.emit('status', {
      sha,
      state,
      context: name,
      repository: { full_name: `${owner}/${repoName}` },
      sender: userView(call.user.login),
    });
    return { status: 201, body: statusView(kept) };
  }),
  on('GET', `${repo}/commits/:ref/status`, async (call, { ref = '' }) => {
    const sha = await commitOf(call, ref);
    const statuses = call.forge.state.statusesOf(sha).map(statusView);
    return {
      status: 200,
      body: { sha, state: call.forge.state.combined(sha), total_count: statuses.length, statuses },
    };
  }),
  on('GET', `${repo}/commits/:ref/statuses`, async (call, { ref = '' }) => {
    const sha = await commitOf(call, ref);
    return page(
      call,
      call.forge.state.statuses
        .filter((one) => one.sha === sha)
        .reverse()
        .map(statusView),
    );
  }),
  on('POST', `${repo}/check-runs`, async (call) => {
    const { name, head_sha: sha, status, conclusion } = call.body;
    if (textOf(name) === undefined) throw invalid('CheckRun', 'name');
    const run: CheckRun = {
      ...{ id: call.forge.state.id(), sha: await commitOf(call, textOf(sha)), name: String(name) },
      ...{ status: (textOf(status) ?? 'queued') as CheckRun['status'], conclusion: textOf(conclusion) ?? null },
    };
    call.forge.state.checkRuns.push(run);
    await call.forge.settled();
    return { status: 201, body: checkView(run) };
  }),
  on('GET', `${repo}/commits/:ref/check-runs`, async (call, { ref = '' }) => {
    const sha = await commitOf(call, ref);
    const runs = call.forge.state.checkRuns.filter((one) => one.sha === sha).map(checkView);
    return { status: 200, body: { total_count: runs.length, check_runs: runs } };
  }),
  on('GET', `${repo}/commits/:ref`, async (call, { ref = '' }) => {
    const sha = await commitOf(call, ref);
    return { status: 200, body: commitView(await call.forge.state.options.repository.commit(sha), call.base) };
  }),
];

function checkView({ id, sha, name, status, conclusion }: CheckRun): Record<string, unknown> {
  return { id, head_sha: sha, name, status, conclusion };
}

const deploymentStates = ['error', 'failure', 'inactive', 'in_progress', 'queued', 'pending', 'success'];

function deploymentOf(call: GithubCall, { id }: Record<string, string>): Deployment {
  const found = call.forge.state.deployments.find((one) => one.id === Number(id));
  if (found === undefined) throw missing();
  return found;
}

const deployments = [
  on('GET', `${repo}/deployments`, async (call) => {
    const wanted = (name: 'sha' | 'environment' | 'ref' | 'task', deployment: Deployment): boolean =>
      (call.query.get(name) ?? deployment[name]) === deployment[name];
    const found = call.forge.state.deployments.filter((one) =>
      (['sha', 'environment', 'ref', 'task'] as const).every((name) => wanted(name, one)),
    );
    return page(call, found.reverse().map(deploymentView));
  }),
  on('POST', `${repo}/deployments`, async (call) => {
    const { state } = call.forge;
    const ref = textOf(call.body['ref']);
    if (ref === undefined) throw invalid('Deployment', 'ref');
    const sha = await commitOf(call, ref);
    const contexts = call.body['required_contexts'];
    const open = Array.isArray(contexts)
      ? contexts.map(String).filter((context) => !state.green(sha, context))
      : state.combined(sha) === 'success' || state.statusesOf(sha).length === 0
        ? []
        : ['the commit'];
    if (open.length > 0) throw new ForgeRefusal(409, `Conflict: Commit status checks failed for ${ref}.`);
    const deployment: Deployment = {
      ...{ id: state.id(), sha, ref, task: textOf(call.body['task']) ?? 'deploy', at: state.time(), statuses: [] },
      ...{ environment: textOf(call.body['environment']) ?? 'production', creator: call.user.login },
      ...{ description: textOf(call.body['description']) ?? null, payload: call.body['payload'] ?? {} },
    };
    state.deployments.push(deployment);
    return { status: 201, body: deploymentView(deployment) };
  }),
  on('GET', `${repo}/deployments/:id/statuses`, async (call, parameters) =>
    page(call, [...deploymentOf(call, parameters).statuses].reverse().map(deploymentStatusView)),
  ),
  on('POST', `${repo}/deployments/:id/statuses`, async (call, parameters) => {
    const deployment = deploymentOf(call, parameters);
    const { state: forgeState } = call.forge;
    const { state, description, log_url: logUrl } = call.body;
    if (!deploymentStates.includes(String(state))) throw invalid('DeploymentStatus', 'state');
    const about = { description: textOf(description) ?? null, targetUrl: textOf(logUrl) ?? null };
    const kept = { id: forgeState.id(), state: String(state), ...about, at: forgeState.time() };
    deployment.statuses.push(kept);
    // a success takes the place of what was deployed there before
    if (state === 'success' && call.body['auto_inactive'] !== false) {
      for (const other of forgeState.deployments) {
        if (
          other === deployment ||
          other.environment !== deployment.environment ||
          other.statuses.at(-1)?.state !== 'success'
        )
          continue;
        other.statuses.push({ ...kept, id: forgeState.id(), state: 'inactive' });
      }
    }
    return { status: 201, body: deploymentStatusView(kept) };
  }),
];

function deploymentStatusView({
  id,
  state,
  description,
  targetUrl,
  at,
}: Deployment['statuses'][number]): Record<string, unknown> {
  return { id, state, description, log_url: targetUrl, created_at: at, updated_at: at };
}

function commentsOf(subject: (parameters: Record<string, string>, call: GithubCall) => Promise<string>, path: string) {
  return [
    on('GET', path, async (call, parameters) => {
      const about = await subject(parameters, call);
      return page(call, call.forge.state.comments.filter((one) => one.subject === about).map(commentView));
    }),
    on('POST', path, async (call, parameters) => {
      const about = await subject(parameters, call);
      const body = textOf(call.body['body']);
      if (body === undefined || body === '') throw invalid('Comment', 'body');
      const { state } = call.forge;
      const comment = { id: state.id(), subject: about, user: call.user.login, body, at: state.time() };
      state.comments.push(comment);
      return { status: 201, body: commentView(comment) };
    }),
  ];
}

const talk = [
  ...commentsOf(async ({ sha }, call) => commitOf(call, sha), `${repo}/commits/:sha/comments`),
  ...commentsOf(async (parameters, call) => `#${pullOf(call, parameters).number}`, `${repo}/issues/:number/comments`),
  on('GET', `${repo}/hooks`, async (call) => page(call, call.forge.state.hooks.map(hookView))),
  on('POST', `${repo}/hooks`, async (call) => {
    const config = (call.body['config'] ?? {}) as Record<string, unknown>;
    const url = textOf(config['url']);
    if (url === undefined) throw invalid('Hook', 'config');
    const events = Array.isArray(call.body['events']) ? call.body['events'].map(String) : ['push'];
    const hook = {
      id: call.forge.state.id(),
      url,
      secret: textOf(config['secret']) ?? '',
      events,
      active: call.body['active'] !== false,
    };
    call.forge.state.hooks.push(hook);
    call.forge.hooks.emit('ping', { zen: 'Keep it logically awesome.', hook_id: hook.id });
    return { status: 201, body: hookView(hook) };
  }),
];

function hookView({ id, url, events, active }: { id: number; url: string; events: string[]; active: boolean }) {
  return { id, type: 'Repository', name: 'web', active, events, config: { url, content_type: 'json' } };
}

export const evidenceRoutes = [...evidence, ...deployments, ...talk];
