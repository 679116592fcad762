import {
  type InstanceTypeAnswer,
  LookupNeeded,
  type LookupQuestion,
  type NetworkAnswer,
  questionKey,
  type RecordedLookups,
} from '../domain/lookups.ts';
import { canonicalJson } from '../support/digest.ts';
import { byteQuantity } from './functions/quantity-functions.ts';
import { TemplateFunctionError } from './gotemplate/template-error.ts';
import { GoFunction, GoMap, GoStruct, type GoValue, toGoValue } from './gotemplate/value.ts';
import { etcdKeyAlias } from './remote-files.ts';

/** The answers of one rendering; tells what was asked, so that a template that asked is rendered again when an answer changes. */
export class Lookups {
  readonly #recorded: RecordedLookups;
  readonly #onAsked: (question: string) => void;
  /** Questions of which the answer is missing, in the order of asking. */
  readonly needed = new Map<string, LookupQuestion>();

  constructor(recorded: RecordedLookups | undefined, onAsked: (question: string) => void) {
    this.#recorded = recorded ?? {};
    this.#onAsked = onAsked;
  }

  /** What a recorded answer amounts to, for comparison. */
  answerToken(key: string): string {
    return canonicalJson(this.#recorded[key]);
  }

  /** Throws LookupNeeded; TemplateFunctionError when the cloud has no such thing, which is recorded as null. */
  ask(question: LookupQuestion): unknown {
    const key = questionKey(question);
    this.#onAsked(key);
    const answer = this.#recorded[key];
    if (answer === undefined) {
      this.needed.set(key, question);
      throw new LookupNeeded(question);
    }
    if (answer === null) throw new TemplateFunctionError(`the cloud has none: ${key}`);
    return answer;
  }

  instanceType(name: string): InstanceTypeAnswer {
    return this.ask({ kind: 'instance-type', name }) as InstanceTypeAnswer;
  }
}

export function lookupFunctions(lookups: Lookups): [string, GoFunction][] {
  const quantity = (give: (type: InstanceTypeAnswer) => string): GoFunction =>
    new GoFunction(['string'], ([name]) => give(lookups.instanceType(name as string)));
  return [
    [
      'amiID',
      new GoFunction(
        ['string', 'string'],
        ([name, owner]) => lookups.ask({ kind: 'image', name: name as string, owner: owner as string }) as string,
      ),
    ],
    ['instanceTypeCPUQuantity', quantity((type) => String(type.vcpus))],
    ['instanceTypeMemoryQuantity', quantity((type) => byteQuantity(type.memoryBytes))],
  ];
}

const roleTags: Record<string, string> = {
  lb_subnets: 'kubernetes.io/role/elb',
  node_subnets: 'kubernetes.io/role/node',
  internal_node_subnets: 'kubernetes.io/role/internal-node',
  pod_subnets: 'kubernetes.io/role/pod',
};

/** Subnets that carry this are somebody else's business. */
const customSubnetTag = 'zalando.org/custom-subnet';

/** `.Values` that come from the network: each makes the question when a template reads it. `zones` narrows them. */
export function networkValues(network: NetworkAnswer, zones: readonly string[] | undefined): Map<string, GoValue> {
  const subnets = network.subnets
    .filter((subnet) => !(customSubnetTag in subnet.tags))
    .filter((subnet) => zones === undefined || zones.includes(subnet.zone));
  const byZone = (tag: string | undefined): GoMap => {
    const chosen = new Map<string, string>();
    for (const subnet of [...subnets].sort((a, b) => (a.id < b.id ? -1 : 1))) {
      if ((tag === undefined || tag in subnet.tags) && !chosen.has(subnet.zone)) chosen.set(subnet.zone, subnet.id);
    }
    const ordered = [...chosen].sort(([a], [b]) => (a < b ? -1 : 1));
    const all = ordered.map(([, id]) => id).join(',');
    return GoMap.ofStrings({ ...Object.fromEntries(ordered), '*': all });
  };
  const nodes = subnets.some((subnet) => (roleTags['node_subnets'] as string) in subnet.tags)
    ? byZone(roleTags['node_subnets'])
    : byZone(undefined);
  const cidrs = subnets.flatMap((subnet) => subnet.ipv6Cidrs).join(',');
  return new Map<string, GoValue>([
    ['subnets', nodes],
    ['availability_zones', nodes.sortedKeys.filter((zone) => zone !== '*')],
    ['subnet_ipv6_cidrs', cidrs],
    ['lb_subnets', byZone(roleTags['lb_subnets'])],
    ['internal_node_subnets', byZone(roleTags['internal_node_subnets'])],
    ['pod_subnets', byZone(roleTags['pod_subnets'])],
    ['vpc_ipv4_cidr', network.ipv4Cidr],
    ['vpc_ipv6_cidrs', toGoValue(network.ipv6Cidrs)],
  ]);
}

const networkNames = [
  'subnets',
  'availability_zones',
  'subnet_ipv6_cidrs',
  'lb_subnets',
  'internal_node_subnets',
  'pod_subnets',
  'vpc_ipv4_cidr',
  'vpc_ipv6_cidrs',
];

/** What a pool may count on whichever of its instance types it gets: the least of each. */
function instanceInfo(lookups: Lookups, types: readonly string[]): GoStruct {
  const answers = types.map((type) => lookups.instanceType(type));
  const architectures = new Set(answers.map((answer) => answer.architecture));
  if (architectures.size > 1)
    throw new TemplateFunctionError(`instance types of different architectures in one pool: ${types.join(', ')}`);
  const least = (of: (answer: InstanceTypeAnswer) => number): number => Math.min(...answers.map(of));
  const memory = least((answer) => answer.memoryBytes);
  const devices = least((answer) => answer.storageDevices);
  const deviceBytes = least((answer) => answer.storageDeviceBytes);
  return new GoStruct('Instance', {
    InstanceType: types.length === 1 ? (types[0] as string) : '<multiple>',
    VCPU: BigInt(least((answer) => answer.vcpus)),
    Memory: BigInt(memory),
    InstanceStorageDevices: BigInt(devices),
    InstanceStorageDeviceSize: BigInt(deviceBytes),
    Architecture: answers[0]?.architecture ?? 'amd64',
    // percent → bytes
    MemoryFraction: new GoFunction(['int'], ([percent]) => (BigInt(memory) * (percent as bigint)) / 100n),
    // share of the instance storage, bytes of the root volume, share of that: the storage when there is some
    AvailableStorage: new GoFunction(['float', 'int', 'float'], ([ofStorage, rootBytes, ofRoot]) =>
      BigInt(
        Math.trunc(
          devices === 0 ? Number(rootBytes) * (ofRoot as number) : devices * deviceBytes * (ofStorage as number),
        ),
      ),
    ),
  });
}

export interface LookedUpContext {
  vpcId: string;
  apiServerHost: string;
  /** Of a pool: zones it is restricted to, and its instance types. */
  zones?: readonly string[];
  instanceTypes?: readonly string[];
  etcdInstanceType?: string;
}

/**
 * A map with further entries that are found out only when they are asked for by name. Those do not take part in iteration:
 * what a map lists must not depend on what was asked before.
 */
export class LazyEntries extends Map<string, GoValue> {
  readonly #makers: ReadonlyMap<string, () => GoValue>;
  readonly #made = new Map<string, GoValue>();

  constructor(entries: Iterable<readonly [string, GoValue]>, makers: ReadonlyMap<string, () => GoValue>) {
    super();
    this.#makers = makers;
    for (const [key, value] of entries) super.set(key, value);
  }

  override get(key: string): GoValue | undefined {
    if (super.has(key)) return super.get(key);
    if (this.#made.has(key)) return this.#made.get(key);
    const value = this.#makers.get(key)?.();
    if (value !== undefined) this.#made.set(key, value);
    return value;
  }

  override has(key: string): boolean {
    return super.has(key) || this.#makers.has(key);
  }
}

/** Makers of the `.Values` that a look-up answers. */
export function lookedUpValues(lookups: Lookups, context: LookedUpContext): Map<string, () => GoValue> {
  const makers = new Map<string, () => GoValue>();
  for (const name of networkNames) {
    makers.set(name, () => {
      const network = lookups.ask({ kind: 'network', vpcId: context.vpcId }) as NetworkAnswer;
      return networkValues(network, context.zones).get(name) ?? null;
    });
  }
  makers.set(
    'load_balancer_certificate',
    () => lookups.ask({ kind: 'certificate', host: context.apiServerHost }) as string,
  );
  makers.set('etcd_kms_key_arn', () => lookups.ask({ kind: 'kms-key', alias: etcdKeyAlias }) as string);
  const { instanceTypes, etcdInstanceType } = context;
  if (etcdInstanceType !== undefined)
    makers.set('etcd_instance_type_info', () => instanceInfo(lookups, [etcdInstanceType]));
  if (instanceTypes !== undefined) makers.set('InstanceInfo', () => instanceInfo(lookups, instanceTypes));
  return makers;
}
