/** When work may start: a rule of a calendar, as the pipeline file gives it. Plain JSON. */
import type { CalendarRule } from '../support/calendar.ts';

/** `updates`: clusters start. `promotions`: a branch moves. */
export type WindowedWork = 'updates' | 'promotions';

export interface TimeWindow extends CalendarRule {
  /** Deny wins; with at least one allow, nothing starts outside of all of them. */
  effect: 'allow' | 'deny';
  /** As the file says it, for people. */
  label: string;
  work: WindowedWork[];
}
