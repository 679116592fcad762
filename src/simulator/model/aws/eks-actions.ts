/** EKS: control planes that AWS runs. They take minutes to come, to change and to go. */
import { AwsError, page } from './aws-request.ts';
import type { ActionTable, Call, Cloud } from './cloud.ts';
import type { RegionState } from './region-state.ts';
import type { EksCluster, EksUpdate } from './resources.ts';

const creating: [number, number] = [8 * 60_000, 12 * 60_000];
const updating: [number, number] = [8 * 60_000, 14 * 60_000];
const deleting: [number, number] = [2 * 60_000, 5 * 60_000];
const offered = ['1.30', '1.31', '1.32', '1.33', '1.34', '1.35', '1.36'];
const newest = '1.35';

const seconds = (ms: number): number => ms / 1000;
const badToken = (): AwsError => new AwsError('InvalidParameterException', 'The nextToken is not valid.');

function hexOf(cloud: Cloud, state: RegionState): string {
  return `${cloud.draw(state, [0, 0xffffffff]).toString(16).padStart(8, '0')}${state.uuid().replaceAll('-', '').slice(0, 24)}`.toUpperCase();
}

function clusterView(state: RegionState, cluster: EksCluster): Record<string, unknown> {
  const up = cluster.status !== 'CREATING';
  return {
    name: cluster.name,
    arn: state.arn('eks', `cluster/${cluster.name}`),
    createdAt: seconds(cluster.createdAt),
    version: cluster.version,
    roleArn: cluster.roleArn,
    resourcesVpcConfig: {
      subnetIds: cluster.subnetIds,
      securityGroupIds: [],
      vpcId: state.network.vpcId,
      endpointPublicAccess: true,
      endpointPrivateAccess: false,
      publicAccessCidrs: ['0.0.0.0/0'],
      ...(up ? { clusterSecurityGroupId: `sg-0${cluster.id.slice(0, 16).toLowerCase()}` } : {}),
    },
    kubernetesNetworkConfig: { serviceIpv4Cidr: '172.20.0.0/16', ipFamily: 'ipv4' },
    status: cluster.status,
    certificateAuthority: up ? { data: Buffer.from(`simulated CA of ${cluster.name}`).toString('base64') } : {},
    platformVersion: up ? 'eks.1' : '',
    ...(up
      ? {
          endpoint: `https://${cluster.id}.gr7.${state.region}.eks.amazonaws.com`,
          identity: { oidc: { issuer: `https://oidc.eks.${state.region}.amazonaws.com/id/${cluster.id}` } },
        }
      : {}),
    tags: Object.fromEntries(cluster.tags),
    accessConfig: { authenticationMode: 'API_AND_CONFIG_MAP' },
  };
}

function updateView(update: EksUpdate): Record<string, unknown> {
  return {
    id: update.id,
    status: update.status,
    type: 'VersionUpdate',
    params: [
      { type: 'Version', value: update.version },
      { type: 'PlatformVersion', value: 'eks.1' },
    ],
    createdAt: seconds(update.createdAt),
    errors: [],
  };
}

function named({ params, state }: Call): EksCluster {
  const name = params.required('name');
  const cluster = state.eks.get(name);
  if (cluster) return cluster;
  throw new AwsError('ResourceNotFoundException', `No cluster found for name: ${name}.`, 404);
}

function create({ cloud, params, state }: Call): Record<string, unknown> {
  const name = params.required('name');
  if (!/^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$/.test(name)) params.fail(`The cluster name ${name} is not valid`);
  const version = params.text('version') ?? newest;
  if (!offered.includes(version)) params.fail(`unsupported Kubernetes version ${version}`);
  const roleArn = params.required('roleArn');
  const vpc = params.structure('resourcesVpcConfig') ?? params.fail('resourcesVpcConfig is required');
  const subnetIds = vpc.texts('subnetIds');
  const zones = new Set(
    subnetIds.map((id) => state.subnet(id)?.zone ?? params.fail(`The subnet ID '${id}' does not exist`)),
  );
  if (zones.size < 2) params.fail('Subnets specified must be in at least two different AZs');
  const token = params.text('clientRequestToken');
  const known = state.eks.get(name);
  if (known && token !== undefined && known.token === token) return { cluster: clusterView(state, known) };
  if (known) throw new AwsError('ResourceInUseException', `Cluster already exists with name: ${name}`, 409);
  const tags = (params.raw['tags'] ?? {}) as Record<string, unknown>;
  const cluster: EksCluster = {
    id: hexOf(cloud, state),
    name,
    version,
    roleArn,
    subnetIds,
    status: 'CREATING',
    createdAt: cloud.now(),
    tags: new Map(Object.entries(tags).map(([key, value]) => [key, String(value)])),
    updates: [],
    ...(token === undefined ? {} : { token }),
  };
  state.eks.set(name, cluster);
  cloud.clock.at(cloud.now() + cloud.draw(state, creating), () => {
    if (cluster.status === 'CREATING') cluster.status = 'ACTIVE';
  });
  return { cluster: clusterView(state, cluster) };
}

/** One minor up at a time, never down. */
function updateVersion(call: Call): Record<string, unknown> {
  const { cloud, params, state } = call;
  const cluster = named(call);
  const version = params.required('version');
  if (cluster.status !== 'ACTIVE')
    throw new AwsError('ResourceInUseException', `Cannot ${cluster.status.toLowerCase()} cluster be updated`, 409);
  const from = Number(cluster.version.split('.')[1]);
  const to = Number(/^1\.(\d+)$/.exec(version)?.[1] ?? Number.NaN);
  if (!offered.includes(version)) params.fail(`unsupported Kubernetes version ${version}`);
  if (to === from) params.fail(`Cluster is already at version ${version}`);
  if (to < from) params.fail(`Unsupported Kubernetes minor version update from ${cluster.version} to ${version}`);
  if (to > from + 1) params.fail(`Unsupported Kubernetes minor version update from ${cluster.version} to ${version}`);
  const update: EksUpdate = { id: state.uuid(), version, status: 'InProgress', createdAt: cloud.now() };
  cluster.updates.unshift(update);
  cluster.status = 'UPDATING';
  cloud.clock.at(cloud.now() + cloud.draw(state, updating), () => {
    if (cluster.status !== 'UPDATING') return;
    cluster.status = 'ACTIVE';
    cluster.version = version;
    update.status = 'Successful';
  });
  return { update: updateView(update) };
}

function remove(call: Call): Record<string, unknown> {
  const { cloud, state } = call;
  const cluster = named(call);
  if (cluster.status === 'CREATING' || cluster.status === 'UPDATING')
    throw new AwsError('ResourceInUseException', `Cluster ${cluster.name} is in ${cluster.status} status`, 409);
  if (cluster.status !== 'DELETING') {
    cluster.status = 'DELETING';
    cloud.clock.at(cloud.now() + cloud.draw(state, deleting), () => state.eks.delete(cluster.name));
  }
  return { cluster: clusterView(state, cluster) };
}

function list(call: Call, key: string, all: string[]): Record<string, unknown> {
  const size = call.params.bounded('maxResults', 1, 100) ?? 100;
  const { items, next } = page(all, { size, token: call.params.text('nextToken'), badToken });
  return { [key]: items, ...(next === undefined ? {} : { nextToken: next }) };
}

export const eksActions: ActionTable = {
  CreateCluster: create,
  DescribeCluster: (call) => ({ cluster: clusterView(call.state, named(call)) }),
  ListClusters: (call) => list(call, 'clusters', [...call.state.eks.keys()].sort()),
  DeleteCluster: remove,
  UpdateClusterVersion: updateVersion,
  DescribeUpdate: (call) => {
    const id = call.params.required('updateId');
    const update = named(call).updates.find((each) => each.id === id);
    if (update) return { update: updateView(update) };
    throw new AwsError('ResourceNotFoundException', `No update found for ID: ${id}`, 404);
  },
  ListUpdates: (call) =>
    list(
      call,
      'updateIds',
      named(call).updates.map((update) => update.id),
    ),
};
