import { describe, expect, it } from 'vitest';
import { groupOf, type NodeSpec, now, oldNodes, type PodSpec, plan, words } from '../../support/roll-builders.ts';

const stopping = { mode: 'stopping' as const };
const pods = (count: number, node: string) =>
  Array.from({ length: count }, (_, i) => ({ name: `p-${i}`, app: `p-${i}`, node }));

describe('a roll that is being stopped', () => {
  it('starts nothing new', () => {
    const found = plan({ pools: [{ ...stopping, nodes: oldNodes(3), baseline: 3 }] });
    expect(found.actions).toEqual([]);
    expect(found.verdict.kind).toBe('complete');
  });

  it('gives back a node of which little has moved', () => {
    const nodes = [{ name: 'old-1', old: true, drainingFor: 9_000, drainPods: 4 }, ...oldNodes(3).slice(1)];
    const found = plan({ pools: [{ ...stopping, nodes, baseline: 3 }], pods: pods(3, 'old-1') });
    expect(words(found.actions)).toEqual(['give-back old-1']);
  });

  it('finishes a node of which half has moved', () => {
    const nodes = [
      { name: 'old-1', old: true, drainingFor: 9_000, drainPods: 4 },
      ...oldNodes(3).slice(1),
      { name: 'new-1' },
    ];
    const found = plan({ pools: [{ ...stopping, nodes, baseline: 3 }], pods: pods(2, 'old-1') });
    expect(words(found.actions)).toEqual(['evict p-0', 'evict p-1']);
  });

  it('gives it back all the same when a budget has parked it', () => {
    const nodes = [
      { name: 'old-1', old: true, drainingFor: 9_000, drainPods: 4 },
      ...oldNodes(3).slice(1),
      { name: 'new-1' },
    ];
    const previous = [{ name: 'old-1', instanceId: 'i-old-1', phase: 'blocked' as const, since: 0 }];
    const found = plan({ pools: [{ ...stopping, nodes, baseline: 3, previous }], pods: pods(1, 'old-1') });
    expect(words(found.actions)).toContain('give-back old-1');
  });

  it('finishes a control-plane node that its load balancers have let go: they would not take it back', () => {
    const nodes = [
      { name: 'm-1', old: true, drainingFor: 9_000, health: 'absent' as const },
      { name: 'm-2', old: true },
      { name: 'm-new' },
    ];
    const found = plan({
      pools: [{ ...stopping, nodes, baseline: 2, controlPlane: true, balanced: true }],
      pods: pods(4, 'm-1'),
    });
    expect(words(found.actions)).toContain('evict p-0');
  });

  it('ends a surplus instance that is no node yet, and drains one that is', () => {
    const previous = [{ name: 'i-new-1', instanceId: 'i-new-1', phase: 'booting' as const, since: 1e13 }];
    const booting = plan({
      pools: [
        {
          ...stopping,
          nodes: [...oldNodes(3), { name: 'new-1', noNode: true, state: 'Pending' }],
          baseline: 3,
          previous,
        },
      ],
    });
    expect(words(booting.actions)).toEqual(['terminate i-new-1 -1']);
    const serving = plan({ pools: [{ ...stopping, nodes: [...oldNodes(3), { name: 'new-1' }], baseline: 3 }] });
    expect(words(serving.actions)).toEqual(['cordon new-1']);
  });

  it('terminates the surplus node once it is empty and gives up its place', () => {
    const previous = [{ name: 'new-1', instanceId: 'i-new-1', phase: 'drained' as const, since: 0 }];
    const nodes = [...oldNodes(3), { name: 'new-1', drainingFor: 60_000, leaving: 'surplus' as const }];
    const found = plan({ pools: [{ ...stopping, nodes, baseline: 3, previous }] });
    expect(words(found.actions)).toEqual(['terminate new-1 -1']);
  });

  const member = (name: string, zone: string) => ({ name, zone: `eu-1${zone}`, old: name.startsWith('old') });

  it('takes the node too many from a zone that can spare it, though it is not the newest', () => {
    const nodes = [member('old-1', 'a'), member('old-2', 'a'), member('old-3', 'a'), member('new-1', 'b')];
    const found = plan({ pools: [{ ...stopping, nodes: [...nodes, member('old-4', 'c')], baseline: 4 }] });
    expect(words(found.actions)).toHaveLength(1);
    expect(words(found.actions)[0]).toMatch(/^cordon old-[123]$/);
  });

  it('gets the emptiest zone a node when the group would end one elsewhere to even its zones out', () => {
    const nodes = [member('old-1', 'a'), member('old-2', 'a'), member('old-3', 'a'), member('old-4', 'b')];
    const found = plan({ pools: [{ ...stopping, nodes: [...nodes, member('old-5', 'c')], baseline: 5 }] });
    expect(words(found.actions)).toEqual(['launch eu-1b']);
    expect(found.verdict.kind).toBe('going-on');
    // It boots: neither it nor, before it serves, one of the others goes.
    const booting = { name: 'new-1', zone: 'eu-1b', ready: false, readyFor: 10_000 };
    const next = plan({ pools: [{ ...stopping, nodes: [...nodes, member('old-5', 'c'), booting], baseline: 5 }] });
    expect(words(next.actions)).toEqual([]);
    const serving = plan({
      pools: [{ ...stopping, nodes: [...nodes, member('old-5', 'c'), member('new-1', 'b')], baseline: 5 }],
    });
    expect(words(serving.actions)[0]).toMatch(/^cordon old-[123]$/);
  });

  it('does not end a node that is about to serve while one is missing', () => {
    const booting = { name: 'new-1', zone: 'eu-1c', age: 60_000, ready: false, readyFor: 60_000 };
    const ill = { ...member('old-2', 'b'), ready: false, readyFor: 60_000 };
    const nodes = [member('old-1', 'a'), ill, booting];
    const spec = { ...stopping, baseline: 2 };
    expect(words(plan({ pools: [{ ...spec, nodes }] }).actions)).toEqual(['cordon old-2']);
    expect(
      words(plan({ pools: [{ ...spec, nodes: [member('old-1', 'a'), member('old-2', 'b'), booting] }] }).actions),
    ).toEqual(['cordon new-1']);
  });

  describe('with a node that somebody else has cordoned', () => {
    const theirs = { ...member('old-1', 'a'), cordoned: true };
    const others = [member('old-2', 'b'), member('old-3', 'c')];
    const stopped = (nodes: object[], more = {}, pods: object[] = []) => {
      const pool = { ...stopping, baseline: 3, nodes: nodes as NodeSpec[], ...more };
      return plan({ pools: [pool], pods: pods as PodSpec[] }).actions;
    };
    const booting = { ...member('new-1', 'a'), ready: false, readyFor: 10_000, age: 10_000 };

    it('takes what the roll itself has launched: the node served nobody before it, either', () => {
      expect(words(stopped([theirs, ...others, member('new-1', 'a')]))).toEqual(['cordon new-1']);
      expect(words(stopped([theirs, ...others, booting]))).toEqual(['cordon new-1']);
    });

    it('takes one of its own at the end of a roll, too', () => {
      const nodes = [member('new-1', 'a'), { ...member('new-2', 'b'), cordoned: true }, member('new-3', 'c')];
      const [first] = words(stopped(nodes, { baseline: 2, mode: 'rolling' }));
      expect(first).toMatch(/^cordon new-[13]$/);
    });

    it('takes as many as are too many, and leaves the cordoned one', () => {
      const two = [member('new-1', 'a'), member('new-2', 'b')];
      expect(words(stopped([theirs, ...others, ...two])).sort()).toEqual(['cordon new-1', 'cordon new-2']);
    });

    it('waits for a new node that is about to serve where more are missing than that one', () => {
      const more = [theirs, ...others.slice(1), booting, { ...booting, name: 'new-2', zone: 'eu-1b' }];
      expect(words(stopped(more))).toEqual([]);
    });

    it('takes it, and says why, where nothing would move from any other', () => {
      const bound = { ...member('new-1', 'a') };
      const pods = [...others, bound].map(({ name }) => ({ name: `p-${name}`, app: 'web', node: name, bare: true }));
      const input = { pools: [{ ...stopping, baseline: 3, nodes: [theirs, ...others, bound] }], pods };
      const [taken] = plan({ ...input, policy: { barePods: 'block' } }).actions.filter((one) => one.kind === 'cordon');
      expect(taken).toMatchObject({
        node: 'old-1',
        reason:
          'workers has 1 nodes more than its 3; somebody else had cordoned old-1, and it goes all the same: nothing would move from new-1 nor from any other',
      });
    });

    it('takes it, and says why, where volumes of any other can be used in its zone only', () => {
      const nodes = [{ ...member('new-1', 'a'), cordoned: true }, member('new-2', 'a')];
      const pods = [{ name: 'db', node: 'new-2', claims: ['data'] }];
      const pool = { ...stopping, baseline: 1, nodes };
      const volumes = [{ claim: 'shop/data', zones: ['eu-1a'] }];
      const [taken] = plan({ pools: [pool], pods, volumes }).actions.filter(
        (one) => one.kind === 'cordon' || one.kind === 'capacity',
      );
      expect(taken).toMatchObject({
        node: 'new-1',
        reason: expect.stringContaining('pods on new-2 have volumes in its zone'),
      });
      expect(words(plan({ pools: [pool], pods: [{ name: 'web', node: 'new-2' }] }).actions)).toEqual(['cordon new-2']);
    });

    it('takes it, and says why, where any other would leave the zones uneven, and the group evens them out', () => {
      const nodes = [
        theirs,
        { ...theirs, name: 'old-2' },
        { ...theirs, name: 'old-3' },
        member('old-4', 'b'),
        member('new-1', 'c'),
      ];
      const [taken] = stopped(nodes, { baseline: 4 }).filter((one) => one.kind === 'cordon');
      expect(taken).toMatchObject({
        node: 'old-1',
        reason: expect.stringContaining('the group ends a node undrained'),
      });
      const tags = { ...groupOf({ nodes, baseline: 4 }).tags, 'clm/roll-orig-suspended': 'AZRebalance' };
      expect(words(stopped(nodes, { baseline: 4, group: { tags } }))).toEqual(['cordon new-1']);
    });

    it('takes it, and says why, where there is no other', () => {
      const [taken] = stopped([theirs], { baseline: 0 }).filter((one) => one.kind === 'cordon');
      expect(taken).toMatchObject({ node: 'old-1', reason: expect.stringContaining('the group has no other node') });
    });
  });

  it('finishes an outdated node that is the one too many, though little of it has moved', () => {
    const leaving = { ...member('old-1', 'a'), drainingFor: 1_000, leaving: 'surplus' as const };
    const nodes = [leaving, member('old-2', 'a'), member('old-3', 'b'), member('old-4', 'c')];
    const pods = [{ name: 'web', node: 'old-1' }];
    expect(words(plan({ pools: [{ ...stopping, nodes, baseline: 3 }], pods }).actions)).toEqual(['evict web']);
    expect(words(plan({ pools: [{ ...stopping, nodes, baseline: 4 }], pods }).actions)).toEqual(['give-back old-1']);
  });

  it.each([
    ['the group never evens out', { group: { tags: { 'clm/roll-orig-suspended': 'AZRebalance' } } }],
    ['a node has failed to boot', { memory: { bootFailures: 1 } }],
    [
      'the emptiest zone has no instances',
      { memory: { zonesWithout: ['b', 'c'].map((z) => ({ group: 'workers', zone: `eu-1${z}`, until: now + 1 })) } },
    ],
  ])('leaves zones as they are where %s', (_name, more) => {
    const nodes = [member('old-1', 'a'), member('old-2', 'a'), member('old-3', 'a')];
    const spec = { ...stopping, nodes, baseline: 3, ...more };
    const tags = (more as { group?: { tags: Record<string, string> } }).group?.tags;
    const kept = groupOf({ nodes, baseline: 3 }).tags;
    const found = plan({ pools: [tags ? { ...spec, group: { tags: { ...kept, ...tags } } } : spec] });
    expect(words(found.actions)).toEqual([]);
    expect(found.verdict.kind).toBe('complete');
    expect(words(plan({ pools: [{ ...stopping, nodes, baseline: 3 }] }).actions)).toEqual(['launch eu-1b']);
  });

  it('never cordons a surplus node that the baseline needs', () => {
    const nodes = [...oldNodes(2), { name: 'old-3', old: true, ready: false, readyFor: 60_000 }, { name: 'new-1' }];
    expect(words(plan({ pools: [{ ...stopping, nodes, baseline: 3 }] }).actions)).not.toContain('cordon new-1');
  });
});

describe('the size of a group while a roll of it is stopped', () => {
  const nodes = [...oldNodes(3), { name: 'new-1' }];
  const remembered = (drift: { what: string; since: number } | null) => ({
    drift,
    groups: [
      {
        name: 'workers',
        target: { id: 'lt-1', version: '2' },
        previous: null,
        baseline: 3,
        expected: 3,
        max: 5,
        min: 0,
      },
    ],
  });
  const grown = (memory: object) => plan({ pools: [{ ...stopping, nodes, baseline: 3, desired: 4, memory }] });

  it('is watched when somebody else has moved it: what it grew by is not taken for surplus', () => {
    const found = grown(remembered(null));
    expect(found.actions).toEqual([]);
    expect(found.verdict.kind).toBe('going-on');
    expect(found.wait.code).toBe('foreign-change-watched');
    expect(found.memory.drift).not.toBeNull();
  });

  it('is followed once a later look agrees', () => {
    const found = grown(remembered({ what: 'workers desired 4', since: now - 45_000 }));
    expect(words(found.actions)).toEqual(['baseline 4']);
    // Its tags may have been taken back a moment ago, and would be left behind.
    expect(found.actions).toMatchObject([{ tagged: false }]);
    expect(found.memory.drift).toBeNull();
  });
});

describe('a surplus node', () => {
  it('goes before one that alone serves the volumes of its pods', () => {
    const nodes = [
      { name: 'a', zone: 'eu-1a', age: 9_000_000 },
      { name: 'b', zone: 'eu-1b', age: 1_000_000 },
    ];
    const bound = [{ name: 'db', node: 'b', claims: ['data'] }];
    const words_ = (pods: typeof bound) => words(plan({ pools: [{ nodes, baseline: 1 }], pods }).actions);
    expect(words_([])).toEqual(['cordon b']);
    expect(words_(bound)).toEqual(['cordon a']);
  });

  it('and a node that failed to boot wait while a control-plane node is on its way out', () => {
    const plane = {
      name: 'masters',
      controlPlane: true,
      nodes: [{ name: 'm-1', old: true, drainingFor: 1_000 }, { name: 'm-2', old: true }, { name: 'm-new' }],
      baseline: 2,
    };
    const failed = { name: 'new-1', ready: false, age: 1_000_000 };
    const surplus = { nodes: [{ name: 'a' }, { name: 'b' }], baseline: 1 };
    const boot = { nodes: [...oldNodes(3), failed], baseline: 3 };
    for (const worker of [surplus, { ...surplus, ...stopping }, boot]) {
      const found = plan({ pools: [worker, plane] });
      expect(words(found.actions).filter((one) => one.startsWith('cordon'))).toEqual([]);
      expect(found.wait.code).toBe('control-plane-in-flight');
      expect(words(plan({ pools: [worker] }).actions).filter((one) => one.startsWith('cordon'))).toHaveLength(1);
    }
  });
});

describe('a roll whose template was changed back', () => {
  it('gives a node back that is current again', () => {
    const nodes = [{ name: 'a', drainingFor: 9_000, leaving: 'outdated' as const }, { name: 'b' }];
    expect(words(plan({ pools: [{ nodes, baseline: 2 }], pods: pods(1, 'a') }).actions)).toEqual(['give-back a']);
  });
});
