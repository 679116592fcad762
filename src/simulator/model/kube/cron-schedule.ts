import { Cron } from 'croner';

const schedules = new Map<string, Cron | undefined>();
const mostRemembered = 500;

/** A schedule in cron's five fields (or `@daily` and the like), in a zone; undefined when it is none. */
function scheduleOf(text: string, timeZone: string): Cron | undefined {
  const key = `${timeZone} ${text}`;
  if (schedules.has(key)) return schedules.get(key);
  let schedule: Cron | undefined;
  try {
    // A sixth field would be seconds, which the API does not know.
    if (text.trim().startsWith('@') || text.trim().split(/\s+/).length === 5)
      schedule = new Cron(text, { timezone: timeZone, paused: true });
  } catch {
    schedule = undefined;
  }
  if (schedules.size >= mostRemembered) schedules.clear();
  schedules.set(key, schedule);
  return schedule;
}

export function isSchedule(text: string, timeZone = 'UTC'): boolean {
  return scheduleOf(text, timeZone) !== undefined;
}

/** The schedule's first moment after `afterMs`; undefined when there is none. */
export function nextRun(text: string, timeZone: string | undefined, afterMs: number): number | undefined {
  return scheduleOf(text, timeZone ?? 'UTC')
    ?.nextRun(new Date(afterMs))
    ?.getTime();
}
