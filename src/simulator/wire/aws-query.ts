/** The query protocol's input: `A.member.1.B=x` to the nested values that the SDK's input shapes have. */

type Tree = Map<string, Tree | string>;

const mostFields = 20_000;
const deepest = 24;

export class MalformedQuery extends Error {}

function insert(tree: Tree, path: readonly string[], value: string): void {
  let node = tree;
  for (let i = 0; i < path.length - 1; i++) {
    const step = path[i] as string;
    const next = node.get(step);
    if (next instanceof Map) node = next;
    else {
      const made: Tree = new Map();
      node.set(step, made);
      node = made;
    }
  }
  const last = path.at(-1) as string;
  if (!(node.get(last) instanceof Map)) node.set(last, value);
}

const isIndex = (step: string): boolean => /^[1-9]\d{0,5}$/.test(step);

function isListNode(tree: Tree): boolean {
  if (tree.size === 0) return false;
  for (const step of tree.keys()) if (!isIndex(step)) return false;
  return true;
}

type Rename = (step: string, isList: boolean) => string;

function toValue(node: Tree | string, rename: Rename): unknown {
  if (typeof node === 'string') return node;
  if (isListNode(node)) {
    return [...node].sort(([a], [b]) => Number(a) - Number(b)).map(([, each]) => toValue(each, rename));
  }
  const only = node.size === 1 ? node.get('member') : undefined;
  if (only instanceof Map && isListNode(only)) return toValue(only, rename);
  const result: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [step, each] of node) {
    result[rename(step, each instanceof Map && isListNode(each))] = toValue(each, rename);
  }
  return result;
}

/** Wire names of EC2's lists that differ from the member names of its shapes. */
const ec2Lists: Readonly<Record<string, string>> = {
  BlockDeviceMapping: 'BlockDeviceMappings',
  ExecutableBy: 'ExecutableUsers',
  Filter: 'Filters',
  GroupId: 'GroupIds',
  GroupName: 'GroupNames',
  ImageId: 'ImageIds',
  InstanceId: 'InstanceIds',
  InstanceType: 'InstanceTypes',
  LaunchTemplateId: 'LaunchTemplateIds',
  LaunchTemplateName: 'LaunchTemplateNames',
  LaunchTemplateVersion: 'Versions',
  LicenseSpecification: 'LicenseSpecifications',
  NetworkInterface: 'NetworkInterfaces',
  Owner: 'Owners',
  RegionName: 'RegionNames',
  ResourceId: 'Resources',
  SecurityGroup: 'SecurityGroups',
  SecurityGroupId: 'SecurityGroupIds',
  SubnetId: 'SubnetIds',
  Tag: 'Tags',
  TagSpecification: 'TagSpecifications',
  Value: 'Values',
  VolumeId: 'VolumeIds',
  VpcId: 'VpcIds',
  ZoneId: 'ZoneIds',
  ZoneName: 'ZoneNames',
};

const ec2Rename: Rename = (step, isList) => {
  if (isList) return ec2Lists[step] ?? step;
  return step === 'SetDefaultVersion' ? 'DefaultVersion' : step;
};

const keep: Rename = (step) => step;

/** @throws MalformedQuery when there is no Action, or the form is out of all bounds */
export function parseQuery(
  form: URLSearchParams,
  flavour: 'query' | 'ec2',
): { action: string; version: string; params: Record<string, unknown> } {
  const tree: Tree = new Map();
  let action = '';
  let version = '';
  let fields = 0;
  for (const [key, value] of form) {
    if (key === 'Action') action = value;
    else if (key === 'Version') version = value;
    else {
      fields += 1;
      const path = key.split('.');
      if (fields > mostFields || path.length > deepest || path.some((step) => step === '')) {
        throw new MalformedQuery(`The parameter ${key.slice(0, 100)} is not recognized`);
      }
      insert(tree, path, value);
    }
  }
  if (action === '') throw new MalformedQuery('Missing Action');
  const params = toValue(tree, flavour === 'ec2' ? ec2Rename : keep);
  return { action, version, params: (Array.isArray(params) ? {} : params) as Record<string, unknown> };
}
