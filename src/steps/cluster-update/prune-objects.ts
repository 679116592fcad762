/** Deletes what an earlier version applied and this one renders no more (B6). */
import { FailureError, terminal } from '../../domain/failure.ts';
import { identityOfObject, type KubeObject } from '../../domain/kube-object.ts';
import type { RenderedCluster } from '../../domain/rendered.ts';
import { applyPolicyOf } from '../../planning/pipeline/apply-policy.ts';
import { describeEntry, type Inventory, type InventoryEntry, identityOf } from '../../planning/pipeline/inventory.ts';
import { type PrunePlan, planPrune } from '../../planning/pipeline/prune.ts';
import type { KubeCluster, Resource } from '../../ports/kube-cluster.ts';
import type { JournalNote } from '../../ports/step.ts';
import { clusterOf, type PipelineDependencies } from '../pipeline-dependencies.ts';
import { openInventory, readInventory } from './inventory-store.ts';
import { assertLease, type UpdateInput } from './update-step.ts';

const nothing: PrunePlan = { go: [], stay: [] };

/** What would be pruned, before anything is touched. Throws FailureError when that must not be. */
export async function checkPrune(
  deps: PipelineDependencies,
  input: UpdateInput,
  kube: KubeCluster,
  rendered: RenderedCluster,
  changed: readonly string[],
): Promise<PrunePlan> {
  const { inventory } = await readInventory(kube);
  return plan(deps, input, inventory, rendered, changed);
}

/** Prunes; the inventory then says exactly what is applied. */
export async function pruneObjects(
  deps: PipelineDependencies,
  input: UpdateInput,
  kube: KubeCluster,
  rendered: RenderedCluster,
): Promise<JournalNote[]> {
  const store = await openInventory(kube, input);
  const inventory = store.known();
  const { go, stay } = plan(deps, input, inventory, rendered, input.context.plan?.components ?? []);
  if (go.length + stay.length === 0) return [];
  const notes: JournalNote[] = [];
  for (const entry of go) {
    const why = await prune(kube, input, entry);
    notes.push(
      why === undefined
        ? { kind: 'object-pruned', message: `${describeEntry(entry)} renders no more and is deleted` }
        : { kind: 'object-left', message: `${describeEntry(entry)} renders no more and stays: ${why}` },
    );
  }
  for (const { entry, why } of stay) {
    notes.push({ kind: 'object-left', message: `${describeEntry(entry)} renders no more and stays: ${why}` });
  }
  const gone = new Set([...go, ...stay.map((each) => each.entry)].map(identityOf));
  await store.write(without(inventory, gone));
  return notes.map((note) => ({ ...note, message: `${note.message} (${input.context.clusterId})` }));
}

function without(inventory: Inventory, gone: ReadonlySet<string>): Inventory {
  const left = [...inventory].map(
    ([component, entries]) => [component, entries.filter((entry) => !gone.has(identityOf(entry)))] as const,
  );
  return new Map(left.filter(([, entries]) => entries.length > 0));
}

/** What has not changed has nothing to prune, and is rendered only to see where an object has moved. */
function plan(
  deps: PipelineDependencies,
  input: UpdateInput,
  inventory: Inventory,
  rendered: RenderedCluster,
  changed: readonly string[],
): PrunePlan {
  if (inventory.size === 0) return nothing;
  const own = new Map(rendered.components.map((component) => [component.name, component]));
  const suspects = [...inventory].some(([name, entries]) => {
    const component = own.get(name);
    if (component === undefined) return true;
    if (!changed.includes(name)) return false;
    const wanted = new Set(component.objects.map(identityOfObject));
    return entries.some((entry) => !wanted.has(identityOf(entry)));
  });
  if (!suspects) return nothing;
  const policy = applyPolicyOf(clusterOf(deps, input.context.clusterId));
  const emptied = new Set(Object.keys(policy.emptied).filter((name) => (policy.emptied[name] ?? 0) >= input.now));
  const found = planPrune(inventory, rendered.components, { ...policy, emptied });
  if (found.refused === undefined) return found;
  const { code, message } = found.refused;
  throw new FailureError(
    code === 'component-emptied' ? terminal('component-emptied', message) : terminal('too-many-deletions', message),
  );
}

/** undefined when it is gone or going; otherwise why it is not ours to delete. */
async function prune(kube: KubeCluster, input: UpdateInput, entry: InventoryEntry): Promise<string | undefined> {
  const resource = await resourceOrNone(kube, entry);
  if (resource === undefined) return undefined;
  const namespace = resource.namespaced ? entry.namespace : undefined;
  const live = await kube.get(resource, namespace, entry.name);
  if (live === undefined || live.metadata.deletionTimestamp !== undefined) return undefined;
  const foreign = whyForeign(live, entry);
  if (foreign !== undefined) return foreign;
  assertLease(input);
  const { uid } = live.metadata;
  await kube.delete(resource, namespace, entry.name, {
    propagation: 'Background',
    ...(uid === undefined ? {} : { uid }),
  });
  return undefined;
}

function whyForeign(live: KubeObject, entry: InventoryEntry): string | undefined {
  if (live.metadata.ownerReferences?.some((owner) => owner.controller === true) === true)
    return 'a controller owns it now';
  if (entry.uid !== '') return entry.uid === live.metadata.uid ? undefined : 'somebody else has made it anew';
  // an apply was under way when a daemon was killed: did it arrive?
  return managedByClm(live) ? undefined : 'clm has not applied it';
}

function managedByClm(live: KubeObject): boolean {
  const fields = (live.metadata as { managedFields?: { manager?: string; operation?: string }[] }).managedFields ?? [];
  return fields.some((entry) => entry.manager === 'clm' && entry.operation === 'Apply');
}

/** A kind that the cluster does not know has no objects to delete. */
async function resourceOrNone(kube: KubeCluster, entry: InventoryEntry): Promise<Resource | undefined> {
  try {
    return await kube.resourceOf(entry.apiVersion, entry.kind);
  } catch (error) {
    if (error instanceof FailureError && error.failure.code === 'kube-unknown-kind') return undefined;
    throw error;
  }
}
