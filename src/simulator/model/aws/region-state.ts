/** All that one account holds in one region. Plain data; the rules live in the modules that own each kind. */
import type { Random } from '../../../support/random.ts';
import type { Stack } from './cfn/stack.ts';
import { addressText, defaultImages, type Image, type Network, networkOf, type Subnet } from './geography.ts';
import type {
  ClassicLoadBalancer,
  Ec2Instance,
  EksCluster,
  LaunchTemplate,
  Listener,
  LoadBalancerV2,
  PlainResource,
  Registrations,
  TargetGroup,
  Volume,
} from './resources.ts';
import type { ScalingGroup } from './scaling-group.ts';

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
  readonly volumes = new Map<string, Volume>();
  /** By name. */
  readonly eks = new Map<string, EksCluster>();
  /** Ids of instances by the client token that launched them. */
  readonly runTokens = new Map<string, string[]>();
  readonly images = new Map<string, Image>();
  /** Where an instance id is registered for health checks. */
  readonly trackersOf = new Map<string, Set<Registrations>>();
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
