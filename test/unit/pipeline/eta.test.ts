import { describe, expect, it } from 'vitest';
import type { ChannelPolicy } from '../../../src/domain/pipeline.ts';
import type { TimeWindow } from '../../../src/domain/time-window.ts';
import { type EtaChannel, type EtaInput, estimate, type RolloutLeft } from '../../../src/planning/pipeline/eta.ts';

const minute = 60_000;
const hour = 60 * minute;
/** A Thursday, 10:00 in Berlin. */
const now = Date.UTC(2026, 0, 8, 9);

function policy(name: string, change: Partial<ChannelPolicy> = {}): ChannelPolicy {
  return {
    name,
    branch: name,
    promotesTo: [],
    waves: [],
    maxParallel: 2,
    maxFailures: 0,
    soakMs: 30 * minute,
    e2eProfile: 'smoke',
    blockLimitMs: hour,
    progressDeadlineMs: 6 * hour,
    ...change,
  };
}

function left(ids: string[], change: Partial<RolloutLeft> = {}): RolloutLeft {
  const clusters = ids.map((id) => ({ id, elapsedMs: 0 }));
  return {
    commit: 'c1',
    waves: [{ name: 'all', clusters }],
    soakLeftMs: 30 * minute,
    restsUntil: 0,
    waitsFor: [],
    ...change,
  };
}

function channel(one: ChannelPolicy, clusters: string[], rollout?: RolloutLeft): EtaChannel {
  return { policy: one, clusters, rollout };
}

function input(channels: EtaChannel[], durations: Record<string, number[]>, windows?: TimeWindow[]): EtaInput {
  const pipeline = { maxParallel: 10, ...(windows === undefined ? {} : { windows }) };
  return { now, pipeline, channels, durations: new Map(Object.entries(durations)) };
}

const ids = ['a', 'b', 'c', 'd'];
const each = (ms: number) => Object.fromEntries(ids.map((id) => [id, [ms]]));

describe('the estimate of a rollout', () => {
  it('counts durations, concurrency and the soak', () => {
    const eta = estimate(input([channel(policy('dev'), ids, left(ids))], each(20 * minute))).get('dev');
    // two at once, four clusters, then the soak
    expect(eta).toMatchObject({ commit: 'c1', p50: now + 70 * minute, p90: now + 70 * minute });
    expect(eta?.path).toEqual(['dev: 40m, 4 clusters, 2 at once, slowest a', 'dev soak: 30m']);
  });

  it('is later in one of ten than in the middle where durations differ, and the same for the same question', () => {
    const durations = Object.fromEntries(
      ids.map((id) => [id, [...Array.from({ length: 7 }, () => 10 * minute), 90 * minute]]),
    );
    const ask = () => estimate(input([channel(policy('dev'), ids, left(ids))], durations)).get('dev');
    const eta = ask();
    expect(eta?.p90).toBeGreaterThan((eta?.p50 ?? 0) + 20 * minute);
    expect(ask()).toEqual(eta);
  });

  it('works only while windows are open: a weekend lies between', () => {
    const deny: TimeWindow = {
      effect: 'deny',
      label: 'weekend and Friday',
      work: ['updates'],
      zone: 'Europe/Berlin',
      times: { kind: 'days', days: [5, 6, 7], from: '00:00', to: '00:00' },
    };
    const eta = estimate(input([channel(policy('dev'), ids, left(ids))], each(8 * hour), [deny])).get('dev');
    // 14 of 16 hours until Friday, 2 on Monday, then the soak
    expect(new Date(eta?.p50 ?? 0).toISOString()).toBe('2026-01-12T01:30:00.000Z');
  });

  it('takes the time that a cluster in flight has had already', () => {
    const waves = [{ name: 'all', clusters: [{ id: 'a', elapsedMs: 15 * minute }] }];
    const eta = estimate(input([channel(policy('dev'), ids, left([], { waves }))], each(20 * minute))).get('dev');
    expect(eta?.p50).toBe(now + 35 * minute);
  });

  it('goes on to the channels after it, with their windows, and says what it counts on', () => {
    const beta = policy('beta', { gates: [{ kind: 'approval', name: 'release', quorum: 1, roles: [] }] });
    const dev = policy('dev', { promotesTo: ['beta'] });
    const channels = [channel(dev, ['a'], left(['a'])), channel(beta, ['b', 'c'])];
    const eta = estimate(input(channels, each(20 * minute))).get('beta');
    expect(eta).toMatchObject({ p50: now + 100 * minute, waitsFor: ['beta: release'] });
    expect(eta?.path).toHaveLength(4);
  });

  it('is not made before an update was measured, nor while somebody has to act', () => {
    expect(estimate(input([channel(policy('dev'), ids, left(ids))], {})).size).toBe(0);
    const resting = left(ids, { restsUntil: null });
    expect(estimate(input([channel(policy('dev'), ids, resting)], each(minute))).size).toBe(0);
  });
});
