/** Tags, processes, hooks and load balancers of groups. */
import { AwsError, Params, page } from './aws-request.ts';
import type { ActionTable, Call } from './cloud.ts';
import { checkBalancers, findGroup, readHook } from './group-requests.ts';
import type { RegionState } from './region-state.ts';
import { type LifecycleHook, type ScalingGroup, scalingProcesses } from './scaling-group.ts';

function tagTarget(state: RegionState, tag: Params): { group: ScalingGroup; key: string } {
  const type = tag.text('ResourceType') ?? 'auto-scaling-group';
  if (type !== 'auto-scaling-group') tag.fail(`Resource type ${type} is not supported.`);
  const key = tag.required('Key');
  if (key.startsWith('aws:')) tag.fail('User-defined tags may not start with the reserved prefix aws:.');
  const name = tag.required('ResourceId');
  const group = state.groups.get(name);
  if (!group) return tag.fail(`No Auto Scaling group found with name '${name}'`);
  return { group, key };
}

function createOrUpdateTags({ state, params }: Call): Record<string, unknown> {
  const targets = params.items('Tags').map((tag) => ({
    ...tagTarget(state, tag),
    value: tag.text('Value') ?? '',
    propagate: tag.flag('PropagateAtLaunch') ?? false,
  }));
  if (targets.length === 0) params.fail('At least one tag must be specified.');
  for (const { group, key, value, propagate } of targets) {
    if (!group.tags.has(key) && group.tags.size >= 50) {
      throw new AwsError('LimitExceeded', `Tags for Auto Scaling group ${group.name} would exceed the limit of 50.`);
    }
    group.tags.set(key, { value, propagate });
  }
  return {};
}

function deleteTags({ state, params }: Call): Record<string, unknown> {
  for (const { group, key } of params.items('Tags').map((tag) => tagTarget(state, tag))) group.tags.delete(key);
  return {};
}

function processes(params: Params): string[] {
  const asked = params.texts('ScalingProcesses');
  for (const name of asked) {
    if (!scalingProcesses.some((known) => known === name)) params.fail(`${name} is not a valid process type.`);
  }
  return asked.length > 0 ? asked : [...scalingProcesses];
}

function suspend({ cloud, state, params }: Call): Record<string, unknown> {
  const group = findGroup(state, params.required('AutoScalingGroupName'), true);
  const at = new Date(cloud.now()).toISOString().slice(0, 19);
  for (const name of processes(params)) {
    if (!group.suspended.has(name)) group.suspended.set(name, `User suspended at ${at}Z`);
  }
  return {};
}

/** The group acts at once on what it was kept from: launches, terminations, and a balance of its zones. */
function resume({ cloud, state, params }: Call): Record<string, unknown> {
  const group = findGroup(state, params.required('AutoScalingGroupName'), true);
  for (const name of processes(params)) group.suspended.delete(name);
  cloud.groups.changed(state, group);
  return {};
}

function putHook({ state, params }: Call): Record<string, unknown> {
  const group = findGroup(state, params.required('AutoScalingGroupName'), true);
  const name = params.required('LifecycleHookName');
  const known = group.hooks.get(name);
  const merged: Record<string, unknown> = {
    ...(known
      ? {
          LifecycleTransition: known.transition,
          HeartbeatTimeout: known.heartbeatSeconds,
          DefaultResult: known.defaultResult,
          ...(known.metadata === undefined ? {} : { NotificationMetadata: known.metadata }),
        }
      : {}),
    ...params.raw,
  };
  group.hooks.set(name, readHook(new Params(merged, 'ValidationError'), name));
  return {};
}

export function hookView(group: ScalingGroup, hook: LifecycleHook): Record<string, unknown> {
  return {
    LifecycleHookName: hook.name,
    AutoScalingGroupName: group.name,
    LifecycleTransition: hook.transition,
    ...(hook.metadata === undefined ? {} : { NotificationMetadata: hook.metadata }),
    HeartbeatTimeout: hook.heartbeatSeconds,
    GlobalTimeout: Math.min(hook.heartbeatSeconds * 100, 172_800),
    DefaultResult: hook.defaultResult,
  };
}

function balancersChange(call: Call, change: 'attach' | 'detach'): Record<string, unknown> {
  const { cloud, state, params } = call;
  const group = findGroup(state, params.required('AutoScalingGroupName'), true);
  const given = checkBalancers(state, params);
  const members = [...group.members.values()].filter((member) => member.state === 'InService');
  if (change === 'attach') {
    group.classic = [...new Set([...group.classic, ...given.classic])];
    group.targetGroups = [...new Set([...group.targetGroups, ...given.targetGroups])];
    for (const member of members) cloud.groups.lifecycle.addToBalancers(state, group, member);
    return {};
  }
  for (const member of members) {
    for (const name of given.classic) cloud.balancing.deregister(state, 'classic', name, member.instance.id);
    for (const arn of given.targetGroups) cloud.balancing.deregister(state, 'target-group', arn, member.instance.id);
  }
  group.classic = group.classic.filter((name) => !given.classic.includes(name));
  group.targetGroups = group.targetGroups.filter((arn) => !given.targetGroups.includes(arn));
  return {};
}

function describeRefreshes({ state, params }: Call): Record<string, unknown> {
  const group = findGroup(state, params.required('AutoScalingGroupName'));
  const ids = new Set(params.texts('InstanceRefreshIds'));
  const size = params.bounded('MaxRecords', 1, 100) ?? 50;
  const { items, next } = page(
    group.refreshes.filter((refresh) => ids.size === 0 || ids.has(refresh.id)),
    {
      size,
      token: params.text('NextToken'),
      badToken: () => new AwsError('InvalidNextToken', 'The NextToken value is not valid.'),
    },
  );
  return {
    InstanceRefreshes: items.map((refresh) => ({
      InstanceRefreshId: refresh.id,
      AutoScalingGroupName: group.name,
      Status: refresh.status,
      ...(refresh.reason === undefined ? {} : { StatusReason: refresh.reason }),
      StartTime: new Date(refresh.startedAt),
      ...(refresh.endedAt === undefined ? {} : { EndTime: new Date(refresh.endedAt) }),
      PercentageComplete:
        refresh.toUpdate === 0 ? 100 : Math.floor(((refresh.toUpdate - refresh.queue.length) / refresh.toUpdate) * 100),
      InstancesToUpdate: refresh.queue.length,
    })),
    ...(next === undefined ? {} : { NextToken: next }),
  };
}

export const groupSettingActions: ActionTable = {
  CreateOrUpdateTags: createOrUpdateTags,
  DeleteTags: deleteTags,
  SuspendProcesses: suspend,
  ResumeProcesses: resume,
  PutLifecycleHook: putHook,
  DeleteLifecycleHook: ({ state, params }) => {
    const group = findGroup(state, params.required('AutoScalingGroupName'));
    const name = params.required('LifecycleHookName');
    if (!group.hooks.delete(name)) params.fail(`No Lifecycle Hook found with name ${name}`);
    return {};
  },
  DescribeLifecycleHooks: ({ state, params }) => {
    const group = findGroup(state, params.required('AutoScalingGroupName'));
    const names = new Set(params.texts('LifecycleHookNames'));
    const hooks = [...group.hooks.values()].filter((hook) => names.size === 0 || names.has(hook.name));
    return { LifecycleHooks: hooks.map((hook) => hookView(group, hook)) };
  },
  AttachLoadBalancers: (call) => balancersChange(call, 'attach'),
  DetachLoadBalancers: (call) => balancersChange(call, 'detach'),
  AttachLoadBalancerTargetGroups: (call) => balancersChange(call, 'attach'),
  DetachLoadBalancerTargetGroups: (call) => balancersChange(call, 'detach'),
  DescribeLoadBalancers: ({ state, params }) => {
    const group = findGroup(state, params.required('AutoScalingGroupName'));
    return { LoadBalancers: group.classic.map((LoadBalancerName) => ({ LoadBalancerName, State: 'InService' })) };
  },
  DescribeLoadBalancerTargetGroups: ({ state, params }) => {
    const group = findGroup(state, params.required('AutoScalingGroupName'));
    return {
      LoadBalancerTargetGroups: group.targetGroups.map((LoadBalancerTargetGroupARN) => ({
        LoadBalancerTargetGroupARN,
        State: 'InService',
      })),
    };
  },
  DescribeInstanceRefreshes: describeRefreshes,
};
