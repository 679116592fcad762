import { controllerOf, keyOf } from '../object.ts';
import type { Change } from '../object-store.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { seededLag, WorkQueue } from '../work-queue.ts';
import type { WorkloadPods } from './workload-pods.ts';

/**
 * The queue of a controller whose objects own pods: an object is looked at when it changes, and when one of its pods does. Nothing
 * is looked at while the workload controllers are broken.
 */
export function workloadQueue<T>(
  pods: WorkloadPods,
  definition: ResourceDefinition,
  sync: (object: T) => void,
  onAdded?: (change: Change) => void,
): WorkQueue {
  const { core } = pods;
  const name = definition.kind.toLowerCase();
  const lag = seededLag(core, name, core.options.lagMs.controllers);
  const table = core.store.table(definition.key);
  const queue = new WorkQueue(core, `${name}-controller`, lag, (key) => {
    const object = table.byKey.get(key);
    if (!object) return;
    if (core.faults.workloads === 'broken') {
      // The work is kept, and looked at again in a while.
      queue.addAt(key, core.clock.now() + 1_000);
      return;
    }
    sync(object as T);
  });
  pods.queues.set(definition.kind, queue);
  core.store.onChange(definition.key, (change) => {
    if (change.type === 'DELETED') return;
    if (change.type === 'ADDED') onAdded?.(change);
    queue.add(keyOf(change.object));
  });
  core.store.onChange('pods', (change) => {
    const owner = controllerOf(change.object);
    if (owner?.kind === definition.kind) queue.add(`${change.object.metadata.namespace}/${owner.name}`);
  });
  return queue;
}
