/** The inventory in the cluster: read once a run, written only when it changes. */
import type { KubeObject } from '../../domain/kube-object.ts';
import {
  type Inventory,
  inventoryChanges,
  inventoryName,
  inventoryNamespace,
  parseInventory,
} from '../../planning/pipeline/inventory.ts';
import type { KubeCluster, Resource } from '../../ports/kube-cluster.ts';
import { assertLease, type UpdateInput } from './update-step.ts';

const configMaps: Resource = { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true };

export interface InventoryStore {
  known(): Inventory;
  /** Nothing is sent when the cluster says so already. */
  write(next: Inventory): Promise<void>;
}

/** Throws FailureError `inventory-unreadable`. */
export async function readInventory(kube: KubeCluster): Promise<{ inventory: Inventory; exists: boolean }> {
  const map = await kube.get(configMaps, inventoryNamespace, inventoryName);
  return { inventory: parseInventory(map), exists: map !== undefined };
}

export async function openInventory(kube: KubeCluster, input: UpdateInput): Promise<InventoryStore> {
  let { inventory, exists } = await readInventory(kube);
  return {
    known: () => inventory,
    async write(next) {
      const data = inventoryChanges(inventory, next);
      if (Object.keys(data).length === 0) return;
      assertLease(input);
      if (exists) await kube.patch(configMaps, inventoryNamespace, inventoryName, { type: 'merge', body: { data } });
      else await kube.create(configMaps, newMap(data));
      inventory = next;
      exists = true;
    },
  };
}

function newMap(data: Record<string, string | null>): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: inventoryName,
      namespace: inventoryNamespace,
      labels: { 'app.kubernetes.io/managed-by': 'clm' },
    },
    data,
  };
}
