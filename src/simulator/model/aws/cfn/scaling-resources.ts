/** Scheduled actions, scaling policies and volumes of a stack. */
import { plainText } from '../aws-request.ts';
import { dropScheduledAction, putPolicy, putScheduledAction } from '../group-policies.ts';
import { findGroup } from '../group-requests.ts';
import type { ScalingGroup } from '../scaling-group.ts';
import { createVolume, deleteVolume } from '../volume-actions.ts';
import {
  changedProperties,
  nameChanged,
  physicalName,
  propertiesOf,
  type ResourceContext,
  type ResourceType,
  stackTags,
  templateTags,
} from './resource-type.ts';

function groupOf(context: ResourceContext, properties: Record<string, unknown>): ScalingGroup {
  return findGroup(context.state, propertiesOf(properties).required('AutoScalingGroupName'), true);
}

export const scheduledActionResource: ResourceType = {
  replacing: ['AutoScalingGroupName'],
  create: (context, properties) => {
    const name = physicalName(context, {}, 'ScheduledActionName');
    const params = propertiesOf({ ...properties, ScheduledActionName: name });
    putScheduledAction(context.cloud, context.state, groupOf(context, properties), params);
    return { physicalId: name, attributes: {} };
  },
  update: (context, properties, current) => {
    if (nameChanged(properties, current, 'AutoScalingGroupName')) return 'replace';
    const params = propertiesOf({ ...properties, ScheduledActionName: current.physicalId });
    putScheduledAction(context.cloud, context.state, groupOf(context, properties), params);
    return { physicalId: current.physicalId, attributes: {} };
  },
  remove: (context, current, done) => {
    const group = context.state.groups.get(plainText(current.applied['AutoScalingGroupName']));
    if (group) dropScheduledAction(group, current.physicalId);
    done();
  },
};

export const scalingPolicyResource: ResourceType = {
  replacing: ['AutoScalingGroupName'],
  create: (context, properties) => {
    const PolicyName = physicalName(context, {}, 'PolicyName');
    const group = groupOf(context, properties);
    const policy = putPolicy(context.state, group, propertiesOf({ ...properties, PolicyName }));
    return { physicalId: policy.arn, attributes: { PolicyName, Arn: policy.arn } };
  },
  update: (context, properties, current) => {
    if (nameChanged(properties, current, 'AutoScalingGroupName')) return 'replace';
    const PolicyName = plainText(current.attributes['PolicyName']);
    const policy = putPolicy(context.state, groupOf(context, properties), propertiesOf({ ...properties, PolicyName }));
    return { physicalId: policy.arn, attributes: current.attributes };
  },
  remove: (context, current, done) => {
    const group = context.state.groups.get(plainText(current.applied['AutoScalingGroupName']));
    group?.policies.delete(plainText(current.attributes['PolicyName']));
    done();
  },
};

export const volumeResource: ResourceType = {
  replacing: ['AvailabilityZone', 'Encrypted'],
  create: (context, properties) => {
    const params = propertiesOf(properties);
    const volume = createVolume(context.cloud, context.state, {
      zone: params.required('AvailabilityZone'),
      sizeGb: params.bounded('Size', 1, 65_536) ?? 1,
      type: params.text('VolumeType') ?? 'gp2',
      encrypted: params.flag('Encrypted') ?? false,
      tags: new Map([...stackTags(context), ...templateTags(properties)]),
    });
    return { physicalId: volume.id, attributes: { VolumeId: volume.id } };
  },
  update: (context, properties, current) => {
    if (changedProperties(properties, current).some((name) => ['AvailabilityZone', 'Encrypted'].includes(name)))
      return 'replace';
    const volume = context.state.volumes.get(current.physicalId);
    if (volume) {
      const params = propertiesOf(properties);
      volume.sizeGb = params.bounded('Size', 1, 65_536) ?? volume.sizeGb;
      volume.type = params.text('VolumeType') ?? volume.type;
      for (const [key, value] of templateTags(properties)) volume.tags.set(key, value);
    }
    return { physicalId: current.physicalId, attributes: current.attributes };
  },
  remove: (context, current, done) => {
    deleteVolume(context.state, current.physicalId);
    done();
  },
};
