/** Rules of a calendar (days, cron, RFC 5545, dates) as intervals of epoch milliseconds, in IANA zones. */
import { Cron } from 'croner';
import { RRuleTemporal } from 'rrule-temporal';
import { Temporal } from 'temporal-polyfill';

export type CalendarTimes =
  /** ISO weekdays (1 = Monday), wall-clock times `HH:MM`; `to` at or before `from` is on the next day. */
  | { kind: 'days'; days: number[]; from: string; to: string }
  | { kind: 'cron'; pattern: string; forMs: number }
  /** RFC 5545 recurrence rule; `start` is a local date and time, `2026-01-06T10:00`. */
  | { kind: 'rrule'; rule: string; start: string; forMs: number }
  /** Local dates and times. */
  | { kind: 'between'; from: string; to: string };

export interface CalendarRule {
  /** IANA name of the time zone. */
  zone: string;
  times: CalendarTimes;
}

/** [start, end) in epoch ms. */
export interface Interval {
  start: number;
  end: number;
}

const dayMs = 86_400_000;
/** Starts of one rule inside one of its own intervals that are looked at. */
const mostStarts = 2_000;

/** The interval of the rule that contains the moment. */
export function intervalAt(rule: CalendarRule, at: number): Interval | undefined {
  const { times, zone } = rule;
  switch (times.kind) {
    case 'days':
      return daysAround(rule, times, at).find(({ day, start, end }) => day <= 0 && start <= at && at < end);
    case 'between': {
      const interval = { start: localToEpoch(times.from, zone), end: localToEpoch(times.to, zone) };
      return interval.start <= at && at < interval.end ? interval : undefined;
    }
    case 'cron':
      return lastStart(cronOf(rule, times.pattern), at, times.forMs);
    case 'rrule': {
      const found = ruleOf(rule, times).previous(new Date(at), true);
      const start = found?.epochMilliseconds;
      return start !== undefined && at < start + times.forMs ? { start, end: start + times.forMs } : undefined;
    }
  }
}

/** The first interval that starts after the moment. */
export function nextStart(rule: CalendarRule, after: number): number | undefined {
  const { times, zone } = rule;
  switch (times.kind) {
    case 'days':
      return daysAround(rule, times, after)
        .filter(({ day, start }) => day >= 0 && start > after)
        .map(({ start }) => start)
        .sort((a, b) => a - b)[0];
    case 'between': {
      const start = localToEpoch(times.from, zone);
      return start > after ? start : undefined;
    }
    case 'cron':
      return cronOf(rule, times.pattern).nextRun(new Date(after))?.getTime();
    case 'rrule':
      return ruleOf(rule, times).next(new Date(after), false)?.epochMilliseconds;
  }
}

/** What is wrong with a rule, or undefined: the parser of the pipeline file asks before anybody relies on it. */
export function troubleWithTimes(times: CalendarTimes, zone: string): string | undefined {
  const rule: CalendarRule = { zone, times };
  try {
    nextStart(rule, 0);
    intervalAt(rule, 0);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return times.kind === 'between' && localToEpoch(times.to, zone) <= localToEpoch(times.from, zone)
    ? 'it ends before it begins'
    : undefined;
}

export function isTimeZone(zone: string): boolean {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone);
    return true;
  } catch {
    return false;
  }
}

/** An interval that begins on a day: 0 = the day of the moment that was asked for, in the rule's zone. */
interface DayInterval extends Interval {
  day: number;
}

/** What was made of a day, for all moments of it. */
interface KnownDay extends Interval {
  intervals: DayInterval[];
}

/** The days that were asked for last: a look at one moment asks for several, and the next is minutes later. */
const daysKept = 32;
const knownDays = new WeakMap<CalendarRule, KnownDay[]>();

/** Wall-clock intervals of the days around a moment, from the day before; a day of 23 or 25 hours comes out as that. */
function daysAround(rule: CalendarRule, times: CalendarTimes & { kind: 'days' }, at: number): DayInterval[] {
  const known = knownDays.get(rule) ?? [];
  const found = known.find(({ start, end }) => start <= at && at < end);
  if (found !== undefined) return found.intervals;
  const { zone } = rule;
  const today = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone).toPlainDate();
  const intervals: DayInterval[] = [];
  for (let offset = -1; offset <= 8; offset += 1) {
    const day = today.add({ days: offset });
    if (!times.days.includes(day.dayOfWeek)) continue;
    const wraps = times.to <= times.from;
    intervals.push({
      day: offset,
      start: wallClock(day, times.from, zone),
      end: wallClock(wraps ? day.add({ days: 1 }) : day, times.to, zone),
    });
  }
  const [start, end] = [startOfDay(today, zone), startOfDay(today.add({ days: 1 }), zone)];
  knownDays.set(rule, [{ start, end, intervals }, ...known.slice(0, daysKept - 1)]);
  return intervals;
}

function startOfDay(day: Temporal.PlainDate, zone: string): number {
  return day.toZonedDateTime(zone).epochMilliseconds;
}

function wallClock(day: Temporal.PlainDate, time: string, zone: string): number {
  const date = time === '24:00' ? day.add({ days: 1 }) : day;
  const plainTime = Temporal.PlainTime.from(time === '24:00' ? '00:00' : time);
  return date.toZonedDateTime({ timeZone: zone, plainTime }).epochMilliseconds;
}

function localToEpoch(local: string, zone: string): number {
  return Temporal.PlainDateTime.from(local).toZonedDateTime(zone).epochMilliseconds;
}

/** Of starts that follow each other more closely than they last, the newest: its end is the end of all. */
function lastStart(cron: Cron, at: number, forMs: number): Interval | undefined {
  let start: number | undefined;
  let from = at - Math.min(forMs, 40 * dayMs);
  for (let count = 0; count < mostStarts; count += 1) {
    const next = cron.nextRun(new Date(from))?.getTime();
    if (next === undefined || next > at) break;
    start = next;
    from = next;
  }
  return start === undefined ? undefined : { start, end: start + forMs };
}

// parsing a rule costs more than asking it, and the pipeline's windows are asked at every look
const crons = new WeakMap<CalendarRule, Cron>();
const rules = new WeakMap<CalendarRule, RRuleTemporal>();

function cronOf(rule: CalendarRule, pattern: string): Cron {
  const known = crons.get(rule);
  if (known !== undefined) return known;
  const made = new Cron(pattern, { timezone: rule.zone, paused: true, legacyMode: true });
  crons.set(rule, made);
  return made;
}

function ruleOf(rule: CalendarRule, times: CalendarTimes & { kind: 'rrule' }): RRuleTemporal {
  const known = rules.get(rule);
  if (known !== undefined) return known;
  const start = Temporal.PlainDateTime.from(times.start).toString({ smallestUnit: 'second' }).replaceAll(/[-:]/g, '');
  const made = new RRuleTemporal({ rruleString: `DTSTART;TZID=${rule.zone}:${start}\nRRULE:${times.rule}` });
  rules.set(rule, made);
  return made;
}
