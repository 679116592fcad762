/** What has to hold before a cluster is taken away (B10), and in which order it goes. Pure. */
import { type Cluster, isControlPlane } from '../../domain/cluster.ts';
import { identityOfObject, type KubeObject } from '../../domain/kube-object.ts';
import type { NodeGroup, StackView } from '../../ports/cloud-provider.ts';
import { parseDuration } from '../../support/duration.ts';
import { describeEntry, type Inventory, identityOf } from '../pipeline/inventory.ts';
import type { Override } from '../pipeline/overrides.ts';

export const confirmationKind = 'decommission';
export const coolOffItem = 'decommission_cool_off';
const minuteMs = 60_000;

/** From the moment at which clm sees the wish until anything goes: time to think again. */
export function coolOffMs({ environment, configItems }: Pick<Cluster, 'environment' | 'configItems'>): number {
  const written = configItems[coolOffItem];
  const own = written === undefined ? undefined : parseDuration(written);
  return own ?? (environment === 'production' ? 60 : 10) * minuteMs;
}

/** The second confirmation of somebody, as long as it holds. */
export function confirmationOf(overrides: readonly Override[], clusterId: string, now: number): Override | undefined {
  return overrides.find(
    (one) =>
      one.kind === confirmationKind &&
      one.scope === `cluster:${clusterId}` &&
      (one.expiresAt === null || one.expiresAt > now),
  );
}

/** Somebody says that nothing of the cluster answers any more, and never will. */
export const withoutApiKind = 'without-api';

/** That word, as long as it holds. */
export function saidWithoutApi(overrides: readonly Override[], clusterId: string, now: number): Override | undefined {
  return overrides.find(
    (one) =>
      one.kind === withoutApiKind &&
      one.scope === `cluster:${clusterId}` &&
      (one.expiresAt === null || one.expiresAt > now),
  );
}

/** Instances of each pool of workers that are not on their way out. */
export function workerPools(
  groups: readonly Pick<NodeGroup, 'tags' | 'instances'>[],
  cluster: Pick<Cluster, 'nodePools'>,
): Record<string, string[]> {
  const pools: Record<string, string[]> = {};
  for (const { tags, instances } of groups) {
    const pool = tags['NodePool'];
    if (pool === undefined) continue;
    const profile = cluster.nodePools.find((one) => one.name === pool)?.profile ?? pool;
    if (isControlPlane({ profile })) continue;
    const live = instances.filter((one) => !one.lifecycleState.startsWith('Terminat')).map((one) => one.id);
    pools[pool] = [...(pools[pool] ?? []), ...live];
  }
  return pools;
}

/** `3 nodes of workers (i-1, i-2, i-3)` */
export function undrained(pools: Readonly<Record<string, readonly string[]>>): string {
  const some = Object.entries(pools).filter(([, ids]) => ids.length > 0);
  if (some.length === 0) return 'no node';
  return some
    .map(
      ([pool, ids]) => `${ids.length} nodes of ${pool} (${ids.slice(0, 10).join(', ')}${ids.length > 10 ? ', …' : ''})`,
    )
    .join(', ');
}

export interface LiveObjects {
  /** Of every kind that runs pods; their own owners are looked at. */
  workloads: readonly KubeObject[];
  pods: readonly KubeObject[];
  volumes: readonly KubeObject[];
}

const workloadKinds = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob']);

/** What clm has put there: by its inventory, and by what the recorded version renders to (an adopted cluster has no inventory yet). */
export function ownObjects(inventory: Inventory, rendered: readonly KubeObject[]): Set<string> {
  return new Set([...[...inventory.values()].flat().map(identityOf), ...rendered.map(identityOfObject)]);
}

/** Workloads and volumes that clm has not put there: `Deployment shop/web`, `volume of shop/data-0`. */
export function foreignObjects(own: ReadonlySet<string>, live: LiveObjects): string[] {
  const foreign = new Set<string>();
  for (const object of live.workloads) {
    const owner = controllerOf(object);
    // what another listed workload owns is judged with that one
    if (owner !== undefined && workloadKinds.has(owner.kind)) continue;
    if (!isOwn(own, object, owner)) foreign.add(describeObject(object));
  }
  for (const pod of live.pods) {
    const owner = controllerOf(pod);
    const isMirror = pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
    if (isMirror || owner?.kind === 'Node' || (owner !== undefined && workloadKinds.has(owner.kind))) continue;
    if (!isFinished(pod) && !isOwn(own, pod, owner)) foreign.add(describeObject(pod));
  }
  for (const volume of live.volumes) {
    const claim = (volume['spec'] as { claimRef?: { namespace?: string; name?: string } } | undefined)?.claimRef;
    const phase = (volume['status'] as { phase?: string } | undefined)?.phase;
    if (phase !== 'Bound' || claim?.name === undefined) continue;
    const identity = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: claim.namespace, name: claim.name };
    if (!own.has(identityOf(identity))) foreign.add(`volume of ${claim.namespace ?? ''}/${claim.name}`);
  }
  return [...foreign].sort();
}

interface Controller {
  apiVersion: string;
  kind: string;
  name: string;
}

function controllerOf(object: KubeObject): Controller | undefined {
  const owners = (object.metadata.ownerReferences ?? []) as (Controller & { controller?: boolean })[];
  return owners.find((owner) => owner.controller === true) ?? owners[0];
}

function isOwn(own: ReadonlySet<string>, object: KubeObject, owner: Controller | undefined): boolean {
  if (own.has(identityOfObject(object))) return true;
  if (owner === undefined) return false;
  const { namespace } = object.metadata;
  return own.has(identityOf({ ...owner, namespace })) || own.has(identityOf({ ...owner, namespace: '' }));
}

export function describeObject(object: KubeObject): string {
  const { kind, metadata } = object;
  return describeEntry({ apiVersion: object.apiVersion, kind, namespace: metadata.namespace, name: metadata.name });
}

function isFinished(pod: KubeObject): boolean {
  const phase = (pod['status'] as { phase?: string } | undefined)?.phase;
  return phase === 'Succeeded' || phase === 'Failed';
}

/** Pods that have to end before their nodes do: neither a DaemonSet's nor a node's own. */
export function podsLeft(pods: readonly KubeObject[]): string[] {
  return pods
    .filter((pod) => {
      const owner = controllerOf(pod)?.kind;
      const isMirror = pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
      return !isMirror && owner !== 'DaemonSet' && owner !== 'Node' && !isFinished(pod);
    })
    .map(describeObject)
    .sort();
}

/**
 * Stacks that are to go now: pools of workers before the control plane, those before what they were built on, etcd last. A stack that
 * exports what others import would refuse.
 */
export function nextStacks<Stack extends Pick<StackView, 'name' | 'tags'>>(
  stacks: readonly Stack[],
  cluster: Pick<Cluster, 'localId' | 'nodePools'>,
): Stack[] {
  const ranked = stacks.map((stack) => ({ stack, rank: rankOf(stack, cluster) }));
  const first = Math.min(...ranked.map((one) => one.rank));
  return ranked.filter((one) => one.rank === first).map((one) => one.stack);
}

function rankOf({ name, tags }: Pick<StackView, 'name' | 'tags'>, cluster: Pick<Cluster, 'localId' | 'nodePools'>) {
  if (name === cluster.localId) return 3;
  if (/(^|-)etcd(-|$)/.test(name)) return 4;
  const pool = tags['NodePool'] ?? /^nodepool-(.+?)-aws-/.exec(name)?.[1];
  if (pool === undefined) return 2;
  const profile = cluster.nodePools.find((one) => one.name === pool)?.profile ?? pool;
  return isControlPlane({ profile }) ? 1 : 0;
}
