import type { Cluster, InfrastructureAccount } from '../../domain/cluster.ts';
import type { Problem } from '../../domain/problem.ts';
import { type ParsedYaml, parseYaml, parseYamlWithSchema, problemAt, type YamlPlaces } from '../yaml-document.ts';
import {
  type ClusterDocument,
  clusterListSchema,
  clusterSchema,
  type InfrastructureAccountDocument,
  infrastructureAccountsSchema,
} from './registry-schema.ts';

/** A cluster with the place that it stands at: for problems that only the whole registry shows. */
export interface PlacedCluster {
  cluster: Cluster;
  places: YamlPlaces;
  path: readonly PropertyKey[];
}

export interface PlacedAccount {
  account: InfrastructureAccount;
  places: YamlPlaces;
  path: readonly PropertyKey[];
}

/** Registries of the original give config items as numbers and booleans, too. */
const reading = { texts: ['config_items'] };

/** One registry file: a cluster, or the original's `clusters:` list. What is well-formed is kept beside the problems. */
export function parseClusterFile(file: string, text: string): { clusters: PlacedCluster[]; problems: Problem[] } {
  const raw = parseYaml(file, text);
  const isList = raw.ok && typeof raw.value === 'object' && raw.value !== null && 'clusters' in raw.value;
  const parsed: ParsedYaml<{ clusters: ClusterDocument[] } | ClusterDocument> = isList
    ? parseYamlWithSchema(file, text, clusterListSchema, reading)
    : parseYamlWithSchema(file, text, clusterSchema, reading);
  if (!parsed.ok) return { clusters: [], problems: parsed.problems };
  const { value, places } = parsed;
  if (!('clusters' in value)) return placeCluster(value, places, []);
  const found = value.clusters.map((document, i) => placeCluster(document, places, ['clusters', i]));
  return { clusters: found.flatMap(({ clusters }) => clusters), problems: found.flatMap(({ problems }) => problems) };
}

/** A well-formed document as a cluster, or what its fields do not agree on. */
export function placeCluster(
  document: ClusterDocument,
  places: YamlPlaces,
  path: readonly PropertyKey[],
): { clusters: PlacedCluster[]; problems: Problem[] } {
  const problems = clusterProblems(document, places, path);
  return { clusters: problems.length > 0 ? [] : [{ cluster: toCluster(document), places, path }], problems };
}

/** The file of infrastructure accounts. */
export function parseAccountsFile(file: string, text: string): { accounts: PlacedAccount[]; problems: Problem[] } {
  const parsed = parseYamlWithSchema(file, text, infrastructureAccountsSchema);
  if (!parsed.ok) return { accounts: [], problems: parsed.problems };
  const accounts: PlacedAccount[] = [];
  const problems: Problem[] = [];
  const seen = new Set<string>();
  parsed.value.infrastructure_accounts.forEach((document, i) => {
    const path = ['infrastructure_accounts', i];
    if (seen.has(document.id)) {
      problems.push(
        problemAt(parsed.places, [...path, 'id'], `account ${document.id} is listed twice`, 'remove one of the two'),
      );
      return;
    }
    seen.add(document.id);
    accounts.push({ account: toAccount(document), places: parsed.places, path });
  });
  return { accounts, problems };
}

/** What a cluster's own fields must agree on. */
function clusterProblems(document: ClusterDocument, places: YamlPlaces, path: readonly PropertyKey[]): Problem[] {
  const problems: Problem[] = [];
  const add = (at: readonly PropertyKey[], message: string, remedy: string): void => {
    problems.push(problemAt(places, [...path, ...at], message, remedy));
  };
  const expected = `${document.infrastructure_account}:${document.region}:${document.local_id}`;
  if (document.id !== expected) {
    add(
      ['id'],
      `id ${document.id} does not agree with infrastructure_account, region and local_id`,
      `write "${expected}", or correct those`,
    );
  }
  const pools = new Set<string>();
  document.node_pools.forEach((pool, i) => {
    if (pool.min_size > pool.max_size) {
      const message = `min_size ${pool.min_size} of pool ${pool.name} is greater than max_size ${pool.max_size}`;
      add(['node_pools', i, 'min_size'], message, `write a min_size of at most ${pool.max_size}, or raise max_size`);
    }
    if (pools.has(pool.name))
      add(['node_pools', i, 'name'], `pool ${pool.name} is listed twice`, 'give one of the two another name');
    pools.add(pool.name);
    if (new Set(pool.instance_types).size !== pool.instance_types.length) {
      add(
        ['node_pools', i, 'instance_types'],
        `pool ${pool.name} lists an instance type twice`,
        'list each instance type once',
      );
    }
  });
  return problems;
}

function toCluster(document: ClusterDocument): Cluster {
  return {
    id: document.id,
    alias: document.alias,
    localId: document.local_id,
    infrastructureAccount: document.infrastructure_account,
    region: document.region,
    provider: document.provider,
    apiServerUrl: document.api_server_url,
    channel: document.channel,
    environment: document.environment,
    criticalityLevel: document.criticality_level,
    lifecycleStatus: document.lifecycle_status,
    configItems: document.config_items,
    nodePools: document.node_pools.map((pool) => ({
      name: pool.name,
      profile: pool.profile,
      instanceTypes: pool.instance_types,
      discountStrategy: pool.discount_strategy,
      minSize: pool.min_size,
      maxSize: pool.max_size,
      configItems: pool.config_items,
    })),
  };
}

export function toAccount(document: InfrastructureAccountDocument): InfrastructureAccount {
  return {
    id: document.id,
    name: document.name,
    owner: document.owner,
    environment: document.environment,
    lifecycleStatus: document.lifecycle_status,
    ...(document.assume_role_arn === undefined ? {} : { assumeRoleArn: document.assume_role_arn }),
  };
}
