/** The parts of the cloud as they see each other: what one may ask of another. */
import type { SimInstance } from '../seams.ts';
import type { Stack, StackDefinition } from './cfn/stack.ts';
import type { Subnet } from './geography.ts';
import type { RegionState } from './region-state.ts';
import type {
  ClassicLoadBalancer,
  Ec2Instance,
  LoadBalancerV2,
  Registrations,
  TargetGroup,
  TemplateData,
} from './resources.ts';
import type { Activity, Member, ScalingGroup } from './scaling-group.ts';

export interface LaunchSpec {
  data: TemplateData;
  templateId: string;
  templateVersion: number;
  instanceType: string;
  subnet: Subnet;
  tags: Map<string, string>;
  spot: boolean;
  group?: string;
}

/** EC2's instances. */
export interface FleetPart {
  /** @throws AwsError what EC2 answers when this launch is not possible */
  launch(state: RegionState, spec: LaunchSpec): Ec2Instance;
  /** Shuts the instance down; a second call is a no-op. */
  terminate(state: RegionState, instance: Ec2Instance, reason: { code: string; message: string }): void;
  /** Stops a running instance: it keeps its id and address. */
  stop(state: RegionState, instance: Ec2Instance): void;
  /** Starts a stopped one; it runs after `bootMs`. */
  start(state: RegionState, instance: Ec2Instance, bootMs: number): void;
  forgetEnded(state: RegionState): void;
  view(state: RegionState, instance: Ec2Instance): SimInstance;
}

export type BalancerKind = 'classic' | 'target-group';
export type TargetView = { instanceId: string; state: string; reason?: string; description?: string };

/** Registration of instances at load balancers. */
export interface BalancingPart {
  classicTracker(state: RegionState, name: string, balancer: () => ClassicLoadBalancer): Registrations;
  targetGroupTracker(state: RegionState, name: string, group: () => TargetGroup): Registrations;
  /** Load balancers whose listeners forward to the target group. */
  balancersOf(state: RegionState, targetGroupArn: string): LoadBalancerV2[];
  /** @throws AwsError InvalidInstance, InvalidTarget, LoadBalancerNotFound, TargetGroupNotFound */
  register(state: RegionState, kind: BalancerKind, id: string, instanceId: string): void;
  deregister(state: RegionState, kind: BalancerKind, id: string, instanceId: string, drained?: () => void): void;
  /** @throws AwsError TargetGroupNotFound */
  targetGroup(state: RegionState, arn: string): TargetGroup;
  targetView(state: RegionState, group: TargetGroup, instanceId: string): TargetView;
  probeChanged(state: RegionState, instanceId: string): void;
  instanceGone(state: RegionState, instanceId: string): void;
}

/** The way of one instance through its group. */
export interface LifecyclePart {
  running(state: RegionState, group: ScalingGroup, member: Member): void;
  addToBalancers(state: RegionState, group: ScalingGroup, member: Member): void;
  leaveBalancers(state: RegionState, group: ScalingGroup, member: Member, done: () => void): void;
  complete(
    state: RegionState,
    group: ScalingGroup,
    member: Member,
    hookName: string,
    result: 'CONTINUE' | 'ABANDON',
  ): void;
  heartbeat(state: RegionState, group: ScalingGroup, member: Member, hookName: string): void;
}

/** Auto Scaling's control of groups. */
export interface GroupsPart {
  readonly lifecycle: LifecyclePart;
  /** The group will look at itself soon. */
  changed(state: RegionState, group: ScalingGroup, afterMs?: number): void;
  resize(
    state: RegionState,
    group: ScalingGroup,
    to: { min?: number | undefined; max?: number | undefined; desired?: number | undefined },
    by: string,
  ): void;
  newActivity(state: RegionState, group: ScalingGroup, description: string, cause: string, details: object): Activity;
  endActivity(activity: Activity | undefined, status: Activity['status'], message?: string): void;
  subnetFor(state: RegionState, group: ScalingGroup, zone: string): Subnet | undefined;
  /** One instance into this subnet, into the group unless another place is given. @throws AwsError what EC2 says */
  launch(state: RegionState, group: ScalingGroup, subnet: Subnet, cause: string, into?: Map<string, Member>): Member;
  terminate(state: RegionState, group: ScalingGroup, member: Member, cause: string, decrement: boolean): Activity;
  instanceRunning(state: RegionState, instance: Ec2Instance): void;
  instanceStopping(state: RegionState, instance: Ec2Instance): void;
  instanceGone(state: RegionState, instance: Ec2Instance): void;
  loadBalancerSaysUnhealthy(state: RegionState, instanceId: string): void;
}

/** S3's buckets. */
export interface BucketsPart {
  /** @throws AwsError BucketNotEmpty */
  removeBucket(name: string): void;
}

/** CloudFormation's operations on stacks. */
export interface StacksPart {
  create(state: RegionState, stack: Stack): void;
  update(state: RegionState, stack: Stack, definition: StackDefinition): void;
  continueRollback(state: RegionState, stack: Stack, skip: readonly string[]): void;
  delete(state: RegionState, stack: Stack): void;
  setStatus(state: RegionState, stack: Stack, status: string, reason?: string): void;
  /** One more signal for a resource that waits for them; the reason when it is refused. */
  signal(
    state: RegionState,
    signal: { stack: string; logicalId: string; uniqueId: string; well: boolean },
  ): string | undefined;
}
