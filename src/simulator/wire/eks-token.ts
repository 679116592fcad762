/** Bearer tokens of EKS: a presigned STS request that the control plane sends on, and whose answer says who asks. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { accountOfAccessKey } from '../model/aws/identity-actions.ts';

const prefix = 'k8s-aws-v1.';
/** However short the signature is made to last, the control plane takes it for this long. */
const lifeMs = 15 * 60_000;
const aheadMs = 60_000;
const clusterHeader = 'x-k8s-aws-id';

export interface EksTokenJudge {
  /** Cluster that is asked, as EKS knows it. */
  name: string;
  /** Its account: principals of others have no access entry. */
  account: string;
  now: number;
  /** undefined for keys whose secret is not known here: their signature is taken as it is. */
  secretOf(accessKeyId: string): string | undefined;
}

/** Why the control plane does not let it in; undefined when it does. */
export function eksTokenRefusal(bearer: string | undefined, judge: EksTokenJudge): string | undefined {
  if (bearer?.startsWith(prefix) !== true) return 'no token of AWS';
  const text = Buffer.from(bearer.slice(prefix.length), 'base64url').toString();
  if (!URL.canParse(text)) return 'the token holds no URL';
  const url = new URL(text);
  const query = url.searchParams;
  if (query.get('Action') !== 'GetCallerIdentity') return 'the token asks for something else than who calls';
  const signed = (query.get('X-Amz-SignedHeaders') ?? '').split(';');
  if (!signed.includes(clusterHeader) || !signed.includes('host')) return 'the token is not bound to a cluster';
  const [accessKeyId = '', date = '', region = '', service = ''] = (query.get('X-Amz-Credential') ?? '').split('/');
  const account = accountOfAccessKey(accessKeyId);
  if (service !== 'sts' || account === undefined) return 'the token is not signed for STS';
  if (account !== judge.account) return `account ${account} has no access entry`;
  const at = timeOf(query.get('X-Amz-Date') ?? '');
  if (at === undefined || at > judge.now + aheadMs) return 'the token is not valid yet';
  if (judge.now >= at + lifeMs) return 'the token has ended';
  const secret = judge.secretOf(accessKeyId);
  if (secret === undefined) return undefined;
  const expected = signatureOf(url, { secret, date, region, name: judge.name, signed });
  const given = Buffer.from(query.get('X-Amz-Signature') ?? '');
  const same = given.length === expected.length && timingSafeEqual(given, expected);
  return same ? undefined : 'the signature does not match';
}

function timeOf(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!match) return undefined;
  const [, year = 0, month = 1, day, hour, minute, second] = match.map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Signature version 4 of the query, in hex. */
function signatureOf(
  url: URL,
  by: { secret: string; date: string; region: string; name: string; signed: string[] },
): Buffer {
  const query = [...url.searchParams]
    .filter(([key]) => key !== 'X-Amz-Signature')
    .map(([key, value]) => `${encode(key)}=${encode(value)}`)
    .sort()
    .join('&');
  const values: Record<string, string> = { host: url.host, [clusterHeader]: by.name };
  const headers = by.signed.map((header) => `${header}:${values[header] ?? ''}\n`).join('');
  const request = ['GET', url.pathname, query, headers, by.signed.join(';'), sha256('')].join('\n');
  const scope = `${by.date}/${by.region}/sts/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', url.searchParams.get('X-Amz-Date') ?? '', scope, sha256(request)].join('\n');
  const key = [by.region, 'sts', 'aws4_request'].reduce(hmac, hmac(`AWS4${by.secret}`, by.date));
  return Buffer.from(hmac(key, toSign).toString('hex'));
}
