/** What a finished run leaves behind, without ids and times: two runs to the same version must leave the same (P11). */
import { createHash } from 'node:crypto';
import type { World } from '../../../src/simulator/model/world.ts';

type Plain = Record<string, unknown>;

/** Labels that name a node or the place where it happens to be. */
const placeLabels = new Set([
  'kubernetes.io/hostname',
  'topology.kubernetes.io/zone',
  'node.kubernetes.io/instance-id',
]);
const workloadTables = ['deployments.apps', 'daemonsets.apps', 'statefulsets.apps'];

export interface WorldSnapshot {
  clusters: Record<string, Plain>;
  /** By branch; commits appear under the names given. */
  heads: Record<string, string>;
}

/** `names` replaces commits, which differ from run to run, by what they stand for. */
export function snapshotOf(world: World, heads: Record<string, string>, names: Record<string, string>): WorldSnapshot {
  const clusters = Object.fromEntries(world.clusters().map((id) => [id, clusterSnapshot(world, id)]));
  let text = JSON.stringify({ clusters, heads });
  for (const [commit, name] of Object.entries(names)) {
    text = text.replaceAll(commit, name).replaceAll(commit.slice(0, 12), name);
  }
  return JSON.parse(text) as WorldSnapshot;
}

function clusterSnapshot(world: World, id: string): Plain {
  const cloud = world.aws.truth();
  const kube = world.kube(id).truth();
  const images = new Map(cloud.instances(id).map((instance) => [instance.id, instance.imageId]));
  return {
    groups: sorted(cloud.groups(id), (group) => group.name).map((group) => ({
      name: group.name,
      min: group.min,
      max: group.max,
      desired: group.desired,
      suspended: [...group.suspended].sort(),
      protectsNew: group.newInstancesProtected,
      tags: Object.fromEntries(Object.entries(group.tags).sort()),
      members: counted(
        group.members.map((member) => [
          member.state,
          member.outdated,
          member.protectedFromScaleIn,
          images.get(member.instanceId),
        ]),
      ),
    })),
    stacks: sorted(cloud.stacks(id), (stack) => stack.name).map((stack) => ({
      name: stack.name,
      status: stack.status,
      parameters: stack.parameters,
      tags: stack.tags,
      template: createHash('sha256').update(stack.template).digest('hex'),
    })),
    nodes: counted(
      [...kube.nodes.values()].map((node) => ({
        labels: Object.fromEntries(
          Object.entries(node.metadata.labels ?? {})
            .filter(([key]) => !placeLabels.has(key))
            .sort(),
        ),
        taints: (node.spec.taints ?? []).map((taint) => `${taint.key}=${taint.value ?? ''}:${taint.effect}`).sort(),
        unschedulable: node.spec.unschedulable === true,
        annotations: Object.keys(node.metadata.annotations ?? {}).sort(),
      })),
    ),
    namespaces: [...kube.objects('namespaces').keys()].sort(),
    budgets: [...kube.budgets.keys()].sort(),
    workloads: workloadTables.flatMap((table) =>
      [...kube.objects(table)]
        .sort()
        .map(([name, object]) => [table, name, workloadSnapshot(object as unknown as Plain)]),
    ),
  };
}

interface Workload {
  spec?: { replicas?: number; template?: { spec?: { containers?: { image?: string }[] } } };
  status?: { readyReplicas?: number; numberReady?: number; updatedReplicas?: number };
}

function workloadSnapshot(object: Plain): Plain {
  const { spec, status } = object as Workload;
  return {
    replicas: spec?.replicas,
    ready: status?.readyReplicas ?? status?.numberReady,
    images: spec?.template?.spec?.containers?.map((container) => container.image),
  };
}

function sorted<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...items].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** A multiset: how often each value occurs. */
function counted(values: unknown[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of values.map((value) => JSON.stringify(value)).sort()) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}
