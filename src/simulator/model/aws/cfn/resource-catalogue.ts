import {
  classicBalancerResource,
  listenerResource,
  loadBalancerResource,
  targetGroupResource,
} from './balancer-resources.ts';
import { launchTemplateResource, lifecycleHookResource, scalingGroupResource } from './compute-resources.ts';
import { eksClusterResource } from './eks-resources.ts';
import { plainResources } from './plain-resources.ts';
import type { ResourceType } from './resource-type.ts';
import { scalingPolicyResource, scheduledActionResource, volumeResource } from './scaling-resources.ts';

/** Every resource type that a simulated stack may hold. */
export const resourceCatalogue: ReadonlyMap<string, ResourceType> = new Map<string, ResourceType>([
  ['AWS::EC2::LaunchTemplate', launchTemplateResource],
  ['AWS::AutoScaling::AutoScalingGroup', scalingGroupResource],
  ['AWS::AutoScaling::LifecycleHook', lifecycleHookResource],
  ['AWS::AutoScaling::ScheduledAction', scheduledActionResource],
  ['AWS::AutoScaling::ScalingPolicy', scalingPolicyResource],
  ['AWS::EC2::Volume', volumeResource],
  ['AWS::EKS::Cluster', eksClusterResource],
  ['AWS::ElasticLoadBalancing::LoadBalancer', classicBalancerResource],
  ['AWS::ElasticLoadBalancingV2::LoadBalancer', loadBalancerResource],
  ['AWS::ElasticLoadBalancingV2::TargetGroup', targetGroupResource],
  ['AWS::ElasticLoadBalancingV2::Listener', listenerResource],
  ...plainResources,
]);
