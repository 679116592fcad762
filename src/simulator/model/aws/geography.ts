/** What every account finds in a region: a VPC, a subnet a zone, and the catalogue of instance types and images. */

export interface Subnet {
  id: string;
  zone: string;
  zoneId: string;
  vpcId: string;
  cidr: string;
  /** First three octets' base as a number, and how many addresses it holds. */
  base: number;
  size: number;
  tags: Record<string, string>;
}

export interface Network {
  vpcId: string;
  vpcCidr: string;
  subnets: Subnet[];
}

const zoneLetters = ['a', 'b', 'c'] as const;
const regionPattern = /^[a-z]{2}(?:-[a-z]+)+-\d$/;

export function isRegion(text: string): boolean {
  return regionPattern.test(text);
}

export function zonesOf(region: string): string[] {
  return zoneLetters.map((letter) => `${region}${letter}`);
}

/** `euc1-az1` for eu-central-1a. */
export function zoneIdOf(zone: string): string {
  const match = /^([a-z]{2})-(?:([a-z]+)-)*?([a-z]+)-(\d)([a-z])$/.exec(zone);
  if (!match) return zone;
  return `${match[1]}${(match[3] ?? '').slice(0, 1)}${match[4]}-az${(match[5] ?? 'a').charCodeAt(0) - 96}`;
}

function hash(text: string): number {
  let h = 2166136261;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  return h >>> 0;
}

function hex(text: string, length: number): string {
  let out = '';
  for (let i = 0; out.length < length; i++) out += hash(`${text}#${i}`).toString(16).padStart(8, '0');
  return out.slice(0, length);
}

/** 10.N.0.0/16 with a /18 a zone; N and all ids follow from account and region alone. */
export function networkOf(account: string, region: string): Network {
  const key = `${account}/${region}`;
  const second = hash(key) % 250;
  const vpcId = `vpc-0${hex(`vpc/${key}`, 16)}`;
  const subnets = zonesOf(region).map((zone, i): Subnet => {
    const base = ((10 << 24) | (second << 16) | (i << 14)) >>> 0;
    return {
      id: `subnet-0${hex(`subnet/${key}/${zone}`, 16)}`,
      zone,
      zoneId: zoneIdOf(zone),
      vpcId,
      cidr: `10.${second}.${i * 64}.0/18`,
      base,
      size: 1 << 14,
      tags: { Name: `nodes-${zone}`, 'kubernetes.io/role/elb': '1', 'kubernetes.io/role/internal-elb': '1' },
    };
  });
  return { vpcId, vpcCidr: `10.${second}.0.0/16`, subnets };
}

export function addressText(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

export interface InstanceTypeInfo {
  name: string;
  vcpus: number;
  memoryMiB: number;
  architecture: 'x86_64' | 'arm64';
  storageGb: number;
}

const gibPerVcpu: Record<string, number> = { t: 4, m: 4, c: 2, r: 8, x: 16, i: 8, g: 4, p: 8 };
const sizes: Record<string, number> = { large: 2, xlarge: 4, medium: 1, small: 1, micro: 1, nano: 1, metal: 96 };

/** Known families by rule (`m6g.2xlarge`); undefined for names that no region offers. */
export function instanceTypeInfo(name: string): InstanceTypeInfo | undefined {
  const match = /^([a-z])(\d)([a-z]*)\.(?:(\d{1,2})xlarge|(nano|micro|small|medium|large|xlarge|metal))$/.exec(name);
  if (!match) return undefined;
  const [, family = '', , attributes = '', times, size = ''] = match;
  const perVcpu = gibPerVcpu[family];
  const vcpus = times === undefined ? sizes[size] : 4 * Number(times);
  if (perVcpu === undefined || vcpus === undefined || vcpus === 0) return undefined;
  const burstable = family === 't';
  const shrink: Record<string, number> = { nano: 0.5, micro: 1, small: 2 };
  const memoryGiB = burstable && size in shrink ? (shrink[size] as number) : vcpus * perVcpu;
  return {
    name,
    vcpus: burstable && vcpus === 1 ? 2 : vcpus,
    memoryMiB: memoryGiB * 1024,
    architecture: /g/.test(attributes) ? 'arm64' : 'x86_64',
    storageGb: /d/.test(attributes) || family === 'i' ? vcpus * 37 : 0,
  };
}

export interface Image {
  id: string;
  name: string;
  owner: string;
  architecture: 'x86_64' | 'arm64';
  createdAt: number;
}

const imageEpoch = Date.UTC(2026, 0, 15);

/** Images that every region offers: node images of a few Kubernetes minors, two builds and both architectures each. */
export function defaultImages(region: string): Image[] {
  const images: Image[] = [];
  for (const minor of [30, 31, 32, 33, 34, 35, 36]) {
    for (const build of [1, 2]) {
      for (const architecture of ['x86_64', 'arm64'] as const) {
        const name = `kubernetes-node-v1.${minor}-${architecture === 'arm64' ? 'arm64' : 'amd64'}-build${build}`;
        images.push({
          id: `ami-0${hex(`image/${region}/${name}`, 16)}`,
          name,
          owner: '099720109477',
          architecture,
          createdAt: imageEpoch + (minor * 2 + build) * 86_400_000,
        });
      }
    }
  }
  return images;
}

export function isImageId(text: string): boolean {
  return /^ami-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(text);
}
