import { VirtualClock } from '../../support/clock.ts';
import { type Random, seededRandom } from '../../support/random.ts';
import type { AwsFaults } from './aws/aws-faults.ts';
import { AwsModel } from './aws/aws-model.ts';
import type { CloudTimings } from './aws/cloud.ts';
import { clusterOfTags } from './aws/resources.ts';
import { EtcdFleet } from './etcd/etcd-fleet.ts';
import { ImageRegistry, type RegistryOptions } from './images/image-registry.ts';
import { KubeModel } from './kube/kube-model.ts';
import type { KubeModelInput, KubeOptions } from './kube/options.ts';
import type { ClusterTemplate } from './kube/template/cluster-template.ts';
import { type Likeness, matchInstances } from './kube/template/fill-cluster.ts';
import { kubeletFlags } from './kube/user-data.ts';
import { Internet } from './network/internet.ts';
import type {
  ControlPlaneListener,
  EmitWorldEvent,
  HealthProbe,
  InstanceListener,
  ManagedControlPlane,
  SimInstance,
  WorldEvent,
} from './seams.ts';

export interface WorldOptions {
  /** Defaults for every cluster. */
  kube?: Partial<KubeOptions>;
  awsTimings?: Partial<CloudTimings>;
  registry?: Partial<RegistryOptions>;
  /** false: clusters are only those that are added; true unless given: one begins with its first control-plane instance. */
  clustersFromInstances?: boolean;
}

export interface WorldCluster {
  /** `aws:<account>:<region>:<local id>` */
  id: string;
  /** 12 digits. */
  account: string;
  region: string;
  /** `v1.31.4` */
  kubernetesVersion?: string;
}

/**
 * A simulated fleet: one cloud, many clusters, one virtual clock. The same seed and the same calls at the same times give the
 * same history. An instance whose tags hold `kubernetes.io/cluster/<cluster id>=owned` is a node of that cluster.
 */
export class World {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly aws: AwsModel;
  /** What all clusters' nodes pull from. */
  readonly registry: ImageRegistry;
  /** Public names and hosts, the same for all clusters. */
  readonly internet: Internet;
  /** Every etcd on instances of its own. */
  readonly etcd: EtcdFleet;
  readonly #options: WorldOptions;
  readonly #clusters = new Map<string, WorldCluster & { model: KubeModel }>();
  readonly #clusterOfInstance = new Map<string, string>();
  readonly #listeners = new Set<EmitWorldEvent>();
  /** Control planes that EKS runs, by cluster id. */
  readonly #managed = new Map<string, ManagedControlPlane>();
  /** `account/region/stack name` → cluster id. */
  readonly #stackClusters = new Map<string, string>();

  constructor(input: { seed: number | string; startMs: number; options?: WorldOptions }) {
    this.clock = new VirtualClock(input.startMs);
    this.random = seededRandom(input.seed);
    this.#options = input.options ?? {};
    this.registry = new ImageRegistry(this.clock, this.#options.registry);
    this.internet = new Internet(this.clock);
    this.etcd = new EtcdFleet(this.clock, seededRandom(`${input.seed}/etcd`), ({ client, ...removed }) =>
      this.#emit({
        kind: 'etcd-member-removed',
        at: this.clock.now(),
        cluster: this.#clusterOfMember(removed.instanceId),
        actor: { kind: 'client', name: client },
        ...removed,
      }),
    );
    this.aws = new AwsModel({
      clock: this.clock,
      random: this.random.fork('aws'),
      emit: (event) => this.#emit(event),
      listener: this.#instanceListener(),
      controlPlanes: this.#controlPlaneListener(),
      probe: this.#healthProbe(),
      clusterOfStack: (account, region, stack) => this.#clusterOfStack(account, region, stack),
      placeOfCluster: (id) => this.#clusters.get(id),
      ...(this.#options.awsTimings === undefined ? {} : { timings: this.#options.awsTimings }),
    });
  }

  /** What goes wrong in the cloud; what goes wrong in a cluster is `kube(id).faults`. */
  get faults(): AwsFaults {
    return this.aws.faults;
  }

  /** A new, empty cluster: its API answers, and nodes join as instances of it come up. Known ids are left alone. */
  addCluster(cluster: WorldCluster): KubeModel {
    const known = this.#clusters.get(cluster.id);
    if (known) return known.model;
    const model = this.#newModel(cluster);
    for (const instance of this.aws.runningInstances(cluster.id)) this.#join(cluster.id, instance);
    return model;
  }

  /**
   * A new cluster that stands where the template stood, on the instances that run for it: they must be like the template's and as
   * old. More of them join as usual. Everything in it has names, uids and chance of its own. Or why that cannot be.
   */
  addClusterLike(cluster: WorldCluster, template: ClusterTemplate): { model: KubeModel } | { problems: string[] } {
    const problems: string[] = [];
    if (this.#clusters.has(cluster.id)) problems.push(`${cluster.id} is there already`);
    if (cluster.region !== template.region) problems.push(`the template is of ${template.region}`);
    const version = cluster.kubernetesVersion ?? template.options.kubernetesVersion;
    if (version !== template.options.kubernetesVersion)
      problems.push(`the template runs ${template.options.kubernetesVersion}`);
    const running = problems.length > 0 ? [] : this.aws.runningInstances(cluster.id, cluster);
    const match = matchInstances(template, running);
    if (problems.length > 0) return { problems };
    if ('problems' in match) return match;
    for (const { id } of match.matched) this.#clusterOfInstance.set(id, cluster.id);
    const model = this.#newModel(cluster, { template, instances: match.matched });
    model.announceNodes();
    const taken = new Set(match.matched.map(({ id }) => id));
    for (const instance of running) if (!taken.has(instance.id)) this.#join(cluster.id, instance);
    return { model };
  }

  #newModel(cluster: WorldCluster, like?: Likeness): KubeModel {
    const version = cluster.kubernetesVersion;
    const own = { ...this.#options.kube, ...(version === undefined ? {} : { kubernetesVersion: version }) };
    const input: KubeModelInput = {
      clusterId: cluster.id,
      region: cluster.region,
      clock: this.clock,
      random: this.random.fork(`kube/${cluster.id}`),
      emit: (event) => this.#emit(event),
      internet: this.internet,
      registry: this.registry,
      cloud: (service, action, params, userAgent) => {
        const { account, region } = cluster;
        const reply = this.aws.handle({ account, region, service, action, params, userAgent });
        return reply.ok ? { ok: true, result: reply.result } : { ok: false, code: reply.code, message: reply.message };
      },
      adoptDisk: (disk) => this.aws.adoptDisk(cluster, disk),
      options: like?.template.options ?? own,
    };
    const model = new KubeModel(input, like);
    this.#clusters.set(cluster.id, { ...cluster, model });
    return model;
  }

  /** @throws RangeError for an id that was never added */
  kube(id: string): KubeModel {
    const cluster = this.#clusters.get(id);
    if (cluster) return cluster.model;
    throw new RangeError(`the simulated world has no cluster '${id}'`);
  }

  hasCluster(id: string): boolean {
    return this.#clusters.has(id);
  }

  /** Ids, in the order of their addition. */
  clusters(): string[] {
    return [...this.#clusters.keys()];
  }

  /** The control plane that EKS runs for the cluster, if it runs one. */
  managedControlPlane(id: string): ManagedControlPlane | undefined {
    return this.#managed.get(id);
  }

  placeOf(id: string): { account: string; region: string } | undefined {
    const cluster = this.#clusters.get(id);
    return cluster && { account: cluster.account, region: cluster.region };
  }

  /** Every account and region that holds a cluster, once each. */
  places(): { account: string; region: string }[] {
    const places = new Map<string, { account: string; region: string }>();
    for (const { account, region } of this.#clusters.values()) places.set(`${account}/${region}`, { account, region });
    return [...places.values()];
  }

  /** Lets time pass; everything due on the way happens at its own time. Returns how many timers fired. */
  advanceTo(ms: number): number {
    return ms <= this.clock.now() ? 0 : this.clock.advanceTo(ms);
  }

  /** When the next thing happens on its own; undefined when the world is at rest. */
  nextEventAt(): number | undefined {
    return this.clock.nextAt();
  }

  /** Hears every world event, at the moment of the change. Returns the way to stop. */
  subscribe(listener: EmitWorldEvent): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #emit(event: WorldEvent): void {
    for (const listener of this.#listeners) listener(event);
    if (event.kind === 'node-ready' || event.kind === 'node-not-ready' || event.kind === 'node-removed') {
      const cluster = this.#clusters.get(event.cluster);
      if (cluster) this.aws.probeChanged(cluster.account, cluster.region, event.instanceId);
    }
  }

  #join(clusterId: string, instance: SimInstance): void {
    const cluster = this.#clusters.get(clusterId);
    if (!cluster) return;
    this.#clusterOfInstance.set(instance.id, clusterId);
    cluster.model.instanceRunning(instance);
  }

  /** A cluster begins with its first control-plane instance; its API answers once that one's API server is ready. */
  #bear(id: string, { account, region, userData }: SimInstance): void {
    const { labels, version } = kubeletFlags(userData);
    if (labels['node.kubernetes.io/role'] !== 'master' || !id.startsWith(`aws:${account}:${region}:`)) return;
    const place = { id, account, region, ...(version === undefined ? {} : { kubernetesVersion: version }) };
    this.#newModel(place).bearApi();
  }

  /** A cluster of EKS begins with its control plane; nodes join as their instances come. */
  #controlPlaneListener(): ControlPlaneListener {
    return {
      controlPlaneUp: (plane) => {
        const { cluster: id, account, region, version } = plane;
        const known = this.#managed.has(id) || this.#clusters.get(id)?.model.apiReachable() === true;
        const served = `v${version}.3-eks-${version.replace('.', '')}f00`;
        if (!known) {
          this.#newModel({ id, account, region, kubernetesVersion: `v${version}.3` });
          for (const instance of this.aws.runningInstances(id, { account, region })) this.#join(id, instance);
        }
        this.#managed.set(id, plane);
        this.kube(id).runManaged(served);
      },
      controlPlaneGone: (id) => {
        this.#managed.delete(id);
        this.#clusters.get(id)?.model.endManaged();
      },
    };
  }

  #instanceListener(): InstanceListener {
    const modelOf = (instanceId: string): KubeModel | undefined =>
      this.#clusters.get(this.#clusterOfInstance.get(instanceId) ?? '')?.model;
    return {
      instanceRunning: (instance) => {
        if (this.etcd.instanceRunning(instance)) return;
        const id = clusterOfTags(Object.entries(instance.tags));
        if (id === undefined) return;
        if (!this.#clusters.has(id) && this.#options.clustersFromInstances !== false) this.#bear(id, instance);
        this.#join(id, instance);
      },
      instanceStopping: (instanceId) => {
        this.etcd.instanceStopping(instanceId);
        modelOf(instanceId)?.instanceStopping(instanceId);
      },
      instanceGone: (instanceId) => {
        this.etcd.instanceGone(instanceId);
        modelOf(instanceId)?.instanceGone(instanceId);
        this.#clusterOfInstance.delete(instanceId);
      },
    };
  }

  /** By the tag of its group: instances of etcd are no nodes and carry none. */
  #clusterOfMember(instanceId: string): string {
    const groups = this.aws.truth().groups();
    return groups.find((group) => group.members.some((member) => member.instanceId === instanceId))?.cluster ?? '';
  }

  /** An instance of no cluster answers as long as it runs. */
  #healthProbe(): HealthProbe {
    return {
      instanceAnswers: (instanceId, port) => {
        const cluster = this.#clusters.get(this.#clusterOfInstance.get(instanceId) ?? '');
        return cluster === undefined || cluster.model.instanceAnswers(instanceId, port);
      },
    };
  }

  /** By the naming of stacks: the cluster's local id, or a name that ends with its id, colons as hyphens. */
  #clusterOfStack(account: string, region: string, stack: string): string | undefined {
    const key = `${account}/${region}/${stack}`;
    const known = this.#stackClusters.get(key);
    if (known !== undefined) return known;
    for (const cluster of this.#clusters.values()) {
      if (cluster.account !== account || cluster.region !== region) continue;
      const localId = cluster.id.slice(cluster.id.lastIndexOf(':') + 1);
      if (stack !== localId && !stack.endsWith(cluster.id.replaceAll(':', '-')) && !stack.endsWith(`-${localId}`))
        continue;
      this.#stackClusters.set(key, cluster.id);
      return cluster.id;
    }
    return undefined;
  }
}
