/** One infrastructure account in one region. Every method throws FailureError; codes start with `aws-`. */

export interface CallerIdentity {
  account: string;
  region: string;
  arn: string;
}

export interface StackView {
  name: string;
  id: string;
  /** CloudFormation's own word: CREATE_COMPLETE, UPDATE_ROLLBACK_FAILED, … */
  status: string;
  statusReason?: string;
  outputs: Record<string, string>;
  tags: Record<string, string>;
  parameters: Record<string, string>;
}

export interface StackEvent {
  at: string;
  logicalId: string;
  status: string;
  reason?: string;
}

export interface StackInput {
  name: string;
  template: string;
  parameters: Record<string, string>;
  tags: Record<string, string>;
  /** ClientRequestToken: derived from the rollout, so that CloudTrail answers "who", and a resend is a no-op. */
  token: string;
}

/** LifecycleState as AWS says it. Unknown values pass through: not usable, not touchable. */
export interface GroupInstance {
  id: string;
  zone: string;
  instanceType: string;
  lifecycleState: string;
  health: 'Healthy' | 'Unhealthy';
  protectedFromScaleIn: boolean;
  launchTemplate?: { id: string; version: string };
}

export interface NodeGroup {
  name: string;
  desired: number;
  min: number;
  max: number;
  zones: string[];
  subnets: string[];
  launchTemplate: { id: string; name: string; version: string };
  newInstancesProtected: boolean;
  suspendedProcesses: string[];
  classicLoadBalancers: string[];
  targetGroups: string[];
  tags: Record<string, string>;
  instances: GroupInstance[];
  /** Instance types that a mixed group may launch; absent for a plain one, and where the template alone decides. */
  instanceTypes?: string[];
  /** "Delete in progress" while the group is being deleted. */
  status?: string;
  instanceRefreshActive?: boolean;
}

export type TargetHealth =
  | 'healthy'
  /** Registered, checks not passed yet. */
  | 'initial'
  | 'unhealthy'
  | 'draining'
  /** Registered, but its zone or group gets no traffic: a configuration error, not a wait. */
  | 'unused'
  /** Not registered at all. */
  | 'absent'
  | 'unknown';

export interface LoadBalancerHealth {
  kind: 'classic' | 'target-group';
  /** Name of the classic load balancer, or ARN of the target group. */
  id: string;
  /** By instance id. Instances that are not registered are missing: `absent`. */
  instances: Record<string, TargetHealth>;
}

export interface LaunchResult {
  instanceIds: string[];
  /** Errors the service answered for instances it could not launch. */
  errors: { code: string; message: string; zone?: string }[];
}

export interface CloudProvider {
  callerIdentity(): Promise<CallerIdentity>;

  /** undefined when there is no such stack (DELETE_COMPLETE counts as none). */
  describeStack(name: string): Promise<StackView | undefined>;
  /** All stacks that carry the tag; for finding orphaned pools. */
  listStacks(tag: { key: string; value: string }): Promise<StackView[]>;
  stackTemplate(name: string): Promise<string>;
  /** Newest first, at most `limit`. */
  stackEvents(name: string, limit: number): Promise<StackEvent[]>;
  createStack(input: StackInput): Promise<void>;
  /** 'no-change' when the service says that nothing is to be updated. */
  updateStack(input: StackInput): Promise<'started' | 'no-change'>;
  deleteStack(name: string, token: string): Promise<void>;

  /** Groups that carry all the tags, with their instances; one call for all pools of a cluster. */
  describeGroups(tags: Record<string, string>): Promise<NodeGroup[]>;
  /** Limits and protection; absent fields stay as they are. Never lowers desired (that is what terminate is for). */
  updateGroup(name: string, change: { min?: number; max?: number; newInstancesProtected?: boolean }): Promise<void>;
  /** What the group launches from now on; the rest of its settings stays. */
  setLaunchTemplate(name: string, template: { id: string; version: string }): Promise<void>;
  /** Idempotent by token: the same token answers the same instances. */
  launchInstances(
    name: string,
    request: { count: number; zone?: string; subnet?: string; token: string },
  ): Promise<LaunchResult>;
  /** Raises desired; refused by the port when `to` is below `from` or the group no longer wants `from`. */
  raiseDesired(name: string, from: number, to: number): Promise<void>;
  terminateInstance(id: string, options: { decrement: boolean }): Promise<void>;
  setProtection(name: string, instanceIds: string[], protect: boolean): Promise<void>;
  suspendProcesses(name: string, processes: string[]): Promise<void>;
  resumeProcesses(name: string, processes: string[]): Promise<void>;
  tagGroup(name: string, tags: Record<string, string>): Promise<void>;
  untagGroup(name: string, keys: string[]): Promise<void>;

  /** Health of every registered instance in each load balancer. */
  loadBalancerHealth(classic: string[], targetGroups: string[]): Promise<LoadBalancerHealth[]>;
  deregister(kind: 'classic' | 'target-group', id: string, instanceId: string): Promise<void>;

  /** When the credentials in use end, epoch ms; undefined when they do not (B9). */
  credentialsExpireAt(): Promise<number | undefined>;
}
