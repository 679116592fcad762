/** Windows as the pipeline file writes them. */
import { z } from 'zod';
import type { Problem } from '../../domain/problem.ts';
import type { TimeWindow } from '../../domain/time-window.ts';
import { type CalendarTimes, isTimeZone, troubleWithTimes } from '../../support/calendar.ts';
import { formatDuration } from '../../support/duration.ts';
import { problemAt, type YamlPlaces } from '../yaml-document.ts';
import { day, second, span } from './span.ts';

const dayNames = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const clock = z
  .string()
  .regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'this is no time of day')
  .meta({ remedy: "write a time like '09:00', in quotes" });
const moment = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2})?$/, 'this is no local date and time')
  .meta({ remedy: 'write a date and time like 2026-12-20T18:00' });

const timesSchema = z
  .strictObject({
    days: z
      .array(z.enum(dayNames))
      .min(1)
      .max(7)
      .optional()
      .meta({ remedy: `write a list of ${dayNames.join(', ')}` }),
    from: z.union([clock, moment]).optional().meta({ remedy: "write '09:00' with days, or 2026-12-20T18:00 alone" }),
    to: z.union([clock, moment]).optional().meta({ remedy: "write '17:00' with days, or 2027-01-06T08:00 alone" }),
    cron: z
      .string()
      .optional()
      .meta({ description: 'Five fields; when the window opens', remedy: "write '0 22 * * 5'" }),
    rrule: z.string().optional().meta({
      description: 'RFC 5545 recurrence rule; when the window opens',
      remedy: 'write FREQ=WEEKLY;BYDAY=TU',
    }),
    start: moment.optional().meta({ description: 'First local date and time that an rrule counts from' }),
    for: span({ min: 60 * second, max: 31 * day, remedy: 'write a span like 4h, from 1m to 31d' }).optional(),
  })
  .meta({ description: 'days + from + to, cron + for, rrule + start + for, or from + to' });

const named = ['weekends', 'weekdays', 'always'] as const;
const timesOrName = z
  .union([z.enum(named), timesSchema])
  .meta({ remedy: `write ${named.join(', ')}, or a mapping like {days: [sat, sun]}` });

export const windowSchema = z
  .strictObject({
    allow: timesOrName.optional(),
    deny: timesOrName.optional(),
    work: z
      .array(z.enum(['updates', 'promotions']))
      .min(1)
      .optional()
      .meta({ description: 'What it governs: clusters that start, branches that move; both unless given' }),
    zone: z.string().optional().meta({ description: 'IANA time zone' }),
    reason: z.string().max(200).optional(),
  })
  .meta({ description: 'Deny wins; with at least one allow, nothing starts outside of all of them' });

export type WindowDocument = z.output<typeof windowSchema>;

interface Place {
  places: YamlPlaces;
  path: readonly PropertyKey[];
}

/** The window that an entry describes; or what is wrong with it, at its place. */
export function toWindow(
  document: WindowDocument,
  defaultZone: string,
  { places, path }: Place,
): { window?: TimeWindow; problems: Problem[] } {
  const problem = (at: readonly PropertyKey[], message: string, remedy: string) => ({
    problems: [problemAt(places, [...path, ...at], message, remedy)],
  });
  if ((document.allow === undefined) === (document.deny === undefined)) {
    return problem([], 'a window either allows or denies', 'write one of allow and deny');
  }
  const effect = document.allow === undefined ? 'deny' : 'allow';
  const zone = document.zone ?? defaultZone;
  if (!isTimeZone(zone)) return problem(['zone'], `${zone} is no time zone`, 'write an IANA name like Europe/Berlin');
  const written = (document.allow ?? document.deny) as NonNullable<WindowDocument['allow']>;
  const times = typeof written === 'string' ? namedTimes(written) : timesOf(written);
  if (typeof times === 'string') return problem([effect], times, waysToSay);
  const trouble = troubleWithTimes(times, zone);
  if (trouble !== undefined) return problem([effect], `this is no usable time: ${trouble}`, waysToSay);
  const what = typeof written === 'string' ? written : describe(times);
  const label = document.reason === undefined ? `${what} (${zone})` : `${document.reason}: ${what} (${zone})`;
  return { window: { effect, label, zone, times, work: document.work ?? ['updates', 'promotions'] }, problems: [] };
}

const waysToSay =
  "write {days: [mon, fri], from: '09:00', to: '17:00'}, {cron: '0 22 * * 5', for: 4h}, " +
  '{rrule: FREQ=WEEKLY;BYDAY=TU, start: 2026-01-06T10:00, for: 4h} or {from: 2026-12-20T18:00, to: 2027-01-06T08:00}';

function namedTimes(name: (typeof named)[number]): CalendarTimes {
  const days = { weekends: [6, 7], weekdays: [1, 2, 3, 4, 5], always: [1, 2, 3, 4, 5, 6, 7] }[name];
  return { kind: 'days', days, from: '00:00', to: '24:00' };
}

function timesOf(written: z.output<typeof timesSchema>): CalendarTimes | string {
  const { days, from, to, cron, rrule, start, for: forMs } = written;
  const isClock = (text: string | undefined): boolean => text === undefined || /^\d{2}:/.test(text);
  if (days !== undefined) {
    if (cron !== undefined || rrule !== undefined || forMs !== undefined || start !== undefined)
      return 'days go with from and to alone';
    if (!isClock(from) || !isClock(to)) return 'with days, from and to are times of day';
    const numbers = days.map((name) => dayNames.indexOf(name) + 1);
    return { kind: 'days', days: numbers, from: from ?? '00:00', to: to ?? '24:00' };
  }
  if (cron !== undefined) {
    if (forMs === undefined || from !== undefined || to !== undefined || rrule !== undefined)
      return 'cron goes with for alone';
    return cron.trim().split(/\s+/).length === 5
      ? { kind: 'cron', pattern: cron.trim(), forMs }
      : 'a cron pattern has five fields';
  }
  if (rrule !== undefined) {
    if (forMs === undefined || start === undefined || from !== undefined || to !== undefined)
      return 'rrule goes with start and for';
    return { kind: 'rrule', rule: rrule, start, forMs };
  }
  if (from === undefined || to === undefined) return 'it does not say when';
  if (isClock(from) || isClock(to)) return 'times of day need days';
  return { kind: 'between', from, to };
}

function describe(times: CalendarTimes): string {
  switch (times.kind) {
    case 'days':
      return `${times.days.map((one) => dayNames[one - 1]).join(', ')} ${times.from}–${times.to}`;
    case 'cron':
      return `${formatDuration(times.forMs)} from ${times.pattern}`;
    case 'rrule':
      return `${formatDuration(times.forMs)} from ${times.rule}`;
    case 'between':
      return `${times.from} to ${times.to}`;
  }
}
