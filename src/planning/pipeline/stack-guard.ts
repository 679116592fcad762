/** Which changes of a stack are too dangerous to carry out unasked, and how somebody allows one. */
import type { GroupSizes } from '../../domain/rendered.ts';
import type { StackChange } from '../../ports/cloud-provider.ts';

/** Resources that hold data, identity or running nodes: to replace or remove one is never a side effect. */
const precious: Readonly<Record<string, string>> = {
  'AWS::AutoScaling::AutoScalingGroup': 'its nodes would end without a drain',
  'AWS::CloudFormation::Stack': 'all that is in it would go',
  'AWS::DynamoDB::Table': 'its data would be lost',
  'AWS::EC2::EIP': 'its address would change',
  'AWS::EC2::NatGateway': 'connections through it would break',
  'AWS::EC2::NetworkInterface': 'its address would change',
  'AWS::EC2::Subnet': 'all that is in it would go',
  'AWS::EC2::VPC': 'all that is in it would go',
  'AWS::EC2::Volume': 'its data would be lost',
  'AWS::EFS::FileSystem': 'its data would be lost',
  'AWS::EKS::Cluster': 'the control plane and its state would be lost',
  'AWS::ElasticLoadBalancing::LoadBalancer': 'its name in DNS would change, and connections would break',
  'AWS::ElasticLoadBalancingV2::LoadBalancer': 'its name in DNS would change, and connections would break',
  'AWS::KMS::Key': 'what it encrypted could not be read any more',
  'AWS::RDS::DBCluster': 'its data would be lost',
  'AWS::RDS::DBInstance': 'its data would be lost',
  'AWS::Route53::HostedZone': 'its records would be lost',
  'AWS::S3::Bucket': 'its objects would be lost, or it could not be removed',
  'AWS::SecretsManager::Secret': 'its value would be lost',
};

/** What is lost with a resource of this type; undefined when it can be made again. */
export const preciousOf = (type: string): string | undefined => precious[type];

/** What an operator lets happen to one resource of one stack. */
export interface StackAllowance {
  stack: string;
  logicalId: string;
  /** Epoch ms: the end of the day that is named. */
  until: number;
  actor: string;
  reason: string;
}

export interface RefusedChange {
  logicalId: string;
  message: string;
}

export const allowanceItem = 'allow_stack_changes';
const expects = `lines such as 'STACK/LOGICAL_ID until 2027-01-31 by NAME: REASON'`;

/** The config item, line by line. A line that cannot be read allows nothing. */
export function parseAllowances(text: string | undefined): { allowed: StackAllowance[]; problems: string[] } {
  const allowed: StackAllowance[] = [];
  const problems: string[] = [];
  for (const line of (text ?? '').split('\n').map((each) => each.trim())) {
    if (line === '') continue;
    const match = /^([A-Za-z0-9-]+)\/([A-Za-z0-9]+) until (\d{4}-\d{2}-\d{2}) by (\S+): (\S.*)$/.exec(line);
    const until = Date.parse(`${match?.[3] ?? ''}T23:59:59.999Z`);
    if (match === null || Number.isNaN(until)) problems.push(line);
    else {
      const [, stack = '', logicalId = '', , actor = '', reason = ''] = match;
      allowed.push({ stack, logicalId, until, actor, reason });
    }
  }
  return { allowed, problems };
}

/** For `clm validate`: what cannot be read, with what to write instead. */
export function allowanceProblems(items: Record<string, string>): { item: string; message: string; remedy: string }[] {
  return parseAllowances(items[allowanceItem]).problems.map((line) => ({
    item: allowanceItem,
    message: `'${line}' is not an allowance`,
    remedy: `write ${expects}`,
  }));
}

/** Allowances of a stack that are in force now, by logical id. */
export function allowancesOf(text: string | undefined, stack: string, now: number): Map<string, StackAllowance> {
  const inForce = parseAllowances(text).allowed.filter((each) => each.stack === stack && each.until >= now);
  return new Map(inForce.map((each) => [each.logicalId, each]));
}

export interface GuardInput {
  stack: string;
  changes: readonly StackChange[];
  allowed: ReadonlyMap<string, StackAllowance>;
  /** Groups whose instances CloudFormation would replace by itself, by what their UpdatePolicy says. */
  selfRolling: Readonly<Record<string, string>>;
  /** What the template says of the size of each group, by logical id. */
  sizes: Readonly<Record<string, GroupSizes>>;
  /** Nodes that each group is to have as of now (its desired capacity), by its name. */
  running: ReadonlyMap<string, number>;
}

const groupType = 'AWS::AutoScaling::AutoScalingGroup';

/** Whether the guard has to know what runs. */
export function touchesGroups(changes: readonly StackChange[]): boolean {
  return changes.some((change) => change.action === 'Modify' && change.type === groupType);
}

/** Every change that must not be carried out unasked, each with why and what to do. */
export function refusedChanges({ stack, changes, allowed, ...facts }: GuardInput): RefusedChange[] {
  return changes.flatMap((change) => {
    if (allowed.has(change.logicalId)) return [];
    const danger = dangerOf(change, facts) ?? cutOf(change, facts);
    if (danger === undefined) return [];
    const allow = `or allow it in the registry for a time: ${allowanceItem}: '${stack}/${change.logicalId} until YYYY-MM-DD by YOU: REASON'`;
    const message = `stack ${stack}, resource ${change.logicalId} (${change.type}): ${danger.what}; ${danger.instead}, ${allow}`;
    return [{ logicalId: change.logicalId, message }];
  });
}

/** Properties of a group whose change sets an UpdatePolicy in motion. */
const rollTriggers = new Set([
  'AvailabilityZones',
  'LaunchConfigurationName',
  'LaunchTemplate',
  'MixedInstancesPolicy',
  'VPCZoneIdentifier',
]);

function dangerOf(
  change: StackChange,
  { selfRolling }: Pick<GuardInput, 'selfRolling'>,
): { what: string; instead: string } | undefined {
  const loss = precious[change.type];
  if (change.action === 'Remove') {
    if (loss === undefined) return undefined;
    return { what: `it would be removed, and ${loss}`, instead: 'keep it in the template' };
  }
  if (change.action !== 'Modify') return undefined;
  if (loss !== undefined && change.replacement !== 'False') {
    const sure = change.replacement === 'True' ? 'would' : 'might';
    const because = causesOf(change);
    return { what: `${because} ${sure} replace it, and ${loss}`, instead: 'leave that as it is' };
  }
  const policy = selfRolling[change.logicalId];
  if (policy === undefined || !change.properties.some((each) => rollTriggers.has(each.property))) return undefined;
  return {
    what: `its UpdatePolicy ${policy} lets CloudFormation replace its instances past every PodDisruptionBudget`,
    instead: 'remove that UpdatePolicy, clm replaces the nodes',
  };
}

/**
 * A maximum below what runs ends the rest at once, in the order of the group and undrained. It is written with every change of the group,
 * unless the template asks to keep sizes that it does not change itself.
 */
function cutOf(
  change: StackChange,
  { sizes, running }: Pick<GuardInput, 'sizes' | 'running'>,
): { what: string; instead: string } | undefined {
  const said = sizes[change.logicalId];
  const group = change.physicalId;
  if (change.type !== groupType || change.action !== 'Modify' || said === undefined || group === undefined)
    return undefined;
  const nodes = running.get(group) ?? 0;
  for (const [property, value] of [
    ['MaxSize', said.max],
    ['DesiredCapacity', said.desired],
  ] as const) {
    const changed = change.properties.some((each) => each.property === property);
    if (value === undefined || (said.keeps && !changed)) continue;
    if (value === null ? !changed || nodes === 0 : value >= nodes) continue;
    const to = value === null ? 'a value that the template does not say in digits' : String(value);
    const lost = value === null ? 'nodes' : `${nodes - value} nodes`;
    return {
      what: `it would set ${property} of ${group} to ${to} while ${nodes} nodes run, and ${lost} would end without a drain`,
      instead: `leave it at ${nodes} or more until nodes have been drained and ended with their places (the minimum is lowered before that, alone)`,
    };
  }
  return undefined;
}

function causesOf(change: StackChange): string {
  const causes = change.properties.filter((each) => each.recreation !== 'Never').map((each) => each.property);
  if (causes.length === 0) return 'its other type';
  return `${causes.length === 1 ? 'property' : 'properties'} ${[...new Set(causes)].join(', ')}`;
}

/** `2 to add, 1 to modify (Group), 1 to replace (Role), 1 to remove (Old)` */
export function summariseChanges(changes: readonly StackChange[]): string {
  const named = (what: string, some: StackChange[]): string[] => {
    if (some.length === 0) return [];
    const names = some.slice(0, 5).map((each) => each.logicalId);
    return [`${some.length} to ${what} (${names.join(', ')}${some.length > 5 ? ', …' : ''})`];
  };
  const modified = changes.filter((change) => change.action === 'Modify');
  const parts = [
    ...named(
      'add',
      changes.filter((change) => change.action === 'Add'),
    ),
    ...named(
      'modify',
      modified.filter((change) => change.replacement === 'False'),
    ),
    ...named(
      'replace, perhaps',
      modified.filter((change) => change.replacement === 'Conditional'),
    ),
    ...named(
      'replace',
      modified.filter((change) => change.replacement === 'True'),
    ),
    ...named(
      'remove',
      changes.filter((change) => change.action === 'Remove'),
    ),
  ];
  return parts.length === 0 ? 'only tags, outputs or metadata' : parts.join(', ');
}

interface PolicyDocument {
  Statement: Record<string, unknown>[];
}

/** The stack policy with what is allowed taken out of its denials. A policy that cannot be read stays as it is. */
export function policyWith(policy: string, allowed: readonly string[]): string {
  if (allowed.length === 0) return policy;
  const document = JSON.parse(policy) as PolicyDocument;
  const Statement = document.Statement.map((statement) => {
    const { Resource: all, ...rest } = statement;
    if (statement['Effect'] !== 'Deny' || String(all) !== '*') return statement;
    return { ...rest, NotResource: allowed.map((logicalId) => `LogicalResourceId/${logicalId}`) };
  });
  return JSON.stringify({ ...document, Statement });
}

/** Equal whatever the order of keys and the blanks. */
export function samePolicy(a: string | undefined, b: string): boolean {
  if (a === undefined) return false;
  try {
    return canonical(JSON.parse(a)) === canonical(JSON.parse(b));
  } catch {
    return false;
  }
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([x], [y]) => (x < y ? -1 : 1)))
      : each,
  );
}
