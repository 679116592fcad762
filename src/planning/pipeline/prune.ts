/** What an earlier version applied and this one renders no more (B6): what may go, what stays, and when nothing may. */
import { identityOfObject } from '../../domain/kube-object.ts';
import type { RenderedComponent } from '../../domain/rendered.ts';
import { applyRank } from './apply-order.ts';
import { describeEntry, type Inventory, type InventoryEntry, identityOf } from './inventory.ts';

/** Kinds whose deletion takes more with it than the object; they go only when a list of deletions names them. */
const neverPruned = new Set(['CustomResourceDefinition', 'Namespace', 'PersistentVolume', 'PersistentVolumeClaim']);

export const emptiedItem = 'allow_emptied_components';

export interface PrunePolicy {
  prune: boolean;
  mostDeletions: number;
  /** Components that somebody lets disappear, at this moment. */
  emptied: ReadonlySet<string>;
}

export interface PrunePlan {
  /** In the order in which they go: what others need goes last. */
  go: InventoryEntry[];
  /** They stay, and are forgotten. */
  stay: { entry: InventoryEntry; why: string }[];
  refused?: { code: 'component-emptied' | 'too-many-deletions'; message: string };
}

export function planPrune(
  inventory: Inventory,
  components: readonly Pick<RenderedComponent, 'name' | 'objects'>[],
  policy: PrunePolicy,
): PrunePlan {
  const wanted = new Set(components.flatMap(({ objects }) => objects.map(identityOfObject)));
  const go: InventoryEntry[] = [];
  const stay: PrunePlan['stay'] = [];
  const emptied: string[] = [];
  for (const [component, entries] of inventory) {
    const stale = entries.filter((entry) => !wanted.has(identityOf(entry)));
    if (stale.length === 0) continue;
    const renders = components.some(({ name, objects }) => name === component && objects.length > 0);
    // what moved to another component is still there: only a component of which nothing is left is suspicious
    if (!renders && stale.length === entries.length && !policy.emptied.has(component)) emptied.push(component);
    for (const entry of stale) {
      const why = whyItStays(entry, policy);
      if (why === undefined) go.push(entry);
      else stay.push({ entry, why });
    }
  }
  go.sort((a, b) => applyRank(b) - applyRank(a));
  const refused = refusal(go, policy.prune ? emptied : [], policy.mostDeletions);
  return { go, stay, ...(refused === undefined ? {} : { refused }) };
}

function whyItStays({ kind }: InventoryEntry, policy: PrunePolicy): string | undefined {
  if (!policy.prune) return 'pruning is switched off';
  if (neverPruned.has(kind)) return `a ${kind} goes only when deletions.yaml names it`;
  return undefined;
}

function refusal(go: readonly InventoryEntry[], emptied: readonly string[], most: number): PrunePlan['refused'] {
  if (emptied.length > 0) {
    const [first] = emptied;
    const message =
      `nothing renders any more of ${emptied.join(', ')}, of which an earlier version applied objects; if that is meant, ` +
      `write in the registry ${emptiedItem}: '${first} until YYYY-MM-DD by YOU: REASON'`;
    return { code: 'component-emptied', message };
  }
  if (go.length <= most) return undefined;
  const names = go.slice(0, 5).map(describeEntry).join(', ');
  const message = `${go.length} objects render no more (${names}, …), at most ${most} may be pruned in one update (prune_max_deletions)`;
  return { code: 'too-many-deletions', message };
}
