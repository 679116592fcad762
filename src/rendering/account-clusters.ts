/** What templates may ask of the clusters that share an account: who trusts whom, and who was first. */
import { accountNumber, type Cluster } from '../domain/cluster.ts';
import { eksItems, eksName, eksOidcProvider, oidcProviderOf } from '../domain/eks.ts';
import { GoMap, GoStruct, type GoValue } from './gotemplate/value.ts';
import { outputReference } from './stack-outputs.ts';

/** The issuer of a cluster's service-account tokens, without its scheme; undefined where only EKS knows it, and nobody wrote it down. */
function oidcProvider(cluster: Cluster): string | undefined {
  const { configItems, localId, apiServerUrl } = cluster;
  const issuer = configItems['eks_oidc_issuer_url'];
  if (eksName(cluster) !== undefined) {
    if (issuer === undefined || issuer === '') return undefined;
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

/** Values of fields, and why others have none. */
export interface TemplateFields {
  known: Record<string, GoValue>;
  unknown: Record<string, string>;
}

function issuerFields(
  cluster: Cluster,
): Record<'OIDCProvider' | 'OIDCProviderARN' | 'OIDCSubjectKey', string> | string {
  const provider = oidcProvider(cluster);
  if (provider === undefined)
    return `the issuer of ${cluster.alias}'s tokens is not known: enter eks_oidc_issuer_url in its config_items in the registry`;
  const account = accountNumber(cluster.infrastructureAccount);
  return {
    OIDCProvider: provider,
    OIDCProviderARN: `arn:aws:iam::${account}:oidc-provider/${provider}`,
    OIDCSubjectKey: `${provider}:sub`,
  };
}

function workerRole({ infrastructureAccount, localId }: Cluster): string {
  return `arn:aws:iam::${accountNumber(infrastructureAccount)}:role/${localId}-worker`;
}

/** Fields that follow from the others, under the original's names. */
export function derivedFields(cluster: Cluster): TemplateFields {
  const known = {
    InfrastructureAccountID: accountNumber(cluster.infrastructureAccount),
    Name: eksName(cluster) ?? cluster.id,
    WorkerRoleARN: workerRole(cluster),
  };
  const issuer = issuerFields(cluster);
  if (typeof issuer !== 'string') return { known: { ...known, ...issuer }, unknown: {} };
  return { known, unknown: { OIDCProvider: issuer, OIDCProviderARN: issuer, OIDCSubjectKey: issuer } };
}

/**
 * `together` are the clusters of the account in the registry's order, the cluster itself among them; what is older is what stands before
 * it there. Their config items are the registry's, without defaults, and encrypted ones stay encrypted.
 */
export function accountFields(cluster: Cluster, together: readonly Cluster[]): TemplateFields {
  const near = together.filter((one) => one.region === cluster.region && one.lifecycleStatus === 'ready');
  const sibling = near.find((one) => one.id !== cluster.id);
  const known = {
    AccountClusters: together.map(plainCluster),
    SiblingCluster: sibling === undefined ? null : plainCluster(sibling),
    IsOldestReadyClusterInTheRegion: near.length === 0 ? together.length === 0 : near[0]?.id === cluster.id,
  };
  const trust = trustRelationship(together);
  if (typeof trust === 'string') return { known, unknown: { IAMRoleTrustRelationshipTemplate: trust } };
  return { known: { ...known, IAMRoleTrustRelationshipTemplate: JSON.stringify(trust) }, unknown: {} };
}

function plainCluster(cluster: Cluster): GoStruct {
  const { known, unknown } = derivedFields(cluster);
  const items = GoMap.ofStrings(cluster.configItems);
  return new GoStruct('*api.Cluster', { ...registryFields(cluster), ConfigItems: items, ...known }, unknown);
}

/**
 * A trust policy for roles of workloads: nodes of every ready cluster of the account, and their service accounts. Why there is none
 * when an issuer is not known: a policy that lacks a cluster, or names a wrong issuer, would be found out by workloads.
 */
function trustRelationship(together: readonly Cluster[]): object | string {
  const assume = (more: object): object => ({ Effect: 'Allow', ...more });
  const statements: object[] = [];
  for (const cluster of together.filter((one) => one.lifecycleStatus === 'ready')) {
    const issuer = issuerFields(cluster);
    if (typeof issuer === 'string') return issuer;
    statements.push(
      assume({ Principal: { AWS: workerRole(cluster) }, Action: 'sts:AssumeRole' }),
      assume({
        Principal: { Federated: issuer.OIDCProviderARN },
        Action: 'sts:AssumeRoleWithWebIdentity',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the text itself is a placeholder for who uses it
        Condition: { StringLike: { [issuer.OIDCSubjectKey]: 'system:serviceaccount:${SERVICE_ACCOUNT}' } },
      }),
    );
  }
  const nodes = assume({ Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' });
  return { Version: '2012-10-17', Statement: [{ ...nodes, Sid: 'CLMApplied' }, ...statements] };
}
