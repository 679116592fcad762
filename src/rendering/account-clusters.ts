/** What templates may ask of the clusters that share an account: who trusts whom, and who was first. */
import { accountNumber, type Cluster } from '../domain/cluster.ts';
import { eksItems, eksName, eksOidcProvider, oidcProviderOf } from '../domain/eks.ts';
import { GoMap, GoStruct, type GoValue } from './gotemplate/value.ts';
import { outputReference } from './stack-outputs.ts';

/** The issuer of a cluster's service-account tokens, without its scheme. */
function oidcProvider({ provider, configItems, localId, apiServerUrl }: Cluster): string {
  const issuer = configItems['eks_oidc_issuer_url'];
  if (provider.endsWith('-eks') && issuer !== undefined) {
    // what is filled in later has no scheme yet that could be cut
    if (issuer === outputReference(eksItems.eks_oidc_issuer_url)) return outputReference(eksOidcProvider);
    return oidcProviderOf(issuer);
  }
  const host = URL.canParse(apiServerUrl) ? new URL(apiServerUrl).hostname : '';
  return `${localId}.${host.slice(host.indexOf('.') + 1)}`;
}

/** What the registry says of any cluster, under the original's names. */
export function registryFields(cluster: Cluster): Record<string, GoValue> {
  return {
    ID: cluster.id,
    Alias: cluster.alias,
    LocalID: cluster.localId,
    InfrastructureAccount: cluster.infrastructureAccount,
    Region: cluster.region,
    Provider: cluster.provider,
    APIServerURL: cluster.apiServerUrl,
    Channel: cluster.channel,
    Environment: cluster.environment,
    CriticalityLevel: BigInt(cluster.criticalityLevel),
    LifecycleStatus: cluster.lifecycleStatus,
  };
}

/** Fields that follow from the others, under the original's names. */
export function derivedFields(cluster: Cluster): Record<string, string> {
  const account = accountNumber(cluster.infrastructureAccount);
  const provider = oidcProvider(cluster);
  return {
    InfrastructureAccountID: account,
    Name: eksName(cluster) ?? cluster.id,
    WorkerRoleARN: `arn:aws:iam::${account}:role/${cluster.localId}-worker`,
    OIDCProvider: provider,
    OIDCProviderARN: `arn:aws:iam::${account}:oidc-provider/${provider}`,
    OIDCSubjectKey: `${provider}:sub`,
  };
}

/**
 * `together` are the clusters of the account in the registry's order, the cluster itself among them; what is older is what stands before
 * it there. Their config items are the registry's, without defaults, and encrypted ones stay encrypted.
 */
export function accountFields(cluster: Cluster, together: readonly Cluster[]): Record<string, GoValue> {
  const near = together.filter((one) => one.region === cluster.region && one.lifecycleStatus === 'ready');
  const sibling = near.find((one) => one.id !== cluster.id);
  return {
    AccountClusters: together.map(plainCluster),
    SiblingCluster: sibling === undefined ? null : plainCluster(sibling),
    IsOldestReadyClusterInTheRegion: near.length === 0 ? together.length === 0 : near[0]?.id === cluster.id,
    IAMRoleTrustRelationshipTemplate: JSON.stringify(trustRelationship(together)),
  };
}

function plainCluster(cluster: Cluster): GoStruct {
  return new GoStruct('*api.Cluster', {
    ...registryFields(cluster),
    ConfigItems: GoMap.ofStrings(cluster.configItems),
    ...derivedFields(cluster),
  });
}

/** A trust policy for roles of workloads: nodes of every ready cluster of the account, and their service accounts. */
function trustRelationship(together: readonly Cluster[]): unknown {
  const assume = (more: object): object => ({ Effect: 'Allow', ...more });
  const ready = together.filter((one) => one.lifecycleStatus === 'ready').map(derivedFields);
  return {
    Version: '2012-10-17',
    Statement: [
      { ...assume({ Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }), Sid: 'CLMApplied' },
      ...ready.flatMap(({ WorkerRoleARN, OIDCProviderARN, OIDCSubjectKey }) => [
        assume({ Principal: { AWS: WorkerRoleARN }, Action: 'sts:AssumeRole' }),
        assume({
          Principal: { Federated: OIDCProviderARN },
          Action: 'sts:AssumeRoleWithWebIdentity',
          // biome-ignore lint/suspicious/noTemplateCurlyInString: the text itself is a placeholder for who uses it
          Condition: { StringLike: { [OIDCSubjectKey ?? '']: 'system:serviceaccount:${SERVICE_ACCOUNT}' } },
        }),
      ]),
    ],
  };
}
