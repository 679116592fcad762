import type { SimInstance } from '../../seams.ts';
import type { ClusterCore } from '../cluster-core.ts';
import type { ProcessState } from '../container-process.ts';
import { type MachineState, type NodeManager, nodeNameOf } from '../node-manager.ts';
import type { SimObject } from '../object.ts';
import { type ClusterTemplate, likenessOf, type Shared } from './cluster-template.ts';
import { Builder } from './recipe.ts';

/**
 * One instance for each of the template's machines, in their order, or what is missing. An instance must be as old as the node that
 * it becomes.
 */
export function matchInstances(
  template: ClusterTemplate,
  instances: readonly SimInstance[],
): { matched: SimInstance[] } | { problems: string[] } {
  const free = new Map<string, SimInstance[]>();
  for (const instance of [...instances].sort((a, b) => a.launchedAt - b.launchedAt)) {
    const likeness = likenessOf(instance);
    const same = free.get(likeness);
    if (same) same.push(instance);
    else free.set(likeness, [instance]);
  }
  const matched: SimInstance[] = [];
  const missing = new Map<string, number>();
  for (const { likeness, registeredAt } of template.machines) {
    const instance = free.get(likeness)?.[0];
    if (instance && instance.launchedAt <= registeredAt) {
      free.get(likeness)?.shift();
      matched.push(instance);
    } else missing.set(likeness, (missing.get(likeness) ?? 0) + 1);
  }
  if (missing.size === 0) return { matched };
  const problems = [...missing].map(([likeness, count]) => {
    return `${count} running instances are missing that are as old as the template's and like ${likeness}`;
  });
  return { problems };
}

/** What a cluster starts from, with an instance for each of its machines. */
export interface Likeness {
  template: ClusterTemplate;
  instances: readonly SimInstance[];
}

/** Brings a new, empty cluster to where the template stood. No change is told: this is how it has always been. */
export function fillCluster(core: ClusterCore, manager: NodeManager, { template, instances }: Likeness): void {
  const names = instances.map((instance) => {
    return { node: nodeNameOf(instance), instance: instance.id, address: instance.privateIp };
  });
  const builder = new Builder(template.filler.fill(core, names));
  const made = <T extends object>({ value, recipe }: Shared<T>): T => (recipe ? (builder.build(recipe) as T) : value);
  const objects = function* (): Iterable<readonly [string, readonly SimObject[]]> {
    for (const [key, list] of template.tables) yield [key, list.map(made)];
  };
  const order = template.podOrder.map((key) => builder.text(key));
  core.store.restore(template.revision, objects(), order);
  const machines = template.machines.map(({ registeredAt, images, running }, index): MachineState => {
    const states = running.map((pod) => {
      const { startedAt, waitsForVolume } = pod;
      const processes = pod.processes.map((process): ProcessState => made(process));
      return { uid: builder.text(pod.uid), startedAt, waitsForVolume, processes };
    });
    const instance = instances[index] as SimInstance;
    return { instance, nodeName: nodeNameOf(instance), registeredAt, kubelet: { images, running: states } };
  });
  manager.resume(machines, template.nextPodIp);
  for (const { queue, key, atMs } of template.waiting) core.queues[queue]?.addAt(builder.text(key), atMs);
  // Nobody looks at the Events of most clusters.
  core.events.restore(() => {
    const { serial, entries, dropped } = made(template.events);
    const own = <E extends object>(list: readonly E[]): E[] => list.map((entry) => ({ ...entry }));
    return { serial, entries: own(entries), dropped: own(dropped) };
  });
}
