/** The world's own view of the cloud, read by checkers and the demo's report. Nothing here is a copy of what an API answers. */
import type { Cloud } from './cloud.ts';
import type { TrackedState } from './health-tracker.ts';
import { templateVersion } from './launch-templates.ts';
import { clusterOfTags, type InstanceState, type RegionState } from './region-state.ts';
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

export function truthOf(cloud: Cloud): CloudTruth {
  const collect = <T>(read: (state: RegionState) => T[], cluster?: string): T[] => {
    const place = cluster === undefined ? undefined : cloud.placeOfCluster(cluster);
    return place ? read(cloud.region(place.account, place.region)) : [...cloud.regions()].flatMap(read);
  };
  const of = <T extends { cluster: string }>(all: T[], cluster: string | undefined): T[] =>
    cluster === undefined ? all : all.filter((each) => each.cluster === cluster);
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
      of(
        collect(
          (state) =>
            [...state.instances.values()]
              .filter((instance) => instance.state !== 'terminated')
              .map((instance) => ({
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
              })),
          cluster,
        ),
        cluster,
      ),
    stacks: (cluster) =>
      of(
        collect(
          (state) =>
            [...state.stackIds.values()].flatMap((id) => {
              const stack = state.stacks.get(id);
              if (!stack) return [];
              const { definition } = stack;
              return [
                {
                  account: state.account,
                  region: state.region,
                  cluster:
                    clusterOfTags(definition.tags) ??
                    cloud.clusterOfStack(state.account, state.region, stack.name) ??
                    '',
                  name: stack.name,
                  id: stack.id,
                  status: stack.status,
                  tags: Object.fromEntries(definition.tags),
                  parameters: Object.fromEntries(definition.parameters),
                  outputs: Object.fromEntries(stack.outputs.map((output) => [output.key, output.value])),
                  template: definition.body,
                },
              ];
            }),
          cluster,
        ),
        cluster,
      ),
    loadBalancers: () =>
      collect((state) => [
        ...[...state.classic.values()].map((balancer) => ({
          account: state.account,
          region: state.region,
          kind: 'classic' as const,
          id: balancer.name,
          name: balancer.name,
          instances: balancer.tracker.peek(),
        })),
        ...[...state.targetGroups.values()].map((group) => ({
          account: state.account,
          region: state.region,
          kind: 'target-group' as const,
          id: group.arn,
          name: group.name,
          instances: group.tracker.peek(),
        })),
      ]),
  };
}
