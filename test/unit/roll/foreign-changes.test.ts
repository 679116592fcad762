import { describe, expect, it } from 'vitest';
import { judgeDrift } from '../../../src/planning/roll/drift.ts';
import type { NodeGroup } from '../../../src/ports/cloud-provider.ts';
import { buildInput, now, oldNodes, plan, words } from '../../support/roll-builders.ts';

const pool = { nodes: [...oldNodes(3), { name: 'new-1' }], baseline: 3 };

function judge(change: Partial<NodeGroup>, since?: number, intents: unknown[] = []) {
  const { cloud, pools } = buildInput({ pools: [pool] });
  const group = { ...(cloud.groups[0] as NodeGroup), ...change };
  const memory = { ...(pools[0] as (typeof pools)[0]).memory, intents: intents as never[] };
  const first = judgeDrift({ memory, groups: [group], cloudAt: now, confirmMs: 20_000 });
  if (since === undefined || first.kind !== 'watched') return first;
  return judgeDrift({
    memory: { ...memory, drift: { ...first.drift, since } },
    groups: [group],
    cloudAt: now,
    confirmMs: 20_000,
  });
}

describe("somebody else's change of a group", () => {
  it.each([
    ['template', { launchTemplate: { id: 'lt-1', name: 'x', version: '3' } }, 'launch template'],
    ['maximum', { max: 50 }, 'maximum from 5 to 50'],
    ['minimum', { min: 2 }, 'minimum from 0 to 2'],
    ['resumed process', { suspendedProcesses: [] }, 'resumed AZRebalance'],
    ['suspended process', { suspendedProcesses: ['AZRebalance', 'Launch'] }, 'suspended Launch'],
    ['tags', { tags: { NodePool: 'workers' } }, 'removed the tags'],
  ])('of its %s is watched first, and pauses the pool when a later look agrees', (_name, change, said) => {
    expect(judge(change)).toMatchObject({ kind: 'watched', message: expect.stringContaining(said) });
    expect(judge(change, now - 19_999)).toMatchObject({ kind: 'watched' });
    expect(judge(change, now - 20_000)).toMatchObject({ kind: 'foreign', message: expect.stringContaining(said) });
  });

  it('of its desired capacity moves the baseline with it, up and down, within the limits', () => {
    expect(judge({ desired: 6 }, now - 20_000)).toMatchObject({
      kind: 'desired',
      moves: [{ baseline: 5, expected: 6 }],
    });
    expect(judge({ desired: 3 }, now - 20_000)).toMatchObject({
      kind: 'desired',
      moves: [{ baseline: 2, expected: 3 }],
    });
    expect(judge({ desired: 99 }, now - 20_000)).toMatchObject({ moves: [{ baseline: 5, expected: 99 }] });
  });

  it('is not seen in a desired capacity that an unresolved change of our own may explain', () => {
    expect(judge({ desired: 5 }, undefined, [{ kind: 'launch', group: 'workers' }])).toEqual({ kind: 'none' });
  });

  it('is seen beyond what an unresolved change of our own may explain, and followed once that is settled', () => {
    const ended = [{ kind: 'terminate', group: 'workers', decrement: true }];
    expect(judge({ desired: 3 }, undefined, ended)).toEqual({ kind: 'none' });
    expect(judge({ desired: 5 }, now - 60_000, ended)).toMatchObject({
      kind: 'watched',
      message: expect.stringContaining('by +1'),
    });
    expect(judge({ desired: 2 }, now - 60_000, ended)).toMatchObject({
      kind: 'watched',
      message: expect.stringContaining('by -1'),
    });
    // Without a decrement it changes no size.
    const replaced = [{ kind: 'terminate', group: 'workers', decrement: false }];
    expect(judge({ desired: 3 }, undefined, replaced)).toMatchObject({ kind: 'watched' });
    expect(judge({ desired: 6 }, undefined, [{ kind: 'launch', group: 'workers' }])).toMatchObject({ kind: 'watched' });
    expect(judge({ desired: 5 }, now - 60_000)).toMatchObject({ kind: 'desired' });
  });

  it('stops launches, terminations and cordons while it is watched, but no drain', () => {
    const nodes = [
      { name: 'old-1', old: true, drainingFor: 60_000 },
      ...oldNodes(3).slice(1),
      { name: 'new-1' },
      { name: 'new-2' },
    ];
    const found = plan({
      pools: [
        {
          nodes,
          baseline: 3,
          surge: 3,
          group: { max: 50 },
          memory: {
            groups: [
              {
                name: 'workers',
                target: { id: 'lt-1', version: '2' },
                previous: null,
                content: null,
                canary: { needed: true, reason: 'nothing is known' },
                baseline: 3,
                expected: 5,
                max: 5,
                min: 0,
              },
            ],
          },
        },
      ],
      pods: [{ name: 'web', node: 'old-1' }],
    });
    expect(words(found.actions)).toEqual(['evict web']);
    expect(found.memory.drift).not.toBeNull();
  });

  it('is also another roll that has written itself into the tags: only one may go on', () => {
    const { cloud } = buildInput({ pools: [pool] });
    const tags = { ...(cloud.groups[0] as NodeGroup).tags, 'clm/roll-id': 'another' };
    expect(judge({ tags }, now - 20_000)).toMatchObject({
      kind: 'foreign',
      message: expect.stringContaining('another roll (another)'),
    });
  });

  it('keeps a roll from its end while the size that it expects is not shown: the describe may be an old one', () => {
    const group = {
      name: 'workers',
      target: { id: 'lt-1', version: '2' },
      previous: null,
      content: null,
      canary: { needed: true, reason: 'nothing is known' },
      baseline: 1,
      max: 3,
      min: 0,
    };
    const verdict = (expected: number): string =>
      plan({ pools: [{ nodes: [{ name: 'new-1' }], memory: { groups: [{ ...group, expected }] } }] }).verdict.kind;
    expect(verdict(1)).toBe('complete');
    expect(verdict(2)).toBe('going-on');
  });

  it('ends the roll when the group is gone or being deleted', () => {
    expect(plan({ pools: [{ ...pool, group: { status: 'Delete in progress' } }] }).verdict).toMatchObject({
      kind: 'failed',
      code: 'group-gone',
    });
  });
});
