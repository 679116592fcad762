/** What the simulated forge answers at each path of GitHub's REST API. */
import { evidenceRoutes } from './evidence-routes.ts';
import { ForgeRefusal } from './forge.ts';
import type { Protection } from './forge-state.ts';
import { commitView, pullView, repositoryView, reviewView, userView } from './forge-views.ts';
import type { GithubCall, GithubReply } from './github-call.ts';
import { invalid, missing, on, page, pullOf, repo, textOf } from './route-parts.ts';
import type { Route } from './router.ts';

const pulls = [
  on('GET', `${repo}/pulls`, async (call) => {
    const { state } = call.forge;
    const wanted = call.query.get('state') ?? 'open';
    const head = call.query.get('head');
    const base = call.query.get('base');
    const found = state.pulls
      .filter((one) => wanted === 'all' || one.state === wanted)
      .filter((one) => head === null || `${state.options.owner}:${one.head}` === head)
      .filter((one) => base === null || one.base === base)
      .reverse();
    return page(call, await Promise.all(found.map((one) => pullView(state, one, call.base))));
  }),
  on('POST', `${repo}/pulls`, async (call) => {
    const { title, body, head, base, draft } = call.body;
    for (const [field, value] of Object.entries({ title, head, base }))
      if (textOf(value) === undefined) throw invalid('PullRequest', field);
    const texts = { title: String(title), body: textOf(body) ?? '', head: String(head), base: String(base) };
    const pull = await call.forge.openPull({ ...texts, draft: draft === true, user: call.user.login });
    return { status: 201, body: await pullView(call.forge.state, pull, call.base) };
  }),
  on('GET', `${repo}/pulls/:number`, async (call, parameters) => ({
    status: 200,
    body: await pullView(call.forge.state, pullOf(call, parameters), call.base),
  })),
  on('PATCH', `${repo}/pulls/:number`, async (call, parameters) => {
    const pull = pullOf(call, parameters);
    const change: Parameters<typeof call.forge.editPull>[1] = {};
    const title = textOf(call.body['title']);
    const body = textOf(call.body['body']);
    const base = textOf(call.body['base']);
    const { state } = call.body;
    if (title !== undefined) change.title = title;
    if (body !== undefined) change.body = body;
    if (base !== undefined) change.base = base;
    if (state === 'open' || state === 'closed') change.state = state;
    await call.forge.editPull(pull, change, call.user.login);
    return { status: 200, body: await pullView(call.forge.state, pull, call.base) };
  }),
  on('GET', `${repo}/pulls/:number/merge`, async (call, parameters) => {
    if (pullOf(call, parameters).merged === null) throw missing();
    return { status: 204 };
  }),
  on('PUT', `${repo}/pulls/:number/merge`, async (call, parameters) => {
    const sha = textOf(call.body['sha']);
    const title = textOf(call.body['commit_title']);
    const method = textOf(call.body['merge_method']) ?? 'merge';
    const how = { method, ...(sha === undefined ? {} : { sha }), ...(title === undefined ? {} : { title }) };
    const merged = await call.forge.merge(pullOf(call, parameters), call.user.login, how);
    return { status: 200, body: { sha: merged, merged: true, message: 'Pull Request successfully merged' } };
  }),
  on('GET', `${repo}/pulls/:number/reviews`, async (call, parameters) => {
    const pull = pullOf(call, parameters);
    return page(
      call,
      pull.reviews.map((one) => reviewView(one, pull)),
    );
  }),
  on('POST', `${repo}/pulls/:number/reviews`, async (call, parameters) => {
    const pull = pullOf(call, parameters);
    const event = textOf(call.body['event']) ?? '';
    const review = await call.forge.review(pull, call.user.login, event, textOf(call.body['body']) ?? '');
    return { status: 200, body: reviewView(review, pull) };
  }),
];

const refs = [
  on('GET', repo, async (call) => ({ status: 200, body: repositoryView(call.forge.state, call.base) })),
  on('GET', `${repo}/git/ref/heads/*`, async (call, { rest = '' }) => {
    const sha = (await call.forge.state.options.repository.heads()).get(rest);
    if (sha === undefined) throw missing();
    return { status: 200, body: refView(rest, sha) };
  }),
  on('POST', `${repo}/git/refs`, async (call) => {
    const branch = /^refs\/heads\/(.+)$/.exec(textOf(call.body['ref']) ?? '')?.[1];
    const { repository } = call.forge.state.options;
    if (branch === undefined || !(await repository.validBranch(branch)))
      throw new ForgeRefusal(422, "Reference name must start with 'refs' and contain at least two slashes");
    const sha = await repository.resolve(textOf(call.body['sha']) ?? '');
    if (sha === undefined) throw new ForgeRefusal(422, 'Object does not exist');
    if ((await repository.heads()).has(branch)) throw new ForgeRefusal(422, 'Reference already exists');
    await call.forge.moveBranch(branch, sha, false, call.user.login);
    return { status: 201, body: refView(branch, sha) };
  }),
  on('PATCH', `${repo}/git/refs/heads/*`, async (call, { rest = '' }) => {
    const { repository } = call.forge.state.options;
    if (!(await repository.heads()).has(rest)) throw new ForgeRefusal(422, 'Reference does not exist');
    const sha = await repository.resolve(textOf(call.body['sha']) ?? '');
    if (sha === undefined) throw new ForgeRefusal(422, 'Object does not exist');
    await call.forge.moveBranch(rest, sha, call.body['force'] === true, call.user.login);
    return { status: 200, body: refView(rest, sha) };
  }),
  on('DELETE', `${repo}/git/refs/heads/*`, async (call, { rest = '' }) => {
    await call.forge.moveBranch(rest, null, true, call.user.login);
    return { status: 204 };
  }),
  on('GET', `${repo}/compare/*`, async (call, { rest = '' }) => {
    const [base, head] = rest.split('...');
    const from = await call.forge.state.options.repository.resolve(base ?? '');
    const to = await call.forge.state.options.repository.resolve(head ?? '');
    if (from === undefined || to === undefined) throw missing();
    const { ahead, behind } = await call.forge.state.options.repository.compare(from, to);
    const status = ahead === 0 ? (behind === 0 ? 'identical' : 'behind') : behind === 0 ? 'ahead' : 'diverged';
    return { status: 200, body: { status, ahead_by: ahead, behind_by: behind, total_commits: ahead } };
  }),
  on('GET', `${repo}/branches/:branch`, async (call, { branch = '' }) => {
    const sha = (await call.forge.state.options.repository.heads()).get(branch);
    if (sha === undefined) throw new ForgeRefusal(404, 'Branch not found');
    const commit = commitView(await call.forge.state.options.repository.commit(sha), call.base);
    return { status: 200, body: { name: branch, commit, protected: call.forge.state.protections.has(branch) } };
  }),
  on('GET', `${repo}/branches/:branch/protection`, async (call, { branch = '' }) => {
    const protection = call.forge.state.protections.get(branch);
    if (protection === undefined) throw new ForgeRefusal(404, 'Branch not protected');
    return { status: 200, body: protectionView(protection) };
  }),
  on('PUT', `${repo}/branches/:branch/protection`, async (call, { branch = '' }) => {
    if (call.user.permission !== 'admin') throw missing();
    const protection = readProtection(call.body);
    call.forge.state.protections.set(branch, protection);
    await call.forge.settled();
    return { status: 200, body: protectionView(protection) };
  }),
  on('DELETE', `${repo}/branches/:branch/protection`, async (call, { branch = '' }) => {
    if (!call.forge.state.protections.delete(branch)) throw new ForgeRefusal(404, 'Branch not protected');
    await call.forge.settled();
    return { status: 204 };
  }),
];

function refView(branch: string, sha: string): Record<string, unknown> {
  return { ref: `refs/heads/${branch}`, object: { type: 'commit', sha } };
}

function readProtection(body: Record<string, unknown>): Protection {
  const checks = body['required_status_checks'] as { strict?: boolean; contexts?: string[] } | null | undefined;
  const reviews = body['required_pull_request_reviews'] as Record<string, unknown> | null | undefined;
  const count = Number(reviews?.['required_approving_review_count'] ?? 1);
  return {
    contexts: checks?.contexts ?? [],
    strict: checks?.strict === true,
    linearHistory: body['required_linear_history'] === true,
    ...(reviews == null ? {} : { reviews: { count, dismissStale: reviews['dismiss_stale_reviews'] === true } }),
  };
}

function protectionView({ contexts, strict, reviews, linearHistory }: Protection): Record<string, unknown> {
  const needed = { required_approving_review_count: reviews?.count, dismiss_stale_reviews: reviews?.dismissStale };
  return {
    required_status_checks: contexts.length === 0 ? null : { strict, contexts },
    ...(reviews === undefined ? {} : { required_pull_request_reviews: needed }),
    required_linear_history: { enabled: linearHistory },
  };
}

const own = [
  on('GET', '/rate_limit', async (call) => ({
    status: 200,
    body: { resources: { core: call.rates }, rate: call.rates },
  })),
  on('GET', '/user', async (call) => ({ status: 200, body: userView(call.user.login) })),
];

export const githubRoutes: readonly Route<GithubCall, Promise<GithubReply>>[] = [
  ...own,
  ...pulls,
  ...refs,
  ...evidenceRoutes,
];
