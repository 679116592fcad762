import type { RolloutSummary } from '../../api/schemas.ts';
import { formatDuration } from '../../support/duration.ts';
import { paintState } from './cluster-table.ts';
import { type Column, renderTable, type TableOptions } from './table.ts';
import { printable } from './terminal.ts';

export function renderRollouts(rollouts: RolloutSummary[], options: TableOptions): string[] {
  const columns: Column<RolloutSummary>[] = [
    { title: 'STARTED', value: (rollout) => rollout.startedAt.slice(0, 16).replace('T', ' ') },
    { title: 'CHANNEL', value: (rollout) => rollout.channel },
    { title: 'COMMIT', value: (rollout) => (options.wide ? rollout.commit : rollout.commit.slice(0, 7)) },
    {
      title: 'STATE',
      value: (rollout) => rollout.state,
      paint: (text, rollout) => paintState(text, rollout.state, options.colors),
    },
    {
      title: 'TOOK',
      value: (rollout) =>
        rollout.active ? '' : formatDuration(Date.parse(rollout.updatedAt) - Date.parse(rollout.startedAt)),
    },
    { title: 'SUBJECT', value: (rollout) => printable(rollout.subject ?? ''), shrinks: true },
    { title: 'REASON', value: (rollout) => printable(rollout.reason ?? '') },
  ];
  return renderTable(rollouts, columns, options);
}
