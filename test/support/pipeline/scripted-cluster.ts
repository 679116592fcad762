/** Clusters in memory behind the session port: stacks that take a while, groups with outdated instances, objects. */
import { isDeepStrictEqual } from 'node:util';
import { FailureError, transient } from '../../../src/domain/failure.ts';
import type { KubeObject } from '../../../src/domain/kube-object.ts';
import type {
  ChangeSetView,
  CloudProvider,
  FileArchive,
  NodeGroup,
  OwnedResource,
  ResourceDrift,
  StackInput,
  StackProtection,
  StackView,
} from '../../../src/ports/cloud-provider.ts';
import type { ClusterSession, ClusterSessions } from '../../../src/ports/cluster-session.ts';
import type { KubeCluster, Patch, Resource } from '../../../src/ports/kube-cluster.ts';

interface LiveStack {
  view: StackView;
  template: string;
  /** Looks until it is at rest. */
  busyFor: number;
  settlesAs: string;
  changeSets: Map<string, { input: StackInput; view: ChangeSetView }>;
  policy?: string;
}

export class ScriptedCluster {
  readonly id: string;
  readonly stacks = new Map<string, LiveStack>();
  /** What somebody changed of a stack's resources by hand. */
  readonly drifts = new Map<string, ResourceDrift[]>();
  readonly objects = new Map<string, KubeObject>();
  /** Every mutation, as `verb what`. */
  readonly mutations: string[] = [];
  /** By pool: version that instances run, and that the group wants. */
  readonly pools = new Map<string, { running: string; wanted: string; nodes: number }>();
  account: string;
  region: string;
  kubeSystemUid: string;
  /** When the credentials in use end, epoch ms. */
  credentialsEnd: number | undefined;
  unreachable = false;
  ready = true;
  kubernetesVersion = 'v1.34.3';
  /** Next stack updates of this name roll back. */
  rollsBack = new Set<string>();
  calls = 0;
  /** Stacks that cannot be deleted. */
  readonly undeletable = new Set<string>();
  /** What carries the cluster's tag beside its stacks. */
  leftovers: OwnedResource[] = [];
  /** The stack that brings the API up: while it is not settled, nothing of the cluster answers. */
  bornBy: string | undefined;
  /** Looks that a stack operation takes. */
  stackLooks = 1;
  /** What a change set of this stack says it changes. */
  readonly changes = new Map<string, ChangeSetView['changes']>();
  /** Texts and archives by `bucket/key`. */
  readonly files = new Map<string, string>();

  constructor(id: string) {
    this.id = id;
    const [, account = '', region = ''] = id.split(':');
    this.account = account;
    this.region = region;
    this.kubeSystemUid = `uid-${id}`;
  }

  #needsApi(): void {
    if (this.bornBy === undefined) return;
    const status = this.stacks.get(this.bornBy)?.view.status ?? '';
    if (!/_COMPLETE$/.test(status)) throw new FailureError(transient('kube-unreachable', `${this.id} has no API`));
  }

  call(): void {
    this.calls += 1;
    if (this.unreachable) throw new FailureError(transient('kube-unreachable', `${this.id} does not answer`));
  }

  groups(): NodeGroup[] {
    return [...this.pools].map(([pool, { running, wanted, nodes }]) => ({
      name: `${this.id}-${pool}`,
      desired: nodes,
      min: nodes,
      max: nodes + 3,
      zones: ['a'],
      subnets: ['subnet-a'],
      launchTemplate: { id: `lt-${pool}`, name: pool, version: wanted },
      newInstancesProtected: false,
      suspendedProcesses: [],
      classicLoadBalancers: [],
      targetGroups: [],
      tags: { NodePool: pool, [`kubernetes.io/cluster/${this.id}`]: 'owned' },
      instances: Array.from({ length: nodes }, (_, i) => ({
        id: `i-${pool}-${i}`,
        zone: 'a',
        instanceType: 'm6g.large',
        lifecycleState: 'InService',
        health: 'Healthy' as const,
        protectedFromScaleIn: false,
        launchTemplate: { id: `lt-${pool}`, version: running },
      })),
    }));
  }

  /** What a finished roll leaves. */
  rolled(pool: string): void {
    const state = this.pools.get(pool);
    if (state === undefined || state.running === state.wanted) return;
    state.running = state.wanted;
    this.mutations.push(`roll ${pool}`);
  }

  /** What a removal leaves: no node. */
  drained(pool: string): void {
    const state = this.pools.get(pool);
    if (state === undefined) return;
    state.nodes = 0;
    this.mutations.push(`drain ${pool}`);
  }

  /** Puts a stack there as it would be after a clean update. */
  settle(input: Pick<StackInput, 'name' | 'template' | 'parameters' | 'tags'>): void {
    this.stacks.set(input.name, {
      template: input.template,
      busyFor: 0,
      settlesAs: 'UPDATE_COMPLETE',
      changeSets: new Map(),
      view: viewOf(input, 'UPDATE_COMPLETE'),
    });
  }

  #change(input: StackInput, verb: 'CREATE' | 'UPDATE'): void {
    const fails = this.rollsBack.has(input.name);
    const before = this.stacks.get(input.name);
    this.stacks.set(input.name, {
      template: fails && before ? before.template : input.template,
      busyFor: this.stackLooks,
      changeSets: new Map(),
      settlesAs: fails ? `${verb === 'CREATE' ? '' : 'UPDATE_'}ROLLBACK_COMPLETE` : `${verb}_COMPLETE`,
      view: viewOf(input, `${verb}_IN_PROGRESS`),
    });
    this.mutations.push(`${verb.toLowerCase()} stack ${input.name}`);
    if (fails) return;
    const pool = /^nodepool-(.+?)-aws-/.exec(input.name)?.[1];
    const state = pool === undefined ? undefined : this.pools.get(pool);
    if (state !== undefined) state.wanted = input.template;
    // a group that is new launches from the template that it was made with
    else if (pool !== undefined && verb === 'CREATE')
      this.pools.set(pool, { running: input.template, wanted: input.template, nodes: 3 });
  }

  #stack(name: string): LiveStack {
    const stack = this.stacks.get(name);
    if (stack === undefined) throw new Error(`no stack ${name}`);
    return stack;
  }

  #store(place: string, what: string): 'stored' | 'there' {
    this.call();
    if (this.files.has(place)) return 'there';
    this.files.set(place, what);
    this.mutations.push(`store ${place}`);
    return 'stored';
  }

  cloud(): CloudProvider {
    const answers = {
      callerIdentity: async () => {
        this.call();
        return { account: this.account, region: this.region, arn: 'arn:aws:iam::1:role/clm' };
      },
      credentialsExpireAt: async () => this.credentialsEnd,
      describeStack: async (name: string) => {
        this.call();
        const stack = this.stacks.get(name);
        if (stack === undefined) return undefined;
        if (stack.busyFor > 0) stack.busyFor -= 1;
        else stack.view.status = stack.settlesAs;
        return structuredClone(stack.view);
      },
      detectDrift: async (name: string) => (this.stacks.has(name) ? `detection-${name}` : undefined),
      stackDrift: async (name: string) => this.drifts.get(name) ?? [],
      stackTemplate: async (name: string) => this.stacks.get(name)?.template ?? '',
      stackEvents: async () => [
        {
          at: new Date(8e15).toISOString(),
          logicalId: 'Other',
          status: 'UPDATE_FAILED',
          reason: 'Resource update cancelled',
        },
        { at: new Date(8e15).toISOString(), logicalId: 'Role', status: 'UPDATE_FAILED', reason: 'name is taken' },
      ],
      createStack: async (input: StackInput & StackProtection) => {
        this.call();
        this.#change(input, 'CREATE');
        const stack = this.#stack(input.name);
        stack.view.terminationProtection = input.terminationProtection ?? false;
        if (input.policy !== undefined) stack.policy = input.policy;
      },
      createChangeSet: async (input: StackInput & { changeSet: string }) => {
        this.call();
        const stack = this.#stack(input.name);
        const status = stack.template === input.template ? 'unchanged' : 'ready';
        stack.changeSets.set(input.changeSet, { input, view: { status, changes: this.changes.get(input.name) ?? [] } });
      },
      describeChangeSet: async (name: string, changeSet: string) => {
        this.call();
        return structuredClone(this.#stack(name).changeSets.get(changeSet)?.view);
      },
      executeChangeSet: async (name: string, changeSet: string) => {
        this.call();
        const found = this.#stack(name).changeSets.get(changeSet);
        if (found?.view.status !== 'ready' || this.#stack(name).busyFor > 0) return 'refused';
        this.#change(found.input, 'UPDATE');
        this.#stack(name).view.changeSetId = `arn:aws:cloudformation:::changeSet/${changeSet}/1`;
        return 'started';
      },
      deleteChangeSet: async (name: string, changeSet: string) => {
        this.call();
        this.#stack(name).changeSets.delete(changeSet);
      },
      continueRollback: async (name: string) => {
        this.call();
        this.mutations.push(`continue rollback ${name}`);
        Object.assign(this.#stack(name), { busyFor: this.stackLooks, settlesAs: 'UPDATE_ROLLBACK_COMPLETE' });
        this.#stack(name).view.status = 'UPDATE_ROLLBACK_IN_PROGRESS';
      },
      setTerminationProtection: async (name: string, enabled: boolean) => {
        this.call();
        this.mutations.push(`${enabled ? 'protect' : 'unprotect'} stack ${name}`);
        this.#stack(name).view.terminationProtection = enabled;
      },
      stackPolicy: async (name: string) => this.#stack(name).policy,
      setStackPolicy: async (name: string, policy: string) => {
        this.call();
        this.mutations.push(`set policy of ${name}`);
        this.#stack(name).policy = policy;
      },
      storeText: async (bucket: string, key: string, text: string) => this.#store(`${bucket}/${key}`, text),
      storeArchive: async ({ bucket, key, files }: FileArchive) =>
        this.#store(`${bucket}/${key}`, files.map((file) => file.path).join()),
      deleteStack: async (name: string) => {
        this.call();
        this.mutations.push(`delete stack ${name}`);
        const stack = this.stacks.get(name);
        if (stack === undefined) return;
        // what is empty is gone at once
        if (stack.view.status === 'ROLLBACK_COMPLETE') this.stacks.delete(name);
        else {
          stack.view.status = stack.settlesAs = 'DELETE_IN_PROGRESS';
          stack.busyFor = this.stackLooks;
        }
      },
      listStacks: async (tag: { key: string; value: string }) => {
        this.call();
        for (const [name, stack] of this.stacks) {
          if (stack.view.status !== 'DELETE_IN_PROGRESS') continue;
          if (stack.busyFor > 0) stack.busyFor -= 1;
          else if (this.undeletable.has(name)) stack.view.status = stack.settlesAs = 'DELETE_FAILED';
          else this.stacks.delete(name);
        }
        const own = [...this.stacks.values()].filter((stack) => stack.view.tags[tag.key] === tag.value);
        return own.map((stack) => structuredClone(stack.view));
      },
      ownedResources: async () => {
        this.call();
        return this.leftovers;
      },
      describeGroups: async () => {
        this.call();
        return this.groups();
      },
    };
    return answers as unknown as CloudProvider;
  }

  kube(): KubeCluster {
    const key = (resource: Resource, namespace: string | undefined, name: string): string =>
      `${resource.kind}/${namespace ?? ''}/${name}`;
    const answers = {
      raw: async (path: string) => {
        this.call();
        if (path === '/version') return { status: 200, body: JSON.stringify({ gitVersion: this.kubernetesVersion }) };
        if (path === '/metrics') return { status: 200, body: '' };
        return { status: this.ready ? 200 : 500, body: 'ok' };
      },
      resourceOf: async (apiVersion: string, kind: string): Promise<Resource> => {
        const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
        const clusterWide = ['Namespace', 'CustomResourceDefinition', 'ClusterRole'].includes(kind);
        return {
          group: group as string,
          version: version as string,
          kind,
          resource: `${kind.toLowerCase()}s`,
          namespaced: !clusterWide,
        };
      },
      get: async (resource: Resource, namespace: string | undefined, name: string) => {
        this.call();
        if (resource.kind === 'Namespace' && name === 'kube-system') {
          return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, uid: this.kubeSystemUid } };
        }
        return structuredClone(this.objects.get(key(resource, namespace, name)));
      },
      list: async (resource: Resource, options?: { namespace?: string; labelSelector?: string }) => {
        this.call();
        const prefix = `${resource.kind}/${options?.namespace ?? ''}`;
        const items = [...this.objects]
          .filter(([id, object]) => id.startsWith(prefix) && hasLabels(object, options?.labelSelector))
          .map(([, object]) => structuredClone(object));
        return { items, resourceVersion: '1' };
      },
      apply: async (resource: Resource, object: KubeObject) => {
        this.call();
        const before = this.objects.get(key(resource, object.metadata.namespace, object.metadata.name));
        const changed = before?.metadata.generation !== undefined && !isDeepStrictEqual(before['spec'], object['spec']);
        const generation = (before?.metadata.generation ?? 1) + (changed ? 1 : 0);
        const live: KubeObject = {
          ...structuredClone(object),
          metadata: { ...object.metadata, uid: 'u', generation },
        };
        if (resource.kind === 'Deployment') {
          live['status'] = {
            observedGeneration: generation,
            replicas: 1,
            updatedReplicas: 1,
            availableReplicas: 1,
            readyReplicas: 1,
          };
        }
        this.objects.set(key(resource, object.metadata.namespace, object.metadata.name), live);
        this.mutations.push(`apply ${resource.kind} ${object.metadata.name}`);
        return live;
      },
      create: async (resource: Resource, object: KubeObject) => {
        this.call();
        const { name, namespace } = object.metadata;
        this.objects.set(key(resource, namespace, name), {
          ...structuredClone(object),
          metadata: { ...object.metadata, uid: 'u' },
        });
        return object;
      },
      /** Merges into `data`, which is all that is ever patched here. */
      patch: async (resource: Resource, namespace: string | undefined, name: string, { body }: Patch) => {
        this.call();
        const object = this.objects.get(key(resource, namespace, name)) as KubeObject & {
          data: Record<string, string>;
        };
        for (const [field, value] of Object.entries((body as { data: Record<string, string | null> }).data)) {
          if (value === null) delete object.data[field];
          else object.data[field] = value;
        }
        return object;
      },
      delete: async (resource: Resource, namespace: string | undefined, name: string) => {
        this.call();
        this.mutations.push(`delete ${resource.kind} ${name}`);
        return this.objects.delete(key(resource, namespace, name));
      },
      close: () => {},
    };
    return new Proxy(answers as unknown as KubeCluster, {
      get: (target, method: keyof KubeCluster) => {
        const call = target[method] as (...args: unknown[]) => unknown;
        if (method === 'resourceOf' || method === 'close') return call;
        return async (...args: unknown[]) => {
          this.#needsApi();
          return call(...args);
        };
      },
    });
  }
}

/** Equality only: `a=b,c=d`. */
function hasLabels(object: KubeObject, selector: string | undefined): boolean {
  const pairs = (selector ?? '').split(',').filter((pair) => pair !== '');
  return pairs.every((pair) => {
    const [key = '', value] = pair.split('=');
    return object.metadata.labels?.[key] === value;
  });
}

function viewOf(input: Pick<StackInput, 'name' | 'parameters' | 'tags'>, status: string): StackView {
  const { name, tags, parameters } = input;
  return { name, id: name, status, outputs: {}, tags, parameters, terminationProtection: true };
}

/** Sessions over scripted clusters; closes nothing, because nothing is open. */
export function scriptedSessions(clusters: ReadonlyMap<string, ScriptedCluster>): ClusterSessions {
  return {
    sessionFor: async (clusterId) => {
      const cluster = clusters.get(clusterId);
      if (cluster === undefined) throw new Error(`no cluster ${clusterId}`);
      const session = {
        clusterId,
        kube: cluster.kube(),
        cloud: cluster.cloud(),
        groups: async () => {
          cluster.call();
          return cluster.groups();
        },
        view: async () => ({ nodes: [] }),
        cloudChanged: () => {},
        onChange: () => {},
        offChange: () => {},
      };
      return session as unknown as ClusterSession;
    },
    release: () => {},
    close: async () => {},
  };
}
