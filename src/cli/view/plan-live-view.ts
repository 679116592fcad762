/** What clusters themselves said to a plan. */
import type { LiveFindings, PlanDocument } from '../../planning/change/plan-document.ts';
import { formatDuration } from '../../support/duration.ts';

const shownObjects = 12;

/** Something would keep nodes from ever leaving. */
export function blocksForGood(live: LiveFindings | undefined): boolean {
  return live?.roll?.blocks.some((block) => block.lasts === 'lasting') === true || (live?.roll?.zones.length ?? 0) > 0;
}

/** One paragraph a cluster; empty when none was asked. */
export function liveLines(plan: PlanDocument, full: boolean): string[] {
  return plan.clusters.flatMap((cluster) => {
    const { live } = cluster;
    if (live === undefined) return [];
    const lines = [...linesOf(live, full), ...rollLines(live, cluster.nodes)];
    if (live.trouble !== undefined) lines.push(`could not be asked: ${live.trouble}`);
    if (lines.length === 0) lines.push('nothing differs from what renders');
    return [`${cluster.cluster} says:`, ...lines.map((line) => `  ${line}`), ''];
  });
}

function linesOf({ stacks, objects, drift = [] }: LiveFindings, full: boolean): string[] {
  // what the server refuses comes first
  const sorted = [...objects].sort((a, b) => Number(b.state === 'refused') - Number(a.state === 'refused'));
  const shown = full ? sorted : sorted.slice(0, shownObjects);
  const rest = sorted.length - shown.length;
  return [
    ...stacks.map(({ name, message }) => `stack ${name}: ${message}`),
    ...drift,
    ...shown.map(({ name, message }) => `${name}: ${message}`),
    ...(rest > 0 ? [`and ${rest} more objects: --full`] : []),
  ];
}

function rollLines({ roll }: LiveFindings, nodes: number): string[] {
  if (roll === undefined || nodes === 0) return [];
  const { p50Seconds, p90Seconds } = roll.total;
  const time = `a roll of all nodes takes about ${formatDuration(p50Seconds * 1000)}, at most ${formatDuration(p90Seconds * 1000)}`;
  const blocks = roll.blocks.map(({ lasts, namespace, budget, owner, nodes: stuck, message }) => {
    const what = budget === '' ? message : `budget ${namespace}/${budget}`;
    return `${lasts === 'lasting' ? 'blocks for good' : 'blocks just now'}: ${what}, ${stuck.length} nodes; ask ${owner}`;
  });
  const zones = roll.zones.map(({ pool, zone, message }) => `pool ${pool} needs a node in ${zone}, and ${message}`);
  return [time, ...blocks, ...zones];
}
