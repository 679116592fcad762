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
  terminationProtection: boolean;
  /** ARN of the change set whose execution was the last operation, when it was one. */
  changeSetId?: string;
}

export interface StackEvent {
  at: string;
  logicalId: string;
  status: string;
  reason?: string;
  /** ClientRequestToken of the operation. */
  token?: string;
}

export interface StackInput {
  name: string;
  template: string;
  /** Where the template lies in S3: for those that are longer than CloudFormation takes in a request. */
  templateUrl?: string;
  parameters: Record<string, string>;
  tags: Record<string, string>;
  /** ClientRequestToken: derived from the rollout, so that CloudTrail answers "who", and a resend is a no-op. */
  token: string;
}

/** What holds from the moment at which a stack is created. */
export interface StackProtection {
  terminationProtection?: boolean;
  /** Stack policy, JSON. */
  policy?: string;
}

export interface PropertyChange {
  property: string;
  recreation: 'Never' | 'Conditionally' | 'Always';
  /** The value is known only while the change is carried out. */
  dynamic: boolean;
}

export interface StackChange {
  /** Add, Modify, Remove, Import, Dynamic. */
  action: string;
  logicalId: string;
  physicalId?: string;
  type: string;
  /** Conditional: it depends on values that are not known yet. */
  replacement: 'True' | 'Conditional' | 'False';
  properties: PropertyChange[];
}

export interface ChangeSetView {
  /**
   * `making` until it can be judged; `unchanged`: CloudFormation found nothing to do; `spent`: it was executed, or another
   * operation made it obsolete.
   */
  status: 'making' | 'ready' | 'unchanged' | 'failed' | 'spent';
  reason?: string;
  changes: StackChange[];
}

/** A resource of a stack that is not as its template says. */
export interface ResourceDrift {
  logicalId: string;
  type: string;
  change: 'modified' | 'deleted';
  /** Paths of properties: `/MaxSize`. Values are left out: they may be secret. */
  properties: string[];
}

/** An archive (tar.gz) of files for nodes. */
export interface FileArchive {
  bucket: string;
  key: string;
  /** KMS key for the files that are to be encrypted: id, ARN or alias. */
  encryptionKey: string;
  files: readonly { path: string; data: string; permissions: number; encrypted: boolean }[];
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

/** What a version of a launch template launches, as EC2 says it (`ImageId`, `UserData` in base64, …). May hold secrets: never stored. */
export type LaunchTemplateData = Readonly<Record<string, unknown>>;

export interface LaunchResult {
  instanceIds: string[];
  /** Errors the service answered for instances it could not launch. */
  errors: { code: string; message: string; zone?: string }[];
}

/** A control plane that the cloud runs (EKS). */
export interface ManagedControlPlane {
  name: string;
  /** EKS's own word: CREATING, ACTIVE, UPDATING, DELETING, FAILED. */
  status: string;
  /** `1.34` */
  version: string;
  /** `https://…`; absent until it is created. */
  endpoint?: string;
  /** PEM in base64. */
  certificateAuthority?: string;
  /** Of its tokens for service accounts. */
  oidcIssuer?: string;
}

/** Something that carries a cluster's tag. */
export interface OwnedResource {
  kind: 'volume' | 'security group' | 'load balancer';
  id: string;
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
  createStack(input: StackInput & StackProtection): Promise<void>;
  /** Asks what an update would do. Idempotent by `changeSet`, a name within the stack. */
  createChangeSet(input: StackInput & { changeSet: string }): Promise<void>;
  /** undefined when there is none of this name (any more). */
  describeChangeSet(stack: string, changeSet: string): Promise<ChangeSetView | undefined>;
  /** 'refused' when it cannot be executed as things are: it was before, or the stack is busy. Look at the stack. */
  executeChangeSet(stack: string, changeSet: string, token: string): Promise<'started' | 'refused'>;
  deleteChangeSet(stack: string, changeSet: string): Promise<void>;
  /** Takes up a rollback that failed; skips nothing. */
  continueRollback(stack: string, token: string): Promise<void>;
  setTerminationProtection(stack: string, enabled: boolean): Promise<void>;
  stackPolicy(stack: string): Promise<string | undefined>;
  setStackPolicy(stack: string, policy: string): Promise<void>;
  deleteStack(name: string, token: string): Promise<void>;
  /**
   * Has the resources of a stack compared with its template, which takes CloudFormation seconds to minutes. Answers the detection's
   * id; undefined when the stack cannot be compared as it is.
   */
  detectDrift(stack: string): Promise<string | undefined>;
  /** 'going' until it is done; 'failed' also when CloudFormation does not know it any more. */
  stackDrift(stack: string, detection: string): Promise<'going' | 'failed' | ResourceDrift[]>;

  /**
   * Puts a text into a bucket of this account unless the key is there: keys are digests of what they name. The bucket is made
   * when there is none.
   */
  storeText(bucket: string, key: string, text: string): Promise<'stored' | 'there'>;
  /** The same for an archive; files that are to be encrypted go through KMS before they are packed. */
  storeArchive(archive: FileArchive): Promise<'stored' | 'there'>;

  /** Groups that carry all the tags, with their instances; one call for all pools of a cluster. */
  describeGroups(tags: Record<string, string>): Promise<NodeGroup[]>;
  /** Private addresses of instances that have one, by id; of those that are gone or unknown there is none. */
  instanceAddresses(ids: readonly string[]): Promise<Map<string, string>>;
  /** Limits and protection; absent fields stay as they are. Never lowers desired (that is what terminate is for). */
  updateGroup(name: string, change: { min?: number; max?: number; newInstancesProtected?: boolean }): Promise<void>;
  /** One version of a launch template; a version's content never changes. */
  launchTemplate(template: { id: string; version: string }): Promise<LaunchTemplateData>;
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
  /**
   * How an instance left its group, whoever ended it: whether the group gave up its place (desired was lowered with it). undefined
   * while the group's newest 300 activities say nothing of it.
   */
  endOfInstance(group: string, id: string): Promise<{ gaveUpPlace: boolean } | undefined>;
  setProtection(name: string, instanceIds: string[], protect: boolean): Promise<void>;
  suspendProcesses(name: string, processes: string[]): Promise<void>;
  resumeProcesses(name: string, processes: string[]): Promise<void>;
  tagGroup(name: string, tags: Record<string, string>): Promise<void>;
  untagGroup(name: string, keys: string[]): Promise<void>;

  /** Health of every registered instance in each load balancer. */
  loadBalancerHealth(classic: string[], targetGroups: string[]): Promise<LoadBalancerHealth[]>;
  /** Both may be said again and again, and of an instance that is gone. */
  register(kind: 'classic' | 'target-group', id: string, instanceId: string): Promise<void>;
  deregister(kind: 'classic' | 'target-group', id: string, instanceId: string): Promise<void>;

  /** The EKS cluster of this name; undefined when there is none. */
  describeControlPlane(name: string): Promise<ManagedControlPlane | undefined>;

  /** Volumes, security groups and load balancers that carry the cluster's tag, whoever made them. */
  ownedResources(clusterId: string): Promise<OwnedResource[]>;

  /** When the credentials in use end, epoch ms; undefined when they do not (B9). */
  credentialsExpireAt(): Promise<number | undefined>;
}
