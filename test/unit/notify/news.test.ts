import { describe, expect, it } from 'vitest';
import type { Pipeline } from '../../../src/domain/pipeline.ts';
import { isTold, textFor, unknownNames } from '../../../src/planning/notify/audience.ts';
import { collectNews } from '../../../src/planning/notify/collect.ts';
import { type ConditionsInput, conditionsNow } from '../../../src/planning/notify/conditions.ts';
import { newsOf } from '../../../src/planning/notify/news.ts';
import { parsePipeline } from '../../../src/sources/pipeline/parse-pipeline.ts';
import { channelFixture, clusterFixture, statusFixture } from '../../support/status-fixture.ts';

const now = Date.parse('2026-11-21T12:00:00Z');
const commit = 'c'.repeat(40);

function pipelineOf(text: string): Pipeline {
  const parsed = parsePipeline('pipeline.yaml', text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.pipeline;
}

const look = (change: Partial<ConditionsInput> = {}) =>
  conditionsNow({
    status: statusFixture({ channels: [], clusters: [] }),
    pipeline: undefined,
    overrideFacts: [],
    debtFacts: [],
    blockedForMs: 30 * 60_000,
    now,
    ...change,
  });

describe('what lasts and is told', () => {
  it('a freeze while it holds, whoever ends it or lets it expire', () => {
    const freeze = (expiresAt: number) => ({
      key: 'freeze/channel:beta',
      value: { kind: 'freeze', scope: 'channel:beta', actor: 'ada', reason: 'audit', expiresAt },
    });
    expect(look({ overrideFacts: [freeze(now + 1)] })).toMatchObject([
      {
        key: 'freeze/freeze/channel:beta',
        kind: 'freeze-started',
        channel: 'beta',
        message: expect.stringContaining('by ada'),
        end: { kind: 'freeze-ended' },
      },
    ]);
    expect(look({ overrideFacts: [freeze(now)] })).toEqual([]);
  });

  it('the line when it is stopped, not a pause of one channel', () => {
    const pause = (scope: string) => ({
      key: `pause/${scope}`,
      value: { kind: 'pause', scope, actor: 'ada', reason: 'fire', expiresAt: now + 1 },
    });
    expect(look({ overrideFacts: [pause('fleet'), pause('channel:beta')] }).map((one) => one.key)).toEqual([
      'freeze/pause/fleet',
    ]);
  });

  it('a denial of the calendar, not the end of what is allowed', () => {
    const pipeline = pipelineOf(`channels:
  - {name: dev, windows: [{deny: {cron: '0 0 * * SAT', for: 48h}}]}
  - {name: beta, windows: [{allow: {cron: '0 9 * * MON', for: 8h}}]}
`);
    const found = look({ pipeline });
    expect(found).toMatchObject([
      { key: 'window/dev', kind: 'freeze-started', message: expect.stringContaining('until 2026-11-23T00:00:00') },
    ]);
  });

  it('a cluster that is blocked for long enough', () => {
    const blocked = (minutes: number) =>
      clusterFixture('kube-1', {
        target: commit,
        state: 'blocked',
        blocker: {
          code: 'budget',
          message: 'payments/api allows none',
          since: new Date(now - minutes * 60_000).toISOString(),
        },
      });
    expect(look({ status: statusFixture({ channels: [], clusters: [blocked(29)] }) })).toEqual([]);
    expect(look({ status: statusFixture({ channels: [], clusters: [blocked(30)] }) })).toMatchObject([
      { kind: 'cluster-blocked', commit, message: 'kube-1 is blocked for 30 minutes: payments/api allows none' },
    ]);
  });

  it('an approval that is wanted, once nothing but people is waited for', () => {
    const pipeline = pipelineOf('channels: [{name: beta, gates: [{name: release, approval: {quorum: 2}}]}]');
    const gate = (name: string, state: 'open' | 'closed') => ({
      name,
      state,
      reason: 'r',
      openedBy: 'anybody',
      since: new Date(now).toISOString(),
    });
    const status = (soak: 'open' | 'closed') =>
      statusFixture({
        clusters: [],
        channels: [
          channelFixture('beta', {
            rollout: { id: 'r', commit, state: 'gating', startedAt: new Date(now).toISOString(), active: true },
            gates: [gate('soak', soak), gate('release', 'closed')],
          }),
        ],
      });
    expect(look({ pipeline, status: status('closed') })).toEqual([]);
    expect(look({ pipeline, status: status('open') })).toMatchObject([
      { key: `gate/beta/${commit}/release`, kind: 'approval-wanted' },
    ]);
  });

  it('a debt until it is repaid, also one that nobody can read', () => {
    const value = { commit, skipped: ['soak'], actor: 'bob', reason: 'outage', at: 1 };
    expect(
      look({
        debtFacts: [
          { key: `dev/${commit}`, value },
          { key: 'beta/abc', value: 'x' },
        ],
      }),
    ).toMatchObject([
      {
        kind: 'debt-open',
        channel: 'dev',
        message: expect.stringContaining('(soak), put there by bob: outage'),
        end: { kind: 'debt-repaid' },
      },
      { kind: 'debt-open', channel: 'beta' },
    ]);
  });
});

describe('news', () => {
  const entry = {
    id: 1,
    hash: 'f'.repeat(64),
    at: now,
    source: 'x',
    seq: 1,
    kind: 'rollout-halted',
    channel: 'dev',
    cluster: '',
    commit,
    message: 'halted',
    data: null,
  };
  const digest = (value: unknown) => JSON.stringify(value);
  const condition = {
    key: 'k',
    kind: 'freeze-started' as const,
    severity: 'attention' as const,
    message: 'frozen',
    end: { kind: 'freeze-ended' as const, message: 'over' },
    channel: '',
    cluster: '',
    commit: '',
  };

  it('of the journal have a key of their whole history, and a thread a rollout', () => {
    expect(newsOf(entry)).toMatchObject({
      key: 'f'.repeat(32),
      kind: 'rollout-halted',
      severity: 'attention',
      thread: `dev/${commit}`,
    });
    expect(newsOf({ ...entry, kind: 'components-applied' })).toBeUndefined();
    expect(newsOf({ ...entry, kind: 'e2e-alert-opened' })).toMatchObject({
      kind: 'checks-failing',
      severity: 'attention',
    });
    expect(newsOf({ ...entry, commit: '' })?.thread).toBe('');
  });

  it('of a condition come when it begins and when it ends, and not between', () => {
    const input = { entries: [], digest, now };
    const begun = collectNews({ ...input, conditions: [condition], told: [] });
    expect(begun.news.map((one) => one.message)).toEqual(['frozen']);
    const lasting = collectNews({ ...input, conditions: [condition], told: begun.begun });
    expect(lasting).toEqual({ news: [], begun: [], over: [] });
    const over = collectNews({ ...input, conditions: [], told: begun.begun });
    expect([over.news.map((one) => [one.kind, one.message]), over.over]).toEqual([[['freeze-ended', 'over']], ['k']]);
    const again = collectNews({ ...input, now: now + 1, conditions: [condition], told: [] });
    expect(again.news[0]?.key).not.toBe(begun.news[0]?.key);
  });

  it('go to those who want the kind or the severity, of their channels', () => {
    const news = newsOf(entry);
    if (news === undefined) throw new Error('no news');
    const audience = { tell: ['attention' as const], channels: ['dev'], templates: {} };
    expect(isTold(audience, news)).toBe(true);
    expect(isTold({ ...audience, tell: ['promoted'] }, news)).toBe(false);
    expect(isTold({ ...audience, channels: ['beta'] }, news)).toBe(false);
    expect(isTold({ ...audience, channels: ['beta'] }, { ...news, channel: '' })).toBe(true);
    expect(textFor({ templates: { default: '{kind} {nothing}' } }, news)).toBe('rollout-halted {nothing}');
    expect(unknownNames('{message} {nothing}')).toEqual(['nothing']);
  });
});
