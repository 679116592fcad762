/** What somebody changed of a stack's resources behind its back, for people. */
import type { ResourceDrift } from '../../ports/cloud-provider.ts';

/** What clm and autoscalers change themselves is no drift: how many nodes a group wants, and marks on it. */
const movedByOthers = /^\/(?:DesiredCapacity|Tags)(?:\/|$)/;
const shownProperties = 4;

/** One sentence a resource; no values, which may be secret. */
export function describeDrift(stack: string, drifts: readonly ResourceDrift[]): string[] {
  return drifts.flatMap(({ logicalId, type, change, properties }) => {
    const what = `stack ${stack}: ${logicalId} (${type})`;
    if (change === 'deleted') return [`${what} was deleted by hand`];
    const names = properties.filter((path) => !movedByOthers.test(path)).map((path) => path.slice(1));
    if (names.length === 0) return [];
    const more = names.length > shownProperties ? ` and ${names.length - shownProperties} more` : '';
    return [`${what} was changed by hand: ${names.slice(0, shownProperties).join(', ')}${more}`];
  });
}
