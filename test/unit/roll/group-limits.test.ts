import { describe, expect, it } from 'vitest';
import {
  type GroupChange,
  originalsFor,
  preparations,
  protectedUntilInService,
  refusalOf,
  restorations,
} from '../../../src/planning/roll/group-limits.ts';
import { originalsAsTags, originalsOf, readOriginals } from '../../../src/planning/roll/group-tags.ts';
import type { NodeGroup } from '../../../src/ports/cloud-provider.ts';
import { buildInput, memoryOf, type NodeSpec, now } from '../../support/roll-builders.ts';

const untouched = (more: Partial<NodeGroup> = {}): NodeGroup => {
  const spec = { nodes: [{ name: 'a' }, { name: 'b' }] };
  const { cloud } = buildInput({ pools: [spec] });
  return {
    ...(cloud.groups[0] as NodeGroup),
    tags: { NodePool: 'workers' },
    suspendedProcesses: [],
    newInstancesProtected: false,
    max: 4,
    ...more,
  };
};

const notJudged = { needed: true, reason: 'nothing is known' };

describe('preparing a group', () => {
  it('writes down what it was like before anything is changed', () => {
    const group = untouched();
    const kinds = preparations(group, originalsFor(group, 'r1', now, undefined, false), 3).map((change) => change.kind);
    expect(kinds).toEqual(['tag', 'suspend', 'limits']);
  });

  it('has nothing left to do once it is done', () => {
    const group = untouched();
    const originals = originalsFor(group, 'r1', now, undefined, false);
    const done = {
      ...group,
      tags: { ...group.tags, ...originalsAsTags({ ...originals, lifted: [5] }) },
      suspendedProcesses: ['AZRebalance'],
      newInstancesProtected: true,
      max: 5,
    };
    expect(preparations(done, originalsFor(done, 'r1', now + 5, undefined, false), 5)).toEqual([]);
  });

  it('raises the maximum only when the surge does not fit below it', () => {
    const change = (highest: number) =>
      preparations(untouched(), originalsOf(untouched(), 'r1', now), highest).find((one) => one.kind === 'limits');
    expect(change(9)).toEqual({ kind: 'limits', change: { max: 9, newInstancesProtected: true } });
    expect(change(3)).toEqual({ kind: 'limits', change: { newInstancesProtected: true } });
  });

  it('believes the tags of an earlier roll and not what that roll has made of the group', () => {
    const originals = {
      ...originalsOf(untouched(), 'r0', now),
      lifted: [9],
      suspended: ['AlarmNotification'],
      expected: 3,
    };
    const left = untouched({
      desired: 3,
      max: 9,
      suspendedProcesses: ['AZRebalance', 'AlarmNotification'],
      newInstancesProtected: true,
      tags: { NodePool: 'workers', ...originalsAsTags(originals) },
    });
    expect(originalsFor(left, 'r1', now + 60_000, undefined, false)).toEqual({ ...originals, rollId: 'r1' });
  });

  it.each([
    ['what was added above the size that the earlier roll was answerable for', 4, 3, 3],
    ['no more than the own maximum of the group', 9, 3, 4],
    ['nothing where it is smaller: a launch may not have been made', 2, 3, 2],
    ['nothing where the tag is missing', 4, undefined, 2],
  ])('counts as growth by others %s', (_what, desired, expected, baseline) => {
    const tags = originalsAsTags({ ...originalsOf(untouched(), 'r0', now), expected });
    const left = untouched({ desired, tags: { NodePool: 'workers', ...tags } });
    expect(originalsFor(left, 'r1', now, undefined, false)).toMatchObject({ baseline, expected: desired });
  });

  it('takes over what somebody else has changed during a pause', () => {
    const group = untouched();
    const tags = originalsAsTags(originalsOf(group, 'r1', now));
    const changed = {
      ...group,
      tags: { ...group.tags, ...tags },
      max: 20,
      min: 1,
      suspendedProcesses: ['AZRebalance', 'ScheduledActions'],
    };
    const target = { id: 'lt-1', version: '2' };
    const known = {
      name: 'workers',
      target,
      previous: null,
      content: null,
      canary: notJudged,
      baseline: 2,
      expected: 2,
      max: 5,
      min: 0,
    };
    expect(originalsFor(changed, 'r1', now, known, false)).toMatchObject({
      max: 20,
      min: 1,
      suspended: ['ScheduledActions'],
    });
  });

  it.each([
    ['$Latest', { launchTemplate: { id: 'lt-1', name: 'x', version: '$Latest' } }, 'template-floating', false],
    ['no launch template', { launchTemplate: { id: '', name: '', version: '' } }, 'template-floating', false],
    ['an instance refresh', { instanceRefreshActive: true }, 'instance-refresh', true],
    ['Launch suspended by somebody', { suspendedProcesses: ['Launch'] }, 'processes-suspended', true],
    ['its deletion under way', { status: 'Delete in progress' }, 'group-gone', false],
  ])('refuses one with %s', (_name, change, code, waits) => {
    expect(refusalOf(untouched(change))).toMatchObject({ code, waits });
  });

  it('keeps every original over the tags, an empty list of processes too', () => {
    const originals = originalsOf(untouched({ suspendedProcesses: [] }), 'r1', now);
    expect(readOriginals(untouched({ tags: originalsAsTags(originals) }))).toEqual(originals);
    expect(Object.values(originalsAsTags(originals))).not.toContain('');
  });
});

describe('whose maximum it is', () => {
  const target = { id: 'lt-1', version: '2' };
  const remembered = (max: number) => ({
    name: 'workers',
    target,
    previous: null,
    content: null,
    canary: notJudged,
    baseline: 2,
    expected: 2,
    max,
    min: 0,
  });
  const surge = 3;
  /** What the cloud holds after these changes. */
  const after = (group: NodeGroup, changes: GroupChange[]): NodeGroup => {
    const held = structuredClone(group);
    for (const change of changes) {
      if (change.kind === 'tag') Object.assign(held.tags, change.tags);
      if (change.kind === 'suspend') held.suspendedProcesses = change.processes;
      if (change.kind === 'limits') Object.assign(held, change.change);
    }
    return held;
  };
  /** One preparation, killed after so many of its changes. */
  const prepare = (group: NodeGroup, known?: number, killedAfter = 99, room = surge): NodeGroup => {
    const originals = originalsFor(group, 'r1', now, known === undefined ? undefined : remembered(known), false);
    return after(group, preparations(group, originals, originals.max + room).slice(0, killedAfter));
  };
  const putBack = (group: NodeGroup, known?: number): number => {
    const memory = known === undefined ? undefined : remembered(known);
    return after(group, restorations(group, memory, [])).max;
  };

  it.each([0, 1, 2, 3])(
    'a roll killed after %i changes of its first preparation knows its own maximum again',
    (kill) => {
      const again = prepare(prepare(untouched({ max: 4 }), undefined, kill));
      expect(again.max).toBe(7);
      expect(putBack(again, 7)).toBe(4);
    },
  );

  it.each([0, 1, 2])('a roll killed after %i changes of a preparation for a changed maximum does so too', (kill) => {
    const rolling = prepare(untouched({ max: 4 }));
    const changed = { ...rolling, max: 5 };
    // The row still says what was set before.
    const again = prepare(prepare(changed, 7, kill), 7);
    expect(again.max).toBe(8);
    expect(putBack(again, 8)).toBe(5);
  });

  it.each([0, 1, 2])('a roll killed after %i changes of a preparation for a larger surge does so too', (kill) => {
    const again = prepare(prepare(prepare(untouched({ max: 4 })), 7, kill, 5), 7, 99, 5);
    expect(again.max).toBe(9);
    expect(putBack(again, 9)).toBe(4);
  });

  it('a preparation whose outcome the cloud does not show yet is not taken for a change', () => {
    const again = prepare(prepare(prepare({ ...prepare(untouched({ max: 4 })), max: 5 }, 7), 7), 7);
    expect(again.max).toBe(8);
    expect(putBack(again, 8)).toBe(5);
  });

  it.each([1, 2, 3])('what somebody sets after a kill that came after %i changes is theirs', (kill) => {
    const changed = { ...prepare(untouched({ max: 4 }), undefined, kill), max: 10 };
    const again = prepare(changed);
    expect(again.max).toBe(13);
    expect(putBack(again, 13)).toBe(10);
  });

  it('a roll that is cancelled before it noted its new maximum puts the original back', () => {
    const again = prepare({ ...prepare(untouched({ max: 4 })), max: 5 }, 7);
    expect(putBack(again, 7)).toBe(5);
  });

  it('remembers a limited number of its maxima, the last ones', () => {
    let group = prepare(untouched({ max: 4 }));
    for (let room = 4; room < 20; room += 1) group = prepare(group, undefined, 99, room);
    expect(readOriginals(group)).toMatchObject({ max: 4, lifted: [16, 17, 18, 19, 20, 21, 22, 23] });
  });

  it('without its tag of maxima goes by what it remembers', () => {
    const group = prepare(untouched({ max: 4 }));
    const { 'clm/roll-lifted-max': _gone, ...tags } = group.tags;
    const bare = { ...group, tags };
    expect(putBack(prepare(bare, 7), 7)).toBe(4);
    expect(putBack(prepare({ ...bare, max: 5 }, 7), 8)).toBe(5);
    expect(putBack(prepare(bare), 7)).toBe(4);
  });
});

describe('putting a group back', () => {
  const rolled = (nodes: NodeSpec[], more: Partial<NodeGroup> = {}) => {
    const spec = { nodes, baseline: 2, max: 6 };
    const { cloud, view } = buildInput({ pools: [spec] });
    const group = { ...(cloud.groups[0] as NodeGroup), ...more };
    group.tags = { ...group.tags, 'clm/roll-orig-max': '4' };
    return { group, nodes: view.nodes, memory: memoryOf(spec, group).groups[0] };
  };

  it('undoes protection, marks, limits and processes in this order, and removes the tags last', () => {
    const { group, nodes, memory } = rolled([{ name: 'a' }, { name: 'b' }]);
    expect(restorations(group, memory, nodes).map((change) => change.kind)).toEqual([
      'unprotect',
      'clear-node',
      'clear-node',
      'limits',
      'resume',
      'untag',
    ]);
  });

  it('leaves a maximum alone that somebody else has set meanwhile', () => {
    const { group, nodes, memory } = rolled([{ name: 'a' }]);
    const foreign = { ...group, max: 12 };
    expect(restorations(foreign, memory, nodes).find((change) => change.kind === 'limits')).toEqual({
      kind: 'limits',
      change: { newInstancesProtected: false },
    });
  });

  it('keeps rebalancing suspended where it was before', () => {
    const { group, nodes, memory } = rolled([{ name: 'a' }]);
    group.tags['clm/roll-orig-suspended'] = 'AZRebalance';
    expect(restorations(group, memory, nodes).map((change) => change.kind)).not.toContain('resume');
  });

  it('removes a tag that a look at an old describe wrote after the others were gone', () => {
    const { view } = buildInput({ pools: [{ nodes: [{ name: 'a', exempt: false }] }] });
    const group = { ...untouched(), tags: { 'clm/roll-baseline': '3', team: 'x' } };
    expect(restorations(group, undefined, view.nodes)).toEqual([{ kind: 'untag', keys: ['clm/roll-baseline'] }]);
  });

  it('has nothing to do with a group that no roll has touched', () => {
    const { view } = buildInput({ pools: [{ nodes: [{ name: 'a', exempt: false }] }] });
    expect(restorations(untouched(), undefined, view.nodes)).toEqual([]);
  });

  it('takes the protection from one that the group launched last, and keeps the tags until it can', () => {
    const late = (state: string) =>
      rolled([
        { name: 'a', exempt: false },
        { name: 'b', noNode: true, state },
      ]);
    const booting = late('Pending');
    expect(protectedUntilInService(booting.group)).toEqual([booting.group.instances[1]?.id]);
    const before = restorations(booting.group, booting.memory, booting.nodes).map((change) => change.kind);
    expect(before).toContain('limits');
    expect(before).not.toContain('untag');
    const { group, nodes, memory } = late('InService');
    expect(protectedUntilInService(group)).toEqual([]);
    const after = restorations(group, memory, nodes);
    expect(after.find((change) => change.kind === 'unprotect')).toMatchObject({
      instanceIds: expect.arrayContaining([group.instances[1]?.id]),
    });
    expect(after.map((change) => change.kind)).toContain('untag');
  });

  it('waits for no instance where new ones were protected before the roll', () => {
    const { group, nodes, memory } = rolled([{ name: 'a' }, { name: 'b', noNode: true, state: 'Pending' }]);
    group.tags['clm/roll-orig-protect'] = 'true';
    expect(protectedUntilInService(group)).toEqual([]);
    expect(restorations(group, memory, nodes).map((change) => change.kind)).toContain('untag');
  });

  it('leaves nodes alone that are on their way out', () => {
    const { group, nodes, memory } = rolled([{ name: 'a', old: true, drainingFor: 1_000, state: 'Terminating' }]);
    expect(restorations(group, memory, nodes).map((change) => change.kind)).not.toContain('clear-node');
  });
});
