import type { Timer } from '../../../support/clock.ts';
import { clusterOfTags, type Ec2Instance } from './resources.ts';

export type LifecycleState =
  | 'Pending'
  | 'Pending:Wait'
  | 'Pending:Proceed'
  | 'InService'
  | 'Terminating'
  | 'Terminating:Wait'
  | 'Terminating:Proceed'
  | 'EnteringStandby'
  | 'Standby'
  | 'Warmed:Pending'
  | 'Warmed:Running'
  | 'Warmed:Stopped'
  | 'Warmed:Terminating';

export interface Activity {
  id: string;
  description: string;
  cause: string;
  status:
    | 'PreInService'
    | 'MidLifecycleAction'
    | 'InProgress'
    | 'WaitingForELBConnectionDraining'
    | 'Successful'
    | 'Failed'
    | 'Cancelled';
  message?: string;
  progress: number;
  startedAt: number;
  endedAt?: number;
  details: string;
}

export interface LifecycleHook {
  name: string;
  transition: 'autoscaling:EC2_INSTANCE_LAUNCHING' | 'autoscaling:EC2_INSTANCE_TERMINATING';
  heartbeatSeconds: number;
  defaultResult: 'CONTINUE' | 'ABANDON';
  metadata?: string;
}

export interface HookWait {
  hook: LifecycleHook;
  token: string;
  startedAt: number;
  timer: Timer;
}

/** An instance as its group sees it. */
export interface Member {
  instance: Ec2Instance;
  state: LifecycleState;
  protectedFromScaleIn: boolean;
  unhealthy: boolean;
  template: { id: string; name: string; version: string };
  inServiceAt?: number;
  /** Hooks that have not been completed, by name. */
  waits: Map<string, HookWait>;
  activity?: Activity;
  /** Units of capacity it was launched as, when its group weighs instances. */
  weight?: string;
  /** Launched to balance zones: one more than desired until it is in service. */
  forBalance: boolean;
  /** Launched ahead for this instance, which goes once it is in service. */
  replaces?: string;
}

export interface TemplateReference {
  id: string;
  name: string;
  /** A number, `$Latest` or `$Default`. */
  version: string;
}

export interface MixedInstances {
  template: TemplateReference;
  overrides: { instanceType: string; weight?: string }[];
  distribution: Record<string, unknown>;
  spot: boolean;
}

export interface ScheduledAction {
  name: string;
  arn: string;
  startAt?: number;
  endAt?: number;
  recurrence?: string;
  timeZone?: string;
  min?: number;
  max?: number;
  desired?: number;
  timer?: Timer;
}

export interface ScalingPolicy {
  name: string;
  arn: string;
  type: 'SimpleScaling' | 'StepScaling' | 'TargetTrackingScaling' | 'PredictiveScaling';
  adjustmentType: 'ChangeInCapacity' | 'ExactCapacity' | 'PercentChangeInCapacity' | '';
  enabled: boolean;
  /** As given, for describes. */
  request: Record<string, unknown>;
}

/** Instances that wait, started before, for the next scale-out. */
export interface WarmPool {
  min: number;
  maxPrepared?: number;
  state: 'Stopped' | 'Running' | 'Hibernated';
  /** Instances that a scale-in takes go back to the pool. */
  reuse: boolean;
  deleting: boolean;
  members: Map<string, Member>;
}

export interface ScalingGroup {
  name: string;
  arn: string;
  min: number;
  max: number;
  desired: number;
  zones: string[];
  subnets: string[];
  template: TemplateReference | undefined;
  mixed: MixedInstances | undefined;
  classic: string[];
  targetGroups: string[];
  hooks: Map<string, LifecycleHook>;
  /** Process → reason. */
  suspended: Map<string, string>;
  tags: Map<string, { value: string; propagate: boolean }>;
  members: Map<string, Member>;
  newInstancesProtected: boolean;
  healthCheckType: string;
  gracePeriodSeconds: number;
  cooldownSeconds: number;
  terminationPolicies: string[];
  maxInstanceLifetime?: number;
  defaultWarmup?: number;
  capacityRebalance: boolean;
  createdAt: number;
  deleting: boolean;
  /** Newest first. */
  activities: Activity[];
  reaction?: Timer;
  balanceTimer?: Timer;
  launchRetries: number;
  launchTokens: Map<string, { request: string; result: Record<string, unknown>; at: number }>;
  refreshes: InstanceRefresh[];
  scheduled: Map<string, ScheduledAction>;
  policies: Map<string, ScalingPolicy>;
  /** Simulated epoch ms; what honours the cooldown waits for it. */
  coolUntil: number;
  warmPool?: WarmPool;
  onDeleted: (() => void)[];
}

export interface InstanceRefresh {
  id: string;
  status: 'Pending' | 'InProgress' | 'Successful' | 'Failed' | 'Cancelling' | 'Cancelled' | 'RollbackSuccessful';
  startedAt: number;
  endedAt?: number;
  toUpdate: number;
  /** Instances to replace, one after the other. */
  queue: string[];
  /** Instances in service below which none is taken. */
  leastHealthy: number;
  /** What happens to instances that are protected from scale-in, or in standby. */
  whenProtected: 'Refresh' | 'Ignore' | 'Wait';
  /** When it last took an instance. */
  progressAt: number;
  /** The template to go back to, when the refresh brought its own. */
  before?: TemplateReference;
  rollback: boolean;
  reason?: string;
}

export function activeRefresh(group: ScalingGroup): InstanceRefresh | undefined {
  return group.refreshes.find((refresh) => ['Pending', 'InProgress', 'Cancelling'].includes(refresh.status));
}

export const scalingProcesses = [
  'Launch',
  'Terminate',
  'AddToLoadBalancer',
  'AlarmNotification',
  'AZRebalance',
  'HealthCheck',
  'InstanceRefresh',
  'ReplaceUnhealthy',
  'ScheduledActions',
] as const;

export function templateOf(group: ScalingGroup): TemplateReference | undefined {
  return group.mixed?.template ?? group.template;
}

export function isTerminating(member: Member): boolean {
  return member.state.startsWith('Terminating');
}

/** Counts against desired: not on its way out, not in standby. */
export function isCounted(member: Member): boolean {
  return member.state === 'InService' || member.state.startsWith('Pending');
}

export function countedMembers(group: ScalingGroup): Member[] {
  return [...group.members.values()].filter(isCounted);
}

export function clusterOfGroup(group: ScalingGroup): string {
  for (const [key, { value }] of group.tags) {
    const cluster = clusterOfTags([[key, value]]);
    if (cluster !== undefined) return cluster;
  }
  return '';
}

/** Tags that a new instance gets from its group. */
export function propagatedTags(group: ScalingGroup): Map<string, string> {
  const tags = new Map<string, string>();
  for (const [key, tag] of group.tags) if (tag.propagate) tags.set(key, tag.value);
  tags.set('aws:autoscaling:groupName', group.name);
  return tags;
}

export function zoneCounts(group: ScalingGroup): Map<string, number> {
  const counts = new Map<string, number>(group.zones.map((zone) => [zone, 0]));
  for (const member of group.members.values()) {
    if (isCounted(member)) counts.set(member.instance.zone, (counts.get(member.instance.zone) ?? 0) + 1);
  }
  return counts;
}

/** Zones by how empty they are; the group's own order decides ties. */
export function emptiestZones(group: ScalingGroup): string[] {
  const counts = zoneCounts(group);
  return [...group.zones].sort((a, b) => (counts.get(a) ?? 0) - (counts.get(b) ?? 0));
}

/** How many instances would have to move for zones to differ by one at most; 0 when they do. */
export function balanceMoves(group: ScalingGroup): number {
  if (group.zones.length < 2) return 0;
  const counts = zoneCounts(group);
  const values = group.zones.map((zone) => counts.get(zone) ?? 0);
  if (Math.max(...values) - Math.min(...values) < 2) return 0;
  const total = values.reduce((sum, value) => sum + value, 0);
  const ceiling = Math.ceil(total / values.length);
  const floor = Math.floor(total / values.length);
  const above = values.reduce((sum, value) => sum + Math.max(0, value - ceiling), 0);
  const below = values.reduce((sum, value) => sum + Math.max(0, floor - value), 0);
  return Math.max(above, below);
}

function byPolicy(policy: string, candidates: Member[], current: TemplateReference | undefined): Member[] {
  const keepMin = (score: (member: Member) => number): Member[] => {
    const best = Math.min(...candidates.map(score));
    return candidates.filter((member) => score(member) === best);
  };
  switch (policy) {
    case 'OldestInstance':
      return keepMin((member) => member.instance.launchedAt);
    case 'NewestInstance':
      return keepMin((member) => -member.instance.launchedAt);
    case 'OldestLaunchTemplate':
    case 'AllocationStrategy':
      return keepMin((member) =>
        member.template.id === current?.id ? Number(member.template.version) : Number.NEGATIVE_INFINITY,
      );
    case 'Default':
      return byPolicy('OldestInstance', byPolicy('OldestLaunchTemplate', candidates, current), current);
    default:
      return candidates;
  }
}

/** The instance that a scale-in takes: from the fullest zones, by the group's policies; undefined when all are protected. */
export function scaleInVictim(group: ScalingGroup): Member | undefined {
  const counts = zoneCounts(group);
  const free = countedMembers(group).filter((member) => !member.protectedFromScaleIn);
  if (free.length === 0) return undefined;
  const fullest = Math.max(...free.map((member) => counts.get(member.instance.zone) ?? 0));
  let candidates = free.filter((member) => counts.get(member.instance.zone) === fullest);
  for (const policy of [...group.terminationPolicies, 'Default']) {
    candidates = byPolicy(policy, candidates, templateOf(group));
    if (candidates.length === 1) break;
  }
  return candidates.sort((a, b) => (a.instance.id < b.instance.id ? -1 : 1))[0];
}
