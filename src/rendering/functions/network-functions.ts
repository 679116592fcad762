import { isIPv4, isIPv6 } from 'node:net';
import { TemplateFunctionError } from '../gotemplate/template-error.ts';
import { countOf, type FunctionTable, fixed } from './define-function.ts';

interface Network {
  /** First address. */
  base: bigint;
  bits: 32 | 128;
  maskSize: number;
}

function parseAddress(text: string): { value: bigint; bits: 32 | 128 } | undefined {
  if (isIPv4(text)) return { value: text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n), bits: 32 };
  if (!isIPv6(text) || text.includes('.') || text.includes('%')) return undefined;
  const [head = '', tail] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const front = groups(head);
  const back = groups(tail ?? '');
  const filled = [...front, ...new Array<string>(8 - front.length - back.length).fill('0'), ...back];
  return { value: filled.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n), bits: 128 };
}

function parseNetwork(text: string): Network {
  const [addressText = '', maskText = ''] = text.split('/');
  const address = parseAddress(addressText);
  const maskSize = /^\d{1,3}$/.test(maskText) ? Number(maskText) : Number.NaN;
  if (address === undefined || !(maskSize <= address.bits))
    throw new TemplateFunctionError(`invalid CIDR address: ${text}`);
  const host = BigInt(address.bits - maskSize);
  return { base: (address.value >> host) << host, bits: address.bits, maskSize };
}

function formatAddress(value: bigint, bits: 32 | 128): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 65_535n).toString(16)).join(
    ':',
  );
  // the longest run of zero groups is written ::
  const runs = [...groups.matchAll(/(?:^|:)(0(?::0)+)(?=:|$)/g)].map((match) => match[1] as string);
  const longest = runs.sort((a, b) => b.length - a.length)[0];
  return longest === undefined ? groups : groups.replace(new RegExp(`(^|:)${longest}(:|$)`), '::');
}

/** The network that an address with a mask is in: `10.1.2.3/8` is `10.0.0.0/8`. */
export function networkOf(text: string): string {
  const { base, bits, maskSize } = parseNetwork(text);
  return `${formatAddress(base, bits)}/${maskSize}`;
}

function checkedMask(maskSize: bigint): bigint {
  if (maskSize < 24n || maskSize > 28n) throw new TemplateFunctionError(`invalid value for maskSize: ${maskSize}`);
  return maskSize;
}

function maxNodes(podMask: bigint, maskSize: bigint, reserved: bigint): bigint {
  if (podMask < 14n || podMask > 16n) throw new TemplateFunctionError(`invalid value for podCIDRMaskSize: ${podMask}`);
  return (2n << (checkedMask(maskSize) - podMask - 1n)) - reserved;
}

/** The three /28 networks for NAT in the second quarter of a VPC. */
function natSubnets(text: string): string[] {
  const network = parseNetwork(text);
  if (network.bits !== 32 || network.maskSize === 0 || network.maskSize > 24) {
    throw new TemplateFunctionError(`invalid subnet, expecting an IPv4 network of at least /24: ${text}`);
  }
  const quarter = 1n << BigInt(30 - network.maskSize);
  return [0n, 1n, 2n].map((i) => `${formatAddress(network.base + quarter + i * 16n, 32)}/28`);
}

/** Functions on networks and on how many nodes and pods they hold. */
export const networkFunctions: FunctionTable = {
  nthAddressFromCIDR: fixed(['string', 'int'], ([cidr, n]) => {
    const network = parseNetwork(cidr as string);
    return formatAddress(network.base + BigInt(countOf(n, 'the address number', 1_000_000)), network.bits);
  }),
  nodeCIDRMaxNodes: fixed(['int', 'int'], ([maskSize, reserved]) =>
    maxNodes(16n, maskSize as bigint, reserved as bigint),
  ),
  nodeCIDRMaxNodesPodCIDR: fixed(['int', 'int', 'int'], ([podMask, maskSize, reserved]) =>
    maxNodes(podMask as bigint, maskSize as bigint, reserved as bigint),
  ),
  nodeCIDRMaxPods: fixed(['int', 'int'], ([maskSize, extra]) => {
    const pods = (2n << (30n - checkedMask(maskSize as bigint))) + (extra as bigint);
    return pods > 110n ? 110n : pods;
  }),
  stupsNATSubnets: fixed(['string'], ([cidr]) => natSubnets(cidr as string)),
};
