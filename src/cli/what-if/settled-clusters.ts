/**
 * A model of the real clusters for a simulated promotion: each is as its recorded version renders, at rest and well. What an update does
 * to it takes its time on the virtual clock and succeeds, unless a fault says otherwise. Nothing of it reaches a cloud or a cluster.
 */
import { accountNumber, type Cluster } from '../../domain/cluster.ts';
import { FailureError, transient } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { RenderedCluster, RenderedStack } from '../../domain/rendered.ts';
import type { ChangeSetView, CloudProvider, NodeGroup, StackInput, StackView } from '../../ports/cloud-provider.ts';
import type { ClusterSession, ClusterSessions } from '../../ports/cluster-session.ts';
import type { KubeCluster, Patch, Resource } from '../../ports/kube-cluster.ts';
import { asReady, resourceOf } from './settled-objects.ts';

/** One operation of CloudFormation, from its start to its end. */
export const stackMs = 2 * 60_000;

export interface SettledClusterInput {
  cluster: Cluster;
  /** What it runs; undefined = nothing is known of it. */
  rendered: RenderedCluster | undefined;
  /** Identity pinned at first contact, where a daemon has recorded one. */
  kubeSystemUid: string;
  nodesOf: (pool: string) => number;
  now: () => number;
  /** Why it does not answer at the moment. */
  unreachable: () => string | undefined;
}

interface LiveStack {
  template: string;
  view: StackView;
  busyUntil: number;
  settlesAs: string;
  changeSets: Map<string, { input: StackInput; view: ChangeSetView }>;
}

/** Any output has a value: what it is does not matter to a model. */
const anyOutput: Record<string, string> = new Proxy<Record<string, string>>(
  {},
  { get: (_, name) => (typeof name === 'string' ? `output-${name}` : undefined) },
);

export class SettledCluster {
  readonly #input: SettledClusterInput;
  readonly #stacks = new Map<string, LiveStack>();
  /** By pool: nodes that are of an older template than the group has. */
  readonly #outdated = new Map<string, number>();
  readonly #objects = new Map<string, KubeObject>();
  readonly #gone = new Set<string>();
  #serves: string;
  #seeded = false;

  constructor(input: SettledClusterInput) {
    this.#input = input;
    this.#serves = input.rendered?.kubernetesVersion ?? 'v1.30.0';
    for (const stack of input.rendered?.stacks ?? []) this.#settle(stack);
  }

  /** The update that the pool's new template asks for has been rolled out. */
  rolled(pool: string): void {
    this.#outdated.delete(pool);
  }

  /** Its nodes are of an older template from now on. */
  outdates(pool: string): void {
    this.#outdated.set(pool, this.#input.nodesOf(pool));
  }

  outdatedIn(pool: string): number {
    return this.#outdated.get(pool) ?? 0;
  }

  /** An update to this version was recorded. */
  runs(rendered: RenderedCluster): void {
    this.#serves = rendered.kubernetesVersion ?? this.#serves;
  }

  session(): ClusterSession {
    const { cluster } = this.#input;
    const session: Partial<ClusterSession> = {
      clusterId: cluster.id,
      kube: this.#kube(),
      cloud: this.#cloud(),
      groups: async () => {
        this.#call();
        return this.#groups();
      },
      view: async () => ({ nodes: [] }) as unknown as Awaited<ReturnType<ClusterSession['view']>>,
      cloudChanged: () => {},
      onChange: () => {},
      offChange: () => {},
      exclusive: (work) => work(),
    };
    return session as ClusterSession;
  }

  #call(): void {
    const why = this.#input.unreachable();
    if (why !== undefined) throw new FailureError(transient('kube-unreachable', why));
  }

  #settle(stack: Pick<RenderedStack, 'name' | 'template' | 'parameters' | 'tags'>): void {
    const view: StackView = {
      name: stack.name,
      id: stack.name,
      status: 'UPDATE_COMPLETE',
      outputs: anyOutput,
      tags: stack.tags,
      parameters: stack.parameters,
      terminationProtection: true,
    };
    this.#stacks.set(stack.name, {
      // made when it is first compared
      get template() {
        return stack.template;
      },
      view,
      busyUntil: 0,
      settlesAs: 'UPDATE_COMPLETE',
      changeSets: new Map(),
    });
  }

  #begin(input: StackInput, verb: 'CREATE' | 'UPDATE' | 'DELETE', changeSet?: string): void {
    this.#settle(input);
    const stack = this.#stacks.get(input.name) as LiveStack;
    stack.view.status = `${verb}_IN_PROGRESS`;
    stack.settlesAs = `${verb}_COMPLETE`;
    stack.busyUntil = this.#input.now() + stackMs;
    if (changeSet !== undefined) stack.view.changeSetId = `arn:aws:cloudformation:::changeSet/${changeSet}/1`;
  }

  #stackNow(name: string): LiveStack | undefined {
    this.#call();
    const stack = this.#stacks.get(name);
    if (stack === undefined || this.#input.now() < stack.busyUntil) return stack;
    stack.view.status = stack.settlesAs;
    if (stack.settlesAs !== 'DELETE_COMPLETE') return stack;
    this.#stacks.delete(name);
    return undefined;
  }

  #groups(): NodeGroup[] {
    return (this.#input.rendered?.pools ?? []).map(({ name }) => {
      const nodes = this.#input.nodesOf(name);
      const outdated = this.outdatedIn(name);
      return {
        name: `${this.#input.cluster.localId}-${name}`,
        desired: nodes,
        min: nodes,
        max: nodes + 1,
        zones: ['a'],
        subnets: [],
        launchTemplate: { id: name, name, version: '2' },
        newInstancesProtected: false,
        suspendedProcesses: [],
        classicLoadBalancers: [],
        targetGroups: [],
        tags: { NodePool: name, [`kubernetes.io/cluster/${this.#input.cluster.id}`]: 'owned' },
        instances: Array.from({ length: nodes }, (_, i) => ({
          id: `i-${name}-${i}`,
          zone: 'a',
          instanceType: 'model',
          lifecycleState: 'InService',
          health: 'Healthy' as const,
          protectedFromScaleIn: false,
          launchTemplate: { id: name, version: i < outdated ? '1' : '2' },
        })),
      };
    });
  }

  #cloud(): CloudProvider {
    const { cluster } = this.#input;
    const cloud: Partial<CloudProvider> = {
      callerIdentity: async () => {
        this.#call();
        const account = accountNumber(cluster.infrastructureAccount);
        return { account, region: cluster.region, arn: 'arn:aws:iam::model' };
      },
      credentialsExpireAt: async () => undefined,
      describeStack: async (name) => {
        const stack = this.#stackNow(name);
        return stack === undefined ? undefined : { ...stack.view };
      },
      stackTemplate: async (name) => this.#stackNow(name)?.template ?? '',
      stackEvents: async () => [],
      stackPolicy: async () => undefined,
      setStackPolicy: async () => undefined,
      setTerminationProtection: async () => undefined,
      storeText: async () => 'stored',
      storeArchive: async () => 'stored',
      createStack: async (input) => this.#begin(input, 'CREATE'),
      createChangeSet: async (input) => {
        const stack = this.#stackNow(input.name);
        stack?.changeSets.set(input.changeSet, { input, view: { status: 'ready', changes: [] } });
      },
      describeChangeSet: async (name, changeSet) => this.#stackNow(name)?.changeSets.get(changeSet)?.view,
      executeChangeSet: async (name, changeSet) => {
        const found = this.#stackNow(name)?.changeSets.get(changeSet);
        if (found === undefined) return 'refused';
        this.#begin(found.input, 'UPDATE', changeSet);
        return 'started';
      },
      deleteChangeSet: async (name, changeSet) => void this.#stacks.get(name)?.changeSets.delete(changeSet),
      deleteStack: async (name) => {
        const stack = this.#stackNow(name);
        if (stack !== undefined) this.#begin({ ...stack.view, template: '', token: '' }, 'DELETE');
      },
      listStacks: async (tag) =>
        [...this.#stacks.keys()].flatMap((name) => {
          const view = this.#stackNow(name)?.view;
          return view !== undefined && view.tags[tag.key] === tag.value ? [view] : [];
        }),
      ownedResources: async () => [],
      describeGroups: async () => this.#groups(),
    };
    return cloud as CloudProvider;
  }

  /** Everything that its recorded version renders is there, and ready. Made at the first question for objects. */
  #seed(): void {
    if (this.#seeded) return;
    this.#seeded = true;
    for (const object of this.#input.rendered?.components.flatMap((component) => component.objects) ?? []) {
      const key = keyOf(object.kind, object.metadata.namespace, object.metadata.name);
      if (!this.#objects.has(key) && !this.#gone.has(key)) this.#objects.set(key, asReady(object));
    }
  }

  #kube(): KubeCluster {
    const kube: Partial<KubeCluster> = {
      raw: async (path) => {
        this.#call();
        return { status: 200, body: path === '/version' ? JSON.stringify({ gitVersion: this.#serves }) : '' };
      },
      resourceOf: async (apiVersion, kind) => resourceOf(apiVersion, kind),
      get: async (resource, namespace, name) => {
        this.#call();
        if (resource.kind === 'Namespace' && name === 'kube-system') {
          const metadata = { name, uid: this.#input.kubeSystemUid };
          return { apiVersion: 'v1', kind: 'Namespace', metadata, status: { phase: 'Active' } };
        }
        return this.#objects.get(keyOf(resource.kind, namespace, name));
      },
      list: async (resource, options) => {
        this.#call();
        this.#seed();
        const prefix =
          options?.namespace === undefined ? `${resource.kind}/` : `${resource.kind}/${options.namespace}/`;
        const chosen = options?.labelSelector !== undefined;
        const items = [...this.#objects].flatMap(([key, object]) => (key.startsWith(prefix) ? [object] : []));
        // what selectors of a configuration's deletions choose is gone in a cluster that is settled
        return { items: chosen ? [] : items, resourceVersion: '1' };
      },
      apply: async (resource, object) => this.#put(resource, object),
      create: async (resource, object) => this.#put(resource, object),
      patch: async (resource, namespace, name, patch) => this.#patched(keyOf(resource.kind, namespace, name), patch),
      delete: async (resource, namespace, name) => {
        this.#call();
        const key = keyOf(resource.kind, namespace, name);
        this.#gone.add(key);
        return this.#objects.delete(key);
      },
      close: () => {},
    };
    return kube as KubeCluster;
  }

  #put(resource: Resource, object: KubeObject): KubeObject {
    this.#call();
    const live = asReady(object);
    this.#objects.set(keyOf(resource.kind, object.metadata.namespace, object.metadata.name), live);
    return live;
  }

  /** Merges into `data`, which is all that steps patch. */
  #patched(key: string, { body }: Patch): KubeObject {
    this.#call();
    const before = this.#objects.get(key) as KubeObject & { data?: Record<string, string> };
    const data: Record<string, string> = { ...before.data };
    for (const [field, value] of Object.entries((body as { data: Record<string, string | null> }).data)) {
      if (value === null) delete data[field];
      else data[field] = value;
    }
    const after = { ...before, data };
    this.#objects.set(key, after);
    return after;
  }
}

function keyOf(kind: string, namespace: string | undefined, name: string): string {
  return `${kind}/${namespace ?? ''}/${name}`;
}

export function settledSessions(clusters: ReadonlyMap<string, SettledCluster>): ClusterSessions {
  return {
    sessionFor: async (clusterId) => {
      const cluster = clusters.get(clusterId);
      if (cluster === undefined) throw new Error(`the model has no cluster ${clusterId}`);
      return cluster.session();
    },
    release: () => {},
    close: async () => {},
  };
}
