/** EKS's API: control planes that AWS runs. They take minutes to come, to change and to go. */
import { AwsError, page } from './aws-request.ts';
import type { ActionTable, Call } from './cloud.ts';
import {
  createEks,
  deleteEks,
  eksAuthority,
  eksEndpoint,
  eksIssuer,
  eksSecurityGroup,
  upgradeEks,
} from './eks-clusters.ts';
import type { EksCluster, EksUpdate } from './resources.ts';

const seconds = (ms: number): number => ms / 1000;
const badToken = (): AwsError => new AwsError('InvalidParameterException', 'The nextToken is not valid.');

function clusterView({ cloud, state }: Pick<Call, 'cloud' | 'state'>, cluster: EksCluster): Record<string, unknown> {
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
      ...(up ? { clusterSecurityGroupId: eksSecurityGroup(cluster) } : {}),
    },
    kubernetesNetworkConfig: { serviceIpv4Cidr: '172.20.0.0/16', ipFamily: 'ipv4' },
    status: cluster.status,
    certificateAuthority: up ? { data: eksAuthority(cluster) } : {},
    platformVersion: up ? 'eks.1' : '',
    ...(up
      ? {
          endpoint: eksEndpoint(cloud, state, cluster),
          identity: { oidc: { issuer: eksIssuer(state, cluster) } },
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

function create(call: Call): Record<string, unknown> {
  const { cloud, params, state } = call;
  const name = params.required('name');
  const roleArn = params.required('roleArn');
  const vpc = params.structure('resourcesVpcConfig') ?? params.fail('resourcesVpcConfig is required');
  const token = params.text('clientRequestToken');
  const known = state.eks.get(name);
  if (known && token !== undefined && known.token === token) return { cluster: clusterView(call, known) };
  const tags = (params.raw['tags'] ?? {}) as Record<string, unknown>;
  const cluster = createEks(cloud, state, {
    name,
    version: params.text('version'),
    roleArn,
    subnetIds: vpc.texts('subnetIds'),
    tags: new Map(Object.entries(tags).map(([key, value]) => [key, String(value)])),
    ...(token === undefined ? {} : { token }),
  });
  return { cluster: clusterView(call, cluster) };
}

function updateVersion(call: Call): Record<string, unknown> {
  const { cloud, params, state } = call;
  const cluster = named(call);
  return { update: updateView(upgradeEks(cloud, state, cluster, params.required('version'))) };
}

function remove(call: Call): Record<string, unknown> {
  const cluster = named(call);
  deleteEks(call.cloud, call.state, cluster);
  return { cluster: clusterView(call, cluster) };
}

function list(call: Call, key: string, all: string[]): Record<string, unknown> {
  const size = call.params.bounded('maxResults', 1, 100) ?? 100;
  const { items, next } = page(all, { size, token: call.params.text('nextToken'), badToken });
  return { [key]: items, ...(next === undefined ? {} : { nextToken: next }) };
}

export const eksActions: ActionTable = {
  CreateCluster: create,
  DescribeCluster: (call) => ({ cluster: clusterView(call, named(call)) }),
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
