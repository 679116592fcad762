/** Clusters whose control plane EKS runs. */
import type { Cluster } from './cluster.ts';

/** Values of the registry's `provider`, and who runs the control plane there. */
export const providers = {
  'zalando-aws': 'nodes',
  'zalando-eks': 'eks',
  aws: 'nodes',
  'aws-eks': 'eks',
} as const;

/** Config item of a cluster that EKS knows by another name. */
const nameItem = 'eks_cluster_name';

/**
 * Name of the cluster in EKS, when EKS runs its control plane; undefined when nodes do. As in the original the alias for
 * `zalando-eks`; for `aws-eks` the local id.
 */
export function eksName(cluster: Pick<Cluster, 'provider' | 'alias' | 'localId' | 'configItems'>): string | undefined {
  if (providers[cluster.provider as keyof typeof providers] !== 'eks') return undefined;
  return cluster.configItems[nameItem] ?? (cluster.provider === 'zalando-eks' ? cluster.alias : cluster.localId);
}

/**
 * Config items that only EKS knows the values of, as in the original, with the names by which rendered units refer to them. They are
 * put in when a unit is applied, as outputs of the cluster stack are.
 */
export const eksItems = {
  eks_endpoint: 'ClmEksEndpoint',
  eks_certificate_authority_data: 'ClmEksCertificateAuthorityData',
  eks_oidc_issuer_url: 'ClmEksOidcIssuerUrl',
} as const;

/** Refers to the issuer as IAM names it, which is without its scheme: a reference cannot be cut before it is filled in. */
export const eksOidcProvider = 'ClmEksOidcProvider';

/** `https://oidc.eks.REGION.amazonaws.com/id/X` without its scheme. */
export function oidcProviderOf(issuer: string): string {
  return issuer.replace(/^https:\/\//, '');
}

/** What the references stand for, as far as EKS says it. */
export function eksOutputs(plane: {
  endpoint?: string;
  certificateAuthority?: string;
  oidcIssuer?: string;
}): Record<string, string> {
  const { endpoint, certificateAuthority, oidcIssuer } = plane;
  return {
    ...(endpoint === undefined ? {} : { [eksItems.eks_endpoint]: endpoint }),
    ...(certificateAuthority === undefined ? {} : { [eksItems.eks_certificate_authority_data]: certificateAuthority }),
    ...(oidcIssuer === undefined
      ? {}
      : { [eksItems.eks_oidc_issuer_url]: oidcIssuer, [eksOidcProvider]: oidcProviderOf(oidcIssuer) }),
  };
}
