import { describe, expect, it } from 'vitest';
import type { E2eMidRoll, PoolRoll } from '../../../src/domain/cluster-update.ts';
import { firstNodeWait, midRoll, nextMidRollAt } from '../../../src/steps/cluster-update/mid-roll.ts';

type Input = Parameters<typeof nextMidRollAt>[0];

const began = 1_000;
const threeMinutes = 180_000;
const halfAnHour = 1_800_000;
const never = Number.POSITIVE_INFINITY;

function roll(more: Partial<PoolRoll> = {}): PoolRoll {
  const state = { state: 'running', child: 'roll:u:workers', since: began, nodesReplaced: 0, evictions: 0 } as const;
  return { controlPlane: false, ...state, reason: null, blocked: null, ...more };
}

function updateAt(now: number, last?: Partial<E2eMidRoll>): Input {
  const midRoll = last && { round: 1, child: null, at: 0, result: 'passed', failures: [], ...last };
  const context = { clusterId: 'kube-1', commit: 'c1', policy: { e2eGate: { midRoll: 'mid-roll' } }, midRoll };
  return { id: 'u', now, context } as unknown as Input;
}

const going = { workers: roll() };
const held = { workers: roll({ firstNodes: [{ node: 'new-1', since: 9_000 }] }) };
const two = { workers: roll({ firstNodes: [...(held.workers.firstNodes ?? []), { node: 'new-2', since: 9_500 }] }) };

describe('the next run of checks while nodes are replaced', () => {
  it('comes with the first new node, and three minutes after the last one began', () => {
    expect(nextMidRollAt(updateAt(0), going)).toBe(began + threeMinutes);
    expect(nextMidRollAt(updateAt(0), held)).toBe(9_000);
    expect(nextMidRollAt(updateAt(0, { at: 5_000 }), going)).toBe(5_000 + threeMinutes);
  });

  it('comes at once for a pool that has its first new node after the others, and after a while when there was no verdict', () => {
    expect(nextMidRollAt(updateAt(0, { at: 5_000 }), held)).toBe(9_000);
    expect(nextMidRollAt(updateAt(0, { at: 9_500, result: 'error' }), held)).toBe(9_500 + threeMinutes);
  });

  it('is nothing to wake up for while one is under way, however long it takes, or after the last one, but for the limit of a held roll', () => {
    for (const last of [{ child: 'e2e-mid-roll:u:1' }, { round: 100 }]) {
      expect(nextMidRollAt(updateAt(0, { at: 5_000, ...last }), going)).toBe(never);
      expect(nextMidRollAt(updateAt(0, { at: 9_500, ...last }), held)).toBe(9_000 + halfAnHour);
    }
  });
});

describe('a roll that waits for checks on its first new node', () => {
  it('has them started at once, on that very node', () => {
    expect(midRoll(updateAt(8_999), going)).toBeUndefined();
    expect(midRoll(updateAt(9_000), held)).toMatchObject({
      kind: 'done',
      output: { kind: 'again', midRoll: { round: 1, child: 'e2e-mid-roll:u:1', at: 9_000 } },
      messages: [{ event: { input: { purpose: 'mid-roll', newSince: began, newNodes: ['new-1'] } } }],
    });
    expect(firstNodeWait(held)?.message).toBe(
      'waiting for checks on the first new node (new-1 of workers), at most 30m: no further old node goes before',
    );
    expect(firstNodeWait(going)).toBeUndefined();
  });

  it('is told of a run that began after that node was there, and of no other', () => {
    const outcome = midRoll(updateAt(20_000, { at: 9_000 }), { ...held, other: roll() });
    expect(outcome).toMatchObject({
      output: { kind: 'again', rolls: { workers: { state: 'running' } } },
      messages: [{ to: 'roll:u:workers', event: { type: 'CHECKED', node: 'new-1' } }],
      journal: [{ kind: 'first-node-checked' }],
    });
    expect(JSON.stringify(outcome)).not.toContain('firstNodes"');
    expect(midRoll(updateAt(20_000, { at: 8_000 }), held)).toMatchObject({ output: { midRoll: { round: 2 } } });
    expect(midRoll(updateAt(20_000, { at: 9_000, child: 'e2e-mid-roll:u:1', result: null }), held)).toBeUndefined();
  });

  it('is told of each of its contents, and a run is made for those that no run has seen', () => {
    // the first run began before the second node was there
    const one = midRoll(updateAt(20_000, { at: 9_000 }), two);
    expect(one).toMatchObject({
      output: { rolls: { workers: { firstNodes: [{ node: 'new-2', since: 9_500 }] } } },
      messages: [{ to: 'roll:u:workers', event: { type: 'CHECKED', node: 'new-1' } }],
      journal: [{ message: expect.stringContaining('the others are still to be checked') as string }],
    });
    const left = { workers: roll({ firstNodes: [{ node: 'new-2', since: 9_500 }] }) };
    expect(midRoll(updateAt(20_000, { at: 9_000 }), left)).toMatchObject({
      output: { midRoll: { round: 2, at: 20_000 } },
      messages: [{ event: { input: { newNodes: ['new-2'] } } }],
    });
    const both = midRoll(updateAt(20_000, { at: 9_500 }), two);
    expect(both).toMatchObject({
      messages: ['new-1', 'new-2'].map((node) => ({ event: { type: 'CHECKED', node } })),
      journal: [{ message: expect.stringContaining('new-1, new-2, the first new nodes of workers: the roll goes on') }],
    });
    expect(JSON.stringify(both)).not.toContain('firstNodes"');
    expect(firstNodeWait(two)?.message).toContain('the first new nodes (new-1 of workers, new-2 of workers)');
  });

  it('goes no further without a verdict: the run is repeated, and in the end the update fails', () => {
    const error = { at: 9_000, result: 'error' as const, failures: [] };
    expect(midRoll(updateAt(9_000 + threeMinutes - 1, error), held)).toBeUndefined();
    expect(midRoll(updateAt(9_000 + threeMinutes, error), held)).toMatchObject({ output: { midRoll: { round: 2 } } });
    expect(midRoll(updateAt(9_000 + halfAnHour, { ...error, child: 'e2e-mid-roll:u:2' }), held)).toMatchObject({
      kind: 'failed',
      failure: { kind: 'terminal', code: 'first-node-unchecked', message: expect.stringContaining('new-1') as string },
    });
  });

  it('is let go when as many runs were made as may be', () => {
    expect(midRoll(updateAt(9_000, { round: 100, at: 1 }), held)).toMatchObject({
      messages: [{ event: { type: 'CHECKED' } }],
    });
  });
});
