/**
 * Writes the sample fleet: clusters/*.yaml and registry/infrastructure-accounts.yaml. Deterministic: the same program writes the
 * same bytes. Networks are those that the simulator gives each account and region, as a real registry knows its own.
 *
 *   npx tsx scripts/generate-fleet.ts [directory]
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { networkOf } from '../src/simulator/model/aws/geography.ts';
import { type Random, seededRandom } from '../src/support/random.ts';

interface Account {
  number: string;
  name: string;
  owner: string;
  environment: 'production' | 'test';
}

interface Pool {
  name: string;
  profile: string;
  instanceTypes: string[];
  discountStrategy: 'none' | 'spot';
  minSize: number;
  maxSize: number;
  configItems: Record<string, string>;
}

interface SampleCluster {
  alias: string;
  localId: string;
  account: Account;
  region: string;
  channel: string;
  criticalityLevel: number;
  configItems: Record<string, string>;
  pools: Pool[];
}

const regions: Record<string, string> = { 'eu-central-1': 'euc1', 'eu-west-1': 'euw1', 'us-east-1': 'use1' };
const regionNames = Object.keys(regions);
const channelSizes = { dev: 1, alpha: 3, beta: 10, stable: 70 } as const;
const testTeams = ['platform', 'checkout', 'search', 'catalog', 'logistics', 'data'];
const productionTeams = [
  'platform',
  'checkout',
  'search',
  'catalog',
  'logistics',
  'data',
  'payments',
  'returns',
  'pricing',
  'identity',
  'media',
  'partners',
  'returns-eu',
  'fulfilment',
];
const generalTypes = ['m5.large', 'm5.xlarge', 'm6i.large', 'm6i.xlarge', 'm7i.large', 'c6i.xlarge', 'r6i.large'];
const wantedNodes = 1_016;

export function sampleAccounts(): Account[] {
  const random = seededRandom('accounts');
  const used = new Set<string>();
  const make = (team: string, environment: Account['environment']): Account => {
    let number = '';
    while (number === '' || used.has(number))
      number = String(100_000_000_000 + random.int(899_999_999) * 1_000 + random.int(1_000));
    used.add(number);
    return {
      number,
      name: `${team}-${environment === 'production' ? 'prod' : 'test'}`,
      owner: `team-${team}`,
      environment,
    };
  };
  return [...testTeams.map((team) => make(team, 'test')), ...productionTeams.map((team) => make(team, 'production'))];
}

function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.int(items.length)] as T;
}

function clusterConfigItems(random: Random, account: Account, region: string): Record<string, string> {
  const network = networkOf(account.number, region);
  const items: Record<string, string> = {
    vpc_id: network.vpcId,
    subnets: network.subnets.map((subnet) => `${subnet.zone}=${subnet.id}`).join(','),
  };
  if (random.int(4) === 0) items['coredns_replicas'] = '3';
  if (random.int(5) === 0) items['coredns_memory'] = '170Mi';
  if (random.int(6) === 0) items['log_level'] = 'warn';
  if (random.int(7) === 0) items['node_problem_detector'] = 'provisioned';
  if (random.int(5) === 0) items['viewer_group'] = `${account.owner}-oncall`;
  return items;
}

function masterPool(): Pool {
  return {
    name: 'default-master',
    profile: 'master-default',
    instanceTypes: ['m5.large'],
    discountStrategy: 'none',
    minSize: 3,
    maxSize: 4,
    configItems: {},
  };
}

function workerPools(random: Random, region: string, count: number): Pool[] {
  const pools: Pool[] = [];
  const hasIngressPool = count > 2 && random.int(2) === 0;
  const size = (): number => 2 + random.int(4);
  const add = (pool: Omit<Pool, 'maxSize'>): void => {
    pools.push({ ...pool, maxSize: pool.minSize * 2 + 2 });
  };
  add({
    name: 'default-worker',
    profile: 'worker-default',
    instanceTypes: [pick(random, generalTypes)],
    discountStrategy: 'none',
    minSize: Math.max(3, size()),
    configItems: hasIngressPool ? {} : { ingress_target: 'true' },
  });
  if (hasIngressPool) {
    add({
      name: 'ingress',
      profile: 'ingress-default',
      instanceTypes: ['c6i.large'],
      discountStrategy: 'none',
      minSize: 2,
      configItems: {},
    });
  }
  const extras: (() => Omit<Pool, 'maxSize'>)[] = [
    () => ({
      name: 'spot',
      profile: 'worker-default',
      instanceTypes: ['m5.xlarge', 'm6i.xlarge', 'm7i.xlarge'],
      discountStrategy: 'spot',
      minSize: size(),
      configItems: { labels: 'lifecycle=spot' },
    }),
    () => ({
      name: 'single-zone',
      profile: 'worker-default',
      instanceTypes: [pick(random, generalTypes)],
      discountStrategy: 'none',
      minSize: 1 + random.int(3),
      configItems: { availability_zones: `${region}${pick(random, ['a', 'b', 'c'])}`, labels: 'storage=zonal' },
    }),
    () => ({
      name: 'batch',
      profile: 'worker-default',
      instanceTypes: ['c6i.xlarge', 'c5.xlarge'],
      discountStrategy: 'none',
      minSize: size(),
      configItems: { root_volume_size: '120', labels: 'workload=batch', max_pods: '60' },
    }),
    () => ({
      name: 'memory',
      profile: 'worker-default',
      instanceTypes: [pick(random, ['r6i.xlarge', 'r5.xlarge'])],
      discountStrategy: 'none',
      minSize: size(),
      configItems: { labels: 'workload=memory', kubelet_reserved: 'cpu=200m,memory=1Gi,ephemeral-storage=2Gi' },
    }),
  ];
  while (pools.length < count) {
    const [make] = extras.splice(random.int(extras.length), 1);
    if (make === undefined) break;
    add(make());
  }
  return pools;
}

function nodesOf(cluster: SampleCluster): number {
  return cluster.pools.reduce((sum, pool) => sum + pool.minSize, 0);
}

/** The whole fleet in order of channels. */
export function sampleClusters(accounts: Account[]): SampleCluster[] {
  const clusters: SampleCluster[] = [];
  const perAccountRegion = new Map<string, number>();
  const test = accounts.filter((account) => account.environment === 'test');
  const production = accounts.filter((account) => account.environment === 'production');
  let turn = 0;
  for (const [channel, size] of Object.entries(channelSizes)) {
    for (let i = 0; i < size; i++) {
      const random = seededRandom(`${channel}/${i}`);
      // early channels are test clusters, with two of production in beta; stable has a few test ones, as fleets do
      const isTest = channel === 'dev' || channel === 'alpha' || (channel === 'beta' ? i % 5 !== 4 : i % 9 === 8);
      const pool = isTest ? test : production;
      const account = pool[turn % pool.length] as Account;
      const region = regionNames[Math.floor(turn / pool.length) % regionNames.length] as string;
      turn += 1;
      const key = `${account.number}/${region}`;
      const number = (perAccountRegion.get(key) ?? 0) + 1;
      perAccountRegion.set(key, number);
      const workers = channel === 'dev' ? 2 : 2 + random.int(3);
      clusters.push({
        alias: `${account.name}-${regions[region]}${number === 1 ? '' : `-${number}`}`,
        localId: `kube-${number}`,
        account,
        region,
        channel,
        criticalityLevel: isTest ? 1 : random.int(6) === 0 ? 3 : 2,
        configItems: clusterConfigItems(random.fork('items'), account, region),
        pools: [masterPool(), ...workerPools(random.fork('pools'), region, workers)],
      });
    }
  }
  growTo(clusters, wantedNodes);
  return clusters;
}

/** Adds or takes nodes of default pools, round the stable clusters, until the fleet has the wanted size. */
function growTo(clusters: SampleCluster[], wanted: number): void {
  const stable = clusters.filter((cluster) => cluster.channel === 'stable');
  for (let i = 0; i < 10_000; i++) {
    const total = clusters.reduce((sum, cluster) => sum + nodesOf(cluster), 0);
    if (total === wanted) return;
    const pool = (stable[i % stable.length] as SampleCluster).pools[1] as Pool;
    const next = pool.minSize + Math.sign(wanted - total);
    if (next < 3 || next > 6) continue;
    pool.minSize = next;
    pool.maxSize = next * 2 + 2;
  }
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

function itemsText(items: Record<string, string>, indent: string): string {
  const entries = Object.entries(items);
  if (entries.length === 0) return ' {}\n';
  return `\n${entries.map(([key, value]) => `${indent}${key}: ${quoted(value)}\n`).join('')}`;
}

export function clusterText(cluster: SampleCluster): string {
  const id = `aws:${cluster.account.number}:${cluster.region}:${cluster.localId}`;
  const pools = cluster.pools.map(
    (pool) => `  - name: ${pool.name}
    profile: ${pool.profile}
    instance_types: [${pool.instanceTypes.join(', ')}]
    discount_strategy: ${pool.discountStrategy}
    min_size: ${pool.minSize}
    max_size: ${pool.maxSize}
    config_items:${itemsText(pool.configItems, '      ')}`,
  );
  return `# yaml-language-server: $schema=../registry/schemas/cluster.schema.json
id: ${quoted(id)}
alias: ${cluster.alias}
local_id: ${cluster.localId}
infrastructure_account: ${quoted(`aws:${cluster.account.number}`)}
region: ${cluster.region}
provider: zalando-aws
api_server_url: https://${cluster.localId}.${cluster.alias}.example.org
channel: ${cluster.channel}
environment: ${cluster.account.environment}
criticality_level: ${cluster.criticalityLevel}
lifecycle_status: ready
config_items:${itemsText(cluster.configItems, '  ')}node_pools:
${pools.join('')}`;
}

export function accountsText(accounts: Account[]): string {
  const entries = accounts.map(
    (account) => `  - id: ${quoted(`aws:${account.number}`)}
    type: aws
    name: ${account.name}
    owner: ${account.owner}
    cost_center: ${quoted(account.number.slice(-6))}
    environment: ${account.environment}
    criticality_level: ${account.environment === 'production' ? 2 : 1}
    external_id: ${quoted(account.number)}
    lifecycle_status: ready
    # the daemon takes this role before it touches anything in the account
    assume_role_arn: arn:aws:iam::${account.number}:role/cluster-lifecycle-manager
`,
  );
  return `# yaml-language-server: $schema=schemas/infrastructure-accounts.schema.json
# The accounts that clusters live in.
infrastructure_accounts:
${entries.join('')}`;
}

function main(directory: string): void {
  const accounts = sampleAccounts();
  const clusters = sampleClusters(accounts);
  const clustersDirectory = join(directory, 'clusters');
  mkdirSync(clustersDirectory, { recursive: true });
  mkdirSync(join(directory, 'registry'), { recursive: true });
  for (const file of readdirSync(clustersDirectory)) if (file.endsWith('.yaml')) rmSync(join(clustersDirectory, file));
  for (const cluster of clusters) writeFileSync(join(clustersDirectory, `${cluster.alias}.yaml`), clusterText(cluster));
  writeFileSync(join(directory, 'registry', 'infrastructure-accounts.yaml'), accountsText(accounts));
  const nodes = clusters.reduce((sum, cluster) => sum + nodesOf(cluster), 0);
  process.stdout.write(`${clusters.length} clusters, ${accounts.length} accounts, ${nodes} nodes\n`);
}

if (process.argv[1]?.endsWith('generate-fleet.ts')) main(process.argv[2] ?? '.');
