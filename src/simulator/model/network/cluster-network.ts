import type { Random } from '../../../support/random.ts';
import type { ClusterCore } from '../kube/cluster-core.ts';
import { isPodFinished, type Pod, type Service } from '../kube/kinds.ts';
import type { Destination, NetworkAccess, Process, Source } from '../kube/process.ts';
import { livingNodesOf } from '../kube/truth.ts';
import { AddressBook } from './address-book.ts';
import { type MetadataService, metadataAddress } from './instance-metadata.ts';
import { type Internet, vpcResolver } from './internet.ts';
import { Links } from './links.ts';
import type { Exchange, Message, NetworkErrorKind, Served, Transport } from './messages.ts';
import { forbiddingPolicy, type Peer } from './policies.ts';
import { addressesOf } from './resolver.ts';
import type { RuntimeFaults } from './runtime-faults.ts';
import { serveProcess } from './serve-process.ts';
import { type Route, ServiceRouting } from './service-routing.ts';

export interface ClusterNetworkInput {
  core: ClusterCore;
  faults: RuntimeFaults;
  internet: Internet;
  metadata: MetadataService;
  /** The containers of a pod that run now. */
  processesOf(pod: Pod): readonly Process[];
  /** The API server of this cluster, when there is no control-plane pod to ask. */
  managedApi(message: Message): Served | 'closed';
}

/** How far a message got. */
type Delivery = { ok: true; served: Served; address: string; latencyMs: number } | Failure;
interface Failure {
  ok: false;
  address?: string;
  error: NetworkErrorKind;
  message: string;
  /** Undefined: nobody ever answers, and the sender's patience decides. */
  latencyMs: number | undefined;
}

/** Chains of proxies end somewhere. */
const deepest = 8;

/** The network of one cluster: pods, services, nodes, and the way out. */
export class ClusterNetwork implements NetworkAccess {
  readonly #in: ClusterNetworkInput;
  readonly #book: AddressBook;
  readonly #routing: ServiceRouting;
  readonly #links: Links;
  readonly #random: Random;
  #depth = 0;

  constructor(input: ClusterNetworkInput) {
    this.#in = input;
    this.#book = new AddressBook(input.core);
    this.#routing = new ServiceRouting(input.core, input.faults);
    this.#random = input.core.random.fork('network');
    this.#links = new Links(this.#book, input.faults, this.#random);
  }

  exchange(from: Source, to: Destination, message: Message, timeoutMs: number): Exchange {
    if (this.#depth >= deepest)
      return { ok: false, latencyMs: timeoutMs, error: 'timeout', message: `${to.host}: the request goes in circles` };
    this.#depth += 1;
    try {
      return this.#exchange(from, to, message, timeoutMs);
    } finally {
      this.#depth -= 1;
    }
  }

  #exchange(from: Source, to: Destination, message: Message, timeoutMs: number): Exchange {
    const resolved = addressesOf(this.#in.core, this, from, to.host, timeoutMs);
    if ('error' in resolved)
      return {
        ok: false,
        latencyMs: Math.min(resolved.latencyMs, timeoutMs),
        error: resolved.error,
        message: resolved.message,
      };
    const address = resolved.addresses[0] as string;
    const left = timeoutMs - resolved.latencyMs;
    const delivery = this.#deliver(from, address, to.port, to.transport, message);
    const at = `${to.transport === 'UDP' ? 'send' : 'connect'} to ${address}:${to.port}`;
    const timedOut = (why: string): Exchange => ({
      ok: false,
      latencyMs: timeoutMs,
      address,
      error: 'timeout',
      message: `${at}: ${why} after ${timeoutMs} ms`,
    });
    if (!delivery.ok) {
      const { latencyMs } = delivery;
      if (latencyMs === undefined || latencyMs > left) return timedOut('timed out');
      return {
        ok: false,
        latencyMs: resolved.latencyMs + latencyMs,
        address,
        error: delivery.error,
        message: `${at}: ${delivery.message}`,
      };
    }
    const { served } = delivery;
    if (served === 'silent') return timedOut('no answer');
    const total = resolved.latencyMs + delivery.latencyMs + (served === 'reset' ? 0 : served.afterMs);
    if (total > timeoutMs) return timedOut('no answer');
    if (served === 'reset')
      return { ok: false, latencyMs: total, address, error: 'reset', message: `${at}: connection reset by peer` };
    return { ok: true, latencyMs: total, address, reply: served.reply };
  }

  #deliver(from: Source, address: string, port: number, transport: Transport, message: Message): Delivery {
    if (from.kind === 'pod' && this.#in.faults.cniDownOn(nodeOf(from) ?? '') && from.pod.spec.hostNetwork !== true)
      return unreachable('no route to host');
    if (address.startsWith('127.')) return this.#loopback(from, port, transport, message);
    if (address === metadataAddress) return this.#metadata(from, port, message);
    const service = from.kind === 'outside' ? undefined : this.#book.serviceAt(address);
    if (service) return this.#toService(from, service, port, transport, message);
    const pod = this.#book.podAt(address);
    if (pod) return this.#toPod(from, pod, port, transport, message);
    const node = this.#book.nodeAt(address);
    if (node !== undefined) return this.#toNode(from, node, port, transport, message);
    return this.#toOutside(from, address, port, transport, message);
  }

  #toService(from: Source, service: Service, port: number, transport: Transport, message: Message): Delivery {
    if (isApiService(service)) return this.#toApi(from, message);
    const sender = nodeOf(from) ?? '';
    const route = this.#routing.toService(service, port, transport, sender, this.#addressOf(from));
    return this.#follow(from, route, transport, message);
  }

  #follow(from: Source, route: Route, transport: Transport, message: Message): Delivery {
    if ('dead' in route) {
      const { dead } = route;
      // A service without endpoints is rejected; without rules the packet goes nowhere.
      if (dead === 'no-endpoints' || dead === 'no-port') return refused();
      return silence();
    }
    const pod = this.#book.podAt(route.address);
    if (pod) return this.#toPod(from, pod, route.port, transport, message);
    const node = this.#book.nodeAt(route.address);
    return node === undefined ? silence() : this.#onHost(from, node, route.port, transport, message);
  }

  #toPod(from: Source, pod: Pod, port: number, transport: Transport, message: Message): Delivery {
    const node = pod.spec.nodeName ?? '';
    const address = pod.status.podIP ?? '';
    if (!this.#mayPass(from, { address, pod }, port, transport)) return silence();
    if (!livingNodesOf(this.#in.core).has(node) || this.#in.faults.cniDownOn(node)) return silence();
    const link = this.#links.cross(linkEnd(from), node, transport, message);
    if (link === 'lost') return silence();
    return this.#atProcesses(pod, port, transport, message, this.#addressOf(from), link, address, node, from);
  }

  #atProcesses(
    pod: Pod,
    port: number,
    transport: Transport,
    message: Message,
    client: string,
    latencyMs: number,
    address: string,
    node: string,
    from: Source,
  ): Delivery {
    for (const process of this.#in.processesOf(pod)) {
      const served = serveProcess(this.#in.faults, process, port, transport, message, client);
      if (served === 'closed') continue;
      const back = typeof served === 'object' ? this.#links.fits(linkEnd(from), node, served.reply) : true;
      return { ok: true, served: back ? served : 'silent', address, latencyMs };
    }
    return refused(latencyMs);
  }

  /** To a node's own address: a node port, or what runs on its network. */
  #toNode(from: Source, node: string, port: number, transport: Transport, message: Message): Delivery {
    const address = this.#book.addressOfNode(node) ?? '';
    if (!this.#mayPass(from, { address }, port, transport)) return silence();
    if (!livingNodesOf(this.#in.core).has(node)) return silence();
    const link = this.#links.cross(linkEnd(from), node, transport, message);
    if (link === 'lost') return silence();
    const route = this.#routing.toNodePort(port, transport, node, this.#addressOf(from));
    if (!route) return this.#onHost(from, node, port, transport, message);
    // The node passes it on under its own address.
    const onward = this.#follow({ kind: 'node', node }, route, transport, message);
    const spent = onward.latencyMs === undefined ? undefined : onward.latencyMs + link;
    return { ...onward, latencyMs: spent } as Delivery;
  }

  #onHost(from: Source, node: string, port: number, transport: Transport, message: Message): Delivery {
    const link = this.#links.cross(linkEnd(from), node, transport, message);
    if (link === 'lost' || !livingNodesOf(this.#in.core).has(node)) return silence();
    const address = this.#book.addressOfNode(node) ?? '';
    for (const pod of this.#in.core.store.podsOn(node).values()) {
      if (isPodFinished(pod)) continue;
      const hostPort = pod.spec.hostNetwork === true ? port : behindHostPort(pod, port, transport);
      if (hostPort === undefined) continue;
      const found = this.#atProcesses(
        pod,
        hostPort,
        transport,
        message,
        this.#addressOf(from),
        link,
        address,
        node,
        from,
      );
      if (found.ok) return found;
    }
    return refused(link);
  }

  #toApi(from: Source, message: Message): Delivery {
    const masters = [...this.#in.core.store.pods.inNamespace('kube-system').values()].filter(
      (pod) => pod.metadata.labels?.['component'] === 'kube-apiserver' && !isPodFinished(pod),
    );
    if (from.kind === 'pod' && !this.#mayPass(from, { address: masters[0]?.status.hostIP ?? '0.0.0.0' }, 443, 'TCP'))
      return silence();
    if (masters.length === 0) {
      const served = this.#in.managedApi(message);
      return served === 'closed' ? refused() : { ok: true, served, address: 'api', latencyMs: 2 };
    }
    const up = masters.filter((pod) => livingNodesOf(this.#in.core).has(pod.spec.nodeName ?? ''));
    const chosen = up[this.#random.int(Math.max(1, up.length))];
    return chosen ? this.#onHost(from, chosen.spec.nodeName ?? '', 443, 'TCP', message) : silence();
  }

  #loopback(from: Source, port: number, transport: Transport, message: Message): Delivery {
    if (from.kind === 'outside') return refused();
    if (from.kind === 'node' || from.pod.spec.hostNetwork === true)
      return this.#onHost(from, nodeOf(from) ?? '', port, transport, message);
    return this.#atProcesses(
      from.pod,
      port,
      transport,
      message,
      '127.0.0.1',
      0,
      '127.0.0.1',
      from.pod.spec.nodeName ?? '',
      from,
    );
  }

  #metadata(from: Source, port: number, message: Message): Delivery {
    if (from.kind === 'outside') return silence();
    if (from.kind === 'pod' && !this.#mayPass(from, { address: metadataAddress }, port, 'TCP')) return silence();
    const host = from.kind === 'node' || from.pod.spec.hostNetwork === true;
    if (!host && this.#in.faults.values.metadata === 'blocked') return silence();
    if (port !== 80) return silence();
    const served = this.#in.metadata.serve(nodeOf(from) ?? '', message);
    return { ok: true, served, address: metadataAddress, latencyMs: 1 };
  }

  #toOutside(from: Source, address: string, port: number, transport: Transport, message: Message): Delivery {
    if (!this.#mayPass(from, { address }, port, transport)) return silence();
    // The provider's resolver is at hand on every machine.
    const link = address === vpcResolver ? 1 : this.#links.cross(linkEnd(from), 'outside', transport, message);
    if (link === 'lost') return silence();
    const served = this.#in.internet.hostAt(address)?.serve(port, message, this.#addressOf(from)) ?? 'silent';
    return served === 'closed' ? refused(link) : { ok: true, served, address, latencyMs: link };
  }

  /** By the policies of both ends. A node always reaches its own pods. */
  #mayPass(from: Source, to: Peer, port: number, transport: Transport): boolean {
    if (this.#in.faults.values.networkPolicies === 'ignored') return true;
    const { core } = this.#in;
    const sender = from.kind === 'pod' && from.pod.spec.hostNetwork !== true ? from.pod : undefined;
    if (sender && sender.metadata.uid === to.pod?.metadata.uid) return true;
    if (sender && forbiddingPolicy(core, 'Egress', sender, to, port, transport) !== undefined) return false;
    if (!to.pod || (from.kind === 'node' && from.node === to.pod.spec.nodeName)) return true;
    const peer: Peer = { address: this.#addressOf(from), pod: sender };
    return forbiddingPolicy(core, 'Ingress', to.pod, peer, port, transport) === undefined;
  }

  #addressOf(from: Source): string {
    if (from.kind === 'outside') return from.address;
    if (from.kind === 'node') return this.#book.addressOfNode(from.node) ?? '';
    return from.pod.status.podIP ?? '';
  }
}

function nodeOf(source: Source): string | undefined {
  if (source.kind === 'pod') return source.pod.spec.nodeName;
  return source.kind === 'node' ? source.node : undefined;
}

function linkEnd(source: Source): string {
  return nodeOf(source) ?? 'outside';
}

function isApiService(service: Service): boolean {
  return service.metadata.name === 'kubernetes' && service.metadata.namespace === 'default';
}

function behindHostPort(pod: Pod, port: number, transport: Transport): number | undefined {
  for (const container of pod.spec.containers)
    for (const each of container.ports ?? [])
      if (each.hostPort === port && (each.protocol ?? 'TCP') === transport) return each.containerPort;
  return undefined;
}

function silence(): Failure {
  return { ok: false, error: 'timeout', message: 'timed out', latencyMs: undefined };
}

function refused(latencyMs = 1): Failure {
  return { ok: false, error: 'refused', message: 'connection refused', latencyMs };
}

function unreachable(message: string): Failure {
  return { ok: false, error: 'unreachable', message, latencyMs: 1 };
}
