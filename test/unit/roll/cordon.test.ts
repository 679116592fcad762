import { describe, expect, it } from 'vitest';
import { now, oldNodes, plan, words } from '../../support/roll-builders.ts';

const cordons = (found: ReturnType<typeof plan>): string[] =>
  words(found.actions).filter((one) => one.startsWith('cordon'));

describe('a cordon', () => {
  it('rests on a describe of the last half minute: what others made of the group is known', () => {
    const found = plan({ pools: [{ nodes: [...oldNodes(2), { name: 'new-1' }], baseline: 2 }] });
    expect(cordons(found)).toHaveLength(1);
    expect(found.cloudNotBefore).toBe(now - 30_000 + 1);
  });

  it('is issued only while a usable node is there that the baseline does not need', () => {
    expect(cordons(plan({ pools: [{ nodes: [...oldNodes(3), { name: 'new-1' }], baseline: 3 }] }))).toHaveLength(1);
    expect(cordons(plan({ pools: [{ nodes: oldNodes(3) }] }))).toEqual([]);
    const sick = [
      ...oldNodes(3).slice(1),
      { ...oldNodes(1)[0], name: 'old-1', old: true, ready: false, readyFor: 60_000 },
      { name: 'new-1' },
    ];
    expect(cordons(plan({ pools: [{ nodes: sick, baseline: 3 }] }))).toEqual(['cordon old-1']);
  });

  it('takes as many at once as there are nodes to spare', () => {
    const nodes = [...oldNodes(30), { name: 'new-1' }, { name: 'new-2' }, { name: 'new-3' }];
    expect(cordons(plan({ pools: [{ nodes, baseline: 30, surge: 3 }] }))).toHaveLength(3);
  });

  it('waits until every old node repels new pods, so that a pod moves once', () => {
    const nodes = [...oldNodes(2), { name: 'old-3', old: true, marked: false }, { name: 'new-1' }];
    const found = plan({ pools: [{ nodes, baseline: 3 }] });
    expect(words(found.actions)).toEqual(['mark old-3']);
    expect(found.wait.code).toBe('marking');
  });

  it('waits while pods find no node, more than when the roll began', () => {
    const pods = Array.from({ length: 5 }, (_, i) => ({
      name: `p-${i}`,
      phase: 'Pending',
      ready: false,
      age: 180_000,
    }));
    const spec = { pools: [{ nodes: [...oldNodes(3), { name: 'new-1' }], baseline: 3 }], pods };
    expect(plan(spec).wait.code).toBe('pods-without-node');
    expect(cordons(plan(spec))).toEqual([]);
    const before = {
      ...spec,
      pools: [{ ...spec.pools[0], nodes: spec.pools[0]?.nodes ?? [], memory: { unschedulableAtStart: 4 } }],
    };
    expect(cordons(plan(before))).toHaveLength(1);
  });

  it('is never issued for a node whose pods nothing would move', () => {
    const found = plan({
      pools: [{ nodes: [...oldNodes(2), { name: 'new-1' }], baseline: 2 }],
      pods: [{ name: 'db', node: 'old-1' }],
      budgets: [{ name: 'db', allowed: 0, expected: 1, desired: 1 }],
    });
    expect(cordons(found)).toEqual(['cordon old-2']);
    expect(found.nodes).toMatchObject([{ name: 'old-1', phase: 'blocked', blockedBy: { budget: 'db', pod: 'db' } }]);
  });

  it('of a node with volumes waits for a new node in its zone', () => {
    const old = [{ name: 'old-1', old: true, zone: 'eu-1a' }];
    const pods = [{ name: 'db', node: 'old-1', claims: ['data'] }];
    const far = plan({ pools: [{ nodes: [...old, { name: 'new-1', zone: 'eu-1b' }], baseline: 1 }], pods });
    expect(cordons(far)).toEqual([]);
    expect(far.wait.code).toBe('zone-capacity');
    const near = plan({ pools: [{ nodes: [...old, { name: 'new-1', zone: 'eu-1a' }], baseline: 1 }], pods });
    expect(cordons(near)).toEqual(['cordon old-1']);
  });

  it('of a node with volumes asks where its volumes can be used, not where it is', () => {
    const pods = [{ name: 'db', node: 'old-1', claims: ['data'] }];
    const nodes = [
      { name: 'old-1', old: true, zone: 'eu-1a' },
      { name: 'new-1', zone: 'eu-1b' },
    ];
    const both = [{ claim: 'shop/data', zones: ['eu-1a', 'eu-1b'] }];
    expect(cordons(plan({ pools: [{ nodes, baseline: 1 }], pods, volumes: both }))).toEqual(['cordon old-1']);
    const anywhere = [{ claim: 'shop/data' }];
    expect(cordons(plan({ pools: [{ nodes, baseline: 1 }], pods, volumes: anywhere }))).toEqual(['cordon old-1']);
    const one = plan({ pools: [{ nodes, baseline: 1 }], pods, volumes: [{ claim: 'shop/data', zones: ['eu-1a'] }] });
    expect(cordons(one)).toEqual([]);
    expect(one.wait).toMatchObject({ code: 'zone-capacity', message: expect.stringContaining('eu-1a') });
  });

  it('waiting for a zone gets one more node there when the surge is used up elsewhere', () => {
    const pods = [{ name: 'db', node: 'old-1', claims: ['data'] }];
    const nodes = [
      { name: 'old-1', old: true, zone: 'eu-1a' },
      { name: 'new-1', zone: 'eu-1b' },
    ];
    const found = plan({ pools: [{ nodes, baseline: 1, surge: 1 }], pods });
    expect(words(found.actions)).toContain('launch eu-1a');
    const never = plan({ pools: [{ nodes, baseline: 1, surge: 1 }], pods, policy: { maxBlocked: 0 } });
    expect(words(never.actions)).not.toContain('launch eu-1a');
  });

  it('is never issued for a node that holds the only copy of data, unless the policy gives it up', () => {
    const spec = {
      pools: [{ nodes: [...oldNodes(1), { name: 'new-1' }], baseline: 1 }],
      pods: [{ name: 'db', node: 'old-1', claims: ['data'] }],
      volumes: [{ claim: 'shop/data', local: true }],
    };
    expect(plan(spec).nodes).toMatchObject([{ name: 'old-1', blockedBy: { code: 'local-volume', pod: 'db' } }]);
    expect(cordons(plan({ ...spec, policy: { localVolumes: 'evict' } }))).toEqual(['cordon old-1']);
  });

  it('needs the Leases of the kubelets, and does not count a node whose Lease is old', () => {
    const nodes = [...oldNodes(1), { name: 'new-1' }];
    const unread = plan({ pools: [{ nodes, baseline: 1 }], input: { leases: undefined } });
    expect(cordons(unread)).toEqual([]);
    expect(unread.wantsLeases).toBe(true);
    const stale = [...oldNodes(1), { name: 'new-1', leaseAge: 41_000 }];
    expect(cordons(plan({ pools: [{ nodes: stale, baseline: 1 }] }))).toEqual([]);
    const fresh = [...oldNodes(1), { name: 'new-1', leaseAge: 39_000 }];
    expect(cordons(plan({ pools: [{ nodes: fresh, baseline: 1 }] }))).toEqual(['cordon old-1']);
  });

  it('reads the Leases again for a node that they were read too early for, and believes what they say then', () => {
    const renewed = new Map([['old-1', now]]);
    const found = (readyFor: number, readBefore: number) => {
      const nodes = [...oldNodes(1), { name: 'new-1', readyFor }];
      const leases = { at: now - readBefore, renewed, leaders: new Set<string>() };
      const made = plan({ pools: [{ nodes, baseline: 1 }], input: { leases } });
      const detail = made.nodes.find((one) => one.name === 'new-1')?.detail;
      return { detail, asks: made.wantsLeases, cordons: cordons(made), lookIn: made.nextLookAt - now };
    };
    expect(found(4_000, 6_000)).toMatchObject({ detail: 'min-ready', asks: false, lookIn: 1_000 });
    expect(found(6_000, 8_000)).toMatchObject({ detail: 'lease-unread', asks: true, cordons: [] });
    // read when it was to have one: dead, and looked at again once they are read again
    expect(found(60_000, 3_000)).toMatchObject({ detail: 'lease-stale', asks: false, cordons: [], lookIn: 12_000 });
  });

  it('leaves a node alone that an operator has asked for, until the end of that time', () => {
    const skip = { actor: 'ada', reason: 'debugging', expiresAt: now + 60_000 };
    const nodes = [...oldNodes(2), { name: 'new-1' }];
    const skips = (at: number) =>
      plan({
        pools: [{ nodes, baseline: 2 }],
        input: { overrides: { force: undefined, skips: new Map([['old-1', { ...skip, expiresAt: at }]]) } },
      });
    expect(cordons(skips(now + 1))).toEqual(['cordon old-2']);
    expect(skips(now + 1).nodes).toMatchObject([{ name: 'old-1', blockedBy: { code: 'node-skipped' } }]);
    expect(cordons(skips(now))).toEqual(['cordon old-1']);
    const begun = [{ name: 'old-1', old: true, drainingFor: 5_000 }, { name: 'new-1' }];
    const given = plan({
      pools: [{ nodes: begun, baseline: 1 }],
      pods: [{ name: 'web', node: 'old-1' }],
      input: { overrides: { force: undefined, skips: new Map([['old-1', skip]]) } },
    });
    expect(words(given.actions)).toEqual(['give-back old-1']);
  });

  it('of nodes that the cluster lives by comes last, and one at a time', () => {
    const nodes = [...oldNodes(3), { name: 'new-1' }, { name: 'new-2' }, { name: 'new-3' }];
    const dns = { labels: { 'k8s-app': 'kube-dns' } };
    const pods = [
      { name: 'dns-1', node: 'old-1', ...dns },
      { name: 'dns-2', node: 'old-2', ...dns },
      { name: 'web', node: 'old-3' },
    ];
    const found = plan({ pools: [{ nodes, baseline: 3, surge: 3 }], pods });
    expect(cordons(found)).toEqual(['cordon old-3', 'cordon old-1']);
  });

  it('takes a node first that somebody else has cordoned and says so', () => {
    const nodes = [{ name: 'old-1', old: true, cordoned: true }, { name: 'old-2', old: true }, { name: 'new-1' }];
    const found = plan({ pools: [{ nodes, baseline: 2 }] });
    expect(found.actions.find((action) => action.kind === 'cordon')?.reason).toContain('somebody else had cordoned it');
  });

  it('keeps a pool going whose sick old nodes outnumber the surge', () => {
    const sick = (name: string) => ({ name, old: true, ready: false, readyFor: 400_000 });
    const nodes = [...oldNodes(14), sick('sick-1'), sick('sick-2'), { name: 'new-1' }];
    const found = plan({ pools: [{ nodes, baseline: 16, surge: 1 }] });
    expect(words(found.actions).filter((one) => one.startsWith('launch'))).toHaveLength(1);
  });
});

describe('the order of nodes', () => {
  const order = (
    pods: Parameters<typeof plan>[0]['pods'],
    budgets: Parameters<typeof plan>[0]['budgets'] = [],
  ): string[] => {
    const nodes = [
      ...oldNodes(4, { zone: 'eu-1a' }),
      ...['1', '2', '3', '4'].map((n) => ({ name: `new-${n}`, zone: 'eu-1b' })),
    ];
    return cordons(plan({ pools: [{ nodes, baseline: 4, surge: 4 }], ...(pods ? { pods } : {}), budgets }));
  };

  it('is oldest first among equals', () => {
    expect(order([])).toEqual(['cordon old-1', 'cordon old-2', 'cordon old-3', 'cordon old-4']);
  });

  it('takes the slowest first, empty nodes after loaded ones, and those whose budget refuses now last', () => {
    const pods = [
      { name: 'a', node: 'old-1' },
      { name: 'b', node: 'old-2' },
      { name: 'b2', node: 'old-3', app: 'b' },
    ];
    expect(
      order(pods, [
        { name: 'a', allowed: 0 },
        { name: 'b', allowed: 1 },
      ]),
    ).toEqual(['cordon old-2', 'cordon old-3', 'cordon old-4', 'cordon old-1']);
    const graces = [20, 300, 600, 60].map((grace, i) => ({ name: `p-${i}`, node: `old-${i + 1}`, grace }));
    expect(order(graces)).toEqual(['cordon old-3', 'cordon old-2', 'cordon old-4', 'cordon old-1']);
  });

  it('keeps one node a surge slot for the end, from the shortest drain to one about a boot longer', () => {
    const lasting = (surge: number, ...graces: number[]) => {
      const fresh = graces.map((_, i) => ({ name: `new-${i + 1}` }));
      const nodes = [...oldNodes(graces.length), ...fresh].map((node) => ({ ...node, zone: 'eu-1a' }));
      const pods = graces.map((grace, i) => ({ name: `p-${i}`, node: `old-${i + 1}`, grace }));
      const found = plan({ pools: [{ nodes, baseline: graces.length, surge }], pods });
      return cordons(found).map((one) => graces[Number(one.slice('cordon old-'.length)) - 1]);
    };
    expect(lasting(1, 10, 58, 300, 25, 105, 40)).toEqual([300, 105, 58, 40, 25, 10]);
    expect(lasting(3, 10, 58, 300, 25, 105, 40)).toEqual([300, 105, 25, 58, 40, 10]);
    // none that would end long after the others
    expect(lasting(3, 10, 10, 50, 300, 400)).toEqual([400, 300, 10, 50, 10]);
    // nothing changes among those that take as long: here the oldest is first
    expect(lasting(2, 18, 19, 20, 21)).toEqual([18, 19, 20, 21]);
  });

  it('takes of the last nodes the one with which the roll ends soonest, as boots are measured', () => {
    const found = (drains: number[], boots: number[], booting: number, done = 1) => {
      const nodes = [
        ...oldNodes(drains.length),
        ...Array.from({ length: done }, (_, i) => ({ name: `done-${i + 1}` })),
        { name: 'new-1' },
        ...Array.from({ length: booting }, (_, i) => ({ name: `boots-${i + 1}`, ready: false, age: 1_000 })),
      ].map((node) => ({ ...node, zone: 'eu-1a' }));
      const pods = drains.map((seconds, i) => ({ name: `p-${i}`, node: `old-${i + 1}`, grace: seconds - 5 }));
      const history = new Map([['workers', { boots: boots.map((seconds) => seconds * 1000) }]]);
      const { actions } = plan({
        pools: [{ nodes, baseline: drains.length + done, surge: 2 }],
        pods,
        input: { history },
      });
      return actions.flatMap((one) =>
        one.kind === 'cordon' ? [`${drains[Number(one.node.slice('old-'.length)) - 1]}: ${one.reason}`] : [],
      );
    };
    const boots = [100, 100, 100, 100, 100];
    // The other place, which boots, has time for the 240 s; this one for the 150 s, a boot and the 60 s.
    const reason = 'of the 3 nodes left, the roll is expected to end soonest with this drain of about 150 s next';
    expect(found([60, 150, 240], boots, 1)).toEqual([`150: ${reason}`]);
    const next = 'it is next in line, and its drain will take about';
    expect(found([60, 240], boots, 1)).toEqual([`240: ${next} 240 s`]);
    // nothing is known of boots
    expect(found([60, 150, 240], boots.slice(1), 1)).toEqual([`240: ${next} 240 s`]);
    // the first round
    expect(found([60, 150, 240], boots, 1, 0)).toEqual([`240: ${next} 240 s`]);
    // more than three rounds are left
    expect(found([60, 60, 60, 60, 60, 150, 240], boots, 1)).toEqual([`240: ${next} 240 s`]);
  });

  it('takes from the fullest zone no more once every node left has its new one', () => {
    const left = (surge: number) => {
      const nodes = [
        ...['1', '2', '3', '4'].map((n) => ({ name: `old-${n}`, old: true, zone: 'eu-1a', age: 1000 })),
        { name: 'old-5', old: true, zone: 'eu-1b', age: 9_000_000 },
        { name: 'new-a', zone: 'eu-1a' },
      ];
      const pods = [{ name: 'slow', node: 'old-5', grace: 300 }];
      return cordons(plan({ pools: [{ nodes, baseline: 5, surge }], pods }));
    };
    expect(left(4)).toEqual(['cordon old-1']);
    expect(left(5)).toEqual(['cordon old-5']);
  });

  it('believes what pods of an owner took before more than their grace', () => {
    const nodes = [
      ...oldNodes(2, { zone: 'eu-1a' }),
      { name: 'new-1', zone: 'eu-1b' },
      { name: 'new-2', zone: 'eu-1b' },
    ];
    const pods = [
      { name: 'slow', node: 'old-1', grace: 3_600 },
      { name: 'fast', node: 'old-2', grace: 30 },
    ];
    const terminationMs = new Map([
      ['shop/ReplicaSet/slow-rs', 1_000],
      ['shop/ReplicaSet/fast-rs', 30_000],
    ]);
    const found = plan({ pools: [{ nodes, baseline: 2, surge: 2 }], pods, input: { terminationMs } });
    expect(cordons(found)).toEqual(['cordon old-2', 'cordon old-1']);
  });

  it('starts with the budget that takes longest', () => {
    const pods = [
      { name: 'a', node: 'old-1' },
      ...['2', '3', '4'].map((n) => ({ name: `b-${n}`, app: 'b', node: `old-${n}` })),
    ];
    expect(
      order(pods, [
        { name: 'a', allowed: 1 },
        { name: 'b', allowed: 1 },
      ])[0],
    ).toBe('cordon old-2');
  });

  it('takes from the fullest zone, so that zones are even whenever the roll stops', () => {
    const nodes = [
      { name: 'old-a', old: true, zone: 'eu-1a', age: 1000 },
      { name: 'old-b', old: true, zone: 'eu-1b', age: 9_000_000 },
      { name: 'new-a', zone: 'eu-1a' },
    ];
    expect(cordons(plan({ pools: [{ nodes, baseline: 2 }] }))).toEqual(['cordon old-a']);
  });
});

describe('the control plane', () => {
  const masters = (more = {}) => ({
    name: 'masters',
    controlPlane: true,
    nodes: [...oldNodes(3).map((node) => ({ ...node, name: `m-${node.name}` })), { name: 'm-new' }],
    baseline: 3,
    ...more,
  });
  const cordonsOf = (pools: Parameters<typeof plan>[0]['pools'], input = {}): { actions: string[]; code: string } => {
    const found = plan({ pools, input }, 'masters');
    return { actions: cordons(found), code: found.wait.code };
  };

  it('takes the node last whose controllers lead the cluster', () => {
    const pools = [masters()];
    expect(cordons(plan({ pools, leaders: ['m-old-1'] }, 'masters'))).toEqual(['cordon m-old-2']);
    expect(cordons(plan({ pools, leaders: ['m-old-2'] }, 'masters'))).toEqual(['cordon m-old-1']);
  });

  it('waits while an etcd member is not ready', () => {
    const etcd = (ready: boolean) => ({
      name: 'etcd-1',
      namespace: 'kube-system',
      node: 'm-new',
      mirror: true,
      ready,
      labels: { component: 'etcd' },
    });
    const found = (ready: boolean) => plan({ pools: [masters()], pods: [etcd(ready)] }, 'masters');
    expect(cordons(found(false))).toEqual([]);
    expect(found(false).wait).toMatchObject({ code: 'etcd-not-ready' });
    expect(cordons(found(true))).toHaveLength(1);
  });

  it('drains a failed boot only when no other node of it is on its way out', () => {
    const nodes = [
      { name: 'm-a', old: true, drainingFor: 5_000 },
      { name: 'm-b', ready: false, readyFor: 3_600_000 },
      { name: 'm-c' },
    ];
    expect(cordonsOf([masters({ nodes, baseline: 2 })]).actions).toEqual([]);
    expect(cordonsOf([masters({ nodes: nodes.slice(1), baseline: 1 })]).actions).toEqual(['cordon m-b']);
  });

  it('goes one node at a time', () => {
    expect(cordonsOf([masters()]).actions).toHaveLength(1);
    const nodes = [...masters().nodes, { name: 'm-new-2' }];
    expect(cordonsOf([masters({ nodes })]).actions).toHaveLength(1);
  });

  it.each([
    ['the API server says it is not ready', { apiReady: false }, {}, 'api-not-ready'],
    ['nobody has asked the API server', { apiReady: undefined }, {}, 'api-not-ready'],
    ['the last replacement has not settled', {}, { memory: { settledFrom: now - 59_000 } }, 'control-plane-settling'],
  ] as const)('waits while %s', (_name, input, more, code) => {
    expect(cordonsOf([masters(more)], input)).toEqual({ actions: [], code });
  });

  it('goes on once the settle period is over', () => {
    expect(cordonsOf([masters({ memory: { settledFrom: now - 60_000 } })]).actions).toHaveLength(1);
  });

  it('waits while a worker is being drained, and workers wait for it', () => {
    const worker = {
      name: 'workers',
      nodes: [{ name: 'w-1', old: true, drainingFor: 1_000 }, { name: 'w-2' }],
      baseline: 1,
    };
    expect(cordonsOf([masters(), worker]).code).toBe('workers-in-flight');
    const busy = masters({
      nodes: [{ name: 'm-1', old: true, drainingFor: 1_000 }, { name: 'm-2', old: true }, { name: 'm-new' }],
      baseline: 2,
    });
    const idle = { name: 'workers', nodes: [{ name: 'w-1', old: true }, { name: 'w-2' }], baseline: 1 };
    const found = plan({ pools: [busy, idle] });
    expect(cordons(found)).toEqual([]);
    expect(found.wait.code).toBe('control-plane-in-flight');
  });

  it('waits while more nodes are not Ready than when the roll began', () => {
    const worker = {
      name: 'workers',
      nodes: [...oldNodes(6), { name: 'w-x', old: true, ready: false, readyFor: 30_000, age: 9e6 }],
      mode: 'rolling' as const,
    };
    expect(cordonsOf([masters(), worker]).code).toBe('nodes-not-ready');
  });

  it('takes a node out of its load balancers before it is drained', () => {
    const nodes = [
      { name: 'm-1', old: true, drainingFor: 1_000 },
      { name: 'm-2', old: true },
      { name: 'm-3', old: true },
      { name: 'm-new' },
    ];
    const pods = [{ name: 'api', node: 'm-1' }];
    const registered = plan({ pools: [masters({ nodes, balanced: true })], pods }, 'masters');
    expect(words(registered.actions)).toEqual(['deregister m-1']);
    const going = nodes.map((node) => (node.name === 'm-1' ? { ...node, health: 'draining' as const } : node));
    const input = { deregisteredAt: new Map([['i-m-1/masters-elb', now - 60_000]]) };
    const waiting = plan({ pools: [masters({ nodes: going, balanced: true })], pods, input }, 'masters');
    expect(words(waiting.actions)).toEqual([]);
    const gone = nodes.map((node) => (node.name === 'm-1' ? { ...node, health: 'absent' as const } : node));
    expect(words(plan({ pools: [masters({ nodes: gone, balanced: true })], pods }, 'masters').actions)).toEqual([
      'evict api',
    ]);
  });

  it('of one node is not taken out of its load balancer before it is drained', () => {
    const nodes = [{ name: 'm-1', old: true, drainingFor: 1_000 }, { name: 'm-new' }];
    const found = plan(
      { pools: [masters({ nodes, baseline: 1, balanced: true })], pods: [{ name: 'api', node: 'm-1' }] },
      'masters',
    );
    expect(words(found.actions)).toEqual(['evict api']);
  });

  it('of which one node is left that fails to be usable keeps it: nobody else serves', () => {
    const failed = { name: 'm-new', taints: [{ key: 'node.cilium.io/agent-not-ready', effect: 'NoSchedule' }] };
    const previous = [{ name: 'm-new', instanceId: 'i-m-new', phase: 'booting' as const, since: now - 1_000_000 }];
    const alone = plan({ pools: [masters({ nodes: [failed], baseline: 1, previous })] }, 'masters');
    expect(words(alone.actions)).not.toContain('cordon m-new');
    expect(alone.wait.code).toBe('last-control-plane-node');
    const two = [{ name: 'm-1', old: true }, failed];
    const besides = plan({ pools: [masters({ nodes: two, baseline: 1, previous })] }, 'masters');
    expect(words(besides.actions)).toContain('cordon m-new');
  });

  it('has an outdated instance without a node object leave one at a time, and only while another node serves', () => {
    const lost = { name: 'm-1', old: true, noNode: true };
    const nodes = [lost, { name: 'm-new' }];
    const single = plan({ pools: [masters({ nodes, baseline: 1 })] }, 'masters');
    expect(words(single.actions)).toContain('terminate i-m-1 -1');
    const settling = { memory: { settledFrom: now - 30_000 } };
    expect(words(plan({ pools: [masters({ nodes, baseline: 1, ...settling })] }, 'masters').actions)).toEqual([]);
    const alone = plan({ pools: [masters({ nodes: [lost], baseline: 1 })] }, 'masters');
    expect(words(alone.actions).filter((word) => word.startsWith('terminate'))).toEqual([]);
    const three = [lost, { name: 'm-2', old: true }, { name: 'm-3', old: true }, { name: 'm-new' }];
    const balanced = plan({ pools: [masters({ nodes: three, baseline: 3, balanced: true })] }, 'masters');
    expect(words(balanced.actions)).toEqual(['deregister i-m-1']);
  });

  it('is complete only when the last node is gone and everything has settled', () => {
    const nodes = [{ name: 'm-1' }, { name: 'm-2', zone: 'eu-1b' }, { name: 'm-3', zone: 'eu-1c' }];
    const verdict = (more: object) => plan({ pools: [masters({ nodes, ...more })] }, 'masters').verdict.kind;
    expect(verdict({ memory: { settledFrom: now - 30_000 } })).toBe('going-on');
    expect(verdict({ memory: { settledFrom: now - 60_000 } })).toBe('complete');
    const ending = [...nodes, { name: 'm-old', old: true, drainingFor: 60_000, state: 'Terminating' }];
    expect(verdict({ nodes: ending, baseline: 3, desired: 3 })).toBe('going-on');
  });
});
