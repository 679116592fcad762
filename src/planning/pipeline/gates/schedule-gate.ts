/** The calendar says yes. */
import type { ScheduleGate } from '../../../domain/gate.ts';
import { judgeWindows } from '../windows.ts';
import { closed, type GateVerdict, open } from './gate-verdict.ts';

export function judgeSchedule(gate: ScheduleGate, now: number): GateVerdict {
  const verdict = judgeWindows(gate.windows, 'promotions', now);
  return verdict.open ? open('its schedule allows it now') : closed(verdict.reason, 'time', verdict.opensAt);
}
