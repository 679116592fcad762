/** A preflight for people: how long, what blocks and whom to ask. */
import type { Preflight } from '../../planning/roll/preflight.ts';
import { formatDuration } from '../../support/duration.ts';
import { renderTable, type TableOptions } from './table.ts';

export function renderPreflight(plan: Preflight, options: TableOptions): string[] {
  const { pools, blocks, zones, total } = plan;
  const lines = renderTable(
    pools,
    [
      { title: 'POOL', value: (pool) => pool.pool },
      { title: 'NODES', value: (pool) => String(pool.nodes) },
      { title: 'OUTDATED', value: (pool) => String(pool.outdated) },
      { title: 'SURGE', value: (pool) => String(pool.surge) },
      { title: 'P50', value: (pool) => formatDuration(pool.p50Seconds * 1000) },
      { title: 'P90', value: (pool) => formatDuration(pool.p90Seconds * 1000) },
      {
        title: 'FROM',
        value: ({ measured }) =>
          measured.boots === 0 ? 'guesses' : `${measured.boots} boots, ${measured.drains} drains`,
      },
    ],
    options,
  );
  const p50 = formatDuration(total.p50Seconds * 1000);
  const p90 = formatDuration(total.p90Seconds * 1000);
  lines.push('', `A roll of all nodes takes about ${p50}, in nine of ten cases at most ${p90}, without what blocks.`);
  if (blocks.length > 0) lines.push('', ...renderBlocks(blocks, options));
  for (const { pool, canary, controlPlane, outdated, surge } of pools) {
    if (controlPlane || outdated === 0 || surge === 1) continue;
    lines.push('', `Pool ${pool}: ${canary.needed ? 'one new node first' : 'no canary'}; ${canary.reason}.`);
  }
  for (const { pool, zone, nodes, message } of zones) {
    lines.push('', `Pool ${pool}: volumes on ${count(nodes, 'node')} need a new node in ${zone}, and ${message}.`);
  }
  const lasting = blocks.filter((block) => block.lasts === 'lasting');
  lines.push('', verdict(lasting, zones.length, plan.asked));
  return lines;
}

function renderBlocks(blocks: Preflight['blocks'], options: TableOptions): string[] {
  return renderTable(
    blocks,
    [
      { title: 'BLOCKS', value: (block) => (block.lasts === 'lasting' ? 'for good' : 'just now') },
      { title: 'CODE', value: (block) => block.code },
      { title: 'BUDGET', value: (block) => (block.budget === '' ? '-' : `${block.namespace}/${block.budget}`) },
      { title: 'ASK', value: (block) => block.owner },
      { title: 'NODES', value: (block) => String(block.nodes.length) },
      { title: 'PODS', value: (block) => firstOf(block.pods), shrinks: true },
      { title: 'WHY', value: (block) => block.message, wide: true },
    ],
    options,
  );
}

function firstOf(names: string[]): string {
  return names.length <= 2 ? names.join(', ') : `${names[0] ?? ''} and ${names.length - 1} more`;
}

function verdict(lasting: Preflight['blocks'], zones: number, asked: number): string {
  const basis = `the API server was asked about one pod of each workload, ${asked} in all`;
  if (lasting.length === 0 && zones === 0) return `Nothing would keep a node from leaving; ${basis}.`;
  const nodes = new Set(lasting.flatMap((block) => block.nodes)).size;
  const next = 'clm explain CODE says what to do; these nodes would stay, and the others be replaced';
  return `${count(nodes, 'node')} could not be drained; ${next}. (${basis})`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
