import { installAddons } from '../addons/install-addons.ts';
import { ClusterRuntime } from '../cluster-runtime.ts';
import { ImageRegistry } from '../images/image-registry.ts';
import { apiEndpoint } from '../network/api-endpoint.ts';
import { Internet } from '../network/internet.ts';
import type { RuntimeFaults } from '../network/runtime-faults.ts';
import { selfSigned } from '../programs/certificates.ts';
import type { HealthProbe, InstanceListener, SimInstance } from '../seams.ts';
import { AggregatedApis } from './aggregated-api.ts';
import type { KubeAnswer, KubeRequest } from './api-request.ts';
import { ApiServer } from './api-server.ts';
import { KubeCallFaults } from './call-faults.ts';
import { ClusterCore } from './cluster-core.ts';
import { CrdController } from './controllers/crd-controller.ts';
import { NodeLifecycleController } from './controllers/node-lifecycle-controller.ts';
import { startControllers } from './controllers/start-controllers.ts';
import { WorkloadPods } from './controllers/workload-pods.ts';
import { CloudDisks } from './disks.ts';
import { HealthAnswers } from './health-answers.ts';
import { isNodeReady, type Node } from './kinds.ts';
import { KubeletHealth } from './kubelet-health.ts';
import { NodeManager } from './node-manager.ts';
import { fieldsOf, isFields, type SimObject } from './object.ts';
import { ObjectWriter } from './object-writer.ts';
import type { KubeFaults, KubeModelInput } from './options.ts';
import { recordPodEvents } from './pod-events.ts';
import { podLog } from './pod-log.ts';
import { adoptDisks } from './template/adopt-disks.ts';
import { type ClusterTemplate, takeTemplate } from './template/cluster-template.ts';
import { fillCluster, type Likeness } from './template/fill-cluster.ts';
import type { KubeTruth } from './truth.ts';
import { livingNodesOf, trulyReady } from './truth.ts';
import type { WatchHandle, WatchSink } from './watch-hub.ts';
import { WriteHandlers } from './write-handlers.ts';

const kubeletRestartMs = 4_000;
/** Without a heartbeat for so long a node counts as lost. */
const nodeGraceMs = 40_000;
const rebootMs = 75_000;

/** One simulated cluster: its API, its controllers and its nodes, all under one virtual clock. */
export class KubeModel implements InstanceListener, HealthProbe {
  readonly clusterId: string;
  /** What goes wrong with single calls. */
  readonly callFaults: KubeCallFaults;
  /** Lets a node fall ill, and recover. */
  readonly kubelets: KubeletHealth;
  readonly #core: ClusterCore;
  readonly #api: ApiServer;
  readonly #writes: WriteHandlers;
  readonly #machines: NodeManager;
  readonly #runtime: ClusterRuntime;
  readonly #health: HealthAnswers;
  readonly #crds: CrdController;
  #hadMaster = false;

  /** With a likeness it starts where that stands; else empty. */
  constructor(input: KubeModelInput, like?: Likeness) {
    const core = new ClusterCore(input);
    this.#core = core;
    this.#runtime = this.#newRuntime(core, input);
    core.runtime = this.#runtime;
    if (input.cloud) core.disks = new CloudDisks(input.cloud);
    this.clusterId = input.clusterId;
    const writer = new ObjectWriter(core);
    this.callFaults = new KubeCallFaults(core.random.fork('call-faults'), () => core.clock.now());
    this.kubelets = new KubeletHealth(core, writer);
    const pods = new WorkloadPods(core, writer);
    core.podLog = (pod, container, previous) => {
      const run = this.#machines.processesOf(pod).find((each) => each.container.name === container);
      return podLog(core, pod, container, previous ? (run?.previousLines ?? []) : run?.lines);
    };
    this.#crds = new CrdController(core, writer);
    if (core.options.controllers === 'all') startControllers(core, writer, pods);
    this.#machines = new NodeManager(core, writer);
    if (core.options.controllers === 'all') new NodeLifecycleController(core, writer, this.#machines);
    this.#health = new HealthAnswers(core, this.#machines);
    recordPodEvents(core);
    this.#api = new ApiServer(core, writer);
    this.#writes = new WriteHandlers(core, writer);
    const refused = { ok: false, code: 'UnauthorizedOperation', message: 'the cluster has no cloud' } as const;
    const apis = installAddons({
      core,
      writer,
      runtime: this.#runtime,
      api: (request) => this.handle(request),
      cloud: input.cloud ?? (() => refused),
    });
    core.aggregated = new AggregatedApis(core, apis);
    if (like) this.#goOnFrom(like, input);
    else this.seed(firstObjects(), 'kube-apiserver');
    // Its own parts know all kinds: only who asks the API finds some missing.
    core.resources.withdraw(core.options.unserved);
  }

  #goOnFrom(likeness: Likeness, { adoptDisk }: KubeModelInput): void {
    fillCluster(this.#core, this.#machines, likeness);
    if (adoptDisk) adoptDisks(this.#core, adoptDisk);
    this.#crds.establishAll();
  }

  /** Tells the world of the nodes that it began with. */
  announceNodes(): void {
    const core = this.#core;
    core.as({ kind: 'world', name: 'kubelet' }, () => {
      for (const node of core.store.typed<Node>('nodes').byKey.values()) {
        const about = { node: node.metadata.name, instanceId: node.spec.providerID?.split('/').at(-1) ?? '' };
        core.emit({ kind: 'node-added', ...about });
        if (isNodeReady(node)) core.emit({ kind: 'node-ready', ...about });
      }
    });
  }

  /** This cluster as what others are started from, or why it cannot be that now: it must be at rest. */
  template(): { template: ClusterTemplate } | { problems: string[] } {
    const { callFaults, kubelets } = this;
    return takeTemplate({
      core: this.#core,
      machines: this.#machines,
      runtime: this.#runtime,
      callFaults,
      kubelets,
    });
  }

  /** What a scenario can break; read by the controllers at every turn. */
  get faults(): KubeFaults {
    return this.#core.faults;
  }

  /** What a scenario can break inside of the cluster: its network, its images. */
  get runtimeFaults(): RuntimeFaults {
    return this.#runtime.faults;
  }

  /** What runs inside: programs and their network. */
  get runtime(): ClusterRuntime {
    return this.#runtime;
  }

  #newRuntime(core: ClusterCore, input: KubeModelInput): ClusterRuntime {
    const names = [
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
    ];
    return new ClusterRuntime({
      core,
      internet: input.internet ?? new Internet(input.clock),
      registry: input.registry ?? new ImageRegistry(input.clock),
      processesOf: (pod) => this.#machines.processesOf(pod),
      instanceOf: (node) => this.#machines.instanceOf(node),
      machines: { killKubelet: (node) => this.#killKubelet(node), reboot: (node) => this.#reboot(node) },
      api: apiEndpoint(
        (request) => this.handle(request),
        () => selfSigned('kube-apiserver', names, core.startedAt),
      ),
    });
  }

  /** Answers one request at once. Objects in the answer are the stored ones: read them, never change them. */
  handle(request: KubeRequest): KubeAnswer {
    return this.callFaults.around(request, false, () => this.#api.handle(request));
  }

  /**
   * Opens a watch: events that are due already are delivered before this returns. A refusal (404, 400, 500 for a bad version)
   * comes as `refused`, and the sink is told nothing; 410 is an ERROR event, as in reality.
   */
  watch(request: KubeRequest, sink: WatchSink): WatchHandle & { refused?: KubeAnswer } {
    const fault = this.callFaults.around(request, true, () => ({ status: 200, body: '' }));
    if (fault.status !== 200) return { stop: () => undefined, refused: fault };
    const opened = this.#api.watch(request, sink);
    return 'handle' in opened ? opened.handle : { stop: () => undefined, refused: opened.refused };
  }

  /** Whether the API accepts connections: not while it is down, nor (option apiNeedsMaster) without a ready control plane. */
  apiReachable(): boolean {
    if (this.#core.faults.apiDown === 'refused') return false;
    if (!this.#core.faults.apiNeedsMaster) return true;
    const ready = this.#machines.apiServerReady();
    if (ready) this.#hadMaster = true;
    return ready || !this.#hadMaster;
  }

  /** From now on there is an API only while a control-plane node's server is ready, and there is none before the first. */
  bearApi(): void {
    this.#core.faults.apiNeedsMaster = true;
    this.#hadMaster = true;
  }

  /** A cloud runs the API servers: of this version from now on, new ones in the place of those before. */
  runManaged(version: string): void {
    const before = this.#core.managedVersion;
    this.#core.managedVersion = version;
    if (before !== undefined && before !== version) this.closeWatches();
  }

  /** The cloud has taken its API servers away; nothing answers any more. */
  endManaged(): void {
    this.#core.faults.apiDown = 'refused';
    this.closeWatches();
  }

  /** Cuts every watch, as an API server does that restarts. */
  closeWatches(): void {
    this.#core.watches.closeAll();
  }

  /** Forgets the history of changes: a watch that resumes gets 410. */
  compact(): void {
    this.#core.store.compact();
  }

  /**
   * Applies objects (server-side, forced) as this manager, in order; namespaces that are named but missing are created.
   * Throws ApiError for an object that the API would refuse.
   */
  seed(objects: readonly object[], manager = 'seed'): void {
    this.#core.as({ kind: 'world', name: manager }, () => {
      for (const object of objects) this.#seedOne(object, manager);
    });
  }

  #seedOne(object: object, manager: string): void {
    if (!isFields(object)) throw new TypeError('a seeded object must be an object');
    const { apiVersion, kind } = object;
    const definition = this.#core.resources.byKind(String(apiVersion), String(kind));
    if (!definition) throw new TypeError(`nothing serves ${String(apiVersion)} ${String(kind)}`);
    const { namespace } = fieldsOf(object['metadata']);
    if (
      definition.namespaced &&
      typeof namespace === 'string' &&
      !this.#core.store.table('namespaces').get(undefined, namespace)
    ) {
      this.#seedOne({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, manager);
    }
    this.#writes.applyAs(definition, object as unknown as SimObject, manager);
    if (kind === 'CustomResourceDefinition') this.#crds.establishAll();
  }

  /** The service manager starts it again, well before anybody misses it. */
  #killKubelet(node: string): number | undefined {
    if (this.#runtime.faults.values.restarts === 'ok') return kubeletRestartMs;
    this.#core.clock.at(this.#core.clock.now() + nodeGraceMs, () => this.kubelets.fallIll(node));
    return undefined;
  }

  /** Every container of the machine ends, and it is away until it has booted again. */
  #reboot(name: string): void {
    const { clock, store } = this.#core;
    clock.at(clock.now() + 1, () => {
      this.kubelets.fallIll(name);
      for (const pod of [...store.podsOn(name).values()])
        for (const each of this.#machines.processesOf(pod)) if (!each.ended) each.exit(255);
    });
    if (this.#runtime.faults.values.restarts !== 'ok') return;
    clock.at(clock.now() + rebootMs, () => {
      const node = store.typed<Node>('nodes').get(undefined, name);
      if (!node) return;
      const nodeInfo = { ...fieldsOf(node.status['nodeInfo']), bootID: this.#core.newUid() };
      this.handle({
        method: 'PATCH',
        path: `/api/v1/nodes/${name}/status`,
        query: new URLSearchParams(),
        contentType: 'application/merge-patch+json',
        body: { status: { nodeInfo } },
        userAgent: 'kubelet',
      });
      this.kubelets.recover(name);
    });
  }

  /** The kernel ends a container, as it does when memory runs out. False when it does not run. */
  killContainer(namespace: string, podName: string, container: string, code = 137): boolean {
    const pod = this.#core.store.pods.get(namespace, podName);
    const found = pod && this.#machines.processesOf(pod).find((each) => each.container.name === container);
    if (!found || found.ended) return false;
    found.exit(code);
    return true;
  }

  instanceRunning(instance: SimInstance): void {
    this.#machines.instanceRunning(instance);
  }

  instanceStopping(instanceId: string): void {
    this.#machines.instanceStopping(instanceId);
  }

  instanceGone(instanceId: string): void {
    this.#machines.instanceGone(instanceId);
  }

  instanceAnswers(instanceId: string, port: number): boolean {
    return this.#health.instanceAnswers(instanceId, port);
  }

  /** The true state, as live maps. */
  truth(): KubeTruth {
    const core = this.#core;
    const { store } = core;
    return {
      nodes: store.typed<never>('nodes').byKey,
      pods: store.pods.byKey,
      budgets: store.typed<never>('poddisruptionbudgets.policy').byKey,
      podsOn: (node) => store.podsOn(node),
      objects: (resourceKey) => {
        if (resourceKey === 'events') core.events.flush();
        return store.table(resourceKey).byKey;
      },
      trulyReady: (pod) => trulyReady(core, pod),
      isAlive: (node) => livingNodesOf(core).has(node),
      revision: store.revision,
      openWatches: core.watches.size,
      internalErrors: core.internalErrors,
    };
  }
}

function firstObjects(): object[] {
  const namespace = (name: string): object => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  const priority = (name: string, value: number): object => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
    description: 'Used for system critical pods.',
  });
  return [
    ...['default', 'kube-system', 'kube-public', 'kube-node-lease'].map(namespace),
    priority('system-cluster-critical', 2_000_000_000),
    priority('system-node-critical', 2_000_001_000),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name: 'kubernetes',
        namespace: 'default',
        labels: { component: 'apiserver', provider: 'kubernetes' },
      },
      spec: { clusterIP: '172.20.0.1', ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 443 }] },
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'cluster-admin' },
      rules: [{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }],
    },
  ];
}
