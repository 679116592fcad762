import type { ClusterCore } from '../kube/cluster-core.ts';
import { isPodFinished, type Node, type Pod, type Service } from '../kube/kinds.ts';
import { fieldsOf, listOf } from '../kube/object.ts';

/** Who has which address in a cluster. Built by the first question, kept by changes from then on. */
export class AddressBook {
  readonly #core: ClusterCore;
  readonly #pods = new Map<string, Pod>();
  readonly #services = new Map<string, Service>();
  readonly #nodes = new Map<string, string>();

  constructor(core: ClusterCore) {
    this.#core = core;
    const { store } = core;
    for (const pod of store.pods.byKey.values()) this.#putPod(pod);
    for (const service of store.typed<Service>('services').byKey.values()) this.#putService(service, undefined);
    for (const node of store.typed<Node>('nodes').byKey.values()) this.#putNode(node);
    store.onChange('pods', ({ object, type }) => {
      const pod = object as Pod;
      if (type === 'DELETED' || isPodFinished(pod)) this.#dropPod(pod);
      else this.#putPod(pod);
    });
    store.onChange('services', ({ object, old, type }) => {
      if (type !== 'DELETED') this.#putService(object as Service, old as Service | undefined);
      else this.#services.delete((object as Service).spec.clusterIP ?? '');
    });
    store.onChange('nodes', ({ object, type }) => {
      if (type !== 'DELETED') this.#putNode(object as Node);
      else this.#nodes.delete(addressOf(object as Node) ?? '');
    });
  }

  /** The pod that has this address for itself. */
  podAt(address: string): Pod | undefined {
    return this.#pods.get(address);
  }

  serviceAt(address: string): Service | undefined {
    return this.#services.get(address);
  }

  /** The name of the node. */
  nodeAt(address: string): string | undefined {
    return this.#nodes.get(address);
  }

  addressOfNode(name: string): string | undefined {
    const node = this.#core.store.typed<Node>('nodes').get(undefined, name);
    return node && addressOf(node);
  }

  zoneOf(node: string): string | undefined {
    return this.#core.store.typed<Node>('nodes').get(undefined, node)?.metadata.labels?.['topology.kubernetes.io/zone'];
  }

  #putPod(pod: Pod): void {
    const { podIP } = pod.status;
    if (podIP !== undefined && pod.spec.hostNetwork !== true && !isPodFinished(pod)) this.#pods.set(podIP, pod);
  }

  #dropPod(pod: Pod): void {
    const { podIP } = pod.status;
    if (podIP !== undefined && this.#pods.get(podIP)?.metadata.uid === pod.metadata.uid) this.#pods.delete(podIP);
  }

  #putService(service: Service, old: Service | undefined): void {
    const before = old?.spec.clusterIP;
    if (before !== undefined && before !== service.spec.clusterIP) this.#services.delete(before);
    const { clusterIP } = service.spec;
    if (clusterIP !== undefined && clusterIP !== '' && clusterIP !== 'None') this.#services.set(clusterIP, service);
  }

  #putNode(node: Node): void {
    const address = addressOf(node);
    if (address !== undefined) this.#nodes.set(address, node.metadata.name);
  }
}

function addressOf(node: Node): string | undefined {
  return node.status.addresses?.find((each) => each.type === 'InternalIP')?.address;
}

/** One address behind a service, as its EndpointSlices say. */
export interface ServiceEndpoint {
  address: string;
  ready: boolean;
  serving: boolean;
  terminating: boolean;
  node: string | undefined;
  hostname: string | undefined;
  /** By port name. */
  ports: ReadonlyMap<string, { port: number; protocol: string }>;
}

/** All endpoints of a service, in the order of the slices. */
export function endpointsOf(core: ClusterCore, service: Service): ServiceEndpoint[] {
  const found: ServiceEndpoint[] = [];
  const table = core.store.table('endpointslices.discovery.k8s.io');
  for (const slice of table.inNamespace(service.metadata.namespace ?? '').values()) {
    if (slice.metadata.labels?.['kubernetes.io/service-name'] !== service.metadata.name) continue;
    const ports = new Map<string, { port: number; protocol: string }>();
    for (const each of listOf(slice['ports']).map(fieldsOf)) {
      const { name, port, protocol } = each;
      if (typeof port === 'number')
        ports.set(typeof name === 'string' ? name : '', {
          port,
          protocol: typeof protocol === 'string' ? protocol : 'TCP',
        });
    }
    for (const each of listOf(slice['endpoints']).map(fieldsOf)) {
      const conditions = fieldsOf(each['conditions']);
      const ready = conditions['ready'] !== false;
      const target = fieldsOf(each['targetRef']);
      for (const address of listOf(each['addresses'])) {
        if (typeof address !== 'string') continue;
        found.push({
          address,
          ready,
          serving: typeof conditions['serving'] === 'boolean' ? conditions['serving'] : ready,
          terminating: conditions['terminating'] === true,
          node: typeof each['nodeName'] === 'string' ? each['nodeName'] : undefined,
          hostname: hostnameOf(core, each, target),
          ports,
        });
      }
    }
  }
  return found;
}

/** A pod that names its subdomain has a name of its own under the service. */
function hostnameOf(
  core: ClusterCore,
  endpoint: Record<string, unknown>,
  target: Record<string, unknown>,
): string | undefined {
  if (typeof endpoint['hostname'] === 'string') return endpoint['hostname'];
  if (target['kind'] !== 'Pod' || typeof target['name'] !== 'string') return undefined;
  const pod = core.store.pods.get(String(target['namespace']), target['name']);
  const { hostname, subdomain } = fieldsOf(pod?.spec);
  return typeof hostname === 'string' && typeof subdomain === 'string' ? hostname : undefined;
}
