/** Load balancers, target groups and listeners of a stack. */

import { AwsError } from '../aws-request.ts';
import { createClassic, modifyClassic } from '../classic-actions.ts';
import type { ClassicLoadBalancer, TargetGroup } from '../resources.ts';
import {
  createListener,
  createLoadBalancer,
  createTargetGroup,
  deleteLoadBalancer,
  deleteTargetGroup,
  forwardedGroups,
  setAttributes,
} from '../target-group-actions.ts';
import {
  changedProperties,
  type MadeResource,
  physicalName,
  propertiesOf,
  type ResourceContext,
  type ResourceType,
  stackTags,
  templateTags,
} from './resource-type.ts';

function tagRecords(context: ResourceContext, properties: Record<string, unknown>): { Key: string; Value: string }[] {
  return [...new Map([...stackTags(context), ...templateTags(properties)])].map(([Key, Value]) => ({ Key, Value }));
}

function classicRequest(context: ResourceContext, properties: Record<string, unknown>): Record<string, unknown> {
  return { ...properties, Tags: tagRecords(context, properties) };
}

function classicMade(balancer: ClassicLoadBalancer): MadeResource {
  return {
    physicalId: balancer.name,
    attributes: {
      DNSName: balancer.dnsName,
      CanonicalHostedZoneName: balancer.dnsName,
      CanonicalHostedZoneNameID: 'Z3F0SRJ5LGBH90',
      'SourceSecurityGroup.GroupName': 'default',
      'SourceSecurityGroup.OwnerAlias': 'amazon-elb',
    },
  };
}

/** ConnectionDrainingPolicy, CrossZone and ConnectionSettings are properties here and attributes in the API. */
function applyClassicPolicies(balancer: ClassicLoadBalancer, properties: Record<string, unknown>): void {
  modifyClassic(
    balancer,
    propertiesOf({
      ConnectionDraining: properties['ConnectionDrainingPolicy'],
      ConnectionSettings: properties['ConnectionSettings'],
      ...(properties['CrossZone'] === undefined
        ? {}
        : { CrossZoneLoadBalancing: { Enabled: properties['CrossZone'] } }),
    }),
  );
}

export const classicBalancerResource: ResourceType = {
  replacing: ['LoadBalancerName', 'Scheme'],
  mayReplace: ['AvailabilityZones', 'HealthCheck', 'Subnets'],
  create: (context, properties) => {
    const name = physicalName(context, properties, 'LoadBalancerName', 32);
    const balancer = createClassic(
      context.cloud,
      context.state,
      name,
      propertiesOf(classicRequest(context, properties)),
    );
    applyClassicPolicies(balancer, properties);
    return classicMade(balancer);
  },
  update: (context, properties, current) => {
    const changed = changedProperties(properties, current);
    if (changed.some((name) => ['LoadBalancerName', 'Scheme'].includes(name))) return 'replace';
    const balancer = context.state.classic.get(current.physicalId);
    if (!balancer)
      throw new AwsError('LoadBalancerNotFound', `There is no ACTIVE Load Balancer named '${current.physicalId}'`);
    const fresh = context.state.classic;
    fresh.delete(balancer.name);
    try {
      // Reads the new properties with all checks of a creation; registrations stay with the old one.
      const wanted = createClassic(
        context.cloud,
        context.state,
        balancer.name,
        propertiesOf(classicRequest(context, properties)),
      );
      Object.assign(balancer, {
        zones: wanted.zones,
        subnets: wanted.subnets,
        securityGroups: wanted.securityGroups,
        listeners: wanted.listeners,
        healthCheck: wanted.healthCheck,
        tags: wanted.tags,
      });
    } finally {
      fresh.set(balancer.name, balancer);
    }
    applyClassicPolicies(balancer, properties);
    return classicMade(balancer);
  },
  remove: (context, current, done) => {
    context.state.classic.get(current.physicalId)?.tracker.dropAll();
    context.state.classic.delete(current.physicalId);
    done();
  },
};

function targetGroupMade(group: TargetGroup): MadeResource {
  return {
    physicalId: group.arn,
    attributes: {
      TargetGroupArn: group.arn,
      TargetGroupName: group.name,
      TargetGroupFullName: group.arn.slice(group.arn.indexOf('targetgroup/')),
      LoadBalancerArns: [],
    },
  };
}

function setGroupAttributes(group: TargetGroup, properties: Record<string, unknown>): void {
  setAttributes(group.attributes, propertiesOf(properties).items('TargetGroupAttributes'));
}

const targetGroupReplacements = ['Name', 'Port', 'Protocol', 'VpcId', 'TargetType'];

export const targetGroupResource: ResourceType = {
  replacing: ['Name', 'Port', 'Protocol', 'VpcId', 'TargetType'],
  create: (context, properties) => {
    const name = physicalName(context, properties, 'Name', 32);
    const request = { ...properties, Tags: tagRecords(context, properties) };
    const group = createTargetGroup(context.cloud, context.state, name, propertiesOf(request));
    try {
      setGroupAttributes(group, properties);
    } catch (error) {
      context.state.targetGroups.delete(group.arn);
      throw error;
    }
    return targetGroupMade(group);
  },
  update: (context, properties, current) => {
    if (changedProperties(properties, current).some((name) => targetGroupReplacements.includes(name))) return 'replace';
    const group = context.cloud.balancing.targetGroup(context.state, current.physicalId);
    const params = propertiesOf(properties);
    const check = group.healthCheck;
    check.interval = params.bounded('HealthCheckIntervalSeconds', 5, 300) ?? check.interval;
    check.timeout = params.bounded('HealthCheckTimeoutSeconds', 2, 120) ?? check.timeout;
    check.healthy = params.bounded('HealthyThresholdCount', 2, 10) ?? check.healthy;
    check.unhealthy = params.bounded('UnhealthyThresholdCount', 2, 10) ?? check.unhealthy;
    check.port = params.text('HealthCheckPort') ?? check.port;
    check.protocol = params.text('HealthCheckProtocol') ?? check.protocol;
    setGroupAttributes(group, properties);
    for (const [key, value] of templateTags(properties)) group.tags.set(key, value);
    return targetGroupMade(group);
  },
  remove: (context, current, done) => {
    deleteTargetGroup(context.cloud, context.state, current.physicalId);
    done();
  },
};

export const loadBalancerResource: ResourceType = {
  replacing: ['Name', 'Scheme', 'Type'],
  create: (context, properties) => {
    const name = physicalName(context, properties, 'Name', 32);
    const request = { ...properties, Tags: tagRecords(context, properties) };
    const balancer = createLoadBalancer(context.cloud, context.state, name, propertiesOf(request));
    return {
      physicalId: balancer.arn,
      attributes: {
        LoadBalancerArn: balancer.arn,
        DNSName: balancer.dnsName,
        CanonicalHostedZoneID: 'Z3F0SRJ5LGBH90',
        LoadBalancerName: balancer.name,
        LoadBalancerFullName: balancer.arn.slice(balancer.arn.indexOf('loadbalancer/') + 13),
        SecurityGroups: balancer.securityGroups,
      },
    };
  },
  update: (context, properties, current) => {
    if (changedProperties(properties, current).some((name) => ['Name', 'Scheme', 'Type'].includes(name)))
      return 'replace';
    const balancer = context.state.loadBalancers.get(current.physicalId);
    if (!balancer) throw new AwsError('LoadBalancerNotFound', `Load balancer '${current.physicalId}' not found`);
    const subnets = propertiesOf(properties).texts('Subnets');
    if (subnets.length > 0) {
      balancer.zones = subnets.map((subnetId) => ({ subnetId, zone: context.state.subnet(subnetId)?.zone ?? '' }));
    }
    for (const [key, value] of templateTags(properties)) balancer.tags.set(key, value);
    return { physicalId: current.physicalId, attributes: current.attributes };
  },
  remove: (context, current, done) => {
    deleteLoadBalancer(context.state, current.physicalId);
    done();
  },
};

export const listenerResource: ResourceType = {
  replacing: ['LoadBalancerArn'],
  create: (context, properties) => {
    const listener = createListener(context.state, propertiesOf(properties));
    return { physicalId: listener.arn, attributes: { ListenerArn: listener.arn } };
  },
  update: (context, properties, current) => {
    if (changedProperties(properties, current).includes('LoadBalancerArn')) return 'replace';
    const listener = context.state.listeners.get(current.physicalId);
    if (!listener) throw new AwsError('ListenerNotFound', 'One or more listeners not found');
    const params = propertiesOf(properties);
    listener.targetGroupArns = forwardedGroups(context.state, params.items('DefaultActions'));
    listener.port = params.bounded('Port', 1, 65_535) ?? listener.port;
    listener.protocol = params.text('Protocol') ?? listener.protocol;
    return { physicalId: current.physicalId, attributes: current.attributes };
  },
  remove: (context, current, done) => {
    context.state.listeners.delete(current.physicalId);
    done();
  },
};
