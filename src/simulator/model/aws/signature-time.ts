/** A signature holds for minutes: its time must be that of the service's own clock. */
import { AwsError } from './aws-request.ts';

const oldestMs = 300_000;

/** What a service, by its credential scope, says of a signature of this time; undefined when it will do. Both are epoch ms. */
export function signatureTimeRefusal(scope: string, signedAt: number, now: number): AwsError | undefined {
  const limit = scope === 's3' ? 3 * oldestMs : oldestMs;
  if (Math.abs(now - signedAt) <= limit) return undefined;
  if (scope === 's3') {
    const message = 'The difference between the request time and the current time is too large.';
    return new AwsError('RequestTimeTooSkewed', message, 403);
  }
  if (scope === 'ec2') return new AwsError('RequestExpired', 'Request has expired.', 400);
  const stamp = (ms: number): string => new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '');
  const message =
    now > signedAt
      ? `Signature expired: ${stamp(signedAt)} is now earlier than ${stamp(now - limit)} (${stamp(now)} - 5 min.)`
      : `Signature not yet current: ${stamp(signedAt)} is still later than ${stamp(now + limit)} (${stamp(now)} + 5 min.)`;
  return new AwsError(
    scope === 'kms' || scope === 'eks' ? 'InvalidSignatureException' : 'SignatureDoesNotMatch',
    message,
    403,
  );
}
