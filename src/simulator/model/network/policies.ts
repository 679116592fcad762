import type { ClusterCore } from '../kube/cluster-core.ts';
import type { LabelSelector, Pod } from '../kube/kinds.ts';
import { type Fields, fieldsOf, listOf, type SimObject } from '../kube/object.ts';
import { selectorMatcher } from '../kube/selectors.ts';
import { inBlock } from './addresses.ts';
import type { Transport } from './messages.ts';

/** The other end of a connection, as a policy sees it. */
export interface Peer {
  address: string;
  /** Unset for nodes, pods on the host's network, and everything outside. */
  pod?: Pod | undefined;
}

/** The name of a policy that isolates the pod in this direction when none lets the connection through; else undefined. */
export function forbiddingPolicy(
  core: ClusterCore,
  direction: 'Ingress' | 'Egress',
  subject: Pod,
  peer: Peer,
  port: number,
  transport: Transport,
): string | undefined {
  const table = core.store.table('networkpolicies.networking.k8s.io');
  let isolating: string | undefined;
  for (const policy of table.inNamespace(subject.metadata.namespace ?? '').values()) {
    const spec = fieldsOf(policy['spec']);
    if (!typesOf(spec).includes(direction)) continue;
    if (!selectorMatcher(spec['podSelector'] as LabelSelector | undefined)(subject.metadata.labels)) continue;
    isolating ??= policy.metadata.name;
    const rules = listOf(spec[direction === 'Ingress' ? 'ingress' : 'egress']).map(fieldsOf);
    // A named port is one of the pod that is connected to.
    const target = direction === 'Ingress' ? subject : peer.pod;
    if (rules.some((rule) => allows(core, policy, rule, direction, peer, target, port, transport))) return undefined;
  }
  return isolating;
}

function typesOf(spec: Fields): string[] {
  const given = listOf(spec['policyTypes']).filter((each): each is string => typeof each === 'string');
  if (given.length > 0) return given;
  return spec['egress'] === undefined ? ['Ingress'] : ['Ingress', 'Egress'];
}

function allows(
  core: ClusterCore,
  policy: SimObject,
  rule: Fields,
  direction: 'Ingress' | 'Egress',
  peer: Peer,
  target: Pod | undefined,
  port: number,
  transport: Transport,
): boolean {
  const ports = listOf(rule['ports']).map(fieldsOf);
  if (ports.length > 0 && !ports.some((each) => portMatches(each, target, port, transport))) return false;
  const peers = listOf(rule[direction === 'Ingress' ? 'from' : 'to']).map(fieldsOf);
  return peers.length === 0 || peers.some((each) => peerMatches(core, policy, each, peer));
}

function portMatches(wanted: Fields, target: Pod | undefined, port: number, transport: Transport): boolean {
  if ((wanted['protocol'] ?? 'TCP') !== transport) return false;
  const value = wanted['port'];
  if (value === undefined) return true;
  if (typeof value === 'number') {
    const last = typeof wanted['endPort'] === 'number' ? wanted['endPort'] : value;
    return port >= value && port <= last;
  }
  return (target?.spec.containers ?? []).some((container) =>
    container.ports?.some((each) => each.name === value && each.containerPort === port),
  );
}

function peerMatches(core: ClusterCore, policy: SimObject, wanted: Fields, peer: Peer): boolean {
  if (wanted['ipBlock'] !== undefined) {
    const { cidr, except } = fieldsOf(wanted['ipBlock']);
    return (
      typeof cidr === 'string' &&
      inBlock(peer.address, cidr) &&
      !listOf(except).some((block) => typeof block === 'string' && inBlock(peer.address, block))
    );
  }
  const { pod } = peer;
  if (!pod) return false;
  const namespace = pod.metadata.namespace ?? '';
  if (wanted['namespaceSelector'] === undefined) {
    if (namespace !== policy.metadata.namespace) return false;
  } else {
    const home = core.store.table('namespaces').get(undefined, namespace);
    const labels = { ...home?.metadata.labels, 'kubernetes.io/metadata.name': namespace };
    if (!selectorMatcher(wanted['namespaceSelector'] as LabelSelector)(labels)) return false;
  }
  return (
    wanted['podSelector'] === undefined || selectorMatcher(wanted['podSelector'] as LabelSelector)(pod.metadata.labels)
  );
}
