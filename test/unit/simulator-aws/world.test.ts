import { describe, expect, test } from 'vitest';
import { World } from '../../../src/simulator/model/world.ts';
import { account, call, clusterId, poolTemplate, readyNodes, region, smallWorld, startMs } from './small-world.ts';

const stackOf = (pool: string): string => `nodepool-${pool}-${clusterId.replaceAll(':', '-')}`;

describe('a world', () => {
  test('boots the instances of its groups into nodes of the cluster that their tags name', () => {
    const { world } = smallWorld();
    expect(readyNodes(world)).toHaveLength(6);
    const instances = world.aws.truth().instances(clusterId);
    const nodes = [...world.kube(clusterId).truth().nodes.values()];
    expect(nodes.map((node) => node.spec['providerID']).sort()).toEqual(
      instances.map((each) => `aws:///${each.zone}/${each.id}`).sort(),
    );
    expect(nodes.map((node) => node.metadata.labels?.['node.kubernetes.io/node-pool']).sort()).toEqual([
      ...Array<string>(3).fill('masters'),
      ...Array<string>(3).fill('workers'),
    ]);
  });

  test('has its masters in traffic once their nodes are ready, and comes to rest', () => {
    const { world } = smallWorld();
    const [api] = world.aws.truth().loadBalancers();
    expect(Object.values(api?.instances ?? {})).toEqual(['healthy', 'healthy', 'healthy']);
    const fired = world.advanceTo(world.clock.now() + 24 * 3_600_000);
    expect(fired).toBeLessThan(10);
    expect(world.kube(clusterId).truth().internalErrors).toEqual([]);
  });

  test('takes the node away with its instance and boots a replacement from the new template', () => {
    const { world, events } = smallWorld();
    const body = JSON.stringify(poolTemplate('workers', 'ami-0fedcba9876543210'));
    call(world, 'cloudformation', 'UpdateStack', { StackName: stackOf('workers'), TemplateBody: body });
    world.advanceTo(world.clock.now() + 90_000);
    const group = () =>
      world.aws
        .truth()
        .groups(clusterId)
        .find((each) => each.name === 'workers');
    expect(group()?.members.map((member) => member.outdated)).toEqual([true, true, true]);
    const InstanceId = group()?.members[0]?.instanceId as string;
    call(world, 'autoscaling', 'TerminateInstanceInAutoScalingGroup', {
      InstanceId,
      ShouldDecrementDesiredCapacity: false,
    });
    world.advanceTo(world.clock.now() + 400_000);
    expect(
      group()
        ?.members.map((member) => member.outdated)
        .sort(),
    ).toEqual([false, true, true]);
    expect(readyNodes(world)).toHaveLength(6);
    const kinds = events.flatMap((event) =>
      'instanceId' in event && event.instanceId === InstanceId ? [event.kind] : [],
    );
    expect(kinds).toEqual(expect.arrayContaining(['instance-terminate-requested', 'instance-gone', 'node-removed']));
    expect(events.every((event) => event.cluster === clusterId)).toBe(true);
  });

  test('never makes a node ready that boots from a bad image', () => {
    const { world } = smallWorld();
    world.faults.badImages.add('ami-0fedcba9876543210');
    const body = JSON.stringify(poolTemplate('workers', 'ami-0fedcba9876543210', 4));
    call(world, 'cloudformation', 'UpdateStack', { StackName: stackOf('workers'), TemplateBody: body });
    world.advanceTo(world.clock.now() + 1_200_000);
    expect(world.aws.truth().instances(clusterId)).toHaveLength(7);
    expect(readyNodes(world)).toHaveLength(6);
  });

  test('has the same history for the same seed, and another one for another', () => {
    const history = (seed: number): string => JSON.stringify(smallWorld(seed).events);
    expect(history(7)).toBe(history(7));
    expect(history(7)).not.toBe(history(8));
  });

  test('hands running instances to a cluster that is added later', () => {
    const world = new World({ seed: 1, startMs });
    call(world, 'cloudformation', 'CreateStack', {
      StackName: stackOf('workers'),
      TemplateBody: JSON.stringify(poolTemplate('workers')),
    });
    world.advanceTo(startMs + 300_000);
    world.addCluster({ id: clusterId, account, region });
    world.advanceTo(startMs + 600_000);
    expect(readyNodes(world)).toHaveLength(3);
  });

  test('refuses to speak of a cluster that it does not have', () => {
    const world = new World({ seed: 1, startMs });
    expect(() => world.kube('nobody')).toThrow("the simulated world has no cluster 'nobody'");
    expect(world.clusters()).toEqual([]);
    expect(world.nextEventAt()).toBeUndefined();
  });

  test('stops telling listeners that left', () => {
    const { world, events } = smallWorld();
    const heard: string[] = [];
    const leave = world.subscribe((event) => heard.push(event.kind));
    call(world, 'autoscaling', 'SetDesiredCapacity', { AutoScalingGroupName: 'workers', DesiredCapacity: 4 });
    leave();
    const before = events.length;
    call(world, 'autoscaling', 'SetDesiredCapacity', { AutoScalingGroupName: 'workers', DesiredCapacity: 5 });
    expect(heard).toEqual(['group-changed']);
    expect(events.length).toBe(before + 1);
  });
});
