/** What two launch templates have in common although they are of different pools or clusters. */
import { gunzipSync } from 'node:zlib';
import type { NodeContent } from '../../domain/node-pool-roll.ts';
import type { LaunchTemplateData, NodeGroup } from '../../ports/cloud-provider.ts';
import { digestOf } from '../../support/digest.ts';

/** What a template may name of its own cluster and pool without being another one for it. */
export interface TemplateOwner {
  /** As the registry has it. */
  clusterId: string;
  localId: string;
  apiServerUrl: string;
  pool: string;
  /** `1.34`, as the API server says: a kubelet that joins one may not join another. */
  kubernetes: string;
}

/** Of a template that another cluster never has the same, and whose boots there prove nothing about. */
const ofTheCluster = new Set([
  'CapacityReservationSpecification',
  'IamInstanceProfile',
  'KeyName',
  'LicenseSpecifications',
  'NetworkInterfaces',
  'Placement',
  'SecurityGroupIds',
  'SecurityGroups',
  'TagSpecifications',
]);
/** EC2 takes 16 kB of user data; packed text of that size is seldom ten times as long. */
const longestUserData = 1_000_000;

/**
 * Everything a node is launched with counts, unless it is said here that it does not. Left out of the content: the size of the instance
 * within its family; in the user data the names of the cluster (each replaced by what it is a name of) and the pool's own label; what
 * belongs to the cluster, which is kept apart. What cannot be read is taken as it is, and so equals nothing else.
 */
export function contentOf(
  data: LaunchTemplateData,
  group: Pick<NodeGroup, 'instanceTypes'>,
  owner: TemplateOwner,
): NodeContent {
  const shared: Record<string, unknown> = {};
  const own: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(data)) {
    if (field === 'InstanceType' || field === 'UserData' || field === 'BlockDeviceMappings') continue;
    (ofTheCluster.has(field) ? own : shared)[field] = field === 'MetadataOptions' ? withoutState(value) : value;
  }
  const types = group.instanceTypes ?? (typeof data['InstanceType'] === 'string' ? [data['InstanceType']] : []);
  const { text, names } = withoutNames(userDataText(data['UserData']), owner);
  const disks = disksOf(data['BlockDeviceMappings']);
  return {
    content: digestOf({
      ...shared,
      families: [...new Set(types.map(familyOf))].sort(),
      userData: text,
      disks: disks.shared,
      kubernetes: owner.kubernetes,
    }),
    surroundings: digestOf({ ...own, names, keys: disks.keys }),
    image: typeof data['ImageId'] === 'string' ? data['ImageId'] : 'no image',
  };
}

/** How far EC2 is with it is no part of what is launched. */
function withoutState(options: unknown): unknown {
  if (typeof options !== 'object' || options === null) return options;
  const { State: _state, ...rest } = options as Record<string, unknown>;
  return rest;
}

const familyOf = (type: string): string => type.split('.')[0] ?? type;

/** The text that nodes get, unpacked. */
function userDataText(userData: unknown): string {
  if (typeof userData !== 'string') return '';
  const bytes = Buffer.from(userData, 'base64');
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString('latin1');
  try {
    return gunzipSync(bytes, { maxOutputLength: longestUserData }).toString('latin1');
  } catch {
    return userData;
  }
}

/** A key for a disk is the account's; the disk is not. */
function disksOf(mappings: unknown): { shared: unknown; keys: unknown[] } {
  if (!Array.isArray(mappings)) return { shared: mappings ?? null, keys: [] };
  const keys: unknown[] = [];
  const shared = mappings.map((mapping: unknown) => {
    if (typeof mapping !== 'object' || mapping === null || !('Ebs' in mapping)) return mapping;
    const { KmsKeyId, ...rest } = (mapping.Ebs ?? {}) as Record<string, unknown>;
    keys.push(KmsKeyId ?? null);
    return { ...mapping, Ebs: rest };
  });
  return { shared, keys };
}

/** `names`: which of them the text has, so that one that comes or goes is seen. */
function withoutNames(text: string, owner: TemplateOwner): { text: string; names: string[] } {
  const names: string[] = [];
  let left = text;
  const replace = (name: string, pattern: RegExp, by: string): void => {
    const replaced = left.replace(pattern, by);
    if (replaced !== left) names.push(name);
    left = replaced;
  };
  // longest first: each of them may contain the next
  if (owner.apiServerUrl !== '') replace('url', whole(owner.apiServerUrl), '\0url\0');
  const host = hostOf(owner.apiServerUrl);
  if (host !== '') replace('host', whole(host), '\0host\0');
  if (owner.clusterId !== '') replace('cluster', whole(owner.clusterId), '\0cluster\0');
  // a name that could be a word of the text is no name
  if (owner.localId.length >= 4 && /\d/.test(owner.localId)) replace('local', whole(owner.localId), '\0local\0');
  replace(
    'pool',
    new RegExp(`(?<=node\\.kubernetes\\.io/node-pool=)${escaped(owner.pool)}(?![\\w.-])`, 'g'),
    '\0pool\0',
  );
  return { text: left, names };
}

const whole = (name: string): RegExp => new RegExp(`(?<![\\w-])${escaped(name)}(?![\\w-])`, 'g');

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

function hostOf(url: string): string {
  try {
    return new URL(url).hostname;
  } catch {
    return '';
  }
}
