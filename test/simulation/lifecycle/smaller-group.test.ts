import { describe, expect, it } from 'vitest';
import type { StackProgress } from '../../../src/domain/cluster-update.ts';
import type { RenderedStack } from '../../../src/domain/rendered.ts';
import { remedies } from '../../../src/planning/remedies/remedies.ts';
import { createClusterSessions } from '../../../src/providers/session/create-cluster-sessions.ts';
import { createSimulatedConnections } from '../../../src/providers/simulated/simulated-world.ts';
import { parseStackTemplate } from '../../../src/rendering/stack-template.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { seededRandom } from '../../../src/support/random.ts';
import { bench } from '../../support/pipeline/update-bench.ts';
import { clusterId, RollWorld, region } from '../../support/roll-world.ts';

/** A pool's stack with these sizes, as the shipped profiles write it. */
function stackOf(min: number, max: number): RenderedStack {
  const template = `Resources:
  Template:
    Type: AWS::EC2::LaunchTemplate
    Properties: {LaunchTemplateName: web, LaunchTemplateData: {ImageId: ami-00000000000000001, InstanceType: m5.large}}
  Group:
    Type: AWS::AutoScaling::AutoScalingGroup
    UpdatePolicy: {AutoScalingScheduledAction: {IgnoreUnmodifiedGroupSizeProperties: true}}
    Properties:
      AutoScalingGroupName: web
      MinSize: "${min}"
      MaxSize: "${max}"
      AvailabilityZones: [${region}a]
      LaunchTemplate: {LaunchTemplateId: !Ref Template, Version: !GetAtt Template.LatestVersionNumber}
      Tags:
        - {Key: 'kubernetes.io/cluster/${clusterId}', Value: owned, PropagateAtLaunch: true}
        - {Key: NodePool, Value: web, PropagateAtLaunch: true}
`;
  const parsed = parseStackTemplate(template);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed));
  const { groupSizes } = parsed.summary;
  const tags = { [`kubernetes.io/cluster/${clusterId}`]: 'owned', NodePool: 'web' };
  const about = { name: 'nodepool-web', kind: 'node-pool' as const, pool: 'web', parameters: {}, tags };
  return { ...about, template, digest: `${min}-${max}`, ...(groupSizes === undefined ? {} : { groupSizes }) };
}

describe('a group that is to be smaller than what runs', () => {
  it('is refused, and becomes so by the remedy: lower its minimum, end drained nodes with their places, lower its maximum', async () => {
    const roll = new RollWorld({ pools: [{ name: 'system', nodes: 1 }] });
    const sessions = createClusterSessions({
      ...createSimulatedConnections({ world: roll.world, userAgent: 'clm/test' }),
      clusterOf: () => roll.cluster,
      clock: roll.world.clock,
      random: seededRandom(1),
      log: silentLogger(),
      idleReleaseMs: 600_000,
    });
    const apply = async (min: number, max: number): Promise<void> => {
      const stack = stackOf(min, max);
      const { run, plan } = bench({ stacks: [stack] }, {}, { cluster: roll.cluster, sessions });
      let stacks: Record<string, StackProgress> = {};
      for (let pass = 0; pass < 40; pass += 1) {
        const outcome = await run('apply-stacks', 'workerStacks', { plan: { ...plan, stacks: [stack.name] }, stacks });
        if (outcome.kind === 'done') return;
        if (outcome.kind === 'failed') throw new Error(outcome.failure.message);
        stacks = { ...stacks, ...(outcome.progress as { stacks?: typeof stacks }).stacks };
        roll.pass(30);
      }
      throw new Error('the stack never came to rest');
    };
    const sizes = (): number[] => {
      const { MinSize, MaxSize, DesiredCapacity, Instances } = roll.group('web');
      return [MinSize, MaxSize, DesiredCapacity, Instances.length];
    };
    const endWithItsPlace = (): void => {
      const [instance] = roll.group('web').Instances;
      roll.call('autoscaling', 'TerminateInstanceInAutoScalingGroup', {
        InstanceId: instance.InstanceId,
        ShouldDecrementDesiredCapacity: true,
      });
      roll.pass(300);
    };

    await apply(4, 6);
    roll.pass(600);
    expect(sizes()).toEqual([4, 6, 4, 4]);
    await expect(apply(1, 2)).rejects.toMatchObject({
      failure: {
        code: 'stack-change-refused',
        message: expect.stringMatching(
          /MaxSize of web to 2 while 4 nodes run, and 2 nodes would end without a drain.*the minimum is lowered before/,
        ),
      },
    });
    expect(sizes()).toEqual([4, 6, 4, 4]);
    expect(remedies().get('stack-change-refused')?.actions.join('\n')).toMatch(
      /lower min_size alone.*drain.*end each with its place.*lower max_size/,
    );

    // its places cannot go while the minimum holds them
    expect(endWithItsPlace).toThrow("violate group's min size constraint");
    await apply(1, 6);
    expect(sizes()).toEqual([1, 6, 4, 4]);
    endWithItsPlace();
    endWithItsPlace();
    expect(sizes()).toEqual([1, 6, 2, 2]);
    await apply(1, 2);
    roll.pass(600);
    expect(sizes()).toEqual([1, 2, 2, 2]);
    await sessions.close();
  });
});
