/** Tokens for the API of an EKS cluster, as `aws eks get-token` makes them: a presigned request that says who we are. */
import { SignatureV4 } from '@smithy/signature-v4';
import { wallMs } from '../../support/deadline.ts';
import type { AwsClientSet } from './aws-clients.ts';

/** EKS takes a token for a quarter of an hour; a new one is made well before. Wall time. */
const lifeMs = 15 * 60_000;
const renewBeforeMs = 5 * 60_000;
/** What `aws eks get-token` asks for; EKS counts from the time of the signature. */
const signedForSeconds = 60;

/**
 * The token names STS in the cluster's region, which is what EKS sends it to, wherever this daemon reaches STS. Credentials are
 * resolved, and renewed, by the SDK.
 */
export function createEksTokens(
  clients: AwsClientSet,
  clusterName: string,
): { current(): Promise<string>; forget(): void } {
  const { region } = clients;
  const hostname = `sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  let made: { token: Promise<string>; at: number } | undefined;

  async function make(): Promise<string> {
    const { credentials, sha256 } = clients.sts().config;
    const signer = new SignatureV4({ credentials, sha256, region, service: 'sts' });
    const { query = {} } = await signer.presign(
      {
        method: 'GET',
        protocol: 'https:',
        hostname,
        path: '/',
        query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
        headers: { host: hostname, 'x-k8s-aws-id': clusterName },
      },
      { expiresIn: signedForSeconds, unhoistableHeaders: new Set(['x-k8s-aws-id']) },
    );
    const signed = new URLSearchParams(
      Object.entries(query).map(([key, value]): [string, string] => [key, String(value)]),
    );
    return `k8s-aws-v1.${Buffer.from(`https://${hostname}/?${signed.toString()}`).toString('base64url')}`;
  }

  return {
    async current() {
      const known = made;
      if (known !== undefined && wallMs() - known.at < lifeMs - renewBeforeMs) return known.token;
      const next = { token: make(), at: wallMs() };
      made = next;
      next.token.catch(() => {
        if (made === next) made = undefined;
      });
      return next.token;
    },
    forget() {
      made = undefined;
    },
  };
}
