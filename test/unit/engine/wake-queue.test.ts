import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WakeQueue } from '../../../src/engine/wake-queue.ts';
import { VirtualClock } from '../../../src/support/clock.ts';

describe('the wake queue', () => {
  it('sets one timer, for the earliest of all', () => {
    const clock = new VirtualClock(0);
    const due: string[] = [];
    const queue = new WakeQueue(clock, (id) => due.push(`${id}@${clock.now()}`));
    queue.set('a', 300);
    queue.set('b', 100);
    queue.set('c', 200);
    expect(queue.next()).toBe(100);
    clock.advanceTo(250);
    expect(due).toEqual(['b@100', 'c@200']);
    clock.advanceTo(300);
    expect(due).toEqual(['b@100', 'c@200', 'a@300']);
    expect(clock.nextAt()).toBeUndefined();
  });

  it('replaces the wake-up of an id, earlier or later, and forgets a cleared one', () => {
    const clock = new VirtualClock(0);
    const due: string[] = [];
    const queue = new WakeQueue(clock, (id) => due.push(`${id}@${clock.now()}`));
    queue.set('later', 10);
    queue.set('later', 50);
    queue.set('earlier', 90);
    queue.set('earlier', 20);
    queue.set('never', 30);
    queue.clear('never');
    expect(queue.at('later')).toBe(50);
    clock.advanceTo(100);
    expect(due).toEqual(['earlier@20', 'later@50']);
  });

  it('wakes all when its clock has been set back, for their times would come too late', () => {
    const world = new VirtualClock(0);
    let ahead = 3_600_000;
    const clock = { now: () => world.now() + ahead, at: (at: number, fire: () => void) => world.at(at - ahead, fire) };
    const due: string[] = [];
    const queue = new WakeQueue(clock, (id) => due.push(`${id}@${world.now()}`));
    queue.set('soon', ahead + 100);
    queue.set('later', ahead + 200);
    ahead = 0;
    world.advanceTo(100);
    expect(due).toEqual(['soon@100', 'later@100']);
    expect(queue.next()).toBeNull();
  });

  it('wakes every id exactly once, at its last set time and in order, whatever was set before', () => {
    const operation = fc.record({
      id: fc.integer({ min: 0, max: 12 }),
      at: fc.integer({ min: 1, max: 60 }),
      clear: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
        const clock = new VirtualClock(0);
        const woken: [string, number][] = [];
        const queue = new WakeQueue(clock, (id) => woken.push([id, clock.now()]));
        const expected = new Map<string, number>();
        for (const { id, at, clear } of operations) {
          if (clear && at % 3 === 0) {
            queue.clear(String(id));
            expected.delete(String(id));
          } else {
            queue.set(String(id), at);
            expected.set(String(id), at);
          }
        }
        clock.advanceTo(100);
        expect(new Map(woken)).toEqual(expected);
        expect(woken).toHaveLength(expected.size);
        expect(woken.map(([, at]) => at)).toEqual(woken.map(([, at]) => at).sort((a, b) => a - b));
      }),
    );
  });
});
