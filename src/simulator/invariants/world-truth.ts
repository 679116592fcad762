/** The world's own state in the form that checkers read. */
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../model/kube/kinds.ts';
import { controllerOf } from '../model/kube/object.ts';
import { selectorMatcher } from '../model/kube/selectors.ts';
import type { KubeTruth } from '../model/kube/truth.ts';
import type { World } from '../model/world.ts';
import type { BudgetTruth, GroupTruth, NodeTruth, PodTruth, WorldTruth } from './truth.ts';

const zoneLabel = 'topology.kubernetes.io/zone';

/** Reads a world as it is at the moment of the call; nothing is kept. */
export function truthOf(world: World): WorldTruth {
  const cloud = world.aws.truth();
  const kube = (cluster: string): KubeTruth => world.kube(cluster).truth();
  return {
    clusters: () => world.clusters(),
    has: (cluster) => world.hasCluster(cluster),
    groups: (cluster) =>
      cloud.groups(cluster).map(
        (group): GroupTruth => ({
          name: group.name,
          min: group.min,
          max: group.max,
          desired: group.desired,
          suspendedProcesses: group.suspended,
          newInstancesProtected: group.newInstancesProtected,
          tags: group.tags,
          launchTemplateVersion: group.templateVersion,
          loadBalancers: [...group.classic, ...group.targetGroups],
          instances: group.members.map((member) => ({
            id: member.instanceId,
            lifecycleState: member.state,
            launchTemplateVersion: member.templateVersion,
            protectedFromScaleIn: member.protectedFromScaleIn,
          })),
        }),
      ),
    nodes: (cluster) => [...kube(cluster).nodes.values()].map(nodeTruth),
    workloadPodsOn: (cluster, node) => {
      const names: string[] = [];
      for (const [name, pod] of kube(cluster).podsOn(node)) if (isWorkload(pod)) names.push(name);
      return names;
    },
    pod: (cluster, name) => {
      const pod = kube(cluster).pods.get(name);
      return pod && podTruth(pod);
    },
    budgetsOf: (cluster, name) => budgetsOf(kube(cluster), name),
    volumeZones: (cluster, node) => volumeZones(kube(cluster), node),
    volumesLeft: (cluster, node) => volumesLeft(kube(cluster), node),
    etcdOf: (instanceId) => world.etcd.of(instanceId),
    registrations: (_cluster, instanceId) =>
      cloud.loadBalancers().flatMap(({ id, instances }) => {
        const state = instances[instanceId];
        return state === undefined
          ? []
          : [{ balancer: id, healthy: state === 'healthy', draining: state === 'draining' }];
      }),
  };
}

function nodeTruth(node: Node): NodeTruth {
  const labels = node.metadata.labels ?? {};
  const providerId = node.spec.providerID ?? '';
  return {
    name: node.metadata.name,
    instanceId: providerId.slice(providerId.lastIndexOf('/') + 1),
    ready: node.status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false,
    unschedulable: node.spec.unschedulable === true,
    controlPlane: labels['node.kubernetes.io/role'] === 'master',
    taints: (node.spec.taints ?? []).map((taint) => `${taint.key}:${taint.effect}`),
    labels,
    annotations: node.metadata.annotations ?? {},
  };
}

/** What a drain has to move: neither finished, nor mirrored, nor of a DaemonSet. */
function isWorkload(pod: Pod): boolean {
  const daemon = pod.metadata.ownerReferences?.some((owner) => owner.kind === 'DaemonSet') ?? false;
  const mirror = pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
  const finished = pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
  return !daemon && !mirror && !finished && pod.metadata.labels?.['cluster.x-k8s.io/drain'] !== 'skip';
}

function podTruth(pod: Pod): PodTruth {
  return {
    namespace: pod.metadata.namespace ?? '',
    name: pod.metadata.name,
    labels: pod.metadata.labels ?? {},
    annotations: pod.metadata.annotations ?? {},
    owner: controllerOf(pod)?.uid,
    node: pod.spec.nodeName,
    terminating: pod.metadata.deletionTimestamp !== undefined,
  };
}

function budgetsOf(kube: KubeTruth, name: string): BudgetTruth[] {
  const pod = kube.pods.get(name);
  if (!pod) return [];
  const found: BudgetTruth[] = [];
  for (const [key, budget] of kube.budgets) {
    if (budget.metadata.namespace !== pod.metadata.namespace) continue;
    const matches = selectorMatcher(budget.spec.selector);
    if (!matches(pod.metadata.labels)) continue;
    let healthy = 0;
    for (const other of kube.pods.values()) {
      if (other.metadata.namespace === pod.metadata.namespace && matches(other.metadata.labels)) {
        if (kube.trulyReady(other)) healthy += 1;
      }
    }
    const { desiredHealthy, expectedPods } = budget.status;
    found.push({ name: key, healthy, desiredHealthy, expectedPods });
  }
  return found;
}

function claimsOf(pod: Pod): string[] {
  const volumes = pod.spec.volumes ?? [];
  return volumes.flatMap((one) => (one.persistentVolumeClaim ? [one.persistentVolumeClaim.claimName] : []));
}

function volumeOf(kube: KubeTruth, namespace: string, claim: string): PersistentVolume | undefined {
  const claims = kube.objects('persistentvolumeclaims') as ReadonlyMap<string, PersistentVolumeClaim>;
  const name = claims.get(`${namespace}/${claim}`)?.spec.volumeName;
  return name === undefined ? undefined : (kube.objects('persistentvolumes').get(name) as PersistentVolume | undefined);
}

function volumeZones(kube: KubeTruth, node: string): string[][] {
  const zones: string[][] = [];
  for (const pod of kube.podsOn(node).values()) {
    if (!isWorkload(pod)) continue;
    for (const claim of claimsOf(pod)) {
      const terms = volumeOf(kube, pod.metadata.namespace ?? '', claim)?.spec.nodeAffinity?.required?.nodeSelectorTerms;
      const bound = terms?.flatMap((term) =>
        (term.matchExpressions ?? []).flatMap((one) => (one.key === zoneLabel ? (one.values ?? []) : [])),
      );
      if (bound && bound.length > 0) zones.push(bound);
    }
  }
  return zones;
}

function volumesLeft(kube: KubeTruth, node: string): number {
  const used = new Set<string>();
  for (const pod of kube.podsOn(node).values()) {
    for (const claim of claimsOf(pod)) {
      const volume = volumeOf(kube, pod.metadata.namespace ?? '', claim);
      if (volume) used.add(volume.metadata.name);
    }
  }
  let left = 0;
  for (const attachment of kube.objects('volumeattachments.storage.k8s.io').values()) {
    const spec = attachment['spec'] as { nodeName?: string; source?: { persistentVolumeName?: string } };
    if (spec.nodeName === node && !used.has(spec.source?.persistentVolumeName ?? '')) left += 1;
  }
  return left;
}
