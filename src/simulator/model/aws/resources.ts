/** What accounts hold, as plain data, and the tags that join it. No rules here. */
import type { Timer } from '../../../support/clock.ts';

export type TrackedState = 'initial' | 'healthy' | 'unhealthy' | 'draining';

export interface Tracked {
  instanceId: string;
  state: TrackedState;
  passes: number;
  fails: number;
  registeredAt: number;
  /** Pending check, or the end of draining. */
  timer?: Timer;
  /** Checks since it became unhealthy; they come ever more rarely and then stop. */
  quietChecks: number;
  /** Told when draining is over. */
  onDrained: (() => void)[];
}

/** Who is registered at one load balancer or target group, and how well each is. */
export interface Registrations {
  readonly name: string;
  register(instanceId: string): void;
  /** Starts draining; `drained` is called when it is over, at once when the instance is not registered. */
  deregister(instanceId: string, drained?: () => void): boolean;
  /** Forgets the instance without draining: it is gone. */
  drop(instanceId: string): void;
  dropAll(): void;
  /** The instance's answer may have changed. */
  poke(instanceId: string): void;
  view(instanceId: string): Tracked | undefined;
  views(): Tracked[];
  /** State without side effects, for checkers. */
  peek(): Record<string, TrackedState>;
}

/** The part of LaunchTemplateData that decides anything here; all other fields are kept and shown. */
export interface TemplateData {
  ImageId?: string;
  InstanceType?: string;
  UserData?: string;
  SecurityGroupIds?: string[];
  TagSpecifications?: { ResourceType: string; Tags: { Key: string; Value: string }[] }[];
  [field: string]: unknown;
}

export interface TemplateVersion {
  number: number;
  data: TemplateData;
  description?: string;
  createdAt: number;
}

export interface LaunchTemplate {
  id: string;
  name: string;
  versions: TemplateVersion[];
  defaultVersion: number;
  latestVersion: number;
  createdAt: number;
  tags: Map<string, string>;
}

export type InstanceState = 'pending' | 'running' | 'stopping' | 'stopped' | 'shutting-down' | 'terminated';

/** An EC2 instance. Times are simulated epoch ms. */
export interface Ec2Instance {
  id: string;
  zone: string;
  subnetId: string;
  instanceType: string;
  imageId: string;
  privateIp: string;
  state: InstanceState;
  launchedAt: number;
  terminatedAt?: number;
  stateReason?: { code: string; message: string };
  tags: Map<string, string>;
  /** As it stands in the launch template: base64. */
  userData: string;
  templateId: string;
  templateVersion: number;
  securityGroupIds: string[];
  spot: boolean;
  /** Spot capacity is wanted back: recommended when, and with a notice, gone when. */
  interruption?: { recommendedAt: number; terminatesAt?: number };
  group?: string;
}

export interface Volume {
  id: string;
  zone: string;
  sizeGb: number;
  type: string;
  encrypted: boolean;
  state: 'creating' | 'available' | 'in-use';
  attachment?: { instanceId: string; device: string; state: 'attaching' | 'attached' | 'detaching'; at: number };
  tags: Map<string, string>;
  createdAt: number;
}

export interface EksUpdate {
  id: string;
  version: string;
  status: 'InProgress' | 'Successful';
  createdAt: number;
}

/** A control plane that AWS runs. */
export interface EksCluster {
  /** The cluster whose API it serves. */
  cluster: string;
  /** 32 hex digits, as in its endpoint. */
  id: string;
  name: string;
  version: string;
  roleArn: string;
  subnetIds: string[];
  status: 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING';
  createdAt: number;
  tags: Map<string, string>;
  /** Newest first. */
  updates: EksUpdate[];
  token?: string;
}

export interface ClassicLoadBalancer {
  name: string;
  dnsName: string;
  scheme: string;
  zones: string[];
  subnets: string[];
  securityGroups: string[];
  listeners: { protocol: string; port: number; instanceProtocol: string; instancePort: number; certificate?: string }[];
  healthCheck: { target: string; interval: number; timeout: number; unhealthy: number; healthy: number };
  draining: { enabled: boolean; timeoutSeconds: number };
  crossZone: boolean;
  idleTimeoutSeconds: number;
  tags: Map<string, string>;
  createdAt: number;
  tracker: Registrations;
}

export interface TargetGroup {
  arn: string;
  name: string;
  protocol: string;
  port: number;
  vpcId: string;
  targetType: string;
  healthCheck: {
    protocol: string;
    port: string;
    path?: string;
    interval: number;
    timeout: number;
    healthy: number;
    unhealthy: number;
  };
  attributes: Map<string, string>;
  tags: Map<string, string>;
  tracker: Registrations;
}

/** An application or network load balancer. */
export interface LoadBalancerV2 {
  arn: string;
  name: string;
  dnsName: string;
  type: 'application' | 'network';
  scheme: string;
  zones: { zone: string; subnetId: string }[];
  securityGroups: string[];
  attributes: Map<string, string>;
  tags: Map<string, string>;
  createdAt: number;
}

export interface Listener {
  arn: string;
  loadBalancerArn: string;
  port: number;
  protocol: string;
  targetGroupArns: string[];
  certificates: string[];
}

/** A resource that only has an id and properties: a role, a bucket, a volume. */
export interface PlainResource {
  type: string;
  id: string;
  properties: Record<string, unknown>;
  tags: Map<string, string>;
  createdAt: number;
}

export function tagsOf(entries: Iterable<{ Key: string; Value: string }>): Map<string, string> {
  const tags = new Map<string, string>();
  for (const { Key, Value } of entries) tags.set(Key, Value);
  return tags;
}

export function tagList(tags: ReadonlyMap<string, string>): { Key: string; Value: string }[] {
  return [...tags].map(([Key, Value]) => ({ Key, Value }));
}

const clusterTagPrefix = 'kubernetes.io/cluster/';

/** The cluster that owns a thing by its tags: `kubernetes.io/cluster/<id>=owned`. */
export function clusterOfTags(tags: Iterable<readonly [string, string]>): string | undefined {
  for (const [key, value] of tags) {
    if (value === 'owned' && key.startsWith(clusterTagPrefix)) return key.slice(clusterTagPrefix.length);
  }
  return undefined;
}
