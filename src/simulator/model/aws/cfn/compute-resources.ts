/**
 * Launch templates, Auto Scaling groups and their hooks as CloudFormation handles them: in place, instances untouched unless an
 * UpdatePolicy says otherwise.
 */

import { AwsError, type Params, plainText } from '../aws-request.ts';
import { createGroup, deleteGroup, findGroup, readHook, updateGroup } from '../group-requests.ts';
import { addTemplateVersion, createTemplate, deleteTemplate } from '../launch-templates.ts';
import type { LaunchTemplate } from '../resources.ts';
import type { ScalingGroup } from '../scaling-group.ts';
import {
  changedProperties,
  type MadeResource,
  nameChanged,
  physicalName,
  propertiesOf,
  type ResourceContext,
  type ResourceType,
  stackTags,
  templateTags,
} from './resource-type.ts';
import { rollingPolicy, rollingUpdate } from './rolling-update.ts';

function templateAttributes(template: LaunchTemplate): MadeResource {
  return {
    physicalId: template.id,
    attributes: {
      LaunchTemplateId: template.id,
      LatestVersionNumber: String(template.latestVersion),
      DefaultVersionNumber: String(template.defaultVersion),
    },
  };
}

function templateData(properties: Record<string, unknown>): Record<string, unknown> {
  const data = properties['LaunchTemplateData'];
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) return data as Record<string, unknown>;
  throw new AwsError('ValidationError', 'Property LaunchTemplateData cannot be empty.');
}

export const launchTemplateResource: ResourceType = {
  replacing: ['LaunchTemplateName'],
  create: (context, properties) => {
    const { cloud, state } = context;
    const template = createTemplate(state, cloud.now(), {
      name: physicalName(context, properties, 'LaunchTemplateName'),
      data: templateData(properties),
      description: properties['VersionDescription'] as string | undefined,
      tags: stackTags(context),
    });
    return templateAttributes(template);
  },
  update: (context, properties, current) => {
    if (nameChanged(properties, current, 'LaunchTemplateName')) return 'replace';
    const template = context.state.templates.get(current.physicalId);
    if (!template)
      throw new AwsError(
        'ValidationError',
        `The specified launch template, with template ID ${current.physicalId}, does not exist.`,
      );
    addTemplateVersion(template, context.cloud.now(), templateData(properties));
    return templateAttributes(template);
  },
  live: (state, current) => {
    const template = state.templates.get(current.physicalId);
    return template === undefined ? 'gone' : { LaunchTemplateName: template.name };
  },
  remove: (context, current, done) => {
    deleteTemplate(context.state, current.physicalId);
    done();
  },
};

function textList(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
}

/** CloudFormation's property names to those of the Auto Scaling API. */
function groupRequest(properties: Record<string, unknown>): Record<string, unknown> {
  const request: Record<string, unknown> = {};
  for (const name of [
    'MinSize',
    'MaxSize',
    'DesiredCapacity',
    'LaunchTemplate',
    'MixedInstancesPolicy',
    'HealthCheckType',
    'HealthCheckGracePeriod',
    'NewInstancesProtectedFromScaleIn',
    'TerminationPolicies',
    'CapacityRebalance',
    'LifecycleHookSpecificationList',
  ]) {
    if (properties[name] !== undefined) request[name] = properties[name];
  }
  if (properties['Cooldown'] !== undefined) request['DefaultCooldown'] = properties['Cooldown'];
  const subnets = textList(properties['VPCZoneIdentifier']);
  if (subnets.length > 0) request['VPCZoneIdentifier'] = subnets.join(',');
  const zones = textList(properties['AvailabilityZones']);
  if (zones.length > 0) request['AvailabilityZones'] = zones;
  request['LoadBalancerNames'] = textList(properties['LoadBalancerNames']);
  request['TargetGroupARNs'] = textList(properties['TargetGroupARNs']);
  return request;
}

function groupTags(context: ResourceContext, properties: Record<string, unknown>): ScalingGroup['tags'] {
  const tags: ScalingGroup['tags'] = new Map();
  for (const [key, value] of stackTags(context)) tags.set(key, { value, propagate: true });
  const own = properties['Tags'];
  for (const tag of (Array.isArray(own) ? own : []) as Record<string, unknown>[]) {
    if (tag['PropagateAtLaunch'] === undefined) {
      throw new AwsError(
        'ValidationError',
        'Property PropagateAtLaunch of a tag of an Auto Scaling group cannot be empty.',
      );
    }
    const propagate = plainText(tag['PropagateAtLaunch']) === 'true';
    tags.set(plainText(tag['Key']), { value: plainText(tag['Value']), propagate });
  }
  return tags;
}

function setBalancers(context: ResourceContext, group: ScalingGroup, classic: string[], targetGroups: string[]): void {
  const { cloud, state } = context;
  const members = [...group.members.values()].filter((member) => member.state === 'InService');
  for (const member of members) {
    for (const name of group.classic.filter((each) => !classic.includes(each) && state.classic.has(each))) {
      cloud.balancing.deregister(state, 'classic', name, member.instance.id);
    }
    for (const arn of group.targetGroups.filter(
      (each) => !targetGroups.includes(each) && state.targetGroups.has(each),
    )) {
      cloud.balancing.deregister(state, 'target-group', arn, member.instance.id);
    }
  }
  group.classic = classic;
  group.targetGroups = targetGroups;
  for (const member of members) cloud.groups.lifecycle.addToBalancers(state, group, member);
}

/** Properties whose change sets an UpdatePolicy in motion. */
const rollingProperties = ['LaunchTemplate', 'MixedInstancesPolicy', 'VPCZoneIdentifier'];
const sizeProperties = ['MinSize', 'MaxSize', 'DesiredCapacity'];

function policiesOf(context: ResourceContext): Record<string, Params | undefined> {
  const policy = propertiesOf(context.updatePolicy);
  const names = ['AutoScalingReplacingUpdate', 'AutoScalingRollingUpdate', 'AutoScalingScheduledAction'];
  return Object.fromEntries(names.map((name) => [name, policy.structure(name)]));
}

export const scalingGroupResource: ResourceType = {
  replacing: ['AutoScalingGroupName'],
  create: (context, properties) => {
    const { cloud, state } = context;
    const name = physicalName(context, properties, 'AutoScalingGroupName');
    const tags = groupTags(context, properties);
    const request = {
      ...groupRequest(properties),
      AutoScalingGroupName: name,
      Tags: [...tags].map(([Key, tag]) => ({ Key, Value: tag.value, PropagateAtLaunch: tag.propagate })),
    };
    createGroup(cloud, state, propertiesOf(request), 'CloudFormation');
    return { physicalId: name, attributes: { AutoScalingGroupName: name } };
  },
  update: (context, properties, current) => {
    const { cloud, state } = context;
    if (nameChanged(properties, current, 'AutoScalingGroupName')) return 'replace';
    const { AutoScalingReplacingUpdate, AutoScalingRollingUpdate, AutoScalingScheduledAction } = policiesOf(context);
    const rolls = changedProperties(properties, current).some((name) => rollingProperties.includes(name));
    const goesBack = context.stack.status.includes('ROLLBACK');
    // What a failed update replaced is still there: going back needs no third group.
    if (rolls && !goesBack && AutoScalingReplacingUpdate?.flag('WillReplace') === true) return 'replace';
    const group = findGroup(state, current.physicalId, true);
    const max = propertiesOf(properties).integer('MaxSize') ?? group.max;
    const rolling = AutoScalingRollingUpdate && rollingPolicy(AutoScalingRollingUpdate, max);
    const request = groupRequest(properties);
    if (AutoScalingScheduledAction?.flag('IgnoreUnmodifiedGroupSizeProperties') === true)
      for (const name of sizeProperties) if (properties[name] === current.applied[name]) delete request[name];
    updateGroup(cloud, state, group, propertiesOf(request), 'CloudFormation');
    setBalancers(context, group, textList(properties['LoadBalancerNames']), textList(properties['TargetGroupARNs']));
    const tags = groupTags(context, properties);
    const former = templateTags(current.applied);
    for (const key of former.keys()) if (!tags.has(key)) group.tags.delete(key);
    for (const [key, tag] of tags) group.tags.set(key, tag);
    const work = rolling && rollingUpdate(context, group, rolling);
    return { physicalId: group.name, attributes: { AutoScalingGroupName: group.name }, work };
  },
  live: (state, current) => {
    const group = state.groups.get(current.physicalId);
    if (group === undefined) return 'gone';
    return { MinSize: String(group.min), MaxSize: String(group.max), DesiredCapacity: String(group.desired) };
  },
  remove: (context, current, done) => {
    const group = context.state.groups.get(current.physicalId);
    if (group) deleteGroup(context.cloud, context.state, group, 'CloudFormation', done);
    else done();
  },
};

export const lifecycleHookResource: ResourceType = {
  replacing: ['LifecycleHookName', 'AutoScalingGroupName'],
  create: (context, properties) => {
    const params = propertiesOf(properties);
    const group = findGroup(context.state, params.required('AutoScalingGroupName'), true);
    const name = physicalName(context, properties, 'LifecycleHookName');
    group.hooks.set(name, readHook(params, name));
    return { physicalId: name, attributes: {} };
  },
  update: (context, properties, current) => {
    if (
      nameChanged(properties, current, 'LifecycleHookName') ||
      nameChanged(properties, current, 'AutoScalingGroupName')
    ) {
      return 'replace';
    }
    const params = propertiesOf(properties);
    const group = findGroup(context.state, params.required('AutoScalingGroupName'), true);
    group.hooks.set(current.physicalId, readHook(params, current.physicalId));
    return { physicalId: current.physicalId, attributes: {} };
  },
  remove: (context, current, done) => {
    context.state.groups.get(String(current.applied['AutoScalingGroupName']))?.hooks.delete(current.physicalId);
    done();
  },
};
