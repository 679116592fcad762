import type { ClusterCore } from '../kube/cluster-core.ts';
import type { Service } from '../kube/kinds.ts';
import { fieldsOf, listOf } from '../kube/object.ts';
import type { NetworkAccess, Source } from '../kube/process.ts';
import { isAddress } from './addresses.ts';
import { vpcResolver } from './internet.ts';
import type { DnsAnswer, NetworkErrorKind, Transport } from './messages.ts';

export interface ResolverSettings {
  servers: string[];
  search: string[];
  ndots: number;
}

export type DnsResult =
  | { ok: true; name: string; server: string; answer: DnsAnswer; latencyMs: number }
  | { ok: false; error: NetworkErrorKind; message: string; latencyMs: number };

export const clusterDomain = 'cluster.local';
/** As the kubelet is told when nothing in the cluster says otherwise. */
const defaultDnsAddress = '172.20.0.10';
const attemptMs = 5_000;
const attempts = 2;

/** The cluster's DNS service: by its customary name or label. */
function clusterDns(core: ClusterCore): string {
  const services = core.store.typed<Service>('services').inNamespace('kube-system');
  const named = services.get('kube-dns') ?? services.get('coredns');
  return named?.spec.clusterIP ?? defaultDnsAddress;
}

/** What the kubelet writes into the pod's resolv.conf. */
export function resolverOf(core: ClusterCore, source: Source): ResolverSettings {
  const own: ResolverSettings = { servers: [vpcResolver], search: [`${core.region}.compute.internal`], ndots: 1 };
  if (source.kind !== 'pod') return own;
  const { spec, metadata } = source.pod;
  const policy = typeof spec['dnsPolicy'] === 'string' ? spec['dnsPolicy'] : 'ClusterFirst';
  const inCluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && spec.hostNetwork !== true);
  let base = own;
  if (policy === 'None') base = { servers: [], search: [], ndots: 1 };
  else if (inCluster) {
    const search = [`${metadata.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain, ...own.search];
    base = { servers: [clusterDns(core)], search, ndots: 5 };
  }
  const config = fieldsOf(spec['dnsConfig']);
  const texts = (value: unknown): string[] => listOf(value).filter((each): each is string => typeof each === 'string');
  const ndots = listOf(config['options'])
    .map(fieldsOf)
    .find((each) => each['name'] === 'ndots')?.['value'];
  return {
    servers: [...base.servers, ...texts(config['nameservers'])],
    search: [...base.search, ...texts(config['searches'])],
    ndots: typeof ndots === 'string' ? Number(ndots) : base.ndots,
  };
}

/** Names to ask, in the order of the search list. */
export function candidates(settings: ResolverSettings, name: string): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const searched = settings.search.map((suffix) => `${name}.${suffix}`);
  const dots = name.split('.').length - 1;
  return dots >= settings.ndots ? [name, ...searched] : [...searched, name];
}

/** Asks one server for one name, twice if it is silent. */
export function askServer(
  network: NetworkAccess,
  source: Source,
  question: { server: string; port: number; transport: Transport; name: string; type: string },
  timeoutMs: number,
): DnsResult {
  const { server, port, transport, type } = question;
  const name = question.name.toLowerCase();
  let spent = 0;
  let why = 'no name server';
  for (let n = 0; n < attempts && spent < timeoutMs; n++) {
    const limit = Math.min(attemptMs, timeoutMs - spent);
    const result = network.exchange(source, { host: server, port, transport }, { kind: 'dns', name, type }, limit);
    spent += result.latencyMs;
    if (!result.ok) {
      why = result.message;
      if (result.error === 'refused') break;
      continue;
    }
    if (result.reply.kind !== 'dns')
      return { ok: false, error: 'protocol', message: `${server} does not speak DNS`, latencyMs: spent };
    return { ok: true, name, server, answer: result.reply, latencyMs: spent };
  }
  return { ok: false, error: 'dns-timeout', message: `lookup ${name} on ${server}:${port}: ${why}`, latencyMs: spent };
}

/** Resolves along the search list; NXDOMAIN of all of them is an answer. */
export function lookup(
  core: ClusterCore,
  network: NetworkAccess,
  source: Source,
  name: string,
  type: string,
  timeoutMs: number,
): DnsResult {
  const settings = resolverOf(core, source);
  let spent = 0;
  let last: DnsResult = { ok: false, error: 'dns-timeout', message: `lookup ${name}: no name server`, latencyMs: 0 };
  for (const candidate of candidates(settings, name)) {
    for (const server of settings.servers) {
      last = askServer(
        network,
        source,
        { server, port: 53, transport: 'UDP', name: candidate, type },
        Math.max(1, timeoutMs - spent),
      );
      spent += last.latencyMs;
      if (last.ok || spent >= timeoutMs) break;
    }
    const { latencyMs: _one, ...rest } = last;
    last = { ...rest, latencyMs: spent };
    if (!last.ok || last.answer.rcode === 'SERVFAIL' || last.answer.rcode === 'REFUSED') return last;
    if (last.answer.rcode === 'NOERROR' && last.answer.records.some((each) => each.type === type)) return last;
  }
  return last;
}

/** The addresses of a host, first to last as answered. */
export function addressesOf(
  core: ClusterCore,
  network: NetworkAccess,
  source: Source,
  host: string,
  timeoutMs: number,
): { addresses: string[]; latencyMs: number } | { error: NetworkErrorKind; message: string; latencyMs: number } {
  if (isAddress(host)) return { addresses: [host], latencyMs: 0 };
  if (host === 'localhost') return { addresses: ['127.0.0.1'], latencyMs: 0 };
  const found = lookup(core, network, source, host, 'A', timeoutMs);
  const { latencyMs } = found;
  if (!found.ok) return { error: found.error, message: found.message, latencyMs };
  const addresses = found.answer.records.filter((each) => each.type === 'A').map((each) => each.data);
  if (addresses.length > 0) return { addresses, latencyMs };
  const fail = (error: NetworkErrorKind, what: string) => ({
    error,
    message: `lookup ${host} on ${found.server}:53: ${what}`,
    latencyMs,
  });
  switch (found.answer.rcode) {
    case 'NXDOMAIN':
      return fail('dns-nxdomain', 'no such host');
    case 'SERVFAIL':
      return fail('dns-servfail', 'server misbehaving');
    case 'REFUSED':
      return fail('dns-refused', 'query refused');
    case 'NOERROR':
      return fail('dns-nodata', 'no address');
  }
}
