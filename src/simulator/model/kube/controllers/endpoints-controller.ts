import type { ClusterCore } from '../cluster-core.ts';
import { isTerminating, type Service } from '../kinds.ts';
import { type Fields, fieldsOf, keyOf, listOf, sameJson } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { seededLag, WorkQueue } from '../work-queue.ts';

const serviceLabel = 'kubernetes.io/service-name';
/** More addresses than this are left out, as in reality. */
const mostAddresses = 1000;

/** Keeps the older Endpoints of every service that has EndpointSlices, for those who still read them. */
export class EndpointsController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #definition: ResourceDefinition;

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#writer = writer;
    this.#definition = core.resources.find('', 'v1', 'endpoints') as ResourceDefinition;
    const lag = seededLag(core, 'endpoints', core.options.lagMs.controllers);
    const queue = new WorkQueue(core, 'endpoint-controller', lag, (key) => this.#sync(key));
    core.store.onChange('endpointslices.discovery.k8s.io', ({ object }) => {
      const name = object.metadata.labels?.[serviceLabel];
      if (name !== undefined) queue.add(`${object.metadata.namespace}/${name}`);
    });
    core.store.onChange('services', ({ object, type }) => {
      if (type === 'DELETED') queue.add(keyOf(object));
    });
  }

  #sync(key: string): void {
    const service = this.#core.store.typed<Service>('services').byKey.get(key);
    const [namespace = '', name = ''] = key.split('/');
    const old = this.#core.store.table(this.#definition.key).get(namespace, name);
    if (!service || isTerminating(service)) {
      if (old) this.#writer.remove(this.#definition, old);
      return;
    }
    if (!service.spec.selector) return;
    const subsets = this.#subsets(namespace, name);
    if (!old) this.#create(service, subsets);
    else if (!sameJson(old['subsets'] ?? [], subsets)) {
      const { subsets: _, ...rest } = old;
      this.#writer.update(this.#definition, old, {
        ...rest,
        metadata: { ...old.metadata },
        ...(subsets.length > 0 ? { subsets } : {}),
      });
    }
  }

  #create(service: Service, subsets: Fields[]): void {
    const { name, namespace, labels } = service.metadata;
    const home = this.#core.store.table('namespaces').get(undefined, namespace as string);
    if (!home || isTerminating(home)) return;
    this.#writer.create(this.#definition, {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: this.#writer.newMetadata(name, namespace, labels === undefined ? {} : { labels }),
      ...(subsets.length > 0 ? { subsets } : {}),
    });
  }

  /** The service's slices as one subset: those that serve, and those that are not ready. */
  #subsets(namespace: string, service: string): Fields[] {
    const ready: Fields[] = [];
    const notReady: Fields[] = [];
    let ports: Fields[] = [];
    const slices = this.#core.store.table('endpointslices.discovery.k8s.io').inNamespace(namespace);
    for (const slice of slices.values()) {
      if (slice.metadata.labels?.[serviceLabel] !== service) continue;
      if (listOf(slice['ports']).length > 0) ports = listOf(slice['ports']).map((port) => portOf(fieldsOf(port)));
      for (const item of listOf(slice['endpoints'])) {
        const { addresses, conditions, nodeName, targetRef } = fieldsOf(item);
        const { ready: serves, terminating } = fieldsOf(conditions);
        if (terminating === true && serves !== true) continue;
        const ip = listOf(addresses)[0];
        (serves === false ? notReady : ready).push({
          ip,
          ...(nodeName ? { nodeName } : {}),
          ...(targetRef ? { targetRef } : {}),
        });
      }
    }
    if (ready.length + notReady.length === 0) return [];
    return [
      {
        ...(ready.length > 0 ? { addresses: byIp(ready) } : {}),
        ...(notReady.length > 0 ? { notReadyAddresses: byIp(notReady) } : {}),
        ...(ports.length > 0 ? { ports } : {}),
      },
    ];
  }
}

function portOf({ name, port, protocol }: Fields): Fields {
  return { ...(name ? { name } : {}), port, protocol };
}

function byIp(addresses: Fields[]): Fields[] {
  addresses.sort((a, b) => (String(a['ip']) < String(b['ip']) ? -1 : 1));
  return addresses.slice(0, mostAddresses);
}
