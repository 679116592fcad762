/** Edge case of clocks: that of the daemon's machine jumps while a roll waits for something that has a limit. */
import { describe, expect, it } from 'vitest';
import type { WorldEvent } from '../../../../src/simulator/model/seams.ts';
import { begin, end, outdatedWorld } from '../../../support/roll-sim/edge-world.ts';
import { machineOn } from '../../../support/roll-sim/jumping-clock.ts';
import { budget, deployment, finished, journalOf, type RollWorld, startDaemon } from '../../../support/roll-world.ts';

const hour = 3_600_000;

/** Nodes behind a target group that lets connections go for five minutes, and pods that take more than three to stop. */
function world(): RollWorld {
  const slow = deployment('slow', 4, { grace: 300 });
  return outdatedWorld({ nodes: 2, balancer: 'target-group' }, [slow, budget('slow', { maxUnavailable: 1 })], {
    behaviours: [{ image: 'slow', stopAfterMs: 200_000 }],
  });
}

const telling = [
  'instance-launched',
  'node-cordoned',
  'eviction-accepted',
  'deregistered',
  'instance-terminate-requested',
];

/** What was done to nodes, and how many seconds after the start of the roll. */
function course(roll: RollWorld): { did: string; second: number }[] {
  const from = roll.events[0]?.at ?? 0;
  return roll.events.flatMap(({ kind, at }) =>
    telling.includes(kind) ? [{ did: kind, second: Math.round((at - from) / 1000) }] : [],
  );
}

/** Rolls while the clock jumps by this at the first event of that kind, which its daemon may not survive. */
async function rolled(jump: { at?: WorldEvent['kind']; byMs?: number; restarts?: boolean } = {}) {
  const roll = world();
  let machine = machineOn(roll);
  let daemon = await begin(roll, machine);
  if (jump.at !== undefined) {
    await daemon.run(() => roll.events.some((event) => event.kind === jump.at));
    machine.ahead = jump.byMs ?? 0;
    if (jump.restarts === true) {
      const { store } = daemon;
      daemon.kill();
      machine = machineOn(roll, machine.ahead);
      daemon = await startDaemon(roll, { ...machine, store });
    }
  }
  // An hour that is waited for in vain is too long.
  await daemon.run(() => finished(daemon, 'workers'), 3_000);
  const failed = (await journalOf(daemon)).filter((line) => line.startsWith('boot-failed'));
  await end(roll, daemon);
  expect(failed).toEqual([]);
  expect(roll.violations()).toEqual([]);
  return { course: course(roll), corrections: machine.corrections.map(({ kind, byMs }) => ({ kind, byMs })) };
}

describe('a clock that jumps', () => {
  let calm: ReturnType<typeof rolled> | undefined;
  let again: ReturnType<typeof rolled> | undefined;

  it.each(
    [hour, -hour].flatMap((byMs) => (['instance-launched', 'deregistered'] as const).map((at) => ({ byMs, at }))),
  )('edge case 106: by $byMs ms at the first $at changes neither what is done nor when', async (jump) => {
    calm ??= rolled();
    const found = await rolled(jump);
    expect(found.corrections).toEqual([{ kind: 'refused', byMs: jump.byMs }]);
    expect(found.course).toEqual((await calm).course);
  });

  it.each([hour, -hour])(
    'by %i ms before a daemon starts again costs the minute in which that is noticed',
    async (byMs) => {
      const at = 'deregistered';
      again ??= rolled({ at, byMs: 0, restarts: true });
      const still = await again;
      const moved = await rolled({ at, byMs, restarts: true });
      expect(moved.corrections).toEqual([{ kind: 'moved', byMs: expect.closeTo(-byMs, -4) }]);
      expect(moved.course.map(({ did }) => did)).toEqual(still.course.map(({ did }) => did));
      for (const [i, { second }] of moved.course.entries()) {
        const later = second - (still.course[i]?.second ?? 0);
        // nodes that are launched a minute later take another time to boot
        expect(Math.abs(later)).toBeLessThan(120);
      }
    },
  );
});
