/** CreateAutoScalingGroup, UpdateAutoScalingGroup and DeleteAutoScalingGroup; CloudFormation uses the same functions. */
import { AwsError, type Params } from './aws-request.ts';
import type { ActionTable, Call, Cloud } from './cloud.ts';
import { findTemplate, templateVersion } from './launch-templates.ts';
import type { RegionState } from './region-state.ts';
import {
  activeRefresh,
  type LifecycleHook,
  type MixedInstances,
  type ScalingGroup,
  type TemplateReference,
} from './scaling-group.ts';

const largest = 10_000;

/** @throws AwsError ValidationError when there is none, or it is being deleted and `forChange` is set */
export function findGroup(state: RegionState, name: string, forChange = false): ScalingGroup {
  const group = state.groups.get(name);
  if (!group)
    throw new AwsError('ValidationError', `AutoScalingGroup name not found - AutoScalingGroup '${name}' not found`);
  if (forChange && group.deleting) {
    throw new AwsError(
      'ScalingActivityInProgress',
      `AutoScalingGroup ${name} is being deleted and can not be changed.`,
    );
  }
  return group;
}

export function templateReference(state: RegionState, params: Params): TemplateReference {
  const id = params.text('LaunchTemplateId');
  const name = params.text('LaunchTemplateName');
  try {
    const template = findTemplate(state, id, name);
    const version = params.text('Version') ?? '$Default';
    if (templateVersion(template, version) === undefined) {
      throw new AwsError(
        'InvalidLaunchTemplateId.VersionNotFound',
        `Could not find the specified version ${version} for the launch template with ID ${template.id}.`,
      );
    }
    return { id: template.id, name: template.name, version };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw new AwsError('ValidationError', `You must use a valid fully-formed launch template. ${error.message}`);
  }
}

function mixedInstances(state: RegionState, params: Params): MixedInstances {
  const launchTemplate = params.structure('LaunchTemplate');
  const specification = launchTemplate?.structure('LaunchTemplateSpecification');
  if (!launchTemplate || !specification)
    return params.fail('A mixed instances policy needs a launch template specification.');
  const distribution = params.structure('InstancesDistribution');
  const spotShare = distribution?.bounded('OnDemandPercentageAboveBaseCapacity', 0, 100) ?? 100;
  const base = distribution?.bounded('OnDemandBaseCapacity', 0, largest) ?? 0;
  return {
    template: templateReference(state, specification),
    overrides: launchTemplate.items('Overrides').map((each) => ({
      instanceType: each.required('InstanceType'),
      ...(each.has('WeightedCapacity') ? { weight: String(each.bounded('WeightedCapacity', 1, 999)) } : {}),
    })),
    distribution: distribution?.raw ?? {},
    spot: spotShare === 0 && base === 0,
  };
}

function placement(state: RegionState, params: Params): { zones: string[]; subnets: string[] } | undefined {
  const subnetText = params.text('VPCZoneIdentifier');
  const zones = params.texts('AvailabilityZones');
  if (subnetText === undefined && zones.length === 0) return undefined;
  const subnets = (subnetText ?? '')
    .split(',')
    .map((id) => id.trim())
    .filter((id) => id !== '');
  if (subnets.length === 0) {
    for (const zone of zones) {
      if (!state.subnetOfZone(zone)) params.fail(`Invalid availability zones: [${zone}]`);
    }
    if (zones.length === 0) params.fail('At least one Availability Zone or VPC Subnet is required.');
    return { zones: [...new Set(zones)], subnets: [] };
  }
  const found = subnets.map((id) => state.subnet(id) ?? params.fail(`The subnet ID '${id}' does not exist`));
  const subnetZones = [...new Set(found.map((subnet) => subnet.zone))];
  if (zones.some((zone) => !subnetZones.includes(zone))) {
    params.fail('The availability zones of the specified subnets and the Auto Scaling group do not match');
  }
  return { zones: subnetZones, subnets };
}

export function readTags(items: readonly Params[]): Map<string, { value: string; propagate: boolean }> {
  const tags = new Map<string, { value: string; propagate: boolean }>();
  for (const tag of items) {
    const key = tag.required('Key');
    if (key.length > 128) tag.fail('Tag key is longer than 128 characters');
    tags.set(key, { value: tag.text('Value') ?? '', propagate: tag.flag('PropagateAtLaunch') ?? false });
  }
  return tags;
}

export function readHook(params: Params, name: string): LifecycleHook {
  const metadata = params.text('NotificationMetadata');
  return {
    name,
    transition:
      params.oneOf('LifecycleTransition', [
        'autoscaling:EC2_INSTANCE_LAUNCHING',
        'autoscaling:EC2_INSTANCE_TERMINATING',
      ] as const) ?? params.fail('LifecycleTransition is required for a new lifecycle hook'),
    heartbeatSeconds: params.bounded('HeartbeatTimeout', 30, 7200) ?? 3600,
    defaultResult: params.oneOf('DefaultResult', ['CONTINUE', 'ABANDON'] as const) ?? 'ABANDON',
    ...(metadata === undefined ? {} : { metadata }),
  };
}

export function checkBalancers(state: RegionState, params: Params): { classic: string[]; targetGroups: string[] } {
  const classic = params.texts('LoadBalancerNames');
  const targetGroups = params.texts('TargetGroupARNs');
  for (const name of classic) {
    if (!state.classic.has(name))
      params.fail('Provided Load Balancers may not be valid. Please ensure they exist and try again.');
  }
  for (const arn of targetGroups) {
    if (!state.targetGroups.has(arn))
      params.fail('Provided Target Groups may not be valid. Please ensure they exist and try again.');
  }
  return { classic, targetGroups };
}

function checkBounds(params: Params, min: number, max: number, desired: number): void {
  if (max < min) params.fail(`Max bound, ${max}, must be greater than or equal to min bound, ${min}`);
  if (desired < min || desired > max) {
    params.fail(`Desired capacity:${desired} must be between the specified min size:${min} and max size:${max}`);
  }
}

export function createGroup(cloud: Cloud, state: RegionState, params: Params, by: string): ScalingGroup {
  const name = params.required('AutoScalingGroupName');
  if (name.length > 255 || name.includes(':')) params.fail(`Invalid Auto Scaling group name '${name}'`);
  if (state.groups.has(name)) {
    throw new AwsError(
      'AlreadyExists',
      `AutoScalingGroup by this name already exists - A group with the name ${name} already exists`,
    );
  }
  const min = params.bounded('MinSize', 0, largest) ?? params.fail('MinSize is required');
  const max = params.bounded('MaxSize', 0, largest) ?? params.fail('MaxSize is required');
  const desired = params.bounded('DesiredCapacity', 0, largest) ?? min;
  checkBounds(params, min, max, desired);
  const mixedParams = params.structure('MixedInstancesPolicy');
  const templateParams = params.structure('LaunchTemplate');
  if (!mixedParams && !templateParams) {
    params.fail(
      'Valid requests must contain either launchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.',
    );
  }
  const place = placement(state, params) ?? params.fail('At least one Availability Zone or VPC Subnet is required.');
  const group: ScalingGroup = {
    name,
    arn: state.arn('autoscaling', `autoScalingGroup:${state.uuid()}:autoScalingGroupName/${name}`),
    min: 0,
    max: 0,
    desired: 0,
    ...place,
    template: templateParams && templateReference(state, templateParams),
    mixed: mixedParams && mixedInstances(state, mixedParams),
    ...checkBalancers(state, params),
    hooks: new Map(),
    suspended: new Map(),
    tags: readTags(params.items('Tags')),
    members: new Map(),
    newInstancesProtected: params.flag('NewInstancesProtectedFromScaleIn') ?? false,
    healthCheckType: params.text('HealthCheckType') ?? 'EC2',
    gracePeriodSeconds: params.bounded('HealthCheckGracePeriod', 0, 86_400) ?? 0,
    cooldownSeconds: params.integer('DefaultCooldown') ?? 300,
    terminationPolicies: params.texts('TerminationPolicies'),
    capacityRebalance: params.flag('CapacityRebalance') ?? false,
    createdAt: cloud.now(),
    deleting: false,
    activities: [],
    launchRetries: 0,
    launchTokens: new Map(),
    refreshes: [],
    scheduled: new Map(),
    policies: new Map(),
    coolUntil: 0,
    onDeleted: [],
  };
  if (group.terminationPolicies.length === 0) group.terminationPolicies.push('Default');
  for (const hook of params.items('LifecycleHookSpecificationList')) {
    const hookName = hook.required('LifecycleHookName');
    group.hooks.set(hookName, readHook(hook, hookName));
  }
  state.groups.set(name, group);
  cloud.groups.resize(state, group, { min, max, desired }, by);
  return group;
}

/** Absent fields stay; limits pull desired along: below Min it rises to Min, above Max it falls to Max. */
export function updateGroup(cloud: Cloud, state: RegionState, group: ScalingGroup, params: Params, by: string): void {
  const min = params.bounded('MinSize', 0, largest) ?? group.min;
  const max = params.bounded('MaxSize', 0, largest) ?? group.max;
  const asked = params.bounded('DesiredCapacity', 0, largest);
  if (max < min) params.fail(`Max bound, ${max}, must be greater than or equal to min bound, ${min}`);
  const desired = asked ?? Math.min(max, Math.max(min, group.desired));
  checkBounds(params, min, max, desired);
  const mixedParams = params.structure('MixedInstancesPolicy');
  const templateParams = params.structure('LaunchTemplate');
  const mixed = mixedParams && mixedInstances(state, mixedParams);
  const template = templateParams && templateReference(state, templateParams);
  if ((mixed ?? template) && activeRefresh(group)?.before) {
    params.fail(
      'An active instance refresh with a desired configuration exists. All configuration options derived from the desired configuration are not available for update while the instance refresh is active.',
    );
  }
  const place = placement(state, params);
  const gracePeriod = params.bounded('HealthCheckGracePeriod', 0, 86_400);
  const policies = params.texts('TerminationPolicies');
  // Nothing above this line changes the group: a refused request changes nothing.
  if (mixed) {
    group.mixed = mixed;
    group.template = undefined;
  } else if (template) {
    group.template = template;
    group.mixed = undefined;
  }
  if (place) Object.assign(group, place);
  if (policies.length > 0) group.terminationPolicies = policies;
  if (gracePeriod !== undefined) group.gracePeriodSeconds = gracePeriod;
  group.healthCheckType = params.text('HealthCheckType') ?? group.healthCheckType;
  group.cooldownSeconds = params.integer('DefaultCooldown') ?? group.cooldownSeconds;
  group.newInstancesProtected = params.flag('NewInstancesProtectedFromScaleIn') ?? group.newInstancesProtected;
  group.capacityRebalance = params.flag('CapacityRebalance') ?? group.capacityRebalance;
  cloud.groups.resize(state, group, { min, max, desired }, by);
  cloud.groups.changed(state, group);
}

/** Ends the group and its instances; `deleted` once all are gone. */
export function deleteGroup(
  cloud: Cloud,
  state: RegionState,
  group: ScalingGroup,
  by: string,
  deleted?: () => void,
): void {
  if (deleted) group.onDeleted.push(deleted);
  if (group.deleting) return;
  cloud.groups.resize(state, group, { min: 0, max: 0, desired: 0 }, by);
  group.deleting = true;
  cloud.groups.changed(state, group, 1000);
}

function remove({ cloud, state, params }: Call): Record<string, unknown> {
  const group = findGroup(state, params.required('AutoScalingGroupName'));
  const force = params.flag('ForceDelete') ?? false;
  if (!force && (group.members.size > 0 || group.desired > 0)) {
    throw new AwsError(
      'ResourceInUse',
      'You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.',
    );
  }
  deleteGroup(cloud, state, group, 'DeleteAutoScalingGroup');
  return {};
}

export const groupActions: ActionTable = {
  CreateAutoScalingGroup: ({ cloud, state, params }) => {
    createGroup(cloud, state, params, 'CreateAutoScalingGroup');
    return {};
  },
  UpdateAutoScalingGroup: ({ cloud, state, params }) => {
    const group = findGroup(state, params.required('AutoScalingGroupName'), true);
    updateGroup(cloud, state, group, params, 'UpdateAutoScalingGroup');
    return {};
  },
  DeleteAutoScalingGroup: remove,
  SetDesiredCapacity: ({ cloud, state, params }) => {
    const group = findGroup(state, params.required('AutoScalingGroupName'), true);
    const desired = params.bounded('DesiredCapacity', 0, largest) ?? params.fail('DesiredCapacity is required');
    if (desired > group.max) {
      params.fail(`New SetDesiredCapacity value ${desired} is above max value ${group.max} for the AutoScalingGroup.`);
    }
    if (desired < group.min) {
      params.fail(`New SetDesiredCapacity value ${desired} is below min value ${group.min} for the AutoScalingGroup.`);
    }
    const busy = [...group.members.values()].some((member) => member.state.startsWith('Pending'));
    const cooling = busy || cloud.now() < group.coolUntil;
    if (params.flag('HonorCooldown') === true && cooling) {
      throw new AwsError(
        'ScalingActivityInProgress',
        `Scaling activity is in progress for ${group.name} and blocks this action`,
      );
    }
    cloud.groups.resize(state, group, { desired }, 'SetDesiredCapacity');
    return {};
  },
};
