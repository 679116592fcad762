/** Files in S3: templates that are too long for a request, and archives for nodes. */
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { FailureError, terminal } from '../../domain/failure.ts';
import type { CloudProvider, FileArchive } from '../../ports/cloud-provider.ts';
import { AwsServiceError } from './aws-calls.ts';
import type { AwsScope, RecoveringCall, ScopedCall } from './scoped-call.ts';
import { isServiceError } from './stack-request.ts';

type FileCalls = Pick<CloudProvider, 'storeText' | 'storeArchive'>;

/** KMS encrypts no more at once. */
const longestSecretBytes = 4096;

const absent = (error: unknown): 'missing' | undefined =>
  error instanceof AwsServiceError && error.status === 404 ? 'missing' : undefined;
const noBucket = (error: unknown): 'no-bucket' | undefined =>
  isServiceError(error, /^NoSuchBucket/) ? 'no-bucket' : undefined;
const alreadyThere = (error: unknown): 'ours' | 'taken' | undefined => {
  if (isServiceError(error, /^BucketAlreadyOwnedByYou/)) return 'ours';
  return isServiceError(error, /^BucketAlreadyExists/) ? 'taken' : undefined;
};
const denied = (error: unknown): 'denied' | undefined =>
  isServiceError(error, /^(AccessDenied|Forbidden|403)/) ? 'denied' : undefined;

export function createFileCalls(call: ScopedCall, recovering: RecoveringCall, scope: AwsScope): FileCalls {
  /** The name of the bucket can be guessed, so that somebody else may have taken it: only one of this account is used. */
  const ExpectedBucketOwner = scope.account;

  /** Names of buckets are one space for everybody: one that another account has is never written to. */
  function notOurs(bucket: string, what: string): FailureError {
    const message =
      `bucket ${bucket}: ${what}; it belongs to another account than ${scope.account}, or the role may not use it. ` +
      `Name another one in the config item files_bucket of the clusters of this account, or give the role s3:GetObject, s3:PutObject and s3:ListBucket there`;
    return new FailureError(terminal('bucket-not-ours', message));
  }

  async function isThere(Bucket: string, Key: string): Promise<boolean> {
    const request = { Bucket, Key, ExpectedBucketOwner };
    const answer = await recovering(
      'HeadObject',
      request,
      `s3://${Bucket}/${Key}`,
      (error) => absent(error) ?? denied(error),
    );
    if (answer === 'denied') throw notOurs(Bucket, `s3://${Bucket}/${Key} cannot be read`);
    return answer !== 'missing';
  }

  async function put(Bucket: string, Key: string, body: Buffer, ContentType: string): Promise<void> {
    const request = { Bucket, Key, Body: body, ContentType, ExpectedBucketOwner };
    const where = `s3://${Bucket}/${Key}`;
    if ((await recovering('PutObject', request, where, noBucket)) !== 'no-bucket') return;
    const made = await recovering(
      'CreateBucket',
      bucketRequest(Bucket, scope.region),
      `bucket ${Bucket}`,
      alreadyThere,
    );
    if (made === 'taken') throw notOurs(Bucket, 'its name is taken');
    await call('PutObject', request, where);
  }

  async function encrypted(archive: FileArchive, path: string, plain: Buffer): Promise<Buffer> {
    const where = `file ${path} of ${archive.key}`;
    if (plain.length > longestSecretBytes) {
      const message = `${where} has ${plain.length} bytes; KMS encrypts ${longestSecretBytes} at most`;
      throw new FailureError(terminal('aws-validation', message));
    }
    const { CiphertextBlob } = await call('Encrypt', { KeyId: archive.encryptionKey, Plaintext: plain }, where);
    return Buffer.from(CiphertextBlob ?? new Uint8Array());
  }

  return {
    async storeText(bucket, key, text) {
      if (await isThere(bucket, key)) return 'there';
      await put(bucket, key, Buffer.from(text), 'text/plain; charset=utf-8');
      return 'stored';
    },

    async storeArchive(archive) {
      // every encryption of a file looks different, but the key says what is inside
      if (await isThere(archive.bucket, archive.key)) return 'there';
      const entries: { path: string; data: Buffer; mode: number }[] = [];
      for (const file of archive.files) {
        const plain = Buffer.from(file.data, 'base64');
        const data = file.encrypted ? await encrypted(archive, file.path, plain) : plain;
        entries.push({ path: file.encrypted ? `${file.path}.enc` : file.path, data, mode: file.permissions });
      }
      await put(archive.bucket, archive.key, await archiveOf(entries), 'application/gzip');
      return 'stored';
    },
  };
}

function bucketRequest(Bucket: string, region: string) {
  type Region = 'eu-central-1';
  // the first region is the one that must not be named
  if (region === 'us-east-1') return { Bucket };
  return { Bucket, CreateBucketConfiguration: { LocationConstraint: region as Region } };
}

/** tar.gz; the same files give the same bytes. */
async function archiveOf(entries: { path: string; data: Buffer; mode: number }[]): Promise<Buffer> {
  const tar = pack();
  for (const { path, data, mode } of entries) tar.entry({ name: path, mode, mtime: new Date(0) }, data);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
}
