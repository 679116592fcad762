/** The world's own view of the cloud, read by checkers and the demo's report. Nothing here is a copy of what an API answers. */

import type { Stack } from './cfn/stack.ts';
import type { Cloud } from './cloud.ts';
import { templateVersion } from './launch-templates.ts';
import type { RegionState } from './region-state.ts';
import { clusterOfTags, type Ec2Instance, type InstanceState, type TrackedState } from './resources.ts';
import { clusterOfGroup, type LifecycleState, type ScalingGroup, templateOf } from './scaling-group.ts';

export interface TrueMember {
  instanceId: string;
  state: LifecycleState;
  healthy: boolean;
  zone: string;
  protectedFromScaleIn: boolean;
  templateId: string;
  templateVersion: string;
  /** Differs from what the group would launch now. */
  outdated: boolean;
  instanceState: InstanceState;
}

export interface TrueGroup {
  account: string;
  region: string;
  /** Cluster id by tag, '' when none. */
  cluster: string;
  name: string;
  min: number;
  max: number;
  desired: number;
  zones: string[];
  suspended: string[];
  newInstancesProtected: boolean;
  tags: Record<string, string>;
  templateId: string;
  /** Resolved to a number. */
  templateVersion: string;
  classic: string[];
  targetGroups: string[];
  deleting: boolean;
  members: TrueMember[];
}

export interface TrueInstance {
  id: string;
  account: string;
  region: string;
  cluster: string;
  group: string;
  zone: string;
  state: InstanceState;
  imageId: string;
  instanceType: string;
  launchedAt: number;
  templateVersion: number;
}

export interface TrueStack {
  account: string;
  region: string;
  cluster: string;
  name: string;
  id: string;
  status: string;
  tags: Record<string, string>;
  parameters: Record<string, string>;
  outputs: Record<string, string>;
  template: string;
}

export interface TrueLoadBalancer {
  account: string;
  region: string;
  kind: 'classic' | 'target-group';
  /** Name of a classic load balancer, ARN of a target group. */
  id: string;
  name: string;
  instances: Record<string, TrackedState>;
}

export interface CloudTruth {
  /** Of one cluster when given. */
  groups(cluster?: string): TrueGroup[];
  /** Not yet terminated. */
  instances(cluster?: string): TrueInstance[];
  /** Live stacks. */
  stacks(cluster?: string): TrueStack[];
  loadBalancers(): TrueLoadBalancer[];
}

function groupTruth(state: RegionState, group: ScalingGroup): TrueGroup {
  const reference = templateOf(group);
  const template = reference && state.templates.get(reference.id);
  const version = String(
    (template && templateVersion(template, reference?.version ?? ''))?.number ?? reference?.version ?? '',
  );
  return {
    account: state.account,
    region: state.region,
    cluster: clusterOfGroup(group),
    name: group.name,
    min: group.min,
    max: group.max,
    desired: group.desired,
    zones: [...group.zones],
    suspended: [...group.suspended.keys()],
    newInstancesProtected: group.newInstancesProtected,
    tags: Object.fromEntries([...group.tags].map(([key, tag]) => [key, tag.value])),
    templateId: reference?.id ?? '',
    templateVersion: version,
    classic: [...group.classic],
    targetGroups: [...group.targetGroups],
    deleting: group.deleting,
    members: [...group.members.values()].map((member) => ({
      instanceId: member.instance.id,
      state: member.state,
      healthy: !member.unhealthy,
      zone: member.instance.zone,
      protectedFromScaleIn: member.protectedFromScaleIn,
      templateId: member.template.id,
      templateVersion: member.template.version,
      outdated: member.template.id !== reference?.id || member.template.version !== version,
      instanceState: member.instance.state,
    })),
  };
}

function instanceTruth(state: RegionState, instance: Ec2Instance): TrueInstance {
  return {
    id: instance.id,
    account: state.account,
    region: state.region,
    cluster: clusterOfTags(instance.tags) ?? '',
    group: instance.group ?? '',
    zone: instance.zone,
    state: instance.state,
    imageId: instance.imageId,
    instanceType: instance.instanceType,
    launchedAt: instance.launchedAt,
    templateVersion: instance.templateVersion,
  };
}

function stackTruth(cloud: Cloud, state: RegionState, stack: Stack): TrueStack {
  const { definition, name } = stack;
  return {
    account: state.account,
    region: state.region,
    cluster: clusterOfTags(definition.tags) ?? cloud.clusterOfStack(state.account, state.region, name) ?? '',
    name,
    id: stack.id,
    status: stack.status,
    tags: Object.fromEntries(definition.tags),
    parameters: Object.fromEntries(definition.parameters),
    outputs: Object.fromEntries(stack.outputs.map((output) => [output.key, output.value])),
    template: definition.body,
  };
}

function balancerTruths(state: RegionState): TrueLoadBalancer[] {
  const place = { account: state.account, region: state.region };
  const classic = [...state.classic.values()].map(
    ({ name, tracker }): TrueLoadBalancer => ({ ...place, kind: 'classic', id: name, name, instances: tracker.peek() }),
  );
  const groups = [...state.targetGroups.values()].map(
    ({ arn, name, tracker }): TrueLoadBalancer => ({
      ...place,
      kind: 'target-group',
      id: arn,
      name,
      instances: tracker.peek(),
    }),
  );
  return [...classic, ...groups];
}

export function truthOf(cloud: Cloud): CloudTruth {
  const collect = <T extends { cluster: string }>(read: (state: RegionState) => T[], cluster?: string): T[] => {
    const place = cluster === undefined ? undefined : cloud.placeOfCluster(cluster);
    const all = place ? read(cloud.region(place.account, place.region)) : [...cloud.regions()].flatMap(read);
    return cluster === undefined ? all : all.filter((each) => each.cluster === cluster);
  };
  return {
    groups: (cluster) =>
      collect(
        (state) =>
          [...state.groups.values()]
            .filter((group) => cluster === undefined || clusterOfGroup(group) === cluster)
            .map((group) => groupTruth(state, group)),
        cluster,
      ),
    instances: (cluster) =>
      collect(
        (state) =>
          [...state.instances.values()]
            .filter((instance) => instance.state !== 'terminated')
            .map((instance) => instanceTruth(state, instance)),
        cluster,
      ),
    stacks: (cluster) =>
      collect(
        (state) =>
          [...state.stackIds.values()]
            .flatMap((id) => state.stacks.get(id) ?? [])
            .map((stack) => stackTruth(cloud, state, stack)),
        cluster,
      ),
    loadBalancers: () => [...cloud.regions()].flatMap(balancerTruths),
  };
}
