import type { ClusterCore } from '../cluster-core.ts';
import { isPodFinished, isPodReady, isTerminating, type Node, type Pod, type Service } from '../kinds.ts';
import { type Fields, keyOf, type SimObject, sameJson } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { seededLag, WorkQueue } from '../work-queue.ts';
import { ownerReference } from './workload-pods.ts';

const serviceLabel = 'kubernetes.io/service-name';
const mostEndpoints = 100;

/** Keeps the EndpointSlices of services that have a selector. */
export class EndpointSliceController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #definition: ResourceDefinition;
  readonly #queue: WorkQueue;

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#writer = writer;
    this.#definition = core.resources.find('discovery.k8s.io', 'v1', 'endpointslices') as ResourceDefinition;
    const lag = seededLag(core, 'endpointslice', core.options.lagMs.controllers);
    this.#queue = new WorkQueue(core, 'endpointslice-controller', lag, (key) => this.#sync(key));
    core.store.onChange('services', (change) => this.#queue.add(keyOf(change.object)));
    core.store.onChange(this.#definition.key, (change) => {
      const name = change.object.metadata.labels?.[serviceLabel];
      if (name !== undefined && change.type === 'DELETED')
        this.#queue.add(`${change.object.metadata.namespace}/${name}`);
    });
    core.store.onChange('pods', (change) =>
      this.#podChanged(change.object as Pod, change.old as Pod | undefined, change.type),
    );
  }

  #podChanged(pod: Pod, old: Pod | undefined, type: string): void {
    const same =
      old !== undefined &&
      type === 'MODIFIED' &&
      pod.status.podIP === old.status.podIP &&
      isPodReady(pod) === isPodReady(old) &&
      isTerminating(pod) === isTerminating(old) &&
      isPodFinished(pod) === isPodFinished(old) &&
      pod.metadata.labels === old.metadata.labels;
    if (same || (pod.status.podIP === undefined && old?.status.podIP === undefined)) return;
    for (const service of this.#core.store
      .typed<Service>('services')
      .inNamespace(pod.metadata.namespace ?? '')
      .values()) {
      if (selects(service, pod) || (old && selects(service, old))) this.#queue.add(keyOf(service));
    }
  }

  #sync(key: string): void {
    if (this.#core.faults.endpointSlices === 'broken') {
      this.#queue.addAt(key, this.#core.clock.now() + 30_000);
      return;
    }
    const service = this.#core.store.typed<Service>('services').byKey.get(key);
    const [namespace = '', name = ''] = key.split('/');
    const table = this.#core.store.table(this.#definition.key);
    const existing = [...table.inNamespace(namespace).values()].filter(
      (slice) => slice.metadata.labels?.[serviceLabel] === name && managed(slice),
    );
    existing.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    const wanted =
      service && !isTerminating(service) && service.spec.selector && service.spec.type !== 'ExternalName'
        ? this.#chunks(service)
        : [];
    wanted.forEach((slice, index) => {
      const old = existing[index];
      if (!old) this.#create(service as Service, slice);
      else if (!sameJson(old['endpoints'], slice['endpoints']) || !sameJson(old['ports'], slice['ports'])) {
        this.#writer.update(this.#definition, old, { ...old, metadata: { ...old.metadata }, ...slice });
      }
    });
    for (const slice of existing.slice(wanted.length)) this.#writer.remove(this.#definition, slice);
  }

  #create(service: Service, slice: Fields): void {
    const home = this.#core.store.table('namespaces').get(undefined, service.metadata.namespace as string);
    if (!home || isTerminating(home)) return;
    const generateName = `${service.metadata.name}-`;
    const made: SimObject = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: this.#writer.newMetadata(`${generateName}${this.#core.nameSuffix()}`, service.metadata.namespace, {
        generateName,
        generation: 1,
        labels: {
          ...service.metadata.labels,
          [serviceLabel]: service.metadata.name,
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
        ownerReferences: [ownerReference(service)],
      }),
      addressType: 'IPv4',
      ...slice,
    };
    this.#writer.create(this.#definition, made);
  }

  #chunks(service: Service): Fields[] {
    const pods = [...this.#core.store.pods.inNamespace(service.metadata.namespace ?? '').values()].filter(
      (pod) => selects(service, pod) && pod.status.podIP !== undefined && !isPodFinished(pod),
    );
    pods.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    const endpoints = pods.map((pod) => this.#endpoint(service, pod));
    const first = pods[0];
    const ports = (service.spec.ports ?? []).map((port) => ({
      name: port.name ?? '',
      protocol: port.protocol ?? 'TCP',
      port: targetPort(port.targetPort ?? port.port, first),
    }));
    const chunks: Fields[] = [];
    for (let at = 0; at === 0 || at < endpoints.length; at += mostEndpoints) {
      const part = endpoints.slice(at, at + mostEndpoints);
      chunks.push({ endpoints: part, ports: part.length > 0 ? ports : null });
    }
    return chunks;
  }

  #endpoint(service: Service, pod: Pod): Fields {
    const { name, namespace, uid } = pod.metadata;
    const ready = isPodReady(pod);
    const going = isTerminating(pod);
    const node = this.#core.store.typed<Node>('nodes').get(undefined, pod.spec.nodeName ?? '');
    const zone = node?.metadata.labels?.['topology.kubernetes.io/zone'];
    return {
      addresses: [pod.status.podIP],
      conditions: {
        ready: (ready && !going) || service.spec.publishNotReadyAddresses === true,
        serving: ready,
        terminating: going,
      },
      ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
      targetRef: { kind: 'Pod', namespace, name, uid },
      ...(zone === undefined ? {} : { zone }),
    };
  }
}

function managed(slice: SimObject): boolean {
  return slice.metadata.labels?.['endpointslice.kubernetes.io/managed-by'] === 'endpointslice-controller.k8s.io';
}

export function selects(service: Service, pod: Pod): boolean {
  const selector = service.spec.selector;
  if (!selector) return false;
  for (const key of Object.keys(selector)) if (pod.metadata.labels?.[key] !== selector[key]) return false;
  return true;
}

function targetPort(target: number | string, pod: Pod | undefined): number | null {
  if (typeof target === 'number') return target;
  for (const container of pod?.spec.containers ?? []) {
    const port = container.ports?.find((each) => each.name === target);
    if (port) return port.containerPort;
  }
  return null;
}
