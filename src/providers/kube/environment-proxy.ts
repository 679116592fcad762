/**
 * Which proxy the environment names for an address, as Go programs (kubectl, kOps, the AWS CLI's plugins) read it: HTTPS_PROXY for https,
 * HTTP_PROXY for http, NO_PROXY for what is asked directly; upper case goes before lower case.
 */
import { BlockList, isIP } from 'node:net';
import { domainToASCII } from 'node:url';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface NamedProxy {
  /** With a scheme: `http://proxy.example.org:3128`. */
  url: string;
  /** The variable that names it, as it is written there. */
  variable: string;
}

function firstOf(environment: Environment, name: string): { variable: string; value: string } | undefined {
  for (const variable of [name, name.toLowerCase()]) {
    const value = environment[variable]?.trim();
    if (value !== undefined && value !== '') return { variable, value };
  }
  return undefined;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function family(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}

/** `host:port`, `[host]:port`, or a host alone, which may be an IPv6 address without brackets. */
function splitPort(entry: string): { host: string; port: string } {
  const bracketed = /^\[([^\]]*)\](?::(\d*))?$/.exec(entry);
  if (bracketed !== null) return { host: bracketed[1] ?? '', port: bracketed[2] ?? '' };
  const plain = /^([^:]*):(\d*)$/.exec(entry);
  return plain === null ? { host: entry, port: '' } : { host: plain[1] ?? '', port: plain[2] ?? '' };
}

function inSubnet(entry: string, host: string): boolean {
  const [network = '', bits = ''] = entry.split('/');
  const widest = isIP(network) === 4 ? 32 : 128;
  if (isIP(network) === 0 || isIP(host) === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > widest) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(bits), family(network));
  return list.check(host, family(host));
}

function sameAddress(a: string, b: string): boolean {
  const list = new BlockList();
  list.addAddress(a, family(a));
  return list.check(b, family(b));
}

/** Whether one entry of NO_PROXY is about this host and port. */
function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return inSubnet(entry, host);
  const named = splitPort(entry);
  if (named.host === '' || (named.port !== '' && named.port !== port)) return false;
  if (isIP(named.host) !== 0) return isIP(host) !== 0 && sameAddress(named.host, host);
  // `example.org` is the domain and what is below it; `.example.org` and `*.example.org` are what is below it alone.
  const below = named.host.replace(/^\*(?=\.)/, '');
  if (below.startsWith('.')) return host.endsWith(`.${ascii(below.slice(1))}`);
  const domain = ascii(below);
  return host === domain || host.endsWith(`.${domain}`);
}

function ascii(domain: string): string {
  return domainToASCII(domain) || domain;
}

/**
 * The proxy for a server's URL; undefined = it is asked directly. Names are not looked up: a name whose address is in a network of NO_PROXY
 * goes through the proxy. Loopback addresses and `localhost` never do. What it names is not checked.
 */
export function proxyOfEnvironment(server: string, environment: Environment): NamedProxy | undefined {
  if (!URL.canParse(server)) return undefined;
  const { protocol, hostname, port } = new URL(server);
  const named = firstOf(environment, protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
  if (named === undefined) return undefined;
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (host === 'localhost' || (isIP(host) !== 0 && loopback.check(host, family(host)))) return undefined;
  const asked = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
  const direct = (firstOf(environment, 'NO_PROXY')?.value ?? '').toLowerCase().split(',');
  if (direct.some((entry) => matches(entry.trim(), host, asked))) return undefined;
  const { variable, value } = named;
  return { url: /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`, variable };
}

/** Whether a proxy of this address can be used. */
export function isProxyAddress(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return hostname !== '' && ['http:', 'https:', 'socks5:', 'socks5h:'].includes(protocol);
}
