import type { ClusterCore } from '../cluster-core.ts';
import { requestDeletion } from '../deletion.ts';
import {
  conditionOf,
  type Deployment,
  isTerminating,
  type PodTemplate,
  type ReplicaSet,
  withCondition,
} from '../kinds.ts';
import { controllerOf, keyOf, sameJson, stamp } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import { scaledValue } from '../quantity.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { seededLag, WorkQueue } from '../work-queue.ts';
import { ownerReference, templateHash, type WorkloadPods } from './workload-pods.ts';

const revisionKey = 'deployment.kubernetes.io/revision';

/** How many pods a rolling update may have too many, and too few. */
export function rollingLimits(deployment: Deployment): { maxSurge: number; maxUnavailable: number } {
  const { replicas, strategy } = deployment.spec;
  if (strategy.type !== 'RollingUpdate') return { maxSurge: 0, maxUnavailable: replicas };
  const maxSurge = scaledValue(strategy.rollingUpdate?.maxSurge ?? '25%', replicas, 'up') ?? 0;
  const maxUnavailable = scaledValue(strategy.rollingUpdate?.maxUnavailable ?? '25%', replicas, 'down') ?? 0;
  // Neither may be zero together, or nothing could ever move.
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : Math.min(maxUnavailable, replicas) };
}

const notCarried = ['kubectl.kubernetes.io/last-applied-configuration', revisionKey];

/** What a Deployment's ReplicaSet says too: its annotations, such as the cause of a change. */
function carriedAnnotations(deployment: Deployment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(deployment.metadata.annotations ?? {}).filter(
      ([name]) => !notCarried.includes(name) && !name.startsWith('deployment.kubernetes.io/'),
    ),
  );
}

const desiredKey = 'deployment.kubernetes.io/desired-replicas';
const mostKey = 'deployment.kubernetes.io/max-replicas';

/** What each ReplicaSet remembers of the deployment's size, so that a change of it is seen. */
function sizeAnnotations(deployment: Deployment): Record<string, string> {
  const { replicas } = deployment.spec;
  return { [desiredKey]: String(replicas), [mostKey]: String(replicas + rollingLimits(deployment).maxSurge) };
}

function isScaling(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  const wanted = String(deployment.spec.replicas);
  return sets.some((set) => set.spec.replicas > 0 && (set.metadata.annotations?.[desiredKey] ?? wanted) !== wanted);
}

/** Each set's share of the new size; what rounding leaves over goes to the largest. */
export function proportionalSizes(deployment: Deployment, active: readonly ReplicaSet[]): Map<ReplicaSet, number> {
  const { replicas } = deployment.spec;
  const most = replicas === 0 ? 0 : replicas + rollingLimits(deployment).maxSurge;
  const change = most - active.reduce((sum, set) => sum + set.spec.replicas, 0);
  const sorted = [...active].sort(
    (a, b) =>
      b.spec.replicas - a.spec.replicas ||
      (change > 0 ? 1 : -1) * (Date.parse(b.metadata.creationTimestamp) - Date.parse(a.metadata.creationTimestamp)),
  );
  const sizes = new Map<ReplicaSet, number>();
  let given = 0;
  for (const set of sorted) {
    const before = Number(set.metadata.annotations?.[mostKey] ?? deployment.status.replicas ?? 0) || set.spec.replicas;
    const share = Math.round((set.spec.replicas * most) / before) - set.spec.replicas;
    const left = change - given;
    const part = change > 0 ? Math.max(0, Math.min(share, left)) : Math.min(0, Math.max(share, left));
    sizes.set(set, set.spec.replicas + part);
    given += part;
  }
  const largest = sorted[0];
  if (largest) sizes.set(largest, Math.max(0, (sizes.get(largest) ?? 0) + change - given));
  return sizes;
}

/** Moves each Deployment from its old ReplicaSets to the one of its present template. */
export class DeploymentController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #pods: WorkloadPods;
  readonly #definition: ResourceDefinition;
  readonly #sets: ResourceDefinition;
  readonly #queue: WorkQueue;

  constructor(core: ClusterCore, writer: ObjectWriter, pods: WorkloadPods) {
    this.#core = core;
    this.#writer = writer;
    this.#pods = pods;
    this.#definition = core.resources.find('apps', 'v1', 'deployments') as ResourceDefinition;
    this.#sets = core.resources.find('apps', 'v1', 'replicasets') as ResourceDefinition;
    const lag = seededLag(core, 'deployment', core.options.lagMs.controllers);
    this.#queue = new WorkQueue(core, 'deployment-controller', lag, (key) => this.#sync(key));
    core.store.onChange(this.#definition.key, (change) => {
      if (change.type !== 'DELETED') this.#queue.add(keyOf(change.object));
    });
    core.store.onChange(this.#sets.key, (change) => {
      const owner = controllerOf(change.object);
      if (owner?.kind === 'Deployment') this.#queue.add(`${change.object.metadata.namespace}/${owner.name}`);
    });
    core.store.onChange('pods', (change) => {
      // A recreating deployment waits for the last old pod to be gone.
      const set = change.type === 'DELETED' ? controllerOf(change.object) : undefined;
      if (set?.kind !== 'ReplicaSet') return;
      const owner = core.store.byUid(set.uid);
      const deployment = owner && controllerOf(owner);
      if (deployment) this.#queue.add(`${change.object.metadata.namespace}/${deployment.name}`);
    });
  }

  #sync(key: string): void {
    const deployment = this.#core.store.typed<Deployment>(this.#definition.key).byKey.get(key);
    if (!deployment) return;
    if (this.#core.faults.workloads === 'broken') {
      this.#queue.addAt(key, this.#core.clock.now() + 1_000);
      return;
    }
    let sets = this.#setsOf(deployment);
    if (!isTerminating(deployment)) {
      const hash = templateHash(deployment.spec.template);
      if (deployment.spec.paused || isScaling(deployment, sets)) this.#scaleInProportion(deployment, sets, hash);
      else if (deployment.spec.strategy.type === 'Recreate') this.#recreate(deployment, sets, hash);
      else this.#roll(deployment, sets, hash);
      sets = this.#setsOf(deployment);
      this.#forgetHistory(deployment, sets, hash);
    }
    this.#updateStatus(deployment.metadata.uid, this.#setsOf(deployment));
  }

  #setsOf(deployment: Deployment): ReplicaSet[] {
    const { uid } = deployment.metadata;
    return this.#core.store
      .dependents(uid)
      .filter((object): object is ReplicaSet => object.kind === 'ReplicaSet' && controllerOf(object)?.uid === uid);
  }

  #roll(deployment: Deployment, sets: ReplicaSet[], hash: string): void {
    const { maxSurge, maxUnavailable } = rollingLimits(deployment);
    const wanted = deployment.spec.replicas;
    const old = sets.filter((set) => !isCurrent(set, deployment, hash) && !isTerminating(set));
    const total = sets.reduce((sum, set) => sum + set.spec.replicas, 0);
    const current = this.#currentSet(deployment, sets, hash, Math.max(0, Math.min(wanted, wanted + maxSurge - total)));
    if (!current) return;
    if (current.spec.replicas > wanted) this.#scale(current, wanted);
    else if (current.spec.replicas < wanted) {
      const others = old.reduce((sum, set) => sum + set.spec.replicas, 0);
      const room = wanted + maxSurge - others - current.spec.replicas;
      if (room > 0) this.#scale(current, Math.min(wanted, current.spec.replicas + room));
    }
    this.#shrinkOld(deployment, this.#core.store.byUid(current.metadata.uid) as ReplicaSet, old, maxUnavailable);
  }

  #shrinkOld(deployment: Deployment, current: ReplicaSet, old: readonly ReplicaSet[], maxUnavailable: number): void {
    const all = [current, ...old];
    const minAvailable = deployment.spec.replicas - maxUnavailable;
    const notYet = current.spec.replicas - (current.status.availableReplicas ?? 0);
    let removable = all.reduce((sum, set) => sum + set.spec.replicas, 0) - minAvailable - notYet;
    if (removable <= 0) return;
    const sorted = [...old].sort(
      (a, b) => Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp),
    );
    // Pods that serve nobody go first, then as many of the others as availability allows.
    for (const set of sorted) {
      const sick = Math.max(0, set.spec.replicas - (set.status.availableReplicas ?? 0));
      const step = Math.min(removable, sick);
      if (step > 0) {
        this.#scale(set, set.spec.replicas - step);
        removable -= step;
      }
    }
    let spare = all.reduce((sum, set) => sum + (set.status.availableReplicas ?? 0), 0) - minAvailable;
    for (const set of sorted) {
      const fresh = this.#core.store.byUid(set.metadata.uid) as ReplicaSet;
      const step = Math.min(spare, fresh.spec.replicas);
      if (step <= 0) continue;
      this.#scale(fresh, fresh.spec.replicas - step);
      spare -= step;
    }
  }

  #recreate(deployment: Deployment, sets: ReplicaSet[], hash: string): void {
    const old = sets.filter((set) => !isCurrent(set, deployment, hash));
    for (const set of old) if (set.spec.replicas > 0) this.#scale(set, 0);
    if (old.some((set) => this.#pods.ownedBy(set).length > 0)) return;
    const current = this.#currentSet(deployment, sets, hash, deployment.spec.replicas);
    if (current) this.#scale(current, deployment.spec.replicas);
  }

  /**
   * The number of replicas changed: the sets share the change in proportion to their sizes, whatever a rolling update is about.
   */
  #scaleInProportion(deployment: Deployment, sets: readonly ReplicaSet[], hash: string): void {
    const active = sets.filter((set) => set.spec.replicas > 0 && !isTerminating(set));
    const newest = sets.find((set) => isCurrent(set, deployment, hash));
    const wanted = deployment.spec.replicas;
    if (active.length <= 1) {
      const only = active[0] ?? newest;
      if (only) this.#scale(only, wanted);
      return;
    }
    const sizes = proportionalSizes(deployment, active);
    for (const set of active) this.#scale(set, sizes.get(set) ?? set.spec.replicas);
  }

  #currentSet(
    deployment: Deployment,
    sets: readonly ReplicaSet[],
    hash: string,
    replicas: number,
  ): ReplicaSet | undefined {
    const found = sets.find((set) => isCurrent(set, deployment, hash));
    const highest = sets.reduce((most, set) => (set === found ? most : Math.max(most, revisionOf(set))), 0);
    const revision = String(Math.max(highest + 1, found ? revisionOf(found) : 1));
    this.#noteRevision(deployment, revision);
    if (found) {
      const annotations = { ...found.metadata.annotations, ...carriedAnnotations(deployment), [revisionKey]: revision };
      if (sameJson(found.metadata.annotations, annotations)) return found;
      return this.#writer.update(this.#sets, found, { ...found, metadata: { ...found.metadata, annotations } });
    }
    const { namespace, name } = deployment.metadata;
    const home = this.#core.store.table('namespaces').get(undefined, namespace as string);
    if (!home || isTerminating(home)) return undefined;
    const { template, selector } = deployment.spec;
    const label = { 'pod-template-hash': hash };
    const labelled: PodTemplate = {
      ...template,
      metadata: { ...template.metadata, labels: { ...template.metadata?.labels, ...label } },
    };
    const annotations = {
      ...carriedAnnotations(deployment),
      ...sizeAnnotations(deployment),
      [revisionKey]: revision,
    };
    const made = this.#writer.create<ReplicaSet>(this.#sets, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: this.#writer.newMetadata(`${name}-${hash}`, namespace, {
        generation: 1,
        labels: { ...template.metadata?.labels, ...label },
        annotations,
        ownerReferences: [ownerReference(deployment)],
      }),
      spec: {
        replicas,
        selector: { ...selector, matchLabels: { ...selector.matchLabels, ...label } },
        template: labelled,
        ...(deployment.spec.minReadySeconds ? { minReadySeconds: deployment.spec.minReadySeconds } : {}),
      },
      status: { replicas: 0 },
    });
    if (replicas > 0) this.#sayScaled(made, 0, replicas);
    return made;
  }

  #noteRevision(deployment: Deployment, revision: string): void {
    const now = this.#core.store.byUid(deployment.metadata.uid) as Deployment | undefined;
    if (!now || now.metadata.annotations?.[revisionKey] === revision) return;
    const annotations = { ...now.metadata.annotations, [revisionKey]: revision };
    this.#writer.update(this.#definition, now, { ...now, metadata: { ...now.metadata, annotations } });
  }

  #scale(set: ReplicaSet, replicas: number): void {
    const now = this.#core.store.byUid(set.metadata.uid) as ReplicaSet | undefined;
    const deployment = this.#core.store.byUid((now && controllerOf(now)?.uid) ?? '') as Deployment | undefined;
    if (!now || !deployment) return;
    const annotations = { ...now.metadata.annotations, ...sizeAnnotations(deployment) };
    if (now.spec.replicas === replicas && sameJson(annotations, now.metadata.annotations)) return;
    if (now.spec.replicas !== replicas) this.#sayScaled(now, now.spec.replicas, replicas);
    const metadata = { ...now.metadata, annotations };
    this.#writer.update(this.#sets, now, { ...now, metadata, spec: { ...now.spec, replicas } });
  }

  #sayScaled(set: ReplicaSet, from: number, to: number): void {
    const deployment = this.#core.store.byUid(controllerOf(set)?.uid ?? '');
    const message = `Scaled ${to > from ? 'up' : 'down'} replica set ${set.metadata.name} from ${from} to ${to}`;
    if (deployment)
      this.#core.events.record('deployment-controller', deployment, {
        type: 'Normal',
        reason: 'ScalingReplicaSet',
        message,
      });
  }

  #forgetHistory(deployment: Deployment, sets: readonly ReplicaSet[], hash: string): void {
    const kept = deployment.spec.revisionHistoryLimit ?? 10;
    const idle = sets.filter(
      (set) =>
        !isCurrent(set, deployment, hash) &&
        set.spec.replicas === 0 &&
        set.status.replicas === 0 &&
        !isTerminating(set),
    );
    idle.sort((a, b) => revisionOf(a) - revisionOf(b));
    for (const set of idle.slice(0, Math.max(0, idle.length - kept)))
      requestDeletion(this.#core, this.#writer, this.#sets, set, {});
  }

  #updateStatus(uid: string, sets: readonly ReplicaSet[]): void {
    const deployment = this.#core.store.byUid(uid) as Deployment | undefined;
    if (!deployment) return;
    const hash = templateHash(deployment.spec.template);
    const sum = (of: readonly ReplicaSet[], field: 'replicas' | 'readyReplicas' | 'availableReplicas'): number =>
      of.reduce((total, set) => total + (set.status[field] ?? 0), 0);
    const current = sets.filter((set) => isCurrent(set, deployment, hash));
    const replicas = sum(sets, 'replicas');
    const updated = sum(current, 'replicas');
    const ready = sum(sets, 'readyReplicas');
    const available = sum(sets, 'availableReplicas');
    const unavailable = Math.max(0, sets.reduce((total, set) => total + set.spec.replicas, 0) - available);
    const status: Deployment['status'] = {
      observedGeneration: deployment.metadata.generation ?? 1,
      ...(replicas > 0 ? { replicas } : {}),
      ...(updated > 0 ? { updatedReplicas: updated } : {}),
      ...(ready > 0 ? { readyReplicas: ready } : {}),
      ...(available > 0 ? { availableReplicas: available } : {}),
      ...(unavailable > 0 ? { unavailableReplicas: unavailable } : {}),
    };
    status.conditions = this.#conditions(deployment, status, current[0]);
    this.#writer.setStatus(this.#definition, deployment, status);
  }

  #conditions(
    deployment: Deployment,
    status: Deployment['status'],
    current: ReplicaSet | undefined,
  ): NonNullable<Deployment['status']['conditions']> {
    const now = stamp(this.#core.clock.now());
    const wanted = deployment.spec.replicas;
    const enough = (status.availableReplicas ?? 0) >= wanted - rollingLimits(deployment).maxUnavailable;
    const old = deployment.status.conditions;
    const before = conditionOf(old, 'Available');
    const available = enough
      ? {
          type: 'Available',
          status: 'True' as const,
          reason: 'MinimumReplicasAvailable',
          message: 'Deployment has minimum availability.',
        }
      : {
          type: 'Available',
          status: 'False' as const,
          reason: 'MinimumReplicasUnavailable',
          message: 'Deployment does not have minimum availability.',
        };
    const updateTime = before?.status === available.status ? (before.lastUpdateTime ?? now) : now;
    const failure = conditionOf(current?.status.conditions, 'ReplicaFailure');
    const others = old?.filter((each) => each.type !== 'ReplicaFailure');
    const kept = failure ? withCondition(old, failure, now) : others;
    const conditions = withCondition(kept, { ...available, lastUpdateTime: updateTime }, now);
    if (!current || deployment.spec.paused) return conditions;
    return withCondition(conditions, this.#progress(deployment, status, current, now), now);
  }

  #progress(deployment: Deployment, status: Deployment['status'], current: ReplicaSet, now: string) {
    const wanted = deployment.spec.replicas;
    const { name } = current.metadata;
    const before = conditionOf(deployment.status.conditions, 'Progressing');
    const complete =
      (status.updatedReplicas ?? 0) === wanted &&
      (status.replicas ?? 0) === wanted &&
      (status.availableReplicas ?? 0) === wanted;
    const base = { type: 'Progressing', status: 'True' as const };
    if (complete) {
      const done = {
        ...base,
        reason: 'NewReplicaSetAvailable',
        message: `ReplicaSet "${name}" has successfully progressed.`,
      };
      return { ...done, lastUpdateTime: before?.reason === done.reason ? (before.lastUpdateTime ?? now) : now };
    }
    const was = deployment.status;
    const moved =
      (status.updatedReplicas ?? 0) > (was.updatedReplicas ?? 0) ||
      (status.readyReplicas ?? 0) > (was.readyReplicas ?? 0) ||
      (status.availableReplicas ?? 0) > (was.availableReplicas ?? 0) ||
      (was.replicas ?? 0) - (was.updatedReplicas ?? 0) > (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
    const newlyChanged =
      was.observedGeneration !== status.observedGeneration || before?.reason === 'NewReplicaSetAvailable';
    const since = moved || newlyChanged || !before ? now : (before.lastUpdateTime ?? now);
    const deadline = Date.parse(since) + (deployment.spec.progressDeadlineSeconds ?? 600) * 1000;
    if (
      deadline <= this.#core.clock.now() ||
      (before?.reason === 'ProgressDeadlineExceeded' && !moved && !newlyChanged)
    ) {
      return {
        type: 'Progressing',
        status: 'False' as const,
        reason: 'ProgressDeadlineExceeded',
        message: `ReplicaSet "${name}" has timed out progressing.`,
        lastUpdateTime: since,
      };
    }
    this.#queue.addAt(keyOf(deployment), deadline + 1);
    return {
      ...base,
      reason: 'ReplicaSetUpdated',
      message: `ReplicaSet "${name}" is progressing.`,
      lastUpdateTime: since,
    };
  }
}

function isCurrent(set: ReplicaSet, deployment: Deployment, hash: string): boolean {
  return set.metadata.name === `${deployment.metadata.name}-${hash}`;
}

function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[revisionKey] ?? 0) || 0;
}
