import { describe, expect, it } from 'vitest';
import type { TimeWindow } from '../../../src/domain/time-window.ts';
import { judgeWindows } from '../../../src/planning/pipeline/windows.ts';
import type { CalendarTimes } from '../../../src/support/calendar.ts';
import { intervalAt, troubleWithTimes } from '../../../src/support/calendar.ts';

const zone = 'Europe/Berlin';
const window = (effect: 'allow' | 'deny', times: CalendarTimes, label = 'rule'): TimeWindow => ({
  effect,
  label,
  zone,
  times,
  work: ['updates', 'promotions'],
});
const at = (text: string): number => Date.parse(text);
const iso = (ms: number | null): string => (ms === null ? 'never' : new Date(ms).toISOString());
const weekends = window('deny', { kind: 'days', days: [6, 7], from: '00:00', to: '24:00' }, 'weekends');
const office = window('allow', { kind: 'days', days: [1, 2, 3, 4, 5], from: '09:00', to: '17:00' }, 'office hours');

describe('windows', () => {
  it('are open where there are none', () => {
    expect(judgeWindows([], 'updates', 0)).toEqual({ open: true, closesAt: null });
  });

  it('keep promotions from weekends by one rule, in the zone that it names', () => {
    // Saturday has begun in Berlin while it is still Friday in UTC
    const verdict = judgeWindows([weekends], 'promotions', at('2026-01-09T23:30:00Z'));
    expect(verdict).toMatchObject({ open: false, reason: 'denied: weekends' });
    if (!verdict.open) expect(iso(verdict.opensAt)).toBe('2026-01-11T23:00:00.000Z');
    expect(judgeWindows([weekends], 'promotions', at('2026-01-09T22:30:00Z'))).toEqual({
      open: true,
      closesAt: at('2026-01-09T23:00:00Z'),
    });
  });

  it('say when work may start next, over a denial that covers an allowance', () => {
    const monday = window('deny', { kind: 'between', from: '2026-01-12T00:00', to: '2026-01-12T12:00' }, 'audit');
    const verdict = judgeWindows([office, weekends, monday], 'updates', at('2026-01-10T10:00:00Z'));
    expect(verdict.open).toBe(false);
    if (!verdict.open) expect(iso(verdict.opensAt)).toBe('2026-01-12T11:00:00.000Z');
  });

  it('let deny win over allow at the same moment', () => {
    const lunch = window('deny', { kind: 'cron', pattern: '0 12 * * 1-5', forMs: 3_600_000 }, 'lunch');
    expect(judgeWindows([office, lunch], 'updates', at('2026-01-12T11:30:00Z'))).toMatchObject({
      open: false,
      reason: 'denied: lunch',
      opensAt: at('2026-01-12T12:00:00Z'),
    });
    expect(judgeWindows([office, lunch], 'updates', at('2026-01-12T10:30:00Z'))).toEqual({
      open: true,
      closesAt: at('2026-01-12T11:00:00Z'),
    });
  });

  it('govern only the work that they name', () => {
    const rule: TimeWindow = { ...weekends, work: ['promotions'] };
    expect(judgeWindows([rule], 'updates', at('2026-01-10T10:00:00Z')).open).toBe(true);
    expect(judgeWindows([rule], 'promotions', at('2026-01-10T10:00:00Z')).open).toBe(false);
  });

  it('keep wall-clock times over both changes of daylight saving time', () => {
    expect(iso(intervalAt(office, at('2026-03-27T12:00:00Z'))?.start ?? null)).toBe('2026-03-27T08:00:00.000Z');
    expect(iso(intervalAt(office, at('2026-03-30T12:00:00Z'))?.start ?? null)).toBe('2026-03-30T07:00:00.000Z');
    const sunday = window('deny', { kind: 'days', days: [7], from: '00:00', to: '24:00' });
    const short = intervalAt(sunday, at('2026-03-29T12:00:00Z'));
    const long = intervalAt(sunday, at('2026-10-25T12:00:00Z'));
    expect([(short?.end ?? 0) - (short?.start ?? 0), (long?.end ?? 0) - (long?.start ?? 0)]).toEqual([
      23 * 3_600_000,
      25 * 3_600_000,
    ]);
  });

  it('reach over midnight', () => {
    const night = window('allow', { kind: 'days', days: [1], from: '22:00', to: '06:00' }, 'night');
    expect(judgeWindows([night], 'updates', at('2026-01-13T03:00:00Z'))).toEqual({
      open: true,
      closesAt: at('2026-01-13T05:00:00Z'),
    });
    expect(judgeWindows([night], 'updates', at('2026-01-13T05:00:00Z'))).toMatchObject({
      open: false,
      opensAt: at('2026-01-19T21:00:00Z'),
    });
  });

  it('follow recurrence rules of RFC 5545', () => {
    const rule = window('allow', {
      kind: 'rrule',
      rule: 'FREQ=MONTHLY;BYDAY=2TU',
      start: '2026-01-01T10:00',
      forMs: 4 * 3_600_000,
    });
    expect(judgeWindows([rule], 'updates', at('2026-02-10T10:00:00Z'))).toEqual({
      open: true,
      closesAt: at('2026-02-10T13:00:00Z'),
    });
    expect(judgeWindows([rule], 'updates', at('2026-02-11T10:00:00Z'))).toMatchObject({
      opensAt: at('2026-03-10T09:00:00Z'),
    });
  });

  it('that never open say so', () => {
    const always = window('deny', { kind: 'days', days: [1, 2, 3, 4, 5, 6, 7], from: '00:00', to: '24:00' });
    expect(judgeWindows([always], 'updates', at('2026-01-10T10:00:00Z'))).toMatchObject({ open: false, opensAt: null });
  });

  it('that make no sense are found before anybody relies on them', () => {
    expect(troubleWithTimes({ kind: 'cron', pattern: '61 * * * *', forMs: 1 }, zone)).toBeDefined();
    expect(
      troubleWithTimes({ kind: 'rrule', rule: 'FREQ=OFTEN', start: '2026-01-01T10:00', forMs: 1 }, zone),
    ).toBeDefined();
    expect(troubleWithTimes({ kind: 'between', from: '2026-01-02T00:00', to: '2026-01-01T00:00' }, zone)).toBe(
      'it ends before it begins',
    );
    expect(troubleWithTimes({ kind: 'between', from: '2026-02-30T00:00', to: 'x' }, zone)).toBeDefined();
    expect(troubleWithTimes({ kind: 'cron', pattern: '0 12 * * 5', forMs: 1 }, zone)).toBeUndefined();
  });
});
