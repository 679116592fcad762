import { nearMatches } from '../../domain/near-matches.ts';
import type { ClusterStatus, StatusDocument } from '../../planning/explain/status-document.ts';
import { badInput } from '../exit.ts';
import { type Column, renderTable, type TableOptions } from './table.ts';
import { type Palette, printable } from './terminal.ts';

/** Ends the command with exit code 2 when the channel does not exist. */
export function requireChannel(status: StatusDocument, name: string): void {
  const names = status.channels.map((channel) => channel.name);
  if (names.includes(name)) return;
  const near = nearMatches(name, names);
  throw badInput(
    `there is no channel '${name}'; ${near.length > 0 ? `near: ${near.join(', ')}` : `there are: ${names.join(', ')}`}`,
  );
}

export function renderClusters(clusters: ClusterStatus[], options: TableOptions): string[] {
  const columns: Column<ClusterStatus>[] = [
    { title: 'CLUSTER', value: (cluster) => cluster.alias, shrinks: true },
    { title: 'ID', value: (cluster) => cluster.id, wide: true },
    { title: 'CHANNEL', value: (cluster) => cluster.channel },
    { title: 'ACCOUNT', value: (cluster) => cluster.account, wide: true },
    { title: 'REGION', value: (cluster) => cluster.region, wide: true },
    { title: 'ENV', value: (cluster) => cluster.environment, wide: true },
    {
      title: 'STATE',
      value: (cluster) => cluster.state,
      paint: (text, cluster) => paintState(text, cluster.state, options.colors),
    },
    { title: 'VERSION', value: (cluster) => (options.wide ? cluster.version : shortVersion(cluster.version)) ?? '-' },
    { title: 'TARGET', value: (cluster) => cluster.target?.slice(0, 7) ?? '' },
    { title: 'WHY', value: (cluster) => printable(whyOf(cluster)) },
  ];
  return renderTable(clusters, columns, options);
}

function shortVersion(version: string | undefined): string | undefined {
  if (version === undefined) return undefined;
  const [commit, digest] = version.split('#');
  return digest === undefined ? version.slice(0, 7) : `${commit?.slice(0, 7)}#${digest.slice(0, 6)}`;
}

function whyOf(cluster: ClusterStatus): string {
  const wait = cluster.waits.at(0)?.message;
  const trouble = cluster.blocker?.message ?? cluster.failure?.message ?? wait ?? '';
  return cluster.phase === undefined || trouble !== '' ? trouble : cluster.phase;
}

export function paintState(text: string, state: string, colors: Palette): string {
  if (['failed', 'blocked', 'quarantined', 'halted'].includes(state)) return colors.red(text);
  if (['stalled', 'paused', 'held', 'superseded', 'aborted'].includes(state)) return colors.yellow(text);
  if (['up-to-date', 'proven', 'promoted'].includes(state)) return colors.green(text);
  if (['queued', 'unknown', 'idle'].includes(state)) return colors.dim(text);
  return colors.cyan(text);
}
