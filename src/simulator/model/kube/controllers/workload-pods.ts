import { mutated, validated } from '../admission-webhooks.ts';
import { ApiError } from '../api-error.ts';
import type { ClusterCore } from '../cluster-core.ts';
import { safeHash } from '../cluster-core.ts';
import { qosOf } from '../defaults.ts';
import { requestDeletion } from '../deletion.ts';
import {
  conditionOf,
  isPodFinished,
  isPodReady,
  isTerminating,
  type Pod,
  type PodSpec,
  type PodTemplate,
} from '../kinds.ts';
import { withLimitDefaults } from '../limit-range.ts';
import { canonicalJson, controllerOf, keyOf, type OwnerReference, type SimObject } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import { accountRefusal, podSpecOf } from '../pod-admission.ts';
import { podSecurityRefusal } from '../pod-security.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { quotaRefusal } from '../resource-quota.ts';
import type { WorkQueue } from '../work-queue.ts';

const hashes = new WeakMap<object, string>();

/** The hash that tells versions of a template apart. */
export function templateHash(template: PodTemplate): string {
  let hash = hashes.get(template);
  if (hash === undefined) {
    hash = safeHash(canonicalJson(template));
    hashes.set(template, hash);
  }
  return hash;
}

export function ownerReference(owner: SimObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true };
}

const classes = new WeakMap<PodSpec, string>();
/** How long a controller waits after a refusal. */
const retryMs = 15_000;

function qosOfSpec(spec: PodSpec): string {
  let found = classes.get(spec);
  if (found === undefined) {
    found = qosOf(spec);
    classes.set(spec, found);
  }
  return found;
}

export interface NewPod {
  name: string;
  owner: SimObject;
  template: PodTemplate;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  spec?: Partial<PodSpec>;
  finalizers?: string[];
  generateName?: string;
}

/** What the controllers of workloads share: their pods. */
export class WorkloadPods {
  readonly core: ClusterCore;
  readonly writer: ObjectWriter;
  readonly definition: ResourceDefinition;
  /** The queues of the controllers that own pods, by kind: an owner whose pod was refused is looked at again. */
  readonly queues = new Map<string, WorkQueue>();
  readonly #refusals = new Map<string, string>();

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.core = core;
    this.writer = writer;
    this.definition = core.resources.find('', 'v1', 'pods') as ResourceDefinition;
    // Retries of a real controller begin within milliseconds: whoever waits for an account has its pods soon after it is there.
    core.store.onChange('serviceaccounts', ({ object, type }) => {
      if (type !== 'ADDED') return;
      for (const uid of this.#refusals.keys()) {
        const owner = core.store.byUid(uid);
        if (owner?.metadata.namespace === object.metadata.namespace)
          this.queues.get(owner?.kind ?? '')?.add(keyOf(owner as SimObject));
      }
    });
  }

  /** Pods whose controller is this object, in the order of creation. */
  ownedBy(owner: SimObject): Pod[] {
    const pods: Pod[] = [];
    for (const object of this.core.store.dependents(owner.metadata.uid)) {
      if (object.kind === 'Pod' && controllerOf(object)?.uid === owner.metadata.uid) pods.push(object as Pod);
    }
    return pods;
  }

  /** A name that no pod of the namespace has. */
  freshName(namespace: string, prefix: string): string {
    const base = prefix.slice(0, 58);
    let name = `${base}${this.core.nameSuffix()}`;
    while (this.core.store.pods.get(namespace, name)) name = `${base}${this.core.nameSuffix()}`;
    return name;
  }

  /** Creates a pod from a template; undefined when its namespace is going away. */
  create(pod: NewPod): Pod | undefined {
    const namespace = pod.owner.metadata.namespace as string;
    const home = this.core.store.table('namespaces').get(undefined, namespace);
    if (!home || isTerminating(home)) return undefined;
    const { metadata } = pod.template;
    const labels = { ...metadata?.labels, ...pod.labels };
    const annotations = { ...metadata?.annotations, ...pod.annotations };
    const finalizers = [...(metadata?.finalizers ?? []), ...(pod.finalizers ?? [])];
    const shared = withLimitDefaults(this.core, namespace, podSpecOf(this.core, pod.template));
    const made: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: this.writer.newMetadata(pod.name, namespace, {
        ...(pod.generateName === undefined ? {} : { generateName: pod.generateName }),
        ...(Object.keys(labels).length > 0 ? { labels } : {}),
        ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
        ...(finalizers.length > 0 ? { finalizers } : {}),
        ownerReferences: [ownerReference(pod.owner)],
      }),
      spec: pod.spec ? { ...shared, ...pod.spec } : shared,
      status: { phase: 'Pending', qosClass: qosOfSpec(shared) },
    };
    const { core, definition } = this;
    const refusal =
      accountRefusal(core, definition, made) ?? quotaRefusal(core, definition, made) ?? this.#refused(made);
    if (refusal) {
      this.#say(pod.owner, 'Warning', 'FailedCreate', `Error creating: ${refusal.message}`);
      this.#refusals.set(pod.owner.metadata.uid, refusal.message);
      this.queues.get(pod.owner.kind)?.addAt(keyOf(pod.owner), this.core.clock.now() + retryMs);
      return undefined;
    }
    this.#refusals.delete(pod.owner.metadata.uid);
    this.#say(pod.owner, 'Normal', 'SuccessfulCreate', doneText('create', pod.owner, pod.name));
    return this.writer.create(this.definition, made);
  }

  /** Why the last pod of the owner was not let in; undefined when it was. */
  refusalOf(owner: SimObject): string | undefined {
    return this.#refusals.get(owner.metadata.uid);
  }

  /** Admission, which may change the pod. */
  #refused(pod: Pod): ApiError | undefined {
    const { core, definition } = this;
    try {
      const changed = mutated(core, { definition, object: pod, old: undefined, operation: 'CREATE' });
      if (changed !== pod) Object.assign(pod, changed);
      const refusal = podSecurityRefusal(core, definition, pod);
      if (!refusal) validated(core, { definition, object: pod, old: undefined, operation: 'CREATE' });
      return refusal;
    } catch (error) {
      if (error instanceof ApiError) return error;
      throw error;
    }
  }

  #say(owner: SimObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.core.events.record(`${owner.kind.toLowerCase()}-controller`, owner, { type, reason, message });
  }

  delete(pod: Pod): void {
    const owner = this.core.store.byUid(controllerOf(pod)?.uid ?? '');
    if (owner && !isTerminating(pod))
      this.#say(owner, 'Normal', 'SuccessfulDelete', doneText('delete', owner, pod.metadata.name));
    requestDeletion(this.core, this.writer, this.definition, pod, { uid: pod.metadata.uid });
  }

  /** Ready for `minReadySeconds`; else when it will be, or undefined when it is not even ready. */
  availableAt(pod: Pod, minReadySeconds: number): number | undefined {
    if (!isPodReady(pod)) return undefined;
    const since = conditionOf(pod.status.conditions, 'Ready')?.lastTransitionTime;
    return (since ? Date.parse(since) : 0) + minReadySeconds * 1000;
  }

  isAvailable(pod: Pod, minReadySeconds: number): boolean {
    if (minReadySeconds === 0) return isPodReady(pod);
    const at = this.availableAt(pod, minReadySeconds);
    return at !== undefined && at <= this.core.clock.now();
  }
}

/** The event's words: stateful sets have their own. */
function doneText(what: 'create' | 'delete', { kind, metadata }: SimObject, pod: string): string {
  if (kind === 'StatefulSet') return `${what} Pod ${pod} in StatefulSet ${metadata.name} successful`;
  return `${what === 'create' ? 'Created' : 'Deleted'} pod: ${pod}`;
}

/** Neither finished nor going away. */
export function isActive(pod: Pod): boolean {
  return !isTerminating(pod) && !isPodFinished(pod);
}

/** Which pods go first when some must: those that serve least. */
export function byDispensability(pods: readonly Pod[], podsPerNode: (node: string) => number): Pod[] {
  const rank = (pod: Pod): number[] => [
    pod.spec.nodeName === undefined ? 0 : 1,
    pod.status.phase === 'Pending' ? 0 : pod.status.phase === 'Unknown' ? 1 : 2,
    isPodReady(pod) ? 1 : 0,
    Number(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0),
    -podsPerNode(pod.spec.nodeName ?? ''),
    -Date.parse(conditionOf(pod.status.conditions, 'Ready')?.lastTransitionTime ?? pod.metadata.creationTimestamp),
    -Date.parse(pod.metadata.creationTimestamp),
  ];
  return pods
    .map((pod, index) => ({ pod, index, rank: rank(pod) }))
    .sort((a, b) => {
      for (let i = 0; i < a.rank.length; i++) {
        const difference = (a.rank[i] as number) - (b.rank[i] as number);
        if (difference !== 0) return difference;
      }
      return b.index - a.index;
    })
    .map(({ pod }) => pod);
}
