/** Checks that disturb nodes of pools that are there for it, and no others. */
import { describe, expect, it } from 'vitest';
import { nodeCases, spotNode } from './cases/node-cases.ts';
import { describeChecks } from './check-cases.ts';
import { CheckWorld } from './check-world.ts';

describeChecks(nodeCases);

describe('checks that disturb nodes', () => {
  it('never run where the registry has not opted in', async () => {
    const world = await CheckWorld.create();
    world.label(world.nodeNames()[1] ?? '', { 'node.kubernetes.io/node-pool': 'node-tests' });
    const results = Object.values(await world.run({ profile: 'nodes', only: ['node.*'] }));
    expect(results.map((one) => one.skipCode)).toEqual(new Array(3).fill('DISRUPTIVE_NOT_ALLOWED'));
  });

  it('touch no node of another pool', async () => {
    const world = await CheckWorld.create();
    world.cluster.configItems['e2e_allow_disruptive'] = 'true';
    world.cluster.configItems['e2e_spot_event_reason'] = 'ForceTerminatedSpot';
    const results = Object.values(await world.run({ profile: 'nodes', only: ['node.*'] }));
    expect(results.map((one) => one.skipCode)).toEqual(['NOT_ENOUGH_NODES', 'NOT_ENOUGH_NODES', 'NOT_ENOUGH_NODES']);
    expect(results[0]?.message).toMatch(/^no ready node of pool node-tests is there, and others are not disturbed/);
  });

  it('take back that a node takes no pods, whoever ends the run', async () => {
    const world = await CheckWorld.create();
    await spotNode(world);
    // It goes on waiting for its event.
    world.cluster.configItems['e2e_spot_event_reason'] = 'Other';
    const { runner, kill } = world.runner();
    runner.ensure(world.request({ profile: 'nodes', only: ['node.spot-termination'] }), () => {});
    const cordoned = (): number =>
      [...world.kube.truth().nodes.values()].filter((node) => node.spec.unschedulable === true).length;
    await world.until('the handler has cordoned it', () => cordoned() === 1);
    await kill();
    const second = world.runner();
    let over = false;
    void second.runner.cancel(world.request().runId, world.cluster.id).then(() => {
      over = true;
    });
    await world.until('the cancellation is over', () => over);
    await second.kill();
    expect(cordoned()).toBe(0);
    expect(world.leftBehind()).toEqual([]);
  });
});
