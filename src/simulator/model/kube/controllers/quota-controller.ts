import type { ClusterCore } from '../cluster-core.ts';
import { isPodFinished, type Pod } from '../kinds.ts';
import { fieldsOf, keyOf } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import { quantityText } from '../quantity.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { usedOf } from '../resource-quota.ts';
import { seededLag, WorkQueue } from '../work-queue.ts';

/** Keeps in each ResourceQuota's status what its namespace uses. */
export function keepQuotas(core: ClusterCore, writer: ObjectWriter): void {
  const definition = core.resources.find('', 'v1', 'resourcequotas') as ResourceDefinition;
  const table = core.store.table(definition.key);
  const lag = seededLag(core, 'resourcequota', core.options.lagMs.controllers);
  const queue = new WorkQueue(core, 'resourcequota-controller', lag, (key) => {
    const quota = table.byKey.get(key);
    if (!quota) return;
    const hard = fieldsOf(fieldsOf(quota['spec'])['hard']);
    const amounts = usedOf(core, quota.metadata.namespace ?? '', Object.keys(hard));
    const used = Object.fromEntries(
      Object.entries(amounts).map(([name, amount]) => [name, quantityText(amount, name)]),
    );
    writer.setStatus(definition, quota, { hard, used });
  });
  core.store.onAnyChange(({ resourceKey, object, old, type }) => {
    if (table.byKey.size === 0) return;
    const { namespace } = object.metadata;
    if (resourceKey === definition.key && type !== 'DELETED') queue.add(keyOf(object));
    if (namespace === undefined || resourceKey === 'events') return;
    const ended =
      resourceKey === 'pods' && old !== undefined && isPodFinished(object as Pod) !== isPodFinished(old as Pod);
    if (type === 'MODIFIED' && !ended) return;
    for (const quota of table.inNamespace(namespace).values()) queue.add(keyOf(quota));
  });
}
