/** Promotions by pull request against the simulated forge, on a real repository, with real git. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Proposal, Scm } from '../../../src/ports/scm.ts';
import { openGithub } from '../../../src/providers/scm/github/github-client.ts';
import { createGithubReports } from '../../../src/providers/scm/github/github-reports.ts';
import { createGithubReviews } from '../../../src/providers/scm/github/github-reviews.ts';
import { openChannelSource } from '../../../src/sources/git/git-channel-source.ts';
import { failureOf } from '../../support/git-world.ts';
import { name, type OutsideWorld, outsideWorld, owner, tokens } from '../../support/outside-world.ts';

const repo = { owner, repo: name };
let world: OutsideWorld;
let scm: Scm;
let proposal: Proposal;
let calls: [string, number | undefined][];

function client(token = 'TOKEN', spaced = false) {
  return openGithub({
    ...{ url: world.outside.at.github, owner, repository: name, token: { env: token }, timeoutMs: 2_000 },
    ...{ environment: { TOKEN: tokens.clm, WRONG: 'a-token-of-nobody' }, wallNow: () => world.time.now, spaced },
    onCall: (outcome, remaining) => calls.push([outcome, remaining]),
  });
}

beforeEach(async () => {
  world = await outsideWorld();
  calls = [];
  const mirrorPath = join(world.sandbox.directory, 'mirror.git');
  const source = openChannelSource({ url: world.sandbox.bare, mirrorPath, path: 'cluster', timeoutMs: 20_000 });
  await source.fetch(['dev', 'alpha', 'beta'], {});
  scm = createGithubReviews(client(), source);
  proposal = { target: 'alpha', commit: world.second, title: 'Promote', body: 'proven' };
});
afterEach(() => world.close());

const approve = (who: 'ada' | 'bob', event: 'APPROVE' | 'REQUEST_CHANGES') =>
  world.as(who).pulls.createReview({ ...repo, pull_number: 1, event });
const branch = () => `clm/promote/alpha/${world.second.slice(0, 12)}`;

describe('a promotion by pull request', () => {
  it('opens one request for a version and target, and finds it again', async () => {
    const first = await scm.propose(proposal);
    expect(first).toEqual({ id: '1', url: 'https://forge.example.org/platform/config/pull/1' });
    expect(world.sandbox.head(branch())).toBe(world.second);
    expect(await scm.propose({ ...proposal, body: 'proven, with more' })).toEqual(first);
    expect(world.outside.forge.state.pulls).toMatchObject([
      { body: 'proven, with more', base: 'alpha', head: branch() },
    ]);
  });

  it('finds the request whose answer was lost', async () => {
    world.outside.github.faults.plan({ kind: 'lost', method: 'POST', path: '/pulls' });
    expect((await failureOf(scm.propose(proposal))).code).toBe('scm-unreachable');
    expect((await scm.propose(proposal)).id).toBe('1');
    expect(world.outside.forge.state.pulls).toHaveLength(1);
  });

  it('is approved by people, not by clm itself, and not over an objection or before its checks are green', async () => {
    const review = await scm.propose(proposal);
    const look = () => scm.review(review, proposal);
    expect(await look()).toEqual({ kind: 'pending', message: 'nobody has approved it yet' });
    await approve('bob', 'REQUEST_CHANGES');
    await approve('ada', 'APPROVE');
    expect(await look()).toEqual({ kind: 'pending', message: 'changes are requested by bob' });
    await approve('bob', 'APPROVE');
    const ada = world.as('ada');
    const check = (conclusion: 'failure' | 'success') =>
      ada.checks.create({ ...repo, name: 'lint', head_sha: world.second, status: 'completed', conclusion });
    await ada.repos.createCommitStatus({ ...repo, sha: world.second, state: 'pending', context: 'tests' });
    await ada.repos.createCommitStatus({ ...repo, sha: world.second, state: 'pending', context: 'clm/alpha' });
    await check('failure');
    expect(await look()).toMatchObject({
      kind: 'pending',
      message: 'approved by ada, bob; not green: tests is pending, lint is failure',
    });
    await ada.repos.createCommitStatus({ ...repo, sha: world.second, state: 'success', context: 'tests' });
    world.outside.forge.state.checkRuns.length = 0;
    await check('success');
    expect(await look()).toEqual({ kind: 'approved', by: ['ada', 'bob'] });
  });

  it('waits for what the protection of the branch demands', async () => {
    await world.as('ada').repos.updateBranchProtection({
      ...{ ...repo, branch: 'alpha', required_status_checks: null, enforce_admins: true, restrictions: null },
      required_pull_request_reviews: { required_approving_review_count: 2 },
    });
    const review = await scm.propose(proposal);
    await approve('ada', 'APPROVE');
    expect(await scm.review(review, proposal)).toMatchObject({
      kind: 'pending',
      message: expect.stringContaining('the protection of alpha demands more'),
    });
    await approve('bob', 'APPROVE');
    expect(await scm.review(review, proposal)).toMatchObject({ kind: 'approved' });
  });

  it('says that it was closed, that it conflicts, and that somebody pushed something else', async () => {
    const review = await scm.propose(proposal);
    world.sandbox.push('alpha', world.sandbox.commit('other', { 'cluster/cluster.yaml': 'three\n' }, world.first));
    expect(await scm.review(review, proposal)).toMatchObject({
      kind: 'pending',
      message: expect.stringContaining('it conflicts with alpha'),
    });
    world.sandbox.push(branch(), world.sandbox.commit('smuggled', { 'cluster/x.yaml': 'x\n' }, world.second));
    expect(await scm.review(review, proposal)).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('somebody pushed to'),
    });
    await world.as('ada').pulls.update({ ...repo, pull_number: 1, state: 'closed' });
    expect(await scm.review(review, proposal)).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('closed without a merge'),
    });
  });

  it('notices who has merged it, by the button and by a push', async () => {
    const review = await scm.propose(proposal);
    const { data } = await world.as('ada').pulls.merge({ ...repo, pull_number: 1 });
    expect(await scm.review(review, proposal)).toEqual({ kind: 'merged', by: 'ada', commit: data.sha });
    const other: Proposal = { ...proposal, target: 'beta' };
    const second = await scm.propose(other);
    world.sandbox.push('beta', world.second);
    await world.outside.forge.noticePushes();
    expect(await scm.review(second, other)).toEqual({ kind: 'merged', by: 'pusher', commit: world.second });
  });

  it('is merged once, at the commit that was proposed, also when the answer is lost', async () => {
    const review = await scm.propose(proposal);
    world.outside.github.faults.plan({ kind: 'lost', method: 'PUT', path: '/merge' });
    const merged = await scm.merge?.(review, proposal);
    expect(world.sandbox.head('alpha')).toBe(merged?.commit);
    expect(await scm.merge?.(review, proposal)).toEqual(merged);
  });

  it('is closed and its branch removed when it is not wanted any more', async () => {
    const review = await scm.propose(proposal);
    await scm.close(review, proposal);
    expect(world.outside.forge.state.pulls).toMatchObject([{ state: 'closed', merged: null }]);
    expect(world.sandbox.head(branch())).toBe('');
  });
});

describe('what the forge answers', () => {
  it('becomes a failure of its kind', async () => {
    const { faults, rates } = world.outside.github;
    const ask = async (github = client()) => failureOf(github.call('asking', () => github.rest.repos.get(repo)));
    expect(await ask(client('WRONG'))).toMatchObject({
      kind: 'terminal',
      code: 'scm-refused',
      message: expect.stringContaining('Bad credentials'),
    });
    expect(await ask(client('NONE'))).toMatchObject({ code: 'scm-no-secret' });
    faults.plan({ kind: 'answer', status: 403, message: 'secondary rate limit', headers: { 'retry-after': '42' } });
    expect(await ask()).toMatchObject({ kind: 'transient', code: 'scm-rate-limited', retryAfterMs: 42_000 });
    rates.limit = 0;
    expect(await ask()).toMatchObject({ code: 'scm-rate-limited', retryAfterMs: 3_600_000 });
  });

  it('is tried again where that is safe, and what is left of the limit is told', async () => {
    world.outside.github.faults.plan({ kind: 'answer', status: 502, method: 'GET' });
    const github = client();
    await github.call('asking', () => github.rest.repos.get(repo));
    world.outside.github.faults.plan({ kind: 'answer', status: 502, method: 'POST' });
    const write = github.call('writing', () =>
      github.rest.repos.createCommitComment({ ...repo, commit_sha: world.first, body: 'x' }),
    );
    expect((await failureOf(write)).code).toBe('scm-unreachable');
    expect(calls).toEqual([
      ['ok', 4_998],
      ['scm-unreachable', undefined],
    ]);
  });

  it('is bounded in time', async () => {
    world.outside.github.faults.plan({ kind: 'late', delayMs: 4_000, times: 3 });
    const github = openGithub({
      ...{ url: world.outside.at.github, owner, repository: name, token: { env: 'TOKEN' }, timeoutMs: 50 },
      ...{ environment: { TOKEN: tokens.clm }, wallNow: () => 0, spaced: false },
    });
    expect(await failureOf(github.call('asking', () => github.rest.repos.get(repo)))).toMatchObject({
      code: 'scm-unreachable',
    });
  });

  it('comes through the spacing of writes, too', async () => {
    const github = client('TOKEN', true);
    const { status } = await github.call('writing', () =>
      github.rest.repos.createCommitComment({ ...repo, commit_sha: world.first, body: 'x' }),
    );
    expect(status).toBe(201);
  });
});

describe('what is said on the forge', () => {
  it('is a status and a deployment of each channel, written only when it changes', async () => {
    const reports = createGithubReports(client(), { statuses: true, deployments: true });
    const say = (state: 'pending' | 'success' | 'superseded', commit = world.second) =>
      reports.report({ channel: 'dev', commit, state, description: `${state} ${'x'.repeat(200)}` });
    await say('pending');
    await say('pending');
    await say('success');
    await say('success');
    const { statuses, deployments } = world.outside.forge.state;
    expect(statuses.map((one) => [one.context, one.state, one.description?.length])).toEqual([
      ['clm/dev', 'pending', 140],
      ['clm/dev', 'success', 140],
    ]);
    expect(deployments).toMatchObject([
      {
        environment: 'dev',
        sha: world.second,
        task: 'clm',
        statuses: [{ state: 'in_progress' }, { state: 'success' }],
      },
    ]);
    const next = world.sandbox.commit('third', { 'cluster/cluster.yaml': 'three\n' }, world.second);
    world.sandbox.push('dev', next);
    await say('success', next);
    // the forge itself puts the older one out of use, and it stays so
    await say('success');
    expect(deployments[0]?.statuses.at(-1)?.state).toBe('inactive');
  });
});
