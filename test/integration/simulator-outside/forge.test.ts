/** The simulated forge, asked by GitHub's own client: what it answers is what that client understands. */
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { name, type OutsideWorld, outsideWorld, owner as ownerName } from '../../support/outside-world.ts';

const repo = { owner: ownerName, repo: name };
let world: OutsideWorld;

beforeEach(async () => {
  world = await outsideWorld();
});
afterEach(() => world.close());

const refused = async (call: Promise<unknown>): Promise<{ status: number; message: string }> => {
  try {
    await call;
  } catch (error) {
    return error as { status: number; message: string };
  }
  throw new Error('it was let through');
};

describe('a pull request of the simulated forge', () => {
  it('is opened, listed by head and base, edited and closed', async () => {
    const clm = world.as('clm');
    const { data: opened } = await clm.pulls.create({
      ...repo,
      head: 'dev',
      base: 'alpha',
      title: 'promote',
      body: 'why',
    });
    expect(opened).toMatchObject({
      number: 1,
      state: 'open',
      merged: false,
      head: { sha: world.second },
      base: { sha: world.first },
    });
    const list = await clm.pulls.list({ ...repo, head: `${ownerName}:dev`, base: 'alpha', state: 'open' });
    expect(list.data.map((one) => one.number)).toEqual([1]);
    expect((await clm.pulls.list({ ...repo, head: `${ownerName}:other` })).data).toEqual([]);
    await clm.pulls.update({ ...repo, pull_number: 1, body: 'better' });
    await clm.pulls.update({ ...repo, pull_number: 1, state: 'closed' });
    expect((await clm.pulls.get({ ...repo, pull_number: 1 })).data).toMatchObject({
      state: 'closed',
      body: 'better',
      merged: false,
    });
  });

  it('is refused twice, without commits, and for branches that are not there', async () => {
    const clm = world.as('clm');
    const open = (head: string, base: string) => clm.pulls.create({ ...repo, head, base, title: 't' });
    await open('dev', 'alpha');
    expect(await refused(open('dev', 'alpha'))).toMatchObject({
      status: 422,
      message: expect.stringContaining('already exists'),
    });
    expect(await refused(open('alpha', 'beta'))).toMatchObject({
      status: 422,
      message: expect.stringContaining('No commits between'),
    });
    expect(await refused(open('nowhere', 'beta'))).toMatchObject({ status: 422 });
    expect(
      await refused(world.as('eve').pulls.create({ ...repo, head: 'dev', base: 'beta', title: 't' })),
    ).toMatchObject({ status: 403 });
  });

  it('moves the branch of the real repository when it is merged, and only at the commit that was meant', async () => {
    await world.as('clm').pulls.create({ ...repo, head: 'dev', base: 'alpha', title: 'promote' });
    const ada = world.as('ada');
    expect(await refused(ada.pulls.merge({ ...repo, pull_number: 1, sha: world.first }))).toMatchObject({
      status: 409,
    });
    const { data } = await ada.pulls.merge({ ...repo, pull_number: 1, sha: world.second });
    expect(world.sandbox.head('alpha')).toBe(data.sha);
    expect(world.sandbox.git(world.sandbox.bare, 'rev-parse', `${data.sha}^{tree}`)).toBe(
      world.sandbox.git(world.sandbox.bare, 'rev-parse', `${world.second}^{tree}`),
    );
    expect(world.sandbox.git(world.sandbox.bare, 'rev-list', '--parents', '-n1', data.sha)).toBe(
      `${data.sha} ${world.first} ${world.second}`,
    );
    expect((await ada.pulls.get({ ...repo, pull_number: 1 })).data).toMatchObject({
      merged: true,
      merge_commit_sha: data.sha,
      merged_by: { login: 'ada' },
    });
  });

  it('counts as merged when its commit is pushed to the base', async () => {
    await world.as('clm').pulls.create({ ...repo, head: 'dev', base: 'alpha', title: 'promote' });
    world.sandbox.push('alpha', world.second);
    await world.outside.forge.noticePushes();
    expect((await world.as('ada').pulls.get({ ...repo, pull_number: 1 })).data).toMatchObject({
      state: 'closed',
      merged: true,
    });
  });

  it('cannot be merged when it conflicts', async () => {
    world.sandbox.push('alpha', world.sandbox.commit('other', { 'cluster/cluster.yaml': 'three\n' }, world.first));
    const { data } = await world.as('clm').pulls.create({ ...repo, head: 'dev', base: 'alpha', title: 'promote' });
    expect(data).toMatchObject({ mergeable: false, mergeable_state: 'dirty' });
    expect(await refused(world.as('ada').pulls.merge({ ...repo, pull_number: 1 }))).toMatchObject({ status: 405 });
  });
});

describe('a protected branch of the simulated forge', () => {
  const protect = (count: number, contexts: string[]) =>
    world.as('ada').repos.updateBranchProtection({
      ...repo,
      branch: 'alpha',
      required_status_checks: { strict: false, contexts },
      enforce_admins: true,
      required_pull_request_reviews: { required_approving_review_count: count, dismiss_stale_reviews: true },
      restrictions: null,
    });

  it('takes a merge only with the reviews and statuses that it demands', async () => {
    await protect(1, ['tests']);
    await world.as('clm').pulls.create({ ...repo, head: 'dev', base: 'alpha', title: 'promote' });
    const ada = world.as('ada');
    const merge = () => ada.pulls.merge({ ...repo, pull_number: 1 });
    expect((await refused(merge())).message).toContain('At least 1 approving review');
    expect(
      await refused(world.as('clm').pulls.createReview({ ...repo, pull_number: 1, event: 'APPROVE' })),
    ).toMatchObject({ status: 422 });
    await world.as('bob').pulls.createReview({ ...repo, pull_number: 1, event: 'REQUEST_CHANGES', body: 'no' });
    expect((await refused(merge())).message).toContain('Changes have been requested');
    await world.as('bob').pulls.createReview({ ...repo, pull_number: 1, event: 'APPROVE' });
    expect((await refused(merge())).message).toContain('"tests"');
    await world.as('bob').repos.createCommitStatus({ ...repo, sha: world.second, state: 'success', context: 'tests' });
    await merge();
    expect(world.sandbox.head('alpha')).not.toBe(world.first);
  });

  it('takes a push of an approved request, and no other', async () => {
    await protect(1, []);
    expect(() => world.sandbox.push('alpha', world.second)).toThrow(/GH006/);
    expect(
      await refused(world.as('clm').git.updateRef({ ...repo, ref: 'heads/alpha', sha: world.second })),
    ).toMatchObject({ status: 422 });
    await world.as('clm').pulls.create({ ...repo, head: 'dev', base: 'alpha', title: 'promote' });
    await world.as('bob').pulls.createReview({ ...repo, pull_number: 1, event: 'APPROVE' });
    world.sandbox.push('alpha', world.second);
    expect(world.sandbox.head('alpha')).toBe(world.second);
  });

  it('forgets an approval when something else is pushed', async () => {
    await protect(1, []);
    await world.as('clm').pulls.create({ ...repo, head: 'dev', base: 'alpha', title: 'promote' });
    await world.as('bob').pulls.createReview({ ...repo, pull_number: 1, event: 'APPROVE' });
    world.sandbox.push('dev', world.sandbox.commit('third', { 'cluster/cluster.yaml': 'three\n' }, world.second));
    await world.outside.forge.noticePushes();
    expect((await refused(world.as('ada').pulls.merge({ ...repo, pull_number: 1 }))).message).toContain('At least 1');
  });
});

describe('what the simulated forge says of commits', () => {
  it('combines statuses by context, and puts an older deployment of an environment out of use', async () => {
    const clm = world.as('clm');
    const say = (state: 'pending' | 'success', context: string) =>
      clm.repos.createCommitStatus({ ...repo, sha: world.second, state, context });
    await say('pending', 'clm/dev');
    await say('success', 'clm/dev');
    await say('pending', 'clm/alpha');
    const { data } = await clm.repos.getCombinedStatusForRef({ ...repo, ref: 'dev' });
    expect(data).toMatchObject({ state: 'pending', sha: world.second, total_count: 2 });
    const deploy = async (ref: string) => {
      const made = await clm.repos.createDeployment({
        ...repo,
        ref,
        environment: 'dev',
        auto_merge: false,
        required_contexts: [],
      });
      const { id } = made.data as { id: number };
      await clm.repos.createDeploymentStatus({ ...repo, deployment_id: id, state: 'success' });
      return id;
    };
    const older = await deploy(world.first);
    await deploy(world.second);
    const statuses = await clm.repos.listDeploymentStatuses({ ...repo, deployment_id: older });
    expect(statuses.data.map((one) => one.state)).toEqual(['inactive', 'success']);
  });

  it('pages long lists with links that the client follows', async () => {
    const clm = world.as('clm');
    for (let i = 0; i < 7; i++)
      await clm.repos.createCommitComment({ ...repo, commit_sha: world.first, body: `note ${i}` });
    const all = await clm.paginate(clm.repos.listCommentsForCommit, { ...repo, commit_sha: world.first, per_page: 3 });
    expect(all.map((one) => one.body)).toEqual(Array.from({ length: 7 }, (_, i) => `note ${i}`));
  });
});

describe('the limits and faults of the simulated forge', () => {
  it('counts requests, says how many are left, and lets nobody in after the last until the hour is over', async () => {
    world.outside.github.rates.limit = 3;
    const clm = world.as('clm');
    const { headers } = await clm.repos.get(repo);
    expect(headers['x-ratelimit-remaining']).toBe('2');
    await clm.repos.get(repo);
    await clm.repos.get(repo);
    const { response } = (await refused(clm.repos.get(repo))) as unknown as {
      response: { status: number; headers: Record<string, string> };
    };
    expect(response.status).toBe(403);
    expect(response.headers['x-ratelimit-remaining']).toBe('0');
    expect(Number(response.headers['x-ratelimit-reset'])).toBe(world.time.now / 1000 + 3600);
    world.time.now += 3_600_000;
    expect((await clm.repos.get(repo)).status).toBe(200);
  });

  it('slows down bursts of writes', async () => {
    world.outside.github.rates.writesAMinute = 1;
    const clm = world.as('clm');
    const write = () => clm.repos.createCommitComment({ ...repo, commit_sha: world.first, body: 'note' });
    await write();
    const error = (await refused(write())) as unknown as {
      status: number;
      response: { headers: Record<string, string> };
    };
    expect(error.status).toBe(403);
    expect(error.response.headers['retry-after']).toBe('60');
  });

  it('loses the answer of something that was done', async () => {
    world.outside.github.faults.plan({ kind: 'lost', method: 'POST', path: '/pulls' });
    world.outside.github.faults.plan({ kind: 'answer', status: 502, path: '/pulls' });
    const clm = world.as('clm');
    await refused(clm.pulls.create({ ...repo, head: 'dev', base: 'alpha', title: 'promote' }));
    expect(await refused(clm.pulls.list(repo))).toMatchObject({ status: 502 });
    expect((await clm.pulls.list(repo)).data).toHaveLength(1);
  });

  it('knows its callers', async () => {
    const ask = (headers: Record<string, string>) => fetch(`${world.outside.at.github}/user`, { headers });
    expect((await ask({ authorization: 'token nobody' })).status).toBe(401);
    expect((await ask({})).status).toBe(401);
    expect(await (await ask({ authorization: 'Bearer token-of-ada' })).json()).toMatchObject({ login: 'ada' });
  });
});

describe('webhooks of the simulated forge', () => {
  it('tell of a push by git, signed', async () => {
    const seen: { event: string; body: string; signature: string }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        const header = (key: string): string => String(request.headers[key]);
        seen.push({ event: header('x-github-event'), body, signature: header('x-hub-signature-256') });
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await world
      .as('ada')
      .repos.createWebhook({ ...repo, config: { url, secret: 's3cret', content_type: 'json' }, events: ['push'] });
    world.sandbox.push('alpha', world.second);
    await expect.poll(() => seen.map((one) => one.event)).toEqual(['ping', 'push']);
    const push = seen[1];
    expect(JSON.parse(push?.body ?? '')).toMatchObject({
      ref: 'refs/heads/alpha',
      before: world.first,
      after: world.second,
    });
    expect(push?.signature).toBe(
      `sha256=${createHmac('sha256', 's3cret')
        .update(push?.body ?? '')
        .digest('hex')}`,
    );
    await new Promise((resolve) => server.close(resolve));
  });
});
