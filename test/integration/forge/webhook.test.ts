/** Webhooks of the forge make the daemon look at once; only signed ones count. */
import { afterEach, describe, expect, it } from 'vitest';
import { startWebhookServer, type WebhookServer } from '../../../src/daemon/webhook-server.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { name, type OutsideWorld, outsideWorld, owner } from '../../support/outside-world.ts';

let world: OutsideWorld | undefined;
let server: WebhookServer | undefined;
afterEach(async () => {
  await server?.close();
  await world?.close();
  server = undefined;
  world = undefined;
});

async function listen() {
  const seen: string[] = [];
  const outcomes: string[] = [];
  server = await startWebhookServer({
    listen: { host: '127.0.0.1', port: 0 },
    secret: { env: 'SECRET' },
    environment: { SECRET: 's3cret' },
    onPush: () => seen.push('push'),
    onReview: () => seen.push('review'),
    onDelivery: (outcome) => outcomes.push(outcome),
    log: silentLogger(),
  });
  return { seen, outcomes, url: `http://127.0.0.1:${server.port}/github` };
}

describe('the endpoint for webhooks', () => {
  it('takes what the forge signs: pushes, and what changes reviews', async () => {
    const { seen, url, outcomes } = await listen();
    world = await outsideWorld();
    const repo = { owner, repo: name };
    await world.as('ada').repos.createWebhook({ ...repo, config: { url, secret: 's3cret' }, events: ['*'] });
    world.sandbox.push('alpha', world.second);
    await expect.poll(() => seen).toEqual(['push']);
    await world.as('ada').repos.createCommitStatus({ ...repo, sha: world.second, state: 'success', context: 'tests' });
    await world.as('clm').pulls.create({ ...repo, head: 'dev', base: 'beta', title: 'promote' });
    await expect.poll(() => seen).toEqual(['push', 'review', 'review']);
    expect(outcomes).toEqual(['ignored', 'taken', 'taken', 'taken']);
    expect(world.outside.forge.hooks.deliveries.map((one) => one.status)).toEqual([202, 202, 202, 202]);
  });

  it('refuses what is not signed, signed with something else, or not posted', async () => {
    const { seen, url } = await listen();
    const post = async (headers: Record<string, string>) =>
      (await fetch(url, { method: 'POST', body: '{}', headers: { 'x-github-event': 'push', ...headers } })).status;
    expect(await post({})).toBe(401);
    expect(await post({ 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` })).toBe(401);
    expect(await post({ 'x-hub-signature-256': 'sha256=' })).toBe(401);
    expect((await fetch(url)).status).toBe(405);
    expect((await fetch(url.replace('/github', '/'))).status).toBe(404);
    expect(seen).toEqual([]);
  });
});
