/** The simulated chat, receiver, Prometheus and gate system, over HTTP. */
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chatToken, type OutsideWorld, outsideWorld, webhookSecret } from '../../support/outside-world.ts';

let world: OutsideWorld;
beforeEach(async () => {
  world = await outsideWorld();
});
afterEach(() => world.close());

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('the simulated chat', () => {
  const api = async (method: string, body: unknown, token = chatToken) => {
    const response = await post(`${world.outside.at.chat}/api/${method}`, body, { authorization: `Bearer ${token}` });
    return { status: response.status, retryAfter: response.headers.get('retry-after'), body: await response.json() };
  };

  it('keeps threads, and reads them back with what was put beside the text', async () => {
    const root = await api('chat.postMessage', {
      channel: '#releases',
      text: 'one',
      metadata: { event_type: 'clm', event_payload: { id: '1' } },
    });
    const { ts } = root.body as { ts: string };
    await api('chat.postMessage', { channel: 'releases', text: 'two', thread_ts: ts });
    await api('chat.postMessage', { channel: 'C0RELEASES', text: 'elsewhere' });
    const { body } = await api('conversations.replies', { channel: 'C0RELEASES', ts });
    expect((body as { messages: object[] }).messages).toMatchObject([
      { text: 'one', metadata: { event_payload: { id: '1' } } },
      { text: 'two', thread_ts: ts },
    ]);
    const history = await api('conversations.history', { channel: 'C0RELEASES' });
    expect((history.body as { messages: { text: string }[] }).messages.map((one) => one.text)).toEqual([
      'elsewhere',
      'one',
    ]);
  });

  it('says no as the real one does: with 200 and an error', async () => {
    expect(await api('chat.postMessage', { channel: 'nowhere', text: 'x' })).toMatchObject({
      status: 200,
      body: { ok: false, error: 'channel_not_found' },
    });
    expect((await api('chat.postMessage', { channel: 'releases', text: 'x' }, 'other')).body).toMatchObject({
      error: 'invalid_auth',
    });
    expect((await api('chat.postMessage', { channel: 'releases', text: 'x', thread_ts: '1.2' })).body).toMatchObject({
      error: 'thread_not_found',
    });
    expect((await api('chat.postMessage', { channel: 'releases' })).body).toMatchObject({ error: 'no_text' });
  });

  it('asks to slow down after a burst, and for how long', async () => {
    const answers: number[] = [];
    for (let i = 0; i < 6; i++)
      answers.push((await api('chat.postMessage', { channel: 'releases', text: `${i}` })).status);
    expect(answers).toEqual([200, 200, 200, 200, 200, 429]);
    expect((await api('chat.postMessage', { channel: 'releases', text: 'x' })).retryAfter).toBe('1');
    world.time.now += 1_000;
    expect((await api('chat.postMessage', { channel: 'releases', text: 'x' })).status).toBe(200);
  });

  it('takes incoming webhooks', async () => {
    const sent = await post(world.outside.at.chatWebhook, { text: 'hello' });
    expect([sent.status, await sent.text()]).toEqual([200, 'ok']);
    expect(await (await post(world.outside.at.chatWebhook, '{')).text()).toBe('invalid_payload');
    expect((await post(`${world.outside.at.chat}/services/T/B/other`, { text: 'x' })).status).toBe(404);
    expect(world.outside.chat.messages).toMatchObject([{ text: 'hello', channel: 'C0RELEASES' }]);
  });
});

describe('the simulated receiver', () => {
  const key = Buffer.from(webhookSecret.slice('whsec_'.length), 'base64');
  const signed = (id: string, seconds: number, body: string, secret: Buffer = key) =>
    post(world.outside.at.receiver, body, {
      'webhook-id': id,
      'webhook-timestamp': String(seconds),
      'webhook-signature': `v1,${createHmac('sha256', secret).update(`${id}.${seconds}.${body}`).digest('base64')}`,
    });

  it('lets in what is signed with its secret, now, and knows a repeat', async () => {
    const now = world.time.now / 1000;
    expect((await signed('a', now, '{"x":1}')).status).toBe(204);
    expect((await signed('a', now, '{"x":1}')).status).toBe(204);
    expect(world.outside.receiver.received).toEqual([{ id: 'a', times: 2, body: { x: 1 } }]);
    expect((await signed('b', now - 301, '{}')).status).toBe(401);
    expect((await signed('b', now, '{}', Buffer.from('other'))).status).toBe(401);
    expect((await post(world.outside.at.receiver, '{}')).status).toBe(401);
    expect(world.outside.receiver.refused).toEqual(['too old or too new', 'wrong signature', 'not signed']);
  });
});

describe('what gates ask', () => {
  it('Prometheus answers queries over the series that were given', async () => {
    const ask = async (query: string) =>
      (await fetch(`${world.outside.at.prometheus}/api/v1/query?query=${encodeURIComponent(query)}&time=5`)).json();
    world.outside.prometheus.set([{ name: 'errors', labels: { channel: 'dev' }, value: 0.5 }]);
    expect(await ask('errors{channel="dev"}')).toMatchObject({
      status: 'success',
      data: { result: [{ value: [5, '0.5'] }] },
    });
    expect(await ask('errors{channel="beta"}')).toMatchObject({ data: { result: [] } });
    expect(await ask('errors{')).toMatchObject({ status: 'error', errorType: 'bad_data' });
  });

  it('faults, series and verdicts can be set from outside', async () => {
    const { control, verdict } = world.outside.at;
    const put = (what: string, body: unknown) =>
      fetch(`${control}/${what}`, { method: 'PUT', body: JSON.stringify(body) });
    await put('verdict', { verdict: 'closed', reason: 'not today' });
    expect(await (await post(verdict, { commit: 'a' })).json()).toEqual({ verdict: 'closed', reason: 'not today' });
    await post(`${control}/faults/verdict`, { kind: 'answer', status: 503 });
    expect((await post(verdict, {})).status).toBe(503);
    expect((await post(verdict, {})).status).toBe(200);
    const bad = await post(`${control}/faults/verdict`, { kind: 'answer' });
    expect([bad.status, await bad.json()]).toEqual([400, { error: 'status is 400 to 599' }]);
    expect(await (await fetch(control)).json()).toMatchObject({ verdict: [{ commit: 'a' }, {}] });
  });
});
