import { FailureError } from '../domain/failure.ts';
import type { KubeObject } from '../domain/kube-object.ts';
import type { Capability } from '../ports/check-runner.ts';
import type { KubeCluster, Resource } from '../ports/kube-cluster.ts';
import type { Clock } from '../support/clock.ts';
import {
  daemonSets,
  deployments,
  ingressClasses,
  namespaces,
  nodes,
  serviceAccounts,
  storageClasses,
} from './resources.ts';
import type { CheckSettings } from './settings.ts';
import { silentNodes } from './silent-nodes.ts';

export type Provider = 'aws' | 'gcp' | 'azure' | 'kind' | 'other';

const zoneLabel = 'topology.kubernetes.io/zone';

/** What a cluster is and offers, as far as its API says. Each question is asked once; a failed one is asked again. */
export class ClusterFacts {
  readonly #kube: KubeCluster;
  readonly #settings: CheckSettings;
  readonly #clock: Clock;
  readonly #asked = new Map<string, Promise<unknown>>();

  constructor(kube: KubeCluster, settings: CheckSettings, clock: Clock) {
    this.#kube = kube;
    this.#settings = settings;
    this.#clock = clock;
  }

  /** API groups that are served, `''` left out. */
  apiGroups(): Promise<Set<string>> {
    return this.#once('groups', async () => {
      const answer = await this.#kube.raw('/apis');
      if (answer.status !== 200) throw new Error(`/apis answers ${answer.status}`);
      const { groups = [] } = JSON.parse(answer.body) as { groups?: { name: string }[] };
      return new Set(groups.map((group) => group.name));
    });
  }

  /** Whether this kind is served, in this version of its API. */
  async serves({ group, version, kind }: Resource): Promise<boolean> {
    try {
      await this.#kube.resourceOf(group === '' ? version : `${group}/${version}`, kind);
      return true;
    } catch (error) {
      if (error instanceof FailureError && error.failure.code === 'kube-unknown-kind') return false;
      throw error;
    }
  }

  /** Ready nodes that take a pod without special tolerations and whose kubelets are heard of, as of now. */
  async schedulableNodes(): Promise<KubeObject[]> {
    const { items } = await this.#kube.list(nodes);
    const willing = items.filter(takesPods);
    if (willing.length === 0) return willing;
    const silent = await this.silentNodes();
    return willing.filter((node) => !silent.has(node.metadata.name));
  }

  /** Names of nodes that say they are ready while nothing is heard of their kubelets: a pod would wait there for ever. */
  silentNodes(): Promise<ReadonlySet<string>> {
    return this.#once('silent', () => silentNodes(this.#kube, this.#clock));
  }

  nodes(): Promise<KubeObject[]> {
    return this.#once('nodes', async () => (await this.#kube.list(nodes)).items);
  }

  async zones(): Promise<string[]> {
    const found = (await this.schedulableNodes()).map((node) => node.metadata.labels?.[zoneLabel]);
    return [...new Set(found.filter((zone) => zone !== undefined))].sort();
  }

  /** From the nodes' provider ids: true of kOps, EKS, GKE, AKS and kind alike. */
  async provider(): Promise<Provider> {
    const id = String((await this.nodes()).find((node) => node.spec?.providerID)?.spec?.providerID ?? '');
    const scheme = id.split(':')[0];
    if (scheme === 'aws') return 'aws';
    if (scheme === 'gce') return 'gcp';
    if (scheme === 'azure') return 'azure';
    return scheme === 'kind' ? 'kind' : 'other';
  }

  /**
   * Whether controllers are at work: somebody gave the namespace `default` its service account. Without them a namespace made here
   * would never go away again.
   */
  hasControllers(): Promise<boolean> {
    return this.#once('controllers', async () => {
      if ((await this.#kube.get(serviceAccounts, 'default', 'default')) !== undefined) return true;
      const { items } = await this.#kube.list(namespaces);
      const names = items.map((item) => item.metadata.name);
      for (const name of names) {
        if ((await this.#kube.get(serviceAccounts, name, 'default')) !== undefined) return true;
      }
      return false;
    });
  }

  /** A new namespace has shown that nobody furnishes it: from now on `hasControllers` says no. */
  controllersAreSilent(): void {
    this.#asked.set('controllers', Promise.resolve(false));
  }

  /** Deployments and DaemonSets of every namespace whose name or image has one of the words in it. */
  async workloadNamed(...words: string[]): Promise<KubeObject | undefined> {
    const all = await this.#once(
      'workloads',
      async (): Promise<KubeObject[]> => [
        ...(await this.#kube.list(deployments)).items.map((item) => ({ ...item, kind: 'Deployment' })),
        ...(await this.#kube.list(daemonSets)).items.map((item) => ({ ...item, kind: 'DaemonSet' })),
      ],
    );
    return all.find((item) => {
      const containers: { image?: string }[] = item.spec?.template?.spec?.containers ?? [];
      const texts = [item.metadata.name, ...containers.map((container) => container.image ?? '')];
      return words.some((word) => texts.some((text) => text.includes(word)));
    });
  }

  defaultStorageClass(): Promise<KubeObject | undefined> {
    return this.#once('storage', async () =>
      (await this.#kube.list(storageClasses)).items.find(
        (item) => item.metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true',
      ),
    );
  }

  /** Why the cluster does not offer it, or undefined. */
  async lacks(capability: Capability): Promise<string | undefined> {
    switch (capability) {
      case 'storage':
        return (await this.defaultStorageClass()) ? undefined : 'there is no default StorageClass';
      case 'ingress':
        return (await this.#kube.list(ingressClasses)).items.length > 0 ? undefined : 'there is no IngressClass';
      case 'load-balancer':
        return this.#lacksLoadBalancers();
      case 'multi-node':
        return (await this.schedulableNodes()).length >= 2 ? undefined : 'there are fewer than two schedulable nodes';
      case 'multi-zone':
        return (await this.zones()).length >= 2 ? undefined : 'the nodes are in fewer than two zones';
      case 'gpu':
        return (await this.nodes()).some((node) => Number(node.status?.allocatable?.['nvidia.com/gpu'] ?? 0) > 0)
          ? undefined
          : 'no node has nvidia.com/gpu';
      case 'autoscaler':
        return this.#lacksWorkload('cluster-autoscaler', 'karpenter');
      case 'external-dns':
        return this.#lacksWorkload('external-dns');
      case 'cert-manager':
        return this.#lacksGroup('cert-manager.io');
      case 'prometheus':
        return this.#lacksGroup('monitoring.coreos.com');
      case 'metrics-api':
        return this.#lacksGroup('metrics.k8s.io');
      case 'custom-metrics':
        return this.#lacksGroup('custom.metrics.k8s.io', 'external.metrics.k8s.io');
      case 'gateway-api':
        return this.#lacksGroup('gateway.networking.k8s.io');
      case 'routegroup':
        return this.#lacksGroup('zalando.org');
      case 'volume-snapshots':
        return this.#lacksGroup('snapshot.storage.k8s.io');
      // Only trying shows these: their checks find out themselves.
      case 'network-policy':
      case 'pod-security':
        return undefined;
      case 'audit-log':
        return this.#lacksSetting('audit_source');
      case 'cloud-identity':
        return this.#lacksSetting('identity_bucket');
      case 'image-policy':
        return this.#lacksSetting('image_policy_denied');
      case 'log-backend':
        return this.#lacksSetting('logs_query');
      case 'private-registry':
        return this.#lacksSetting('pull_images');
      case 'spot-handler':
        return this.#lacksSetting('spot_event_reason');
    }
  }

  async #lacksLoadBalancers(): Promise<string | undefined> {
    if (this.#settings.get('load_balancers') === 'true') return undefined;
    const provider = await this.provider();
    if (provider === 'aws' || provider === 'gcp' || provider === 'azure') return undefined;
    const found = await this.workloadNamed('metallb', 'cloud-provider', 'cloud-controller-manager', 'kube-vip');
    return found ? undefined : `nothing is known to make load balancers (provider ${provider})`;
  }

  async #lacksWorkload(...words: string[]): Promise<string | undefined> {
    return (await this.workloadNamed(...words)) ? undefined : `no workload is called ${words.join(' or ')}`;
  }

  async #lacksGroup(...names: string[]): Promise<string | undefined> {
    const served = await this.apiGroups();
    return names.some((name) => served.has(name)) ? undefined : `the API does not serve ${names.join(' or ')}`;
  }

  #lacksSetting(name: Parameters<CheckSettings['get']>[0]): string | undefined {
    return this.#settings.get(name) === undefined ? `e2e_${name} is not set` : undefined;
  }

  #once<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#asked.get(key);
    if (known) return known as Promise<T>;
    const asked = ask();
    this.#asked.set(key, asked);
    asked.catch(() => this.#asked.delete(key));
    return asked;
  }
}

function takesPods(node: KubeObject): boolean {
  const taints: { effect: string }[] = node.spec?.taints ?? [];
  const conditions: { type: string; status: string }[] = node.status?.conditions ?? [];
  const ready = conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
  return ready && !node.spec?.unschedulable && !taints.some((taint) => taint.effect !== 'PreferNoSchedule');
}
