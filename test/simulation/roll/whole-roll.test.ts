import { describe, expect, it } from 'vitest';
import {
  budget,
  deployment,
  finished,
  journalOf,
  RollWorld,
  startDaemon,
  startRoll,
  stateOf,
} from '../../support/roll-world.ts';

describe('a whole roll', () => {
  it.each([1, 3, 6])('replaces every node of a pool of %i and leaves everything as it was', async (nodes) => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes }, { name: 'other', nodes: 2 }] });
    roll.apply(deployment('web', 6), budget('web', { maxUnavailable: '34%' }));
    roll.outdate('workers');
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    const lines = await journalOf(daemon);
    expect(lines.filter((line) => line.startsWith('node-terminated'))).toHaveLength(nodes);
    await daemon.stop();
  });
});
