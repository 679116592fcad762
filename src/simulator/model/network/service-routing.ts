import type { Random } from '../../../support/random.ts';
import type { ClusterCore } from '../kube/cluster-core.ts';
import { isPodReady, type Pod, type Service } from '../kube/kinds.ts';
import { fieldsOf } from '../kube/object.ts';
import { endpointsOf } from './address-book.ts';
import type { Transport } from './messages.ts';
import type { RuntimeFaults } from './runtime-faults.ts';

type ServicePort = NonNullable<Service['spec']['ports']>[number];

const affinityMs = 10_800_000;
const mostAffinities = 2_000;

/** Where a connection to a service goes on a node; a text says why nowhere. */
export type Route =
  | { address: string; port: number }
  | { dead: 'no-rules' | 'no-endpoints' | 'no-local-endpoints' | 'no-port' };

/** What kube-proxy does on every node. */
export class ServiceRouting {
  readonly #core: ClusterCore;
  readonly #faults: RuntimeFaults;
  readonly #random: Random;
  /** `service uid/client` → endpoint, for services with affinity. */
  readonly #affinities = new Map<string, { address: string; until: number }>();

  constructor(core: ClusterCore, faults: RuntimeFaults) {
    this.#core = core;
    this.#faults = faults;
    this.#random = core.random.fork('service-routing');
  }

  /** By cluster address. `node`: where the sender is. */
  toService(service: Service, port: number, transport: Transport, node: string, client: string): Route {
    if (!this.#hasRules(node)) return { dead: 'no-rules' };
    const wanted = service.spec.ports?.find((each) => each.port === port && (each.protocol ?? 'TCP') === transport);
    if (!wanted) return { dead: 'no-port' };
    return this.#pick(service, wanted, client, service.spec['internalTrafficPolicy'] === 'Local' ? node : undefined);
  }

  /** By node port; undefined when no service has it. `node`: where the connection arrives. */
  toNodePort(port: number, transport: Transport, node: string, client: string): Route | undefined {
    if (port < 30_000 || port > 32_767) return undefined;
    for (const service of this.#core.store.typed<Service>('services').byKey.values()) {
      const wanted = service.spec.ports?.find(
        (each) => each.nodePort === port && (each.protocol ?? 'TCP') === transport,
      );
      if (!wanted) continue;
      if (!this.#hasRules(node)) return { dead: 'no-rules' };
      return this.#pick(service, wanted, client, service.spec['externalTrafficPolicy'] === 'Local' ? node : undefined);
    }
    return undefined;
  }

  #pick(service: Service, wanted: ServicePort, client: string, onlyOn: string | undefined): Route {
    const name = wanted.name ?? '';
    const all = endpointsOf(this.#core, service).filter((each) => each.ports.has(name));
    // Without a ready one, those on their way out still serve.
    const ready = all.filter((each) => each.ready);
    const usable = ready.length > 0 ? ready : all.filter((each) => each.serving && each.terminating);
    if (usable.length === 0) return { dead: 'no-endpoints' };
    const near = onlyOn === undefined ? usable : usable.filter((each) => each.node === onlyOn);
    if (near.length === 0) return { dead: 'no-local-endpoints' };
    const sticky = this.#sticky(service, client);
    const chosen = near.find((each) => each.address === sticky) ?? near[this.#random.int(near.length)];
    if (!chosen) return { dead: 'no-endpoints' };
    this.#remember(service, client, chosen.address);
    return { address: chosen.address, port: chosen.ports.get(name)?.port ?? 0 };
  }

  #sticky(service: Service, client: string): string | undefined {
    if (service.spec['sessionAffinity'] !== 'ClientIP') return undefined;
    const known = this.#affinities.get(`${service.metadata.uid}/${client}`);
    return known && known.until > this.#core.clock.now() ? known.address : undefined;
  }

  #remember(service: Service, client: string, address: string): void {
    if (service.spec['sessionAffinity'] !== 'ClientIP') return;
    const seconds = fieldsOf(fieldsOf(service.spec['sessionAffinityConfig'])['clientIP'])['timeoutSeconds'];
    const holdMs = typeof seconds === 'number' ? seconds * 1000 : affinityMs;
    if (this.#affinities.size >= mostAffinities) this.#affinities.clear();
    this.#affinities.set(`${service.metadata.uid}/${client}`, { address, until: this.#core.clock.now() + holdMs });
  }

  /** Where kube-proxy is installed, a node needs one that has come up; elsewhere the network plugin routes. */
  #hasRules(node: string): boolean {
    if (this.#faults.proxyDownOn(node)) return false;
    let installed = false;
    for (const set of this.#core.store.table('daemonsets.apps').byKey.values()) {
      const template = fieldsOf(fieldsOf(fieldsOf(set['spec'])['template'])['spec'])['containers'];
      if (Array.isArray(template) && template.some((each) => isProxy(String(fieldsOf(each)['image']))))
        installed = true;
    }
    if (!installed) return true;
    for (const pod of this.#core.store.podsOn(node).values()) if (isReadyProxy(pod)) return true;
    return false;
  }
}

function isProxy(image: string): boolean {
  return /(^|\/)kube-proxy(:|@|$)/.test(image);
}

function isReadyProxy(pod: Pod): boolean {
  return isPodReady(pod) && pod.spec.containers.some((container) => isProxy(container.image ?? ''));
}
