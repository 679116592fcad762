/** Maintenance windows and freezes of a calendar: may this work start now, and when next? Pure; zones and DST by Temporal. */
import type { TimeWindow, WindowedWork } from '../../domain/time-window.ts';
import { type Interval, intervalAt, nextStart } from '../../support/calendar.ts';

export type WindowVerdict =
  /** `closesAt`: null = never, as far as anybody can see. */
  { open: true; closesAt: number | null } | { open: false; reason: string; opensAt: number | null };

/** Transitions looked at before giving up: a year of daily windows. */
const mostSteps = 800;
const farthestMs = 400 * 86_400_000;

export function judgeWindows(windows: readonly TimeWindow[], work: WindowedWork, now: number): WindowVerdict {
  const relevant = windows.filter((window) => window.work.includes(work));
  const reason = closedBecause(relevant, now);
  if (reason === undefined) return { open: true, closesAt: closesAt(relevant, now) };
  return { open: false, reason, opensAt: opensAt(relevant, now) };
}

function closedBecause(windows: TimeWindow[], at: number): string | undefined {
  const denied = windows.find((window) => window.effect === 'deny' && intervalAt(window, at) !== undefined);
  if (denied !== undefined) return `denied: ${denied.label}`;
  const allows = windows.filter((window) => window.effect === 'allow');
  if (allows.length === 0 || allows.some((window) => intervalAt(window, at) !== undefined)) return undefined;
  return `outside of what is allowed: ${allows.map((window) => window.label).join(', ')}`;
}

/** From one end of a denial or start of an allowance to the next, until nothing stands against it. */
function opensAt(windows: TimeWindow[], now: number): number | null {
  let at = now;
  for (let step = 0; step < mostSteps && at - now < farthestMs; step += 1) {
    if (closedBecause(windows, at) === undefined) return at;
    const denials = windows.flatMap((window) => {
      const interval = window.effect === 'deny' ? intervalAt(window, at) : undefined;
      return interval === undefined ? [] : [interval.end];
    });
    const next = denials.length > 0 ? Math.max(...denials) : earliestStart(windows, 'allow', at);
    if (next === undefined || next <= at) return null;
    at = next;
  }
  return null;
}

function closesAt(windows: TimeWindow[], now: number): number | null {
  const denial = earliestStart(windows, 'deny', now) ?? Number.POSITIVE_INFINITY;
  const end = Math.min(denial, allowedUntil(windows, now));
  return Number.isFinite(end) ? end : null;
}

function allowedUntil(windows: TimeWindow[], now: number): number {
  const allows = windows.filter((window) => window.effect === 'allow');
  if (allows.length === 0) return Number.POSITIVE_INFINITY;
  let at = now;
  for (let step = 0; step < mostSteps && at - now < farthestMs; step += 1) {
    const ends = allows
      .map((window) => intervalAt(window, at))
      .filter((interval): interval is Interval => interval !== undefined)
      .map((interval) => interval.end);
    if (ends.length === 0) return at;
    at = Math.max(...ends);
  }
  return Number.POSITIVE_INFINITY;
}

function earliestStart(windows: TimeWindow[], effect: TimeWindow['effect'], after: number): number | undefined {
  const starts = windows.flatMap((window) => {
    const start = window.effect === effect ? nextStart(window, after) : undefined;
    return start === undefined ? [] : [start];
  });
  return starts.length === 0 ? undefined : Math.min(...starts);
}
