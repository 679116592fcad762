/** What clients do with the instances of a group: launch, terminate, protect, detach, standby, hooks, health. */
import { AwsError, type Params } from './aws-request.ts';
import type { ActionTable, Call } from './cloud.ts';
import type { Subnet } from './geography.ts';
import { weightOf } from './group-capacity.ts';
import { findGroup } from './group-requests.ts';
import { activityView } from './group-views.ts';
import type { RegionState } from './region-state.ts';
import { isTerminating, type Member, propagatedTags, type ScalingGroup } from './scaling-group.ts';

const tokenKeptMs = 8 * 3_600_000;
/** Instances of one launch, whatever they weigh. */
const launchedMost = 100;

function managed(state: RegionState, instanceId: string): { group: ScalingGroup; member: Member } {
  const name = state.instances.get(instanceId)?.group;
  const group = name === undefined ? undefined : state.groups.get(name);
  const member = group?.members.get(instanceId);
  if (group && member) return { group, member };
  throw new AwsError(
    'ValidationError',
    `Instance Id not found - No managed instance found for instance ID: ${instanceId}`,
  );
}

/** Asynchronous, whatever protects the instance. A resend for a terminating instance decrements again: the service counts calls. */
function terminateInstance(call: Call): Record<string, unknown> {
  const { state, params } = call;
  if (!params.has('ShouldDecrementDesiredCapacity')) params.required('ShouldDecrementDesiredCapacity');
  const decrement = params.flag('ShouldDecrementDesiredCapacity') ?? false;
  const ids = params.limitedTexts('InstanceIds', 100);
  if (ids.length === 0) {
    const { group, member } = managed(state, params.required('InstanceId'));
    return { Activity: terminateMembers(call, group, [member], decrement)[0] };
  }
  if (params.has('InstanceId')) params.fail('You cannot specify both InstanceId and InstanceIds.');
  const group = findGroup(state, params.required('AutoScalingGroupName'), true);
  const activities = terminateMembers(call, group, membersIn(group, ids, params), decrement);
  return { Activities: activities };
}

/** All or none of them: the new size is checked before anything happens. */
function terminateMembers(
  { cloud, state, params }: Call,
  group: ScalingGroup,
  members: readonly Member[],
  decrement: boolean,
): Record<string, unknown>[] {
  const units = members.reduce((sum, member) => sum + weightOf(group, member), 0);
  if (decrement && group.desired - units < group.min) {
    params.fail(
      `Currently, desiredSize equals minSize (${group.min}). Terminating instance without replacement will violate group's ` +
        "min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.",
    );
  }
  const from = group.desired;
  if (decrement) {
    cloud.groups.resize(state, group, { desired: from - units }, 'TerminateInstanceInAutoScalingGroup');
  }
  const shrinking = decrement ? `, shrinking the capacity from ${from} to ${from - units}` : '';
  return members.map((member) => {
    const cause = `instance ${member.instance.id} was taken out of service in response to a user request${shrinking}.`;
    const activity = isTerminating(member)
      ? (member.activity ?? cloud.groups.newActivity(state, group, 'Terminating EC2 instance', cause, {}))
      : cloud.groups.terminate(state, group, member, cause, decrement);
    return activityView(group, activity);
  });
}

/** Running instances that belong to no group join this one; desired rises by as many. */
function attach({ cloud, state, params }: Call): Record<string, unknown> {
  const group = findGroup(state, params.required('AutoScalingGroupName'), true);
  const ids = params.limitedTexts('InstanceIds', 20);
  if (ids.length === 0) params.fail('At least one instance ID must be specified.');
  const instances = [...new Set(ids)].map((id) => {
    const instance = state.instances.get(id);
    if (!instance) return params.fail(`Invalid Instance ID(s): [${id}]. Instance does not exist.`);
    if (instance.group !== undefined) {
      const where = instance.group === group.name ? 'is already part of' : 'is part of another';
      return params.fail(`The instance ${id} ${where} Auto Scaling group ${instance.group}.`);
    }
    if (instance.state !== 'running') return params.fail(`The instance ${id} is not in running state.`);
    if (!group.zones.includes(instance.zone))
      return params.fail(`The instance ${id} is in Availability Zone ${instance.zone}, which the group does not use.`);
    return instance;
  });
  if (group.desired + instances.length > group.max) {
    params.fail(
      `AutoScalingGroup ${group.name} has max-size=${group.max}, and desired-size=${group.desired}. To attach ${instances.length} more instance(s), please update the AutoScalingGroup sizes appropriately.`,
    );
  }
  for (const instance of instances) {
    instance.group = group.name;
    for (const [key, value] of propagatedTags(group)) instance.tags.set(key, value);
    const cause = `instance ${instance.id} was attached in response to a user request.`;
    const member: Member = {
      instance,
      state: 'Pending',
      protectedFromScaleIn: false,
      unhealthy: false,
      template: {
        id: instance.templateId,
        name: state.templates.get(instance.templateId)?.name ?? '',
        version: String(instance.templateVersion),
      },
      waits: new Map(),
      forBalance: false,
      activity: cloud.groups.newActivity(state, group, `Attaching an existing EC2 instance: ${instance.id}`, cause, {
        'Subnet ID': instance.subnetId,
        'Availability Zone': instance.zone,
      }),
    };
    group.members.set(instance.id, member);
    cloud.groups.lifecycle.running(state, group, member);
  }
  cloud.groups.resize(state, group, { desired: group.desired + instances.length }, 'AttachInstances');
  return {};
}

function membersIn(group: ScalingGroup, ids: readonly string[], params: Params): Member[] {
  return ids.map(
    (id) => group.members.get(id) ?? params.fail(`The instance ${id} is not part of Auto Scaling group ${group.name}.`),
  );
}

function setProtection({ state, params }: Call): Record<string, unknown> {
  const group = findGroup(state, params.required('AutoScalingGroupName'), true);
  const ids = params.limitedTexts('InstanceIds', 50);
  if (ids.length === 0) params.fail('At least one instance ID must be specified.');
  const protect = params.flag('ProtectedFromScaleIn') ?? params.fail('ProtectedFromScaleIn is required');
  const members = membersIn(group, ids, params);
  for (const member of members) {
    if (member.state === 'InService' || member.state === 'Standby' || member.state === 'EnteringStandby') continue;
    params.fail(`The instance ${member.instance.id} is not in InService or EnteringStandby or Standby.`);
  }
  for (const member of members) member.protectedFromScaleIn = protect;
  return {};
}

/** Where LaunchInstances goes: the one zone or subnet asked for, or the group's only one. */
function launchSubnet(call: Call, group: ScalingGroup): Subnet {
  const { cloud, state, params } = call;
  const zones = params.limitedTexts('AvailabilityZones', 1);
  const zoneIds = params.limitedTexts('AvailabilityZoneIds', 1);
  const subnets = params.limitedTexts('SubnetIds', 1);
  if (zones.length > 0 && zoneIds.length > 0) {
    params.fail('You cannot specify both AvailabilityZones and AvailabilityZoneIds');
  }
  const [subnetId] = subnets;
  if (subnetId !== undefined) {
    const subnet = state.subnet(subnetId);
    if (
      !subnet ||
      !group.zones.includes(subnet.zone) ||
      (group.subnets.length > 0 && !group.subnets.includes(subnetId))
    ) {
      return params.fail(`The subnet ${subnetId} is not part of Auto Scaling group ${group.name}.`);
    }
    return subnet;
  }
  const byId = state.network.subnets.find((subnet) => subnet.zoneId === zoneIds[0])?.zone;
  const zone = zones[0] ?? byId ?? (group.zones.length === 1 && zoneIds.length === 0 ? group.zones[0] : undefined);
  if (zone === undefined) {
    return params.fail(
      'For groups with multiple Availability Zones, an Availability Zone or a subnet must be specified.',
    );
  }
  const subnet = group.zones.includes(zone) ? cloud.groups.subnetFor(state, group, zone) : undefined;
  return subnet ?? params.fail(`The Availability Zone ${zone} is not part of Auto Scaling group ${group.name}.`);
}

/** Synchronous: ids or errors in the answer. Raises desired by what was launched, within MaxSize. */
function launchInstances(call: Call): Record<string, unknown> {
  const { cloud, state, params } = call;
  const group = findGroup(state, params.required('AutoScalingGroupName'), true);
  const count =
    params.bounded('RequestedCapacity', 1, group.mixed ? 10_000 : 100) ?? params.requiredInteger('RequestedCapacity');
  const token = params.required('ClientToken');
  if (!/^[A-Za-z0-9\-_/]{1,64}$/.test(token)) {
    params.fail(
      `1 validation error detected: Value '${token}' at 'clientToken' failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9\\-_\\/]+ and have length at most 64`,
    );
  }
  const strategy = params.oneOf('RetryStrategy', ['none', 'retry-with-group-configuration'] as const) ?? 'none';
  const subnet = launchSubnet(call, group);
  const request = `${count}/${subnet.id}/${strategy}`;
  const known = group.launchTokens.get(token);
  if (known && cloud.now() - known.at < tokenKeptMs) {
    if (known.request === request) return known.result;
    throw new AwsError(
      'IdempotentParameterMismatch',
      `The parameters do not match those of an earlier request with client token ${token}.`,
    );
  }
  if (group.desired + count > group.max) {
    params.fail(
      `Requested capacity ${count} would raise the desired capacity ${group.desired} above max value ${group.max} for the AutoScalingGroup.`,
    );
  }
  if (group.suspended.has('Launch'))
    params.fail(`The Launch process of Auto Scaling group ${group.name} is suspended.`);
  const result = tryLaunch(call, group, subnet, count, strategy);
  for (const [old, entry] of group.launchTokens) {
    if (cloud.now() - entry.at < tokenKeptMs) break;
    group.launchTokens.delete(old);
  }
  const answer = { AutoScalingGroupName: group.name, ClientToken: token, ...result };
  group.launchTokens.set(token, { request, result: answer, at: cloud.now() });
  return answer;
}

function tryLaunch(
  { cloud, state }: Call,
  group: ScalingGroup,
  subnet: Subnet,
  count: number,
  strategy: string,
): { Instances: Record<string, unknown>[]; Errors: Record<string, unknown>[] } {
  const place = { SubnetId: subnet.id, AvailabilityZone: subnet.zone, AvailabilityZoneId: subnet.zoneId };
  const byType = new Map<string, string[]>();
  const errors: Record<string, unknown>[] = [];
  let launched = 0;
  for (let units = 0, instances = 0; units < count && instances < launchedMost; instances++) {
    const from = group.desired;
    const cause = `an instance was started in response to a LaunchInstances request, increasing the capacity from ${from + launched} to ${from + launched + 1}.`;
    try {
      const member = cloud.groups.launch(state, group, subnet, cause);
      const { instance } = member;
      const key = `${instance.instanceType}/${instance.spot ? 'Spot' : 'OnDemand'}`;
      byType.set(key, [...(byType.get(key) ?? []), instance.id]);
      units += weightOf(group, member);
      launched = units;
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      const type = group.mixed?.overrides[0]?.instanceType;
      errors.push({
        ...(type === undefined ? {} : { InstanceType: type }),
        MarketType: group.mixed?.spot ? 'Spot' : 'OnDemand',
        ...place,
        ErrorCode: error.code,
        ErrorMessage: error.message,
      });
      break;
    }
  }
  // What weighs more than was asked for may not lift desired over the maximum.
  const raise = errors.length > 0 && strategy === 'retry-with-group-configuration' ? count : launched;
  if (raise > 0)
    cloud.groups.resize(state, group, { desired: Math.min(group.max, group.desired + raise) }, 'LaunchInstances');
  const Instances = [...byType].map(([key, InstanceIds]) => {
    const [InstanceType, MarketType] = key.split('/');
    return { InstanceType, MarketType, ...place, InstanceIds };
  });
  return { Instances, Errors: errors };
}

function leaving(call: Call): { group: ScalingGroup; members: Member[]; decrement: boolean } {
  const { params, state } = call;
  const group = findGroup(state, params.required('AutoScalingGroupName'), true);
  const members = membersIn(group, params.limitedTexts('InstanceIds', 20), params);
  if (members.length === 0) params.fail('At least one instance ID must be specified.');
  const decrement =
    params.flag('ShouldDecrementDesiredCapacity') ?? params.fail('ShouldDecrementDesiredCapacity is required');
  const after = group.desired - members.length;
  if (decrement && after < group.min) {
    params.fail(
      `AutoScalingGroup ${group.name} has min-size=${group.min}, max-size=${group.max}, and desired-size=${group.desired}. To take ${members.length} instance(s) out, please update the AutoScalingGroup sizes appropriately.`,
    );
  }
  return { group, members, decrement };
}

/** Out of the load balancers and out of the group at once; the instance runs on. */
function detach(call: Call): Record<string, unknown> {
  const { cloud, state, params } = call;
  const { group, members, decrement } = leaving(call);
  for (const member of members) {
    if (member.state !== 'InService' && member.state !== 'Standby') {
      params.fail(`The instance ${member.instance.id} is not in InService or Standby.`);
    }
  }
  const activities = members.map((member) => {
    const cause = `instance ${member.instance.id} was detached in response to a user request.`;
    const activity = cloud.groups.newActivity(state, group, `Detaching EC2 instance: ${member.instance.id}`, cause, {
      'Subnet ID': member.instance.subnetId,
      'Availability Zone': member.instance.zone,
    });
    cloud.groups.lifecycle.leaveBalancers(state, group, member, () => undefined);
    group.members.delete(member.instance.id);
    delete member.instance.group;
    member.instance.tags.delete('aws:autoscaling:groupName');
    cloud.groups.endActivity(activity, 'Successful');
    return activity;
  });
  if (decrement) cloud.groups.resize(state, group, { desired: group.desired - members.length }, 'DetachInstances');
  cloud.groups.changed(state, group);
  return { Activities: activities.map((activity) => activityView(group, activity)) };
}

function enterStandby(call: Call): Record<string, unknown> {
  const { cloud, state, params } = call;
  const { group, members, decrement } = leaving(call);
  for (const member of members) {
    if (member.state !== 'InService') params.fail(`The instance ${member.instance.id} is not in InService.`);
  }
  const activities = members.map((member) => {
    const cause = `instance ${member.instance.id} was moved to standby in response to a user request.`;
    const activity = cloud.groups.newActivity(
      state,
      group,
      `Moving EC2 instance to Standby: ${member.instance.id}`,
      cause,
      {},
    );
    member.state = 'EnteringStandby';
    cloud.groups.lifecycle.leaveBalancers(state, group, member, () => {
      if (member.state === 'EnteringStandby') member.state = 'Standby';
      cloud.groups.endActivity(activity, 'Successful');
    });
    return activity;
  });
  if (decrement) cloud.groups.resize(state, group, { desired: group.desired - members.length }, 'EnterStandby');
  cloud.groups.changed(state, group);
  return { Activities: activities.map((activity) => activityView(group, activity)) };
}

function exitStandby({ cloud, state, params }: Call): Record<string, unknown> {
  const group = findGroup(state, params.required('AutoScalingGroupName'), true);
  const members = membersIn(group, params.limitedTexts('InstanceIds', 20), params);
  for (const member of members) {
    if (member.state !== 'Standby') params.fail(`The instance ${member.instance.id} is not in Standby.`);
  }
  if (group.desired + members.length > group.max) {
    params.fail(
      `AutoScalingGroup ${group.name} has max-size=${group.max}, and desired-size=${group.desired}. To move ${members.length} instance(s) out of Standby, please update the AutoScalingGroup sizes appropriately.`,
    );
  }
  cloud.groups.resize(state, group, { desired: group.desired + members.length }, 'ExitStandby');
  const activities = members.map((member) => {
    const cause = `instance ${member.instance.id} was moved out of standby in response to a user request.`;
    const activity = cloud.groups.newActivity(
      state,
      group,
      `Moving EC2 instance out of Standby: ${member.instance.id}`,
      cause,
      {},
    );
    member.activity = activity;
    member.state = 'Pending';
    cloud.groups.lifecycle.running(state, group, member);
    return activity;
  });
  return { Activities: activities.map((activity) => activityView(group, activity)) };
}

function setHealth({ cloud, state, params }: Call): Record<string, unknown> {
  const { group, member } = managed(state, params.required('InstanceId'));
  const health =
    params.oneOf('HealthStatus', ['Healthy', 'Unhealthy'] as const) ?? params.fail('HealthStatus is required');
  const graceEnds = (member.inServiceAt ?? cloud.now()) + group.gracePeriodSeconds * 1000;
  if (health === 'Unhealthy' && (params.flag('ShouldRespectGracePeriod') ?? true) && cloud.now() < graceEnds) return {};
  member.unhealthy = health === 'Unhealthy';
  cloud.groups.changed(state, group);
  return {};
}

function hookMember(call: Call): { group: ScalingGroup; member: Member; hook: string } {
  const { state, params } = call;
  const group = findGroup(state, params.required('AutoScalingGroupName'));
  const hook = params.required('LifecycleHookName');
  const token = params.text('LifecycleActionToken');
  const id = params.text('InstanceId');
  const member = [...group.members.values()].find(
    (each) => each.instance.id === id || (token !== undefined && each.waits.get(hook)?.token === token),
  );
  if (member) return { group, member, hook };
  throw new AwsError('ValidationError', `No active Lifecycle Action found with instance ID ${id ?? ''}`);
}

export const groupInstanceActions: ActionTable = {
  TerminateInstanceInAutoScalingGroup: terminateInstance,
  AttachInstances: attach,
  SetInstanceProtection: setProtection,
  LaunchInstances: launchInstances,
  DetachInstances: detach,
  EnterStandby: enterStandby,
  ExitStandby: exitStandby,
  SetInstanceHealth: setHealth,
  CompleteLifecycleAction: (call) => {
    const { group, member, hook } = hookMember(call);
    const result =
      call.params.oneOf('LifecycleActionResult', ['CONTINUE', 'ABANDON'] as const) ??
      call.params.fail('LifecycleActionResult is required');
    call.cloud.groups.lifecycle.complete(call.state, group, member, hook, result);
    return {};
  },
  RecordLifecycleActionHeartbeat: (call) => {
    const { group, member, hook } = hookMember(call);
    call.cloud.groups.lifecycle.heartbeat(call.state, group, member, hook);
    return {};
  },
};
