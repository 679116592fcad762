import type { HealthProbe } from '../seams.ts';
import type { ClusterCore } from './cluster-core.ts';
import { selects } from './controllers/endpoint-slice-controller.ts';
import { isNodeReady, type Pod, type Service } from './kinds.ts';
import type { NodeManager } from './node-manager.ts';
import { trulyReady } from './truth.ts';

/** What load balancers find when they knock at instances. */
export class HealthAnswers implements HealthProbe {
  readonly #core: ClusterCore;
  readonly #machines: NodeManager;
  /** Host ports that some pod of the cluster claims, with how many. */
  readonly #hostPorts = new Map<number, number>();

  constructor(core: ClusterCore, machines: NodeManager) {
    this.#core = core;
    this.#machines = machines;
    core.store.onChange('pods', (change) => {
      if (change.type === 'ADDED') this.#count(change.object as Pod, 1);
      else if (change.type === 'DELETED') this.#count(change.object as Pod, -1);
    });
    core.store.onRestored(() => {
      for (const pod of core.store.pods.byKey.values()) this.#count(pod, 1);
    });
  }

  instanceAnswers(instanceId: string, port: number): boolean {
    const node = this.#machines.nodeOf(instanceId);
    if (!node || !isNodeReady(node) || !this.#machines.isAlive(node.metadata.name)) return false;
    const { name } = node.metadata;
    if (port === 443 || port === 6443) {
      const apiServer = this.#core.store.pods.get('kube-system', `kube-apiserver-${name}`);
      if (apiServer) return trulyReady(this.#core, apiServer);
      if (node.metadata.labels?.['node.kubernetes.io/role'] === 'master') return false;
    }
    const service = this.#nodePortService(port);
    if (service) return this.#serves(service, name);
    if (!this.#hostPorts.has(port)) return true;
    for (const pod of this.#core.store.podsOn(name).values())
      if (claims(pod, port) && trulyReady(this.#core, pod)) return true;
    return false;
  }

  #count(pod: Pod, by: number): void {
    for (const container of pod.spec.containers) {
      for (const { hostPort } of container.ports ?? []) {
        if (!hostPort) continue;
        const left = (this.#hostPorts.get(hostPort) ?? 0) + by;
        if (left > 0) this.#hostPorts.set(hostPort, left);
        else this.#hostPorts.delete(hostPort);
      }
    }
  }

  #nodePortService(port: number): Service | undefined {
    if (port < 30_000 || port > 32_767) return undefined;
    for (const service of this.#core.store.typed<Service>('services').byKey.values()) {
      if (service.spec.ports?.some((each) => each.nodePort === port)) return service;
    }
    return undefined;
  }

  #serves(service: Service, node: string): boolean {
    const local = service.spec['externalTrafficPolicy'] === 'Local';
    for (const pod of this.#core.store.pods.inNamespace(service.metadata.namespace ?? '').values()) {
      if (selects(service, pod) && trulyReady(this.#core, pod) && (!local || pod.spec.nodeName === node)) return true;
    }
    return false;
  }
}

function claims(pod: Pod, port: number): boolean {
  return pod.spec.containers.some((container) => container.ports?.some((each) => each.hostPort === port));
}
