/** How the daemon reaches the cloud and the API of a cluster, from its configuration and the registry. */
import { accountNumber, type Cluster, type InfrastructureAccount } from '../domain/cluster.ts';
import { FailureError, terminal } from '../domain/failure.ts';
import type { CloudLookups } from '../ports/cloud-lookups.ts';
import type { CloudProvider } from '../ports/cloud-provider.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { createAwsClients } from '../providers/aws/aws-clients.ts';
import { connectAws } from '../providers/aws/connect-aws.ts';
import { connectLookups } from '../providers/aws/lookups.ts';
import { connectKube } from '../providers/kube/connect-kube.ts';
import type { KubeAccess } from '../providers/kube/kube-access.ts';
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
}

export function createClusterAccess(options: ClusterAccessOptions): ClusterAccess {
  const { aws, kubernetes } = options.providers;
  const agent = `clm/${options.version}`;
  const clients = createAwsClients({
    ...(aws.endpoint === undefined ? {} : { endpoint: aws.endpoint }),
    userAgentSuffix: agent,
  });
  return {
    connectCloud: (cluster) => {
      const account = accountNumber(cluster.infrastructureAccount);
      const role = roleArn(cluster, options.accounts(), aws.roleName);
      const cloud = connectAws({
        clients,
        account,
        region: cluster.region,
        ...(role === undefined ? {} : { assumeRoleArn: role }),
        userAgent: () => {
          const rollout = options.rolloutOf(cluster.id);
          return rollout === undefined ? '' : `rollout/${rollout}`;
        },
      });
      return measured(cloud, options.report.aws);
    },
    connectKube: (cluster) =>
      measured(
        connectKube({ cluster: cluster.id, access: kubeAccess(cluster, kubernetes), userAgent: agent }),
        options.report.kube,
      ),
    connectLookups: (cluster) => {
      const role = roleArn(cluster, options.accounts(), aws.roleName);
      const target = { account: accountNumber(cluster.infrastructureAccount), region: cluster.region };
      return connectLookups(clients, { ...target, ...(role === undefined ? {} : { assumeRoleArn: role }) });
    },
    close: () => clients.close(),
  };
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
