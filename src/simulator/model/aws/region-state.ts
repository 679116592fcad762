/** All that one account holds in one region. Plain data; the rules live in the modules that own each kind. */
import type { Random } from '../../../support/random.ts';
import type { Stack } from './cfn/stack.ts';
import { addressText, defaultImages, type Image, type Network, networkOf, type Subnet } from './geography.ts';
import type { HealthTracker } from './health-tracker.ts';
import type { LaunchTemplate } from './launch-templates.ts';
import type { ScalingGroup } from './scaling-group.ts';

export type InstanceState = 'pending' | 'running' | 'shutting-down' | 'terminated';

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
  group?: string;
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
  tracker: HealthTracker;
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
  tracker: HealthTracker;
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

export class RegionState {
  readonly account: string;
  readonly region: string;
  readonly random: Random;
  readonly network: Network;
  readonly instances = new Map<string, Ec2Instance>();
  /** Ended instances in the order of their end; describes show them for an hour. */
  readonly ended: Ec2Instance[] = [];
  readonly groups = new Map<string, ScalingGroup>();
  readonly templates = new Map<string, LaunchTemplate>();
  readonly templateIds = new Map<string, string>();
  readonly classic = new Map<string, ClassicLoadBalancer>();
  readonly targetGroups = new Map<string, TargetGroup>();
  readonly loadBalancers = new Map<string, LoadBalancerV2>();
  readonly listeners = new Map<string, Listener>();
  readonly stacks = new Map<string, Stack>();
  /** Live stacks by name: all but DELETE_COMPLETE. */
  readonly stackIds = new Map<string, string>();
  readonly plain = new Map<string, PlainResource>();
  readonly images = new Map<string, Image>();
  /** Where an instance id is registered for health checks. */
  readonly trackersOf = new Map<string, Set<HealthTracker>>();
  readonly #nextAddress = new Map<string, number>();
  readonly #takenAddresses = new Set<number>();

  constructor(account: string, region: string, random: Random) {
    this.account = account;
    this.region = region;
    this.random = random;
    this.network = networkOf(account, region);
    for (const image of defaultImages(region)) this.images.set(image.id, image);
  }

  /** `prefix` and 17 hex digits. */
  newId(prefix: string): string {
    let digits = '0';
    while (digits.length < 17) digits += this.random.int(16).toString(16);
    return `${prefix}-${digits}`;
  }

  uuid(): string {
    let digits = '';
    while (digits.length < 32) digits += this.random.int(16).toString(16);
    const at = (from: number, to: number): string => digits.slice(from, to);
    return `${at(0, 8)}-${at(8, 12)}-4${at(13, 16)}-a${at(17, 20)}-${at(20, 32)}`;
  }

  arn(service: string, resource: string): string {
    return `arn:aws:${service}:${this.region}:${this.account}:${resource}`;
  }

  subnet(id: string): Subnet | undefined {
    return this.network.subnets.find((subnet) => subnet.id === id);
  }

  subnetOfZone(zone: string): Subnet | undefined {
    return this.network.subnets.find((subnet) => subnet.zone === zone);
  }

  /** The next free address of the subnet, as AWS keeps the first four and the last for itself; none free = undefined. */
  takeAddress(subnet: Subnet): string | undefined {
    let next = this.#nextAddress.get(subnet.id) ?? 10;
    for (let tries = 0; tries < subnet.size; tries++) {
      if (next >= subnet.size - 1) next = 10;
      const address = (subnet.base + next) >>> 0;
      next += 1;
      if (this.#takenAddresses.has(address)) continue;
      this.#takenAddresses.add(address);
      this.#nextAddress.set(subnet.id, next);
      return addressText(address);
    }
    return undefined;
  }

  freeAddress(text: string): void {
    const address = text.split('.').reduce((sum, part) => (sum << 8) | Number(part), 0) >>> 0;
    this.#takenAddresses.delete(address);
  }
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
