/** What DescribeAutoScalingGroups and its kin answer. */
import { AwsError, type Params, page } from './aws-request.ts';
import type { ActionTable, Call } from './cloud.ts';
import type { RegionState } from './region-state.ts';
import {
  type Activity,
  type Member,
  type MixedInstances,
  type ScalingGroup,
  scalingProcesses,
  type TemplateReference,
  type WarmPool,
} from './scaling-group.ts';

const invalidToken = (): AwsError => new AwsError('InvalidNextToken', 'The NextToken value is not valid.');

export function templateReferenceView(reference: TemplateReference): Record<string, unknown> {
  return { LaunchTemplateId: reference.id, LaunchTemplateName: reference.name, Version: reference.version };
}

export function memberView(member: Member): Record<string, unknown> {
  return {
    InstanceId: member.instance.id,
    InstanceType: member.instance.instanceType,
    AvailabilityZone: member.instance.zone,
    LifecycleState: member.state,
    HealthStatus: member.unhealthy ? 'Unhealthy' : 'Healthy',
    LaunchTemplate: templateReferenceView(member.template),
    ProtectedFromScaleIn: member.protectedFromScaleIn,
    ImageId: member.instance.imageId,
    ...(member.weight === undefined ? {} : { WeightedCapacity: member.weight }),
  };
}

function mixedView(mixed: MixedInstances): Record<string, unknown> {
  return {
    LaunchTemplate: {
      LaunchTemplateSpecification: templateReferenceView(mixed.template),
      Overrides: mixed.overrides.map((each) => ({
        InstanceType: each.instanceType,
        ...(each.weight === undefined ? {} : { WeightedCapacity: each.weight }),
      })),
    },
    InstancesDistribution: {
      OnDemandAllocationStrategy: 'prioritized',
      OnDemandBaseCapacity: 0,
      OnDemandPercentageAboveBaseCapacity: 100,
      SpotAllocationStrategy: 'lowest-price',
      SpotInstancePools: 2,
      ...mixed.distribution,
    },
  };
}

export function groupView(state: RegionState, group: ScalingGroup, withInstances = true): Record<string, unknown> {
  const subnets =
    group.subnets.length > 0 ? group.subnets : group.zones.map((zone) => state.subnetOfZone(zone)?.id ?? '');
  return {
    AutoScalingGroupName: group.name,
    AutoScalingGroupARN: group.arn,
    ...(group.template ? { LaunchTemplate: templateReferenceView(group.template) } : {}),
    ...(group.mixed ? { MixedInstancesPolicy: mixedView(group.mixed) } : {}),
    MinSize: group.min,
    MaxSize: group.max,
    DesiredCapacity: group.desired,
    DefaultCooldown: group.cooldownSeconds,
    AvailabilityZones: group.zones,
    LoadBalancerNames: group.classic,
    TargetGroupARNs: group.targetGroups,
    HealthCheckType: group.healthCheckType,
    HealthCheckGracePeriod: group.gracePeriodSeconds,
    ...(withInstances ? { Instances: [...group.members.values()].map(memberView) } : {}),
    CreatedTime: new Date(group.createdAt),
    SuspendedProcesses: [...group.suspended].map(([ProcessName, SuspensionReason]) => ({
      ProcessName,
      SuspensionReason,
    })),
    VPCZoneIdentifier: subnets.join(','),
    EnabledMetrics: [],
    ...(group.deleting ? { Status: 'Delete in progress' } : {}),
    Tags: groupTagViews(group),
    TerminationPolicies: group.terminationPolicies,
    NewInstancesProtectedFromScaleIn: group.newInstancesProtected,
    ServiceLinkedRoleARN: `arn:aws:iam::${state.account}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling`,
    CapacityRebalance: group.capacityRebalance,
    ...(group.warmPool
      ? { WarmPoolConfiguration: warmPoolView(group.warmPool), WarmPoolSize: group.warmPool.members.size }
      : {}),
    TrafficSources: [
      ...group.classic.map((Identifier) => ({ Identifier, Type: 'elb' })),
      ...group.targetGroups.map((Identifier) => ({ Identifier, Type: 'elbv2' })),
    ],
  };
}

export function warmPoolView(pool: WarmPool): Record<string, unknown> {
  return {
    ...(pool.maxPrepared === undefined ? {} : { MaxGroupPreparedCapacity: pool.maxPrepared }),
    MinSize: pool.min,
    PoolState: pool.state,
    ...(pool.deleting ? { Status: 'PendingDelete' } : {}),
    InstanceReusePolicy: { ReuseOnScaleIn: pool.reuse },
  };
}

export function groupTagViews(group: ScalingGroup): Record<string, unknown>[] {
  return [...group.tags].map(([Key, tag]) => ({
    ResourceId: group.name,
    ResourceType: 'auto-scaling-group',
    Key,
    Value: tag.value,
    PropagateAtLaunch: tag.propagate,
  }));
}

type GroupFilter = (group: ScalingGroup) => boolean;

/** `tag-key`, `tag-value` and `tag:<key>`; the values of one filter are alternatives, filters add up. */
function groupFilter(filter: Params): GroupFilter {
  const name = filter.required('Name');
  const values = new Set(filter.texts('Values'));
  if (name === 'tag-key') return (group) => [...group.tags.keys()].some((key) => values.has(key));
  if (name === 'tag-value') return (group) => [...group.tags.values()].some((tag) => values.has(tag.value));
  if (name.startsWith('tag:')) {
    const key = name.slice(4);
    return (group) => {
      const tag = group.tags.get(key);
      return tag !== undefined && values.has(tag.value);
    };
  }
  return filter.fail(`Filter type ${name} is not correct. Allowed Filter types are: tag-key, tag-value, tag:<key>`);
}

function describeGroups({ state, params }: Call): Record<string, unknown> {
  const names = params.texts('AutoScalingGroupNames');
  const filters = params.items('Filters').map(groupFilter);
  const size = params.bounded('MaxRecords', 1, 100) ?? 50;
  const all = names.length > 0 ? names.flatMap((name) => state.groups.get(name) ?? []) : [...state.groups.values()];
  const wanted = all.filter((group) => filters.every((filter) => filter(group)));
  const { items, next } = page(wanted, { size, token: params.text('NextToken'), badToken: invalidToken });
  const withInstances = params.flag('IncludeInstances') ?? true;
  return {
    AutoScalingGroups: items.map((group) => groupView(state, group, withInstances)),
    ...(next === undefined ? {} : { NextToken: next }),
  };
}

function describeInstances({ state, params }: Call): Record<string, unknown> {
  const ids = new Set(params.limitedTexts('InstanceIds', 50));
  const views: Record<string, unknown>[] = [];
  for (const group of state.groups.values()) {
    for (const member of group.members.values()) {
      if (ids.size > 0 && !ids.has(member.instance.id)) continue;
      const view = memberView(member);
      views.push({
        ...view,
        AutoScalingGroupName: group.name,
        HealthStatus: member.unhealthy ? 'UNHEALTHY' : 'HEALTHY',
      });
    }
  }
  const size = params.bounded('MaxRecords', 1, 50) ?? 50;
  const { items, next } = page(views, { size, token: params.text('NextToken'), badToken: invalidToken });
  return { AutoScalingInstances: items, ...(next === undefined ? {} : { NextToken: next }) };
}

export function activityView(group: ScalingGroup, activity: Activity): Record<string, unknown> {
  return {
    ActivityId: activity.id,
    AutoScalingGroupName: group.name,
    AutoScalingGroupARN: group.arn,
    Description: activity.description,
    Cause: activity.cause,
    StartTime: new Date(activity.startedAt),
    ...(activity.endedAt === undefined ? {} : { EndTime: new Date(activity.endedAt) }),
    StatusCode: activity.status,
    ...(activity.message === undefined ? {} : { StatusMessage: activity.message }),
    Progress: activity.progress,
    Details: activity.details,
  };
}

function describeActivities({ state, params }: Call): Record<string, unknown> {
  const name = params.text('AutoScalingGroupName');
  if (name !== undefined && !state.groups.has(name)) {
    return params.fail(`AutoScalingGroup name not found - AutoScalingGroup '${name}' not found`);
  }
  const ids = new Set(params.texts('ActivityIds'));
  const groups = name === undefined ? [...state.groups.values()] : [state.groups.get(name) as ScalingGroup];
  const all = groups
    .flatMap((group) => group.activities.map((activity) => ({ group, activity })))
    .filter(({ activity }) => ids.size === 0 || ids.has(activity.id))
    .sort((a, b) => b.activity.startedAt - a.activity.startedAt);
  const size = params.bounded('MaxRecords', 1, 100) ?? 100;
  const { items, next } = page(all, { size, token: params.text('NextToken'), badToken: invalidToken });
  return {
    Activities: items.map(({ group, activity }) => activityView(group, activity)),
    ...(next === undefined ? {} : { NextToken: next }),
  };
}

function describeTags({ state, params }: Call): Record<string, unknown> {
  const filters = params
    .items('Filters')
    .map((filter) => ({ name: filter.required('Name'), values: filter.texts('Values') }));
  const matches = (tag: Record<string, unknown>): boolean =>
    filters.every(({ name, values }) => {
      if (name === 'auto-scaling-group') return values.includes(String(tag['ResourceId']));
      if (name === 'key') return values.includes(String(tag['Key']));
      if (name === 'value') return values.includes(String(tag['Value']));
      if (name === 'propagate-at-launch') return values.includes(String(tag['PropagateAtLaunch']));
      return params.fail(`Filter type ${name} is not correct.`);
    });
  const tags = [...state.groups.values()].flatMap(groupTagViews).filter(matches);
  const size = params.bounded('MaxRecords', 1, 100) ?? 50;
  const { items, next } = page(tags, { size, token: params.text('NextToken'), badToken: invalidToken });
  return { Tags: items, ...(next === undefined ? {} : { NextToken: next }) };
}

export const groupDescribeActions: ActionTable = {
  DescribeAutoScalingGroups: describeGroups,
  DescribeAutoScalingInstances: describeInstances,
  DescribeScalingActivities: describeActivities,
  DescribeTags: describeTags,
  DescribeScalingProcessTypes: () => ({ Processes: scalingProcesses.map((ProcessName) => ({ ProcessName })) }),
};
