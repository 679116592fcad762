/** IPv4 addresses as numbers. */

const addressPattern = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** Undefined for anything that is no IPv4 address. */
export function addressNumber(text: string): number | undefined {
  const parts = addressPattern.exec(text)?.slice(1).map(Number);
  if (!parts || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

export function isAddress(text: string): boolean {
  return addressNumber(text) !== undefined;
}

/** Whether the address is in the block (`10.0.0.0/8`); false for a block that is none. */
export function inBlock(address: string, block: string): boolean {
  const [base = '', length = '32'] = block.split('/');
  const a = addressNumber(address);
  const b = addressNumber(base);
  const bits = Number(length);
  if (a === undefined || b === undefined || !(bits >= 0 && bits <= 32)) return false;
  const size = 2 ** (32 - bits);
  return Math.floor(a / size) === Math.floor(b / size);
}

/** `10.1.2.3` → `3.2.1.10.in-addr.arpa` */
export function reverseName(address: string): string {
  return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
}

/** `3.2.1.10.in-addr.arpa` → `10.1.2.3` */
export function addressOfReverseName(name: string): string | undefined {
  const match = /^(\d+\.\d+\.\d+\.\d+)\.in-addr\.arpa$/.exec(name);
  const address = match?.[1]?.split('.').reverse().join('.');
  return address !== undefined && isAddress(address) ? address : undefined;
}

/** `host:port`; the port falls back. */
export function splitHostPort(text: string, port: number): { host: string; port: number } {
  const match = /^(.*):(\d+)$/.exec(text);
  return match ? { host: match[1] as string, port: Number(match[2]) } : { host: text, port };
}
