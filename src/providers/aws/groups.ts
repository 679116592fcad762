import type { AutoScalingGroup, Instance, LaunchTemplateSpecification } from '@aws-sdk/client-auto-scaling';
import { FailureError, terminal, transient } from '../../domain/failure.ts';
import type { CloudProvider, GroupInstance, LaunchResult, NodeGroup } from '../../ports/cloud-provider.ts';
import type { AwsScope, ScopedCall } from './scoped-call.ts';

type GroupCalls = Pick<
  CloudProvider,
  | 'describeGroups'
  | 'updateGroup'
  | 'setLaunchTemplate'
  | 'launchInstances'
  | 'raiseDesired'
  | 'terminateInstance'
  | 'endOfInstance'
>;

const pageSize = 100;
const mostPages = 50;
const activityPages = 3;

function templateOf(spec: LaunchTemplateSpecification | undefined): { id: string; name: string; version: string } {
  // A group on a launch configuration has none: blank, and so equal to no instance's template.
  return { id: spec?.LaunchTemplateId ?? '', name: spec?.LaunchTemplateName ?? '', version: spec?.Version ?? '' };
}

function instanceOf(instance: Instance): GroupInstance {
  const template = instance.LaunchTemplate;
  return {
    id: instance.InstanceId ?? '',
    zone: instance.AvailabilityZone ?? '',
    instanceType: instance.InstanceType ?? '',
    lifecycleState: instance.LifecycleState ?? '',
    health: instance.HealthStatus?.toLowerCase() === 'healthy' ? 'Healthy' : 'Unhealthy',
    protectedFromScaleIn: instance.ProtectedFromScaleIn === true,
    ...(template?.LaunchTemplateId === undefined
      ? {}
      : { launchTemplate: { id: template.LaunchTemplateId, version: template.Version ?? '' } }),
  };
}

/** The port's view of a group as the SDK describes it. */
export function nodeGroupOf(group: AutoScalingGroup): NodeGroup {
  const tags: Record<string, string> = {};
  for (const tag of group.Tags ?? []) if (tag.Key !== undefined) tags[tag.Key] = tag.Value ?? '';
  const mixed = group.MixedInstancesPolicy?.LaunchTemplate;
  const types = (mixed?.Overrides ?? []).flatMap((one) => (one.InstanceType === undefined ? [] : [one.InstanceType]));
  return {
    name: group.AutoScalingGroupName ?? '',
    desired: group.DesiredCapacity ?? 0,
    min: group.MinSize ?? 0,
    max: group.MaxSize ?? 0,
    zones: [...(group.AvailabilityZones ?? [])],
    subnets: (group.VPCZoneIdentifier ?? '')
      .split(',')
      .map((id) => id.trim())
      .filter((id) => id !== ''),
    launchTemplate: templateOf(group.LaunchTemplate ?? mixed?.LaunchTemplateSpecification),
    newInstancesProtected: group.NewInstancesProtectedFromScaleIn === true,
    suspendedProcesses: (group.SuspendedProcesses ?? []).map((process) => process.ProcessName ?? ''),
    classicLoadBalancers: [...(group.LoadBalancerNames ?? [])],
    targetGroups: [...(group.TargetGroupARNs ?? [])],
    tags,
    instances: (group.Instances ?? []).map(instanceOf),
    ...(types.length === 0 ? {} : { instanceTypes: types }),
    ...(group.Status === undefined ? {} : { status: group.Status }),
  };
}

async function describeOne(call: ScopedCall, scope: AwsScope, name: string): Promise<NodeGroup> {
  const answer = await call('DescribeAutoScalingGroups', { AutoScalingGroupNames: [name] }, `group ${name}`);
  const group = answer.AutoScalingGroups?.[0];
  if (group !== undefined) return nodeGroupOf(group);
  throw new FailureError(
    transient('aws-not-found', `no Auto Scaling group ${name} in account ${scope.account} ${scope.region}`),
  );
}

async function allPages(call: ScopedCall, filters: { Name: string; Values: string[] }[]): Promise<NodeGroup[]> {
  const groups: NodeGroup[] = [];
  let token: string | undefined;
  for (let page = 0; page < mostPages; page += 1) {
    const input = { Filters: filters, MaxRecords: pageSize, ...(token === undefined ? {} : { NextToken: token }) };
    const answer = await call('DescribeAutoScalingGroups', input);
    for (const group of answer.AutoScalingGroups ?? []) groups.push(nodeGroupOf(group));
    token = answer.NextToken;
    if (!token) return groups;
  }
  throw new FailureError(
    terminal('aws-validation', `DescribeAutoScalingGroups: more than ${mostPages} pages of groups`),
  );
}

/** Every instance that leaves a group, by whatever way, leaves an activity; its cause alone says whether the group became smaller. */
async function endOf(call: ScopedCall, name: string, id: string): Promise<{ gaveUpPlace: boolean } | undefined> {
  const leaves = new RegExp(`^(Terminating|Detaching) EC2 instance: ${id}\\b`);
  let token: string | undefined;
  for (let page = 0; page < activityPages; page += 1) {
    const input = {
      AutoScalingGroupName: name,
      MaxRecords: pageSize,
      ...(token === undefined ? {} : { NextToken: token }),
    };
    const answer = await call('DescribeScalingActivities', input, `group ${name}`);
    const found = (answer.Activities ?? []).filter((activity) => leaves.test(activity.Description ?? ''));
    if (found.length > 0) {
      return { gaveUpPlace: found.some((activity) => /shrinking the capacity/.test(activity.Cause ?? '')) };
    }
    token = answer.NextToken;
    if (!token) return undefined;
  }
  return undefined;
}

export function createGroupCalls(call: ScopedCall, scope: AwsScope): GroupCalls {
  return {
    async describeGroups(tags) {
      const wanted = Object.entries(tags);
      if (wanted.length === 0) throw new RangeError('groups are described by tags; none were given');
      const groups = await allPages(
        call,
        wanted.map(([key, value]) => ({ Name: `tag:${key}`, Values: [value] })),
      );
      // A service that does not know the filter answers with everybody's groups.
      return groups.filter((group) => wanted.every(([key, value]) => group.tags[key] === value));
    },

    async updateGroup(name, change) {
      if (change.max !== undefined) {
        const group = await describeOne(call, scope, name);
        // The service would lower desired to the new maximum without a word, and choose the victims itself.
        if (change.max < group.desired) {
          const message = `group ${name} wants ${group.desired} instances: its maximum is not lowered to ${change.max}`;
          throw new FailureError(transient('aws-conflict', message));
        }
      }
      const input = {
        AutoScalingGroupName: name,
        ...(change.min === undefined ? {} : { MinSize: change.min }),
        ...(change.max === undefined ? {} : { MaxSize: change.max }),
        ...(change.newInstancesProtected === undefined
          ? {}
          : { NewInstancesProtectedFromScaleIn: change.newInstancesProtected }),
      };
      if (Object.keys(input).length > 1) await call('UpdateAutoScalingGroup', input, `group ${name}`);
    },

    async setLaunchTemplate(name, { id, version }) {
      const answer = await call('DescribeAutoScalingGroups', { AutoScalingGroupNames: [name] }, `group ${name}`);
      const specification = { LaunchTemplateId: id, Version: version };
      const policy = answer.AutoScalingGroups?.[0]?.MixedInstancesPolicy;
      // The whole policy goes back: its types and its share of spot instances stay as they are.
      const change = policy
        ? {
            MixedInstancesPolicy: {
              ...policy,
              LaunchTemplate: { ...policy.LaunchTemplate, LaunchTemplateSpecification: specification },
            },
          }
        : { LaunchTemplate: specification };
      await call('UpdateAutoScalingGroup', { AutoScalingGroupName: name, ...change }, `group ${name}`);
    },

    async launchInstances(name, request): Promise<LaunchResult> {
      const answer = await call(
        'LaunchInstances',
        {
          AutoScalingGroupName: name,
          RequestedCapacity: request.count,
          ClientToken: request.token,
          RetryStrategy: 'none',
          ...(request.zone === undefined ? {} : { AvailabilityZones: [request.zone] }),
          ...(request.subnet === undefined ? {} : { SubnetIds: [request.subnet] }),
        },
        `group ${name}`,
      );
      return {
        instanceIds: (answer.Instances ?? []).flatMap((collection) => collection.InstanceIds ?? []),
        errors: (answer.Errors ?? []).map((error) => ({
          code: error.ErrorCode ?? '',
          message: error.ErrorMessage ?? '',
          ...(error.AvailabilityZone === undefined ? {} : { zone: error.AvailabilityZone }),
        })),
      };
    },

    async raiseDesired(name, from, to) {
      const refuse = (why: string): never => {
        throw new FailureError(
          transient('aws-conflict', `group ${name}: desired is not raised from ${from} to ${to}: ${why}`),
        );
      };
      if (to < from) refuse('that would lower it');
      const group = await describeOne(call, scope, name);
      if (group.desired !== from) refuse(`the group wants ${group.desired} now`);
      if (to > group.max) refuse(`its maximum is ${group.max}`);
      if (to === from) return;
      await call(
        'SetDesiredCapacity',
        { AutoScalingGroupName: name, DesiredCapacity: to, HonorCooldown: false },
        `group ${name}`,
      );
    },

    async terminateInstance(id, options) {
      const input = { InstanceId: id, ShouldDecrementDesiredCapacity: options.decrement };
      await call('TerminateInstanceInAutoScalingGroup', input, `instance ${id}`);
    },

    endOfInstance: (name, id) => endOf(call, name, id),
  };
}
