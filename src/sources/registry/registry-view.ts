import { nearMatches } from '../../domain/near-matches.ts';
import type { Problem } from '../../domain/problem.ts';
import type { RegistryView } from '../../ports/channel-source.ts';
import { problemAt } from '../yaml-document.ts';
import type { PlacedAccount, PlacedCluster } from './registry-documents.ts';

export interface RegistryParts {
  clusters: PlacedCluster[];
  accounts: PlacedAccount[];
  /** false = the accounts could not be read, so that nothing is said about unknown ones. */
  accountsKnown: boolean;
  /** Names of the pipeline's channels; undefined = not checked. */
  channels: readonly string[] | undefined;
}

/** Adds the problems that only the whole registry shows; clusters that have one are left out. */
export function viewRegistry(parts: RegistryParts, problems: Problem[]): RegistryView {
  const accountIds = new Set(parts.accounts.map(({ account }) => account.id));
  const ids = new Map<string, PlacedCluster>();
  const aliases = new Map<string, PlacedCluster>();
  const kept: RegistryView['clusters'] = [];
  for (const placed of parts.clusters) {
    const { cluster, places, path } = placed;
    const before = problems.length;
    const add = (field: string, message: string, remedy: string): void => {
      problems.push(problemAt(places, [...path, field], message, remedy));
    };
    const sameId = ids.get(cluster.id);
    if (sameId !== undefined)
      add('id', `cluster id ${cluster.id} is taken by ${sameId.places.file}`, 'give each cluster its own id');
    const sameAlias = aliases.get(cluster.alias);
    if (sameAlias !== undefined)
      add('alias', `alias ${cluster.alias} is taken by ${sameAlias.places.file}`, 'give each cluster its own alias');
    if (parts.accountsKnown && !accountIds.has(cluster.infrastructureAccount)) {
      const message = `account ${cluster.infrastructureAccount} of cluster ${cluster.alias} is not in the registry`;
      add('infrastructure_account', message, 'add it to registry/infrastructure-accounts.yaml, or correct the number');
    }
    if (parts.channels !== undefined && !parts.channels.includes(cluster.channel)) {
      add('channel', ...unknownChannel(cluster.alias, cluster.channel, parts.channels));
    }
    if (sameId === undefined) ids.set(cluster.id, placed);
    if (sameAlias === undefined) aliases.set(cluster.alias, placed);
    if (problems.length === before) kept.push(cluster);
  }
  return { clusters: kept, accounts: parts.accounts.map(({ account }) => account), problems };
}

function unknownChannel(alias: string, channel: string, channels: readonly string[]): [string, string] {
  const near = nearMatches(channel, channels)[0];
  const remedy =
    near === undefined ? `write one of: ${channels.join(', ')}` : `write ${near}; channels are ${channels.join(', ')}`;
  return [`channel ${channel} of cluster ${alias} is not in the pipeline`, remedy];
}
