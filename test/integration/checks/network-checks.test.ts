import { describe, expect, it } from 'vitest';
import { statsdLines } from '../../../src/daemon/statsd.ts';
import type { CheckResult } from '../../../src/ports/check-runner.ts';
import { networkCases } from './cases/network-cases.ts';
import { describeChecks } from './check-cases.ts';
import { CheckWorld } from './check-world.ts';

describeChecks(networkCases);

it('answers that dns.cluster finds right are healthy ones for dashboards', async () => {
  const world = await CheckWorld.create(2);
  const result = (await world.run({ only: ['dns.cluster'] }))['dns.cluster'];
  const lines = statsdLines(world.cluster.id, result as CheckResult).filter((line) => line.startsWith('e2etest.dns.'));
  expect(new Set(lines)).toEqual(new Set(['e2etest.dns.healthy:1|c']));
});

describe('a first new node has no verdict, and is asked again', () => {
  const judged = async (spoil: (world: CheckWorld, nodes: { old: string[]; first: string }) => void) => {
    const world = await CheckWorld.create(2);
    const [old = '', first = ''] = world.nodeNames();
    world.annotate(old, { 'clm/roll': 'roll:1' });
    spoil(world, { old: [old], first });
    const request = { profile: 'mid-roll', newSince: Date.UTC(2026, 0, 1), newNodes: [first] };
    return { first, result: (await world.run(request))['rollout.generations'] };
  };

  it('when it fails and no old node can be asked beside it', async () => {
    const { first, result } = await judged((world, nodes) => {
      world.kube.runtimeFaults.set({ proxyDown: [nodes.first] });
      for (const node of nodes.old) world.patchNode(node, { spec: { unschedulable: true } });
    });
    expect(result?.message).toMatch(new RegExp(`0 of 0 old ones: no old node was judged beside them \\(${first}: `));
    expect(result).toMatchObject({ outcome: 'error', attempts: 2, leaked: [] });
  });

  it('when it takes no pods', async () => {
    const { first, result } = await judged((world, nodes) =>
      world.patchNode(nodes.first, { spec: { unschedulable: true } }),
    );
    expect(result?.message).toBe(`${first}: a first new node that is not ready, or takes no pods, yet`);
    expect(result?.outcome).toBe('error');
  });
});
