/** How the daemon reaches the cloud and the API of a cluster, from its configuration and the registry. */
import { accountNumber, type Cluster, type InfrastructureAccount } from '../domain/cluster.ts';
import { eksName } from '../domain/eks.ts';
import { FailureError, terminal, transient } from '../domain/failure.ts';
import type { CloudLookups } from '../ports/cloud-lookups.ts';
import type { CloudProvider } from '../ports/cloud-provider.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { type AwsTarget, createAwsClients } from '../providers/aws/aws-clients.ts';
import { connectAws } from '../providers/aws/connect-aws.ts';
import { createEksTokens } from '../providers/aws/eks-tokens.ts';
import { connectLookups } from '../providers/aws/lookups.ts';
import { connectKube, connectLocatedKube } from '../providers/kube/connect-kube.ts';
import type { KubeAccess } from '../providers/kube/kube-access.ts';
import type { KubeAddress } from '../providers/kube/located-exchange.ts';
import type { DaemonConfig } from './config.ts';
import { type CallReport, measured } from './measured.ts';

export interface ClusterAccess {
  connectCloud: (cluster: Cluster) => CloudProvider;
  connectKube: (cluster: Cluster) => KubeCluster;
  /** Look-ups of rendering in the cluster's account and region. */
  connectLookups: (cluster: Cluster) => CloudLookups;
  close: () => void;
}

export interface ClusterAccessOptions {
  providers: DaemonConfig['providers'];
  version: string;
  accounts: () => InfrastructureAccount[];
  /** Rollout that a cluster is in now, for the user agent: CloudTrail and audit logs answer "who". */
  rolloutOf: (clusterId: string) => string | undefined;
  report: { aws: CallReport; kube: CallReport };
  /** Hears the time of each cluster's API server (epoch ms). */
  heardTime?: (clusterId: string, serverMs: number) => void;
}

export function createClusterAccess(options: ClusterAccessOptions): ClusterAccess {
  const { aws, kubernetes } = options.providers;
  const agent = `clm/${options.version}`;
  const clients = createAwsClients({
    ...(aws.endpoint === undefined ? {} : { endpoint: aws.endpoint }),
    userAgentSuffix: agent,
  });
  const targetOf = (cluster: Cluster): AwsTarget => {
    const role = roleArn(cluster, options.accounts(), aws.roleName);
    return {
      account: accountNumber(cluster.infrastructureAccount),
      region: cluster.region,
      ...(role === undefined ? {} : { assumeRoleArn: role }),
    };
  };
  const connectCloud = (cluster: Cluster): CloudProvider => {
    const cloud = connectAws({
      clients,
      ...targetOf(cluster),
      userAgent: () => {
        const rollout = options.rolloutOf(cluster.id);
        return rollout === undefined ? '' : `rollout/${rollout}`;
      },
    });
    return measured(cloud, options.report.aws);
  };
  /** An EKS cluster is found, and entered, through AWS, unless a kubeconfig says how. */
  const connectApi = (cluster: Cluster): KubeCluster => {
    const clusterName = eksName(cluster);
    const heardTime = (serverMs: number): void => options.heardTime?.(cluster.id, serverMs);
    if (clusterName === undefined || kubernetes.kubeconfig !== undefined) {
      const access = kubeAccess(cluster, kubernetes);
      return connectKube({ cluster: cluster.id, access, userAgent: agent, heardTime });
    }
    const cloud = connectCloud(cluster);
    return connectLocatedKube({
      cluster: cluster.id,
      userAgent: agent,
      heardTime,
      locate: () => locateEks(cloud, cluster.id, clusterName),
      tokens: createEksTokens(clients.clientsFor(targetOf(cluster)), clusterName),
    });
  };
  return {
    connectCloud,
    connectKube: (cluster) => measured(connectApi(cluster), options.report.kube),
    connectLookups: (cluster) => connectLookups(clients, targetOf(cluster)),
    close: () => clients.close(),
  };
}

/** Where EKS serves the API. Throws `kube-unreachable` while it does not. */
async function locateEks(cloud: CloudProvider, clusterId: string, name: string): Promise<KubeAddress> {
  const plane = await cloud.describeControlPlane(name);
  const { endpoint, certificateAuthority } = plane ?? {};
  if (endpoint !== undefined && plane?.status !== 'CREATING') {
    return { server: endpoint, ...(certificateAuthority === undefined ? {} : { caData: certificateAuthority }) };
  }
  const why = plane === undefined ? 'is not there' : `is ${plane.status}`;
  throw new FailureError(transient('kube-unreachable', `the EKS cluster ${name} of ${clusterId} ${why}`));
}

/** The account's own role goes before the role name that all accounts share. Throws `account-unknown`. */
function roleArn(
  cluster: Cluster,
  accounts: InfrastructureAccount[],
  roleName: string | undefined,
): string | undefined {
  const account = accounts.find((one) => one.id === cluster.infrastructureAccount);
  if (account === undefined) {
    throw new FailureError(
      terminal(
        'account-unknown',
        `Cluster ${cluster.id} is in infrastructure account ${cluster.infrastructureAccount}, which the accounts file does not list.`,
      ),
    );
  }
  if (account.assumeRoleArn !== undefined) return account.assumeRoleArn;
  return roleName === undefined ? undefined : `arn:aws:iam::${accountNumber(account.id)}:role/${roleName}`;
}

/** A kubeconfig has one context a cluster, named by the cluster's id. */
function kubeAccess(cluster: Cluster, settings: DaemonConfig['providers']['kubernetes']): KubeAccess {
  if (settings.kubeconfig !== undefined) return { kind: 'kubeconfig', file: settings.kubeconfig, context: cluster.id };
  const server =
    settings.urlTemplate === undefined ? cluster.apiServerUrl : settings.urlTemplate.replaceAll('{id}', cluster.id);
  return {
    kind: 'server',
    server,
    ...(settings.token === undefined ? {} : { token: settings.token }),
    ...(settings.tokenFile === undefined ? {} : { tokenFile: settings.tokenFile }),
  };
}
