/** News from a real store to services on loopback: told once, in order, in threads; tried again, given up, and shown. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SinkConfig } from '../../../src/daemon/config-outside.ts';
import { Collector } from '../../../src/daemon/notify/collector.ts';
import { createDeadLetters } from '../../../src/daemon/notify/dead-letters.ts';
import { notifiersOf } from '../../../src/daemon/notify/notifiers.ts';
import { Sink } from '../../../src/daemon/notify/sink.ts';
import type { JournalEntry, Store } from '../../../src/ports/store.ts';
import { openGithub } from '../../../src/providers/scm/github/github-client.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { ScaledClock } from '../../../src/support/clock.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { CrashError, CrashPoint, crashingStore } from '../../support/crashing-store.ts';
import {
  chatToken,
  name,
  type OutsideWorld,
  outsideWorld,
  owner,
  tokens,
  webhookSecret,
} from '../../support/outside-world.ts';
import { statusFixture } from '../../support/status-fixture.ts';

const environment = { FORGE: tokens.clm, CHAT: chatToken, HOOK: webhookSecret };
const everything = { tell: ['info', 'attention'] as const, channels: [], templates: {} };
const commit = 'a'.repeat(40);
let world: OutsideWorld;
let store: Store;
let directory: string;

beforeEach(async () => {
  world = await outsideWorld();
  world.time.now = new ScaledClock(0, 1).now();
  directory = mkdtempSync(join(tmpdir(), 'clm-news-'));
  store = await openSqliteStore({ path: join(directory, 'clm.db') });
});
afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true, force: true });
  await world.close();
});

const hook = (change: Partial<SinkConfig> = {}): SinkConfig => ({
  ...{ name: 'hook', kind: 'webhook', url: world.outside.at.receiver, secret: { env: 'HOOK' } },
  ...{ audience: everything, timeoutMs: 2_000 },
  ...(change as object),
});
const chat = (): SinkConfig => ({
  ...{ name: 'chat', kind: 'slack', to: { url: world.outside.at.chat, channel: 'C0RELEASES', token: { env: 'CHAT' } } },
  ...{ audience: everything, timeoutMs: 2_000 },
});

const forge = () =>
  openGithub({
    ...{ url: world.outside.at.github, owner, repository: name, token: { env: 'FORGE' }, timeoutMs: 5_000 },
    ...{ environment, wallNow: () => world.time.now, spaced: false },
  });

const entry = (kind: string, message: string, at = 1_000): JournalEntry => ({
  ...{ at, source: 'rollout:dev', seq: 1, kind, channel: 'dev', cluster: '', commit, message, data: null },
});

/** One life of what a daemon does to tell people. */
function life(on: Store, sinks: SinkConfig[], attempts = 5) {
  const outcomes: string[] = [];
  const common = { store: on, leaseHeld: () => true, log: silentLogger(), now: () => 5_000 };
  const made = notifiersOf(sinks, forge(), environment).map(
    (one) => new Sink({ ...one, ...common, attempts, onAttempt: (_, outcome) => outcomes.push(outcome) }),
  );
  const quiet = statusFixture({ clusters: [], channels: [] });
  const collector = new Collector({
    ...common,
    ...{ sinks: made, status: async () => quiet, pipeline: () => undefined, blockedForMs: 0, onNews: () => {} },
  });
  const pass = async (): Promise<boolean[]> => {
    await collector.pass();
    return Promise.all(made.map((sink) => sink.pass()));
  };
  return { pass, sinks: made, outcomes };
}

describe('news', () => {
  it('of before anybody was to be told are not told', async () => {
    await store.post({ journal: [entry('rollout-halted', 'long ago')], now: 1 });
    const one = life(store, [hook()]);
    await one.pass();
    await store.post({ journal: [entry('rollout-halted', 'now'), entry('components-applied', 'no news')], now: 2 });
    await one.pass();
    expect(
      world.outside.receiver.received.map((each) => (each.body as { data: { message: string } }).data.message),
    ).toEqual(['now']);
    expect(world.outside.receiver.refused).toEqual([]);
  });

  it('of one rollout stand in one thread of the chat, and what needs somebody is shown in the channel, too', async () => {
    const one = life(store, [chat()]);
    await one.pass();
    const started = entry('rollout-planned', 'aaa starts on dev');
    const other = { ...entry('branch-moved', 'beta moved'), channel: 'beta' };
    await store.post({ journal: [started, other, entry('rollout-halted', 'stop & <look>')], now: 2 });
    await one.pass();
    const [first, second, third] = world.outside.chat.messages;
    expect([first?.text, second?.text, third?.text]).toEqual([
      'aaa starts on dev',
      'beta moved',
      ':warning: stop &amp; &lt;look&gt;',
    ]);
    expect([second?.threadTs, third?.threadTs, third?.broadcast]).toEqual([undefined, first?.ts, true]);
    // the thread is remembered over a restart
    await store.post({ journal: [entry('rollout-proven', 'aaa is proven')], now: 3 });
    await life(store, [chat()]).pass();
    expect(world.outside.chat.messages[3]).toMatchObject({
      text: 'aaa is proven',
      threadTs: first?.ts,
      broadcast: false,
    });
  });

  it('that could not be delivered are tried again in order, and a limit of the chat is respected', async () => {
    world.outside.receiver.faults.plan({ kind: 'answer', status: 503, times: 2 });
    const one = life(store, [hook()]);
    await one.pass();
    await store.post({ journal: [entry('rollout-planned', 'one'), entry('rollout-proven', 'two')], now: 2 });
    expect(await one.pass()).toEqual([false]);
    expect(one.sinks[0]?.problems()).toMatchObject([
      { code: 'notify-unreachable', message: expect.stringContaining('2 pieces of news wait to be told to hook') },
    ]);
    expect(await one.pass()).toEqual([false]);
    expect(await one.pass()).toEqual([true]);
    expect(world.outside.receiver.received.map((each) => (each.body as { type: string }).type)).toEqual([
      'rollout-started',
      'rollout-proven',
    ]);
    expect(one.outcomes).toEqual(['failed', 'failed', 'delivered', 'delivered']);
    expect(one.sinks[0]?.problems()).toEqual([]);
  });

  it('wait as long as the chat asks for, and no other place waits with them', async () => {
    world.outside.chat.faults.plan({
      kind: 'answer',
      status: 429,
      message: 'ratelimited',
      headers: { 'retry-after': '30' },
    });
    const one = life(store, [chat(), hook()]);
    await one.pass();
    await store.post({ journal: [entry('rollout-planned', 'one')], now: 2 });
    expect(await one.pass()).toEqual([false, true]);
    expect(await one.pass()).toEqual([false, true]);
    expect(one.outcomes.filter((outcome) => outcome === 'failed')).toHaveLength(1);
    expect(world.outside.receiver.received).toHaveLength(1);
    expect(world.outside.chat.messages).toEqual([]);
  });

  it('are given up after so many attempts, or at once where somebody has to correct something, and that is shown', async () => {
    const one = life(store, [hook()], 3);
    await one.pass();
    world.outside.receiver.faults.plan({ kind: 'reset', times: 3 });
    await store.post({ journal: [entry('rollout-planned', 'never arrives')], now: 2 });
    for (let i = 0; i < 3; i++) await one.pass();
    world.outside.receiver.faults.plan({ kind: 'answer', status: 410, message: 'gone' });
    await store.post({ journal: [entry('rollout-proven', 'not wanted'), entry('rollout-halted', 'arrives')], now: 3 });
    await one.pass();
    expect(one.outcomes).toEqual(['failed', 'failed', 'dead', 'dead', 'delivered']);
    expect(one.sinks[0]?.counts()).toEqual({ pending: 0, dead: 2 });
    expect(one.sinks[0]?.problems()).toMatchObject([
      {
        code: 'news-undelivered',
        message: expect.stringContaining(
          "2 pieces of news were not told to hook: last 'not wanted' (hook answers 410: gone)",
        ),
      },
    ]);
    const journal = await store.journal({ kind: 'news-undelivered', limit: 10 });
    expect(journal.map((each) => each.data)).toMatchObject([
      { attempts: 3, code: 'notify-unreachable' },
      { attempts: 1, code: 'notify-refused' },
    ]);
    // told by status after a restart, too
    const next = life(store, [hook()]);
    await next.pass();
    expect(next.sinks[0]?.counts().dead).toBe(2);
  });

  it('that were given up are listed, sent again in their order under the ids that they had, or dropped, all with who and why', async () => {
    const one = life(store, [hook(), chat()], 1);
    await one.pass();
    world.outside.receiver.faults.plan({ kind: 'answer', status: 410, message: 'gone', times: 3 });
    const kinds = ['rollout-planned', 'rollout-halted', 'rollout-proven'];
    await store.post({ journal: kinds.map((kind, i) => entry(kind, ['one', 'two', 'three'][i] ?? '')), now: 2 });
    await one.pass();
    const reread = async (): Promise<void> => {
      for (const sink of one.sinks) await sink.reread();
    };
    const letters = createDeadLetters({ store, now: () => 6_000, onChanged: reread });
    const ada = { name: 'ada' };
    const listed = await letters.list();
    expect(listed.places).toEqual([{ name: 'hook', waiting: 0, undelivered: 3 }]);
    expect(listed.news).toMatchObject([
      { id: 'hook/1', state: 'undelivered', message: 'one', code: 'notify-refused', reason: 'hook answers 410: gone' },
      { id: 'hook/2', message: 'two', attempts: 1, channel: 'dev' },
      { id: 'hook/3', message: 'three' },
    ]);
    await expect(letters.drop({ news: ['hook/1', 'hook/9'], reason: 'told by hand' }, ada)).rejects.toMatchObject({
      status: 404,
      message: expect.stringContaining("There is no undelivered news 'hook/9'. Near: hook/"),
    });
    await expect(letters.resend({ place: 'chat', reason: 'it is up' }, ada)).rejects.toMatchObject({
      status: 409,
      message: 'No undelivered news of chat are kept. There is some of: hook.',
    });
    expect((await letters.list()).news).toHaveLength(3);
    const dropped = await letters.drop({ news: ['hook/2'], reason: 'told by hand' }, ada);
    expect(dropped).toEqual({ told: ['hook/2'], message: "ada dropped: hook/2 'two': told by hand" });
    expect(one.sinks[0]?.counts().dead).toBe(2);
    await letters.resend({ all: true, reason: 'the receiver is back' }, ada);
    expect(one.sinks[0]?.problems()).toEqual([]);
    expect((await letters.list()).news).toMatchObject([{ id: 'hook/1', state: 'waiting' }, { id: 'hook/3' }]);
    await store.post({ journal: [entry('rollout-proven', 'four')], now: 3 });
    await one.pass();
    const told = world.outside.receiver.received.map(
      (each) => (each.body as { data: { message: string } }).data.message,
    );
    expect(told).toEqual(['one', 'three', 'four']);
    expect(await letters.list()).toEqual({ places: [], news: [] });
    const said = await store.journal({ limit: 50 });
    expect(said.filter((each) => each.source === 'operator:ada').map((each) => [each.kind, each.message])).toEqual([
      ['news-dropped', "ada dropped: hook/2 'two': told by hand"],
      ['news-resent', "ada had sent again: hook/1 'one', hook/3 'three': the receiver is back"],
    ]);
  });

  it('say which secret is missing, and hold it nowhere', async () => {
    const one = life(store, [{ ...hook(), secret: { env: 'NOBODY' } } as SinkConfig, chat()]);
    await one.pass();
    await store.post({ journal: [entry('rollout-planned', 'one')], now: 2 });
    await one.pass();
    expect(one.sinks[0]?.problems()[0]).toMatchObject({
      code: 'notify-no-secret',
      message: expect.stringContaining('environment variable NOBODY of the daemon is not set'),
    });
    const kept = JSON.stringify([await store.facts('news-pending'), await store.journal({ limit: 100 })]);
    expect(kept).not.toContain(chatToken);
  });

  it('are told by template, and only to those who want them', async () => {
    const audience = {
      tell: ['attention', 'promoted'] as const,
      channels: ['dev'],
      templates: { 'rollout-halted': 'HALT {channel} {short}: {message}' },
    };
    const one = life(store, [hook({ audience })]);
    await one.pass();
    const elsewhere = { ...entry('rollout-halted', 'elsewhere'), channel: 'beta' };
    await store.post({
      journal: [
        entry('rollout-planned', 'quiet'),
        elsewhere,
        entry('rollout-halted', 'loud'),
        entry('branch-moved', 'moved'),
      ],
      now: 2,
    });
    await one.pass();
    const texts = world.outside.receiver.received.map((each) => (each.body as { data: { text: string } }).data.text);
    expect(texts).toEqual([`HALT dev ${'a'.repeat(12)}: loud`, 'moved']);
  });
});

describe('news on the forge', () => {
  it('are comments on their commit, once each, and what is about no commit is not told there', async () => {
    const place: SinkConfig = { name: 'forge', kind: 'github', audience: everything, timeoutMs: 1_000 };
    const one = life(store, [place]);
    await one.pass();
    world.outside.github.faults.plan({ kind: 'lost', method: 'POST', path: '/comments' });
    const about = { ...entry('rollout-halted', 'dev stands still'), commit: world.second };
    await store.post({ journal: [about, { ...about, kind: 'override-pin', commit: '' }], now: 2 });
    for (let i = 0; i < 2; i++) await one.pass();
    expect(one.outcomes).toEqual(['failed', 'delivered', 'delivered']);
    expect(world.outside.forge.state.comments).toMatchObject([
      { subject: world.second, body: expect.stringContaining('dev stands still'), user: 'clm[bot]' },
    ]);
  });
});

describe('a daemon that is killed at any write while it tells people', () => {
  it('tells everything, knows each of it by one id, and says nothing twice to who can be asked', async () => {
    const wanted = ['one', 'two', 'three'];
    let crashes = 0;
    for (let killAt = 0; ; killAt += 1) {
      const own = await openSqliteStore({ path: join(directory, `kill-${killAt}.db`) });
      world.outside.chat.messages.length = 0;
      world.outside.receiver.received.length = 0;
      world.outside.chat.perSecond = 0;
      await life(own, [hook(), chat()]).pass();
      const kinds = ['rollout-planned', 'rollout-halted', 'rollout-proven'];
      await own.post({ journal: kinds.map((kind, i) => entry(kind, wanted[i] ?? '')), now: 2 });
      const point = new CrashPoint(killAt);
      const doomed = life(crashingStore(own, point), [hook(), chat()]);
      await doomed.pass().catch((error: unknown) => {
        if (!(error instanceof CrashError)) throw error;
      });
      const next = life(own, [hook(), chat()]);
      await next.pass();
      const told = world.outside.receiver.received.map(
        (each) => (each.body as { data: { message: string } }).data.message,
      );
      expect(told, point.diedAt).toEqual(wanted);
      expect(
        world.outside.chat.messages.map((each) => each.text.replace(':warning: ', '')),
        point.diedAt,
      ).toEqual(wanted);
      const [root] = world.outside.chat.messages;
      expect(
        world.outside.chat.messages.slice(1).every((each) => each.threadTs === root?.ts),
        point.diedAt,
      ).toBe(true);
      await own.close();
      if (!point.dead) break;
      crashes += 1;
    }
    // two writes a piece of news and place, one for the outbox, each with a point before and after
    expect(crashes).toBeGreaterThanOrEqual(20);
  });

  it('knows a message whose answer was lost', async () => {
    world.outside.chat.faults.plan({ kind: 'lost', path: 'postMessage', times: 2 });
    const one = life(store, [chat()]);
    await one.pass();
    await store.post({ journal: [entry('rollout-planned', 'one'), entry('rollout-proven', 'two')], now: 2 });
    for (let i = 0; i < 3; i++) await one.pass();
    const [first, second] = world.outside.chat.messages;
    expect(world.outside.chat.messages.map((each) => each.text)).toEqual(['one', 'two']);
    expect(second?.threadTs).toBe(first?.ts);
  });
});
