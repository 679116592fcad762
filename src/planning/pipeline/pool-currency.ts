/** Which instances of a node group were launched from another template than the group has now. */
import type { NodeGroup } from '../../ports/cloud-provider.ts';

/** Ids of outdated instances; those on their way out do not count. */
export function outdatedInstances(group: NodeGroup): string[] {
  return group.instances
    .filter((instance) => !instance.lifecycleState.startsWith('Terminat'))
    .filter(
      (instance) =>
        group.instanceTypes?.includes(instance.instanceType) === false ||
        instance.launchTemplate === undefined ||
        instance.launchTemplate.id !== group.launchTemplate.id ||
        instance.launchTemplate.version !== group.launchTemplate.version,
    )
    .map((instance) => instance.id);
}

export const clusterTag = (clusterId: string): Record<string, string> => ({
  [`kubernetes.io/cluster/${clusterId}`]: 'owned',
});

/** Groups of a pool by its tag. */
export function groupsOfPool(groups: readonly NodeGroup[], pool: string): NodeGroup[] {
  return groups.filter((group) => group.tags['NodePool'] === pool);
}

/** `$Latest` and `$Default` say nothing that instances could be compared with. */
export function isComparable(group: NodeGroup): boolean {
  return !group.launchTemplate.version.startsWith('$');
}
