/** Faults of a cluster's network and add-ons, and of public DNS. Several act at once; each takes back its own. */
import type { LinkRule, RuntimeFaultValues } from '../model/network/runtime-faults.ts';
import type { World } from '../model/world.ts';
import type { Fault } from './scenario-schema.ts';

type Of<K extends Fault['kind']> = Extract<Fault, { kind: K }>;

export function breakNetwork(world: World, fault: Of<'network'>): () => void {
  const { runtimeFaults } = world.kube(fault.cluster);
  const links: LinkRule[] = (fault.links ?? []).map(({ latency, lossPercent, mtu, from, to }) => ({
    from,
    to,
    ...(lossPercent === undefined ? {} : { lossPercent }),
    ...(latency === undefined ? {} : { extraLatencyMs: latency }),
    ...(mtu === undefined ? {} : { mtu }),
  }));
  const { proxyDown = [], cniDown = [], images = {}, nodeProblems = {}, dnsLatency = 0 } = fault;
  const addons = fault.addons as RuntimeFaultValues['addons'] | undefined;
  const now = runtimeFaults.values;
  runtimeFaults.set({
    links: [...now.links, ...links],
    proxyDown: [...now.proxyDown, ...proxyDown],
    cniDown: [...now.cniDown, ...cniDown],
    images: { ...now.images, ...images },
    addons: { ...now.addons, ...addons },
    nodeProblems: { ...now.nodeProblems, ...nodeProblems },
    dnsLatencyMs: now.dnsLatencyMs + dnsLatency,
    ...(fault.networkPolicies === undefined ? {} : { networkPolicies: fault.networkPolicies }),
    ...(fault.metadata === undefined ? {} : { metadata: fault.metadata }),
  });
  return () => {
    const then = runtimeFaults.values;
    runtimeFaults.set({
      links: then.links.filter((each) => !links.includes(each)),
      proxyDown: without(then.proxyDown, proxyDown),
      cniDown: without(then.cniDown, cniDown),
      images: withoutKeys(then.images, images),
      addons: withoutKeys(then.addons, addons ?? {}),
      nodeProblems: withoutKeys(then.nodeProblems, nodeProblems),
      dnsLatencyMs: then.dnsLatencyMs - dnsLatency,
      ...(fault.networkPolicies === undefined ? {} : { networkPolicies: 'enforced' }),
      ...(fault.metadata === undefined ? {} : { metadata: 'ok' }),
    });
  };
}

/** One of each: another fault may name the same node. */
function without(list: readonly string[], gone: readonly string[]): string[] {
  const left = [...list];
  for (const each of gone) {
    const at = left.indexOf(each);
    if (at >= 0) left.splice(at, 1);
  }
  return left;
}

function withoutKeys<T>(map: Readonly<Record<string, T>>, gone: Readonly<Record<string, unknown>>): Record<string, T> {
  return Object.fromEntries(Object.entries(map).filter(([key]) => !(key in gone)));
}

/** What stood there before comes back at the end; with a time to live of a minute. */
export function setPublicRecord(world: World, fault: Of<'public-record'>): () => void {
  const zone = world.internet.zone(fault.domain);
  const before = zone.values(fault.name, fault.type);
  zone.set(fault.name, fault.type, Math.round((fault.ttl ?? 60_000) / 1000), fault.values);
  return () => zone.set(fault.name, fault.type, 60, before);
}
