import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../src/support/clock.ts';
import { SteadyClock, type TimeCorrection } from '../../../src/support/steady-clock.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const start = Date.UTC(2026, 10, 21, 8);

/** A machine in a world whose true time is `truth`: its clock is ahead by `ahead`, and it has slept for `slept`. */
function machine(ahead = 0) {
  const truth = new VirtualClock(start);
  const state = { ahead, slept: 0 };
  const corrections: TimeCorrection[] = [];
  const clock = new SteadyClock(
    {
      wall: () => truth.now() + state.ahead,
      elapsed: () => truth.now() - start - state.slept,
      after: (ms, fire) => truth.at(truth.now() + ms, fire),
    },
    (correction) => corrections.push(correction),
  );
  const pass = (ms: number): void => void truth.advanceTo(truth.now() + ms);
  return {
    state,
    clock,
    corrections,
    pass,
    hear: (server: string, off = 0) => clock.heard(server, truth.now() + off),
    /** How far decision time is from the truth. */
    off: () => clock.now() - truth.now(),
    sleep: (ms: number) => {
      for (let i = 0; i < ms; i += second) {
        state.slept += second;
        pass(second);
      }
    },
  };
}

describe('the time of a daemon', () => {
  it.each([hour, -hour])('does not follow a jump of its machine by %i ms that a server denies', (byMs) => {
    const { clock, state, corrections, pass, hear, off } = machine();
    hear('a');
    pass(minute);
    state.ahead = byMs;
    expect(off()).toBe(0);
    expect(clock.doubt()).toContain(`3600 s ${byMs > 0 ? 'later' : 'earlier'}`);
    hear('a');
    expect(clock.doubt()).toBeUndefined();
    expect(corrections).toEqual([{ kind: 'refused', byMs, heard: 1, agreed: 1 }]);
    // nor when nobody is heard for hours
    pass(5 * hour);
    expect(off()).toBe(0);
    state.ahead = 0;
    pass(minute);
    expect([off(), clock.doubt(), corrections.length]).toEqual([0, undefined, 1]);
  });

  it('follows after a minute when the machine has slept, for servers say so, and what they said before counts no more', () => {
    const { clock, corrections, pass, hear, off, sleep } = machine();
    for (const server of ['a', 'b', 'c']) hear(server);
    sleep(hour);
    hear('a');
    expect(clock.doubt()).toContain('API servers say that it is 3600 s later');
    pass(59 * second);
    expect(off()).toBe(-hour);
    pass(second);
    expect([off(), clock.doubt()]).toEqual([0, undefined]);
    expect(corrections).toEqual([{ kind: 'moved', byMs: hour, heard: 1, agreed: 1 }]);
  });

  it('believes its machine after ten minutes in which nobody else was heard', () => {
    const { clock, state, pass, hear, off } = machine();
    hear('a');
    state.ahead = hour;
    pass(10 * minute - second);
    expect([off(), clock.doubt()]).toEqual([0, expect.stringContaining("this machine's clock says")]);
    expect(off()).toBe(0);
    pass(9 * minute + 59 * second);
    expect(off()).toBe(0);
    pass(second);
    expect([off(), clock.doubt()]).toEqual([hour, undefined]);
  });

  it('is the time of most servers on a machine whose clock is wrong from the start', () => {
    const { clock, pass, hear, off } = machine(-hour);
    for (const [server, wrong] of [['a'], ['b', 2 * hour], ['c']] as const) hear(server, wrong ?? 0);
    expect(clock.doubt()).toContain('3600 s later');
    pass(minute);
    expect([off(), clock.doubt()]).toEqual([0, undefined]);
  });

  it('is not that of one server among others, nor of servers that do not agree', () => {
    const { clock, pass, hear, off, corrections } = machine();
    for (const [server, wrong] of [
      ['a', hour],
      ['b', -hour],
    ] as const)
      hear(server, wrong);
    pass(2 * minute);
    hear('c');
    pass(2 * minute);
    expect([off(), clock.doubt()]).toEqual([0, undefined]);
    expect(corrections.map((one) => one.kind)).toEqual(['refused']);
  });

  it('is set back at once where it was wrong, and timers fire early', () => {
    const { clock, pass, hear, off } = machine(hour);
    const fired: number[] = [];
    clock.at(clock.now() + 5 * minute, () => fired.push(off()));
    hear('a');
    pass(59 * second);
    expect(off()).toBe(hour);
    pass(minute);
    expect([off(), fired]).toEqual([0, [0]]);
  });

  it('is in doubt until somebody has been heard, or ten minutes', () => {
    const { clock, pass } = machine();
    expect(clock.doubt()).toContain('no API server has said yet');
    pass(10 * minute);
    expect(clock.doubt()).toBeUndefined();
    const other = machine();
    other.hear('a');
    expect(other.clock.doubt()).toBeUndefined();
  });

  it('takes small corrections as they come, and seconds of Date headers for none', () => {
    const { state, pass, hear, off, corrections } = machine();
    state.ahead = 20 * second;
    pass(minute);
    hear('a', -900);
    expect([off(), corrections]).toEqual([20 * second, []]);
  });

  it('fires a timer when its time has come, however the time comes', () => {
    const { clock, state, pass, sleep, hear } = machine();
    const fired: string[] = [];
    const set = (name: string, inMs: number) => clock.at(clock.now() + inMs, () => fired.push(name));
    set('soon', 30 * second);
    set('later', 90 * minute);
    set('never', 1).cancel();
    state.ahead = hour;
    pass(29 * second);
    hear('a');
    expect(fired).toEqual([]);
    pass(second);
    expect(fired).toEqual(['soon']);
    state.ahead = 0;
    sleep(hour);
    hear('a');
    pass(29 * minute);
    expect(fired).toEqual(['soon']);
    pass(2 * minute);
    expect(fired).toEqual(['soon', 'later']);
  });
});
