/** What of a group is to be replaced, from a describe alone. */
import type { RollGroupMemory } from '../../domain/node-pool-roll.ts';
import type { NodeGroup } from '../../ports/cloud-provider.ts';
import { isOutdated } from './members.ts';

export function liveIn(group: NodeGroup): NodeGroup['instances'] {
  return group.instances.filter((one) => /^(Pending|InService)/.test(one.lifecycleState));
}

export function outdatedIn(group: NodeGroup): NodeGroup['instances'] {
  return liveIn(group).filter((one) => isOutdated(one, group));
}

/** What most of the outdated instances were launched from; null when there is none, or they do not say. */
export function templateOfOld(group: NodeGroup): RollGroupMemory['previous'] {
  const counts = new Map<string, { template: { id: string; version: string }; count: number }>();
  for (const { launchTemplate } of outdatedIn(group)) {
    if (!launchTemplate) continue;
    const key = `${launchTemplate.id}:${launchTemplate.version}`;
    const { id, version } = launchTemplate;
    counts.set(key, { template: { id, version }, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  const [first] = [...counts.values()].sort((a, b) => b.count - a.count);
  return first?.template ?? null;
}
