import { type Condition, withCondition } from './kinds.ts';
import type { SimObject } from './object.ts';

/** What is left in a namespace that goes, as its conditions say it. */
export function deletionConditions(
  old: readonly Condition[] | undefined,
  left: readonly { plural: string; group: string; object: SimObject }[],
  unavailable: readonly string[],
  now: string,
): Condition[] {
  const kinds = counted(left.map(({ plural, group }) => `${plural}.${group}`));
  const finalizers = counted(left.flatMap(({ object }) => object.metadata.finalizers ?? []));
  const remaining = kinds.map(([name, count]) => `${name} has ${count} resource instances`).join(', ');
  const held = finalizers.map(([name, count]) => `${name} in ${count} resource instances`).join(', ');
  const conditions: [string, boolean, string, string][] = [
    unavailable.length === 0
      ? ['NamespaceDeletionDiscoveryFailure', false, 'ResourcesDiscovered', 'All resources successfully discovered']
      : [
          'NamespaceDeletionDiscoveryFailure',
          true,
          'DiscoveryFailed',
          `Discovery failed for some groups, ${unavailable.length} failing: unable to retrieve the complete list of server APIs: ${unavailable.map((api) => `${api}: stale GroupVersion discovery: ${api}`).join(', ')}`,
        ],
    [
      'NamespaceDeletionGroupVersionParsingFailure',
      false,
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ],
    [
      'NamespaceDeletionContentFailure',
      false,
      'ContentDeleted',
      'All content successfully deleted, may be waiting on finalization',
    ],
    left.length > 0
      ? ['NamespaceContentRemaining', true, 'SomeResourcesRemain', `Some resources are remaining: ${remaining}`]
      : ['NamespaceContentRemaining', false, 'ContentRemoved', 'All content successfully removed'],
    held !== ''
      ? [
          'NamespaceFinalizersRemaining',
          true,
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${held}`,
        ]
      : ['NamespaceFinalizersRemaining', false, 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
  ];
  let next = [...(old ?? [])];
  for (const [type, is, reason, message] of conditions)
    next = withCondition(next, { type, status: is ? 'True' : 'False', reason, message }, now);
  return next;
}

/** Each word with how often it occurs, sorted. */
function counted(words: readonly string[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}
