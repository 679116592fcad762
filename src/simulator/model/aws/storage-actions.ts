/** S3 (objects by bucket and key) and KMS (a reversible stand-in for encryption: nothing here is secret). */
import { createHash } from 'node:crypto';
import { AwsError, type Params, page, plainText } from './aws-request.ts';
import type { ActionTable, Call, Cloud } from './cloud.ts';
import type { BucketsPart } from './cloud-parts.ts';
import type { RegionState } from './region-state.ts';
import type { PlainResource } from './resources.ts';

export interface StoredObject {
  /** 'null' while versions are not kept. */
  versionId: string;
  /** A version that says that the object was deleted. */
  marker: boolean;
  body: Buffer;
  contentType: string;
  etag: string;
  modifiedAt: number;
}

interface Bucket {
  name: string;
  account: string;
  region: string;
  createdAt: number;
  objects: Map<string, StoredObject>;
  versioning: '' | 'Enabled' | 'Suspended';
  /** Every version of a key, oldest first; kept once versioning was enabled. */
  history: Map<string, StoredObject[]>;
}

function noSuchBucket(name: string): AwsError {
  return new AwsError('NoSuchBucket', `The specified bucket does not exist (${name})`, 404);
}

function bytesOf(value: unknown): Buffer {
  if (value === undefined) return Buffer.alloc(0);
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof Uint8Array) return Buffer.from(value);
  throw new AwsError('InvalidArgument', 'Body must be text or bytes');
}

/** Buckets are global by name, as in S3; buckets of stacks are found through their account's regions. */
export class ObjectStorage implements BucketsPart {
  readonly #cloud: Cloud;
  readonly #buckets = new Map<string, Bucket>();

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
  }

  bucket(name: string): Bucket | undefined {
    const known = this.#buckets.get(name);
    if (known) return known;
    for (const state of this.#cloud.regions()) {
      if (state.plain.get(name)?.type === 'AWS::S3::Bucket') return this.create(state, name);
    }
    return undefined;
  }

  create(state: RegionState, name: string): Bucket {
    const bucket: Bucket = {
      name,
      account: state.account,
      region: state.region,
      createdAt: this.#cloud.now(),
      objects: new Map(),
      versioning: '',
      history: new Map(),
    };
    this.#buckets.set(name, bucket);
    return bucket;
  }

  /** Gone everywhere; the stack that made it may still name it. @throws AwsError BucketNotEmpty */
  removeBucket(name: string): void {
    const bucket = this.bucket(name);
    if (!bucket) return;
    if (bucket.objects.size > 0 || bucket.history.size > 0)
      throw new AwsError('BucketNotEmpty', 'The bucket you tried to delete is not empty', 409);
    this.#buckets.delete(name);
    this.#cloud.region(bucket.account, bucket.region).plain.delete(name);
  }

  /** A template by its S3 URL, path style or virtual host; undefined when there is none. */
  template(url: string): string | undefined {
    const path = /^https?:\/\/[^/]+\/([^?]*)/.exec(url)?.[1];
    const host = /^https?:\/\/([^/:]+)/.exec(url)?.[1] ?? '';
    if (path === undefined) return undefined;
    const virtual = /^(.+)\.s3[.-]/.exec(host)?.[1];
    const decoded = decodeURIComponent(path);
    const slash = decoded.indexOf('/');
    const [name, key] =
      virtual === undefined ? [decoded.slice(0, slash), decoded.slice(slash + 1)] : [virtual, decoded];
    return this.bucket(name)?.objects.get(key)?.body.toString('utf8');
  }

  #createBucket({ state, params }: Call): Record<string, unknown> {
    const name = params.required('Bucket');
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name))
      throw new AwsError('InvalidBucketName', 'The specified bucket is not valid.');
    const known = this.bucket(name);
    if (known?.account === state.account)
      throw new AwsError(
        'BucketAlreadyOwnedByYou',
        'Your previous request to create the named bucket succeeded and you already own it.',
        409,
      );
    if (known) throw new AwsError('BucketAlreadyExists', 'The requested bucket name is not available.', 409);
    this.create(state, name);
    return { Location: `/${name}` };
  }

  /** Buckets of the account in all regions, by name; those of stacks too. */
  #listBuckets({ state, params }: Call): Record<string, unknown> {
    for (const { account, plain } of this.#cloud.regions()) {
      if (account !== state.account) continue;
      for (const [name, { type }] of plain) if (type === 'AWS::S3::Bucket') this.bucket(name);
    }
    const prefix = params.text('Prefix') ?? '';
    const all = [...this.#buckets.values()].filter(
      ({ account, name }) => account === state.account && name.startsWith(prefix),
    );
    all.sort((a, b) => (a.name < b.name ? -1 : 1));
    const { items, next } = page(all, {
      size: params.bounded('MaxBuckets', 1, 10_000) ?? 10_000,
      token: params.text('ContinuationToken'),
      badToken: () => new AwsError('InvalidArgument', 'The continuation token provided is incorrect'),
    });
    return {
      Buckets: items.map(({ name, createdAt }) => ({ Name: name, CreationDate: new Date(createdAt) })),
      Owner: { ID: state.account },
      ...(next === undefined ? {} : { ContinuationToken: next }),
    };
  }

  #list(call: Call, bucket: Bucket): Record<string, unknown> {
    const prefix = call.params.text('Prefix') ?? '';
    const delimiter = call.params.text('Delimiter') ?? '';
    const most = call.params.bounded('MaxKeys', 1, 1000) ?? 1000;
    const after = call.params.text('StartAfter') ?? '';
    const keys = [...bucket.objects].filter(([key]) => key.startsWith(prefix) && key > after);
    keys.sort(([a], [b]) => (a < b ? -1 : 1));
    const groups = new Set<string>();
    const plain = keys.filter(([key]) => {
      const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      if (end >= 0) groups.add(key.slice(0, end + delimiter.length));
      return end < 0;
    });
    const { items, next } = page(plain, {
      size: most,
      token: call.params.text('ContinuationToken'),
      badToken: () => new AwsError('InvalidArgument', 'The continuation token provided is incorrect'),
    });
    return {
      Name: call.params.required('Bucket'),
      Prefix: prefix,
      ...(delimiter === '' ? {} : { Delimiter: delimiter }),
      KeyCount: items.length + groups.size,
      MaxKeys: most,
      IsTruncated: next !== undefined,
      ...(next === undefined ? {} : { NextContinuationToken: next }),
      Contents: items.map(([Key, stored]) => ({ Key, ...summary(stored) })),
      CommonPrefixes: [...groups].map((Prefix) => ({ Prefix })),
    };
  }

  #versions(call: Call, bucket: Bucket): Record<string, unknown> {
    const prefix = call.params.text('Prefix') ?? '';
    const all = [...bucket.history].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
    const entries = all.flatMap(([Key, versions]) =>
      [...versions].reverse().map((stored, i) => ({ Key, VersionId: stored.versionId, IsLatest: i === 0, stored })),
    );
    return {
      Name: call.params.required('Bucket'),
      Prefix: prefix,
      MaxKeys: 1000,
      IsTruncated: false,
      Versions: entries
        .filter((each) => !each.stored.marker)
        .map(({ stored, ...rest }) => ({ ...rest, ...summary(stored) })),
      DeleteMarkers: entries
        .filter((each) => each.stored.marker)
        .map(({ stored, ...rest }) => ({ ...rest, LastModified: new Date(stored.modifiedAt) })),
    };
  }

  #store(call: Call, bucket: Bucket, key: string, stored: StoredObject): void {
    const kept = bucket.versioning === 'Enabled';
    if (kept) stored.versionId = call.state.uuid().replaceAll('-', '');
    if (stored.marker) bucket.objects.delete(key);
    else bucket.objects.set(key, stored);
    if (bucket.versioning === '') return;
    const history = bucket.history.get(key) ?? [];
    bucket.history.set(key, [...(kept ? history : history.filter((each) => each.versionId !== 'null')), stored]);
  }

  #delete(call: Call, bucket: Bucket): Record<string, unknown> {
    const key = call.params.required('Key');
    const versionId = call.params.text('VersionId');
    const history = bucket.history.get(key);
    if (versionId !== undefined && history) {
      const rest = history.filter((each) => each.versionId !== versionId);
      if (rest.length > 0) bucket.history.set(key, rest);
      else bucket.history.delete(key);
      const last = rest.at(-1);
      if (last && !last.marker) bucket.objects.set(key, last);
      else bucket.objects.delete(key);
      return { VersionId: versionId };
    }
    if (bucket.versioning === '') {
      bucket.objects.delete(key);
      return {};
    }
    const marker = {
      versionId: 'null',
      marker: true,
      body: Buffer.alloc(0),
      contentType: '',
      etag: '',
      modifiedAt: call.cloud.now(),
    };
    this.#store(call, bucket, key, marker);
    return { VersionId: marker.versionId, DeleteMarker: true };
  }

  actions(): ActionTable {
    const bucketOf = ({ params, state }: Call): Bucket => {
      const name = params.required('Bucket');
      const bucket = this.bucket(name);
      if (!bucket) throw noSuchBucket(name);
      if (bucket.account !== state.account) throw new AwsError('AccessDenied', 'Access Denied', 403);
      return bucket;
    };
    const objectOf = (call: Call): StoredObject => {
      const key = call.params.required('Key');
      const bucket = bucketOf(call);
      const versionId = call.params.text('VersionId');
      if (versionId !== undefined) {
        const version = bucket.history.get(key)?.find((each) => each.versionId === versionId);
        if (version && !version.marker) return version;
        throw new AwsError('NoSuchVersion', 'The specified version does not exist.', 404);
      }
      const stored = bucket.objects.get(key);
      if (stored) return stored;
      throw new AwsError('NoSuchKey', 'The specified key does not exist.', 404);
    };
    const head = (stored: StoredObject): Record<string, unknown> => ({
      ETag: stored.etag,
      ContentLength: stored.body.length,
      ContentType: stored.contentType,
      LastModified: new Date(stored.modifiedAt),
      ...(stored.versionId === 'null' ? {} : { VersionId: stored.versionId }),
    });
    return {
      CreateBucket: (call) => this.#createBucket(call),
      HeadBucket: (call) => ({ BucketRegion: bucketOf(call).region }),
      PutObject: (call) => {
        const body = bytesOf(call.params.raw['Body']);
        const etag = `"${createHash('md5').update(body).digest('hex')}"`;
        const stored: StoredObject = {
          versionId: 'null',
          marker: false,
          body,
          contentType: call.params.text('ContentType') ?? 'application/octet-stream',
          etag,
          modifiedAt: call.cloud.now(),
        };
        this.#store(call, bucketOf(call), call.params.required('Key'), stored);
        return { ETag: etag, ...(stored.versionId === 'null' ? {} : { VersionId: stored.versionId }) };
      },
      GetObject: (call) => {
        const stored = objectOf(call);
        return { ...head(stored), Body: stored.body };
      },
      HeadObject: (call) => head(objectOf(call)),
      DeleteObject: (call) => this.#delete(call, bucketOf(call)),
      DeleteBucket: (call) => {
        this.removeBucket(bucketOf(call).name);
        return {};
      },
      ListBuckets: (call) => this.#listBuckets(call),
      GetBucketLocation: (call) => ({ LocationConstraint: bucketOf(call).region }),
      GetBucketVersioning: (call) => {
        const { versioning } = bucketOf(call);
        return versioning === '' ? {} : { Status: versioning };
      },
      PutBucketVersioning: (call) => {
        const bucket = bucketOf(call);
        bucket.versioning =
          call.params.oneOf('Status', ['Enabled', 'Suspended'] as const) ?? call.params.fail('Status is required');
        for (const [key, stored] of bucket.objects) if (!bucket.history.has(key)) bucket.history.set(key, [stored]);
        return {};
      },
      ListObjectVersions: (call) => this.#versions(call, bucketOf(call)),
      ListObjectsV2: (call) => this.#list(call, bucketOf(call)),
    };
  }
}

function summary(stored: StoredObject): Record<string, unknown> {
  return {
    LastModified: new Date(stored.modifiedAt),
    ETag: stored.etag,
    Size: stored.body.length,
    StorageClass: 'STANDARD',
  };
}

const cipherPrefix = 'simulated-kms:';

function blob(value: unknown, name: string): Buffer {
  if (typeof value === 'string') return Buffer.from(value, 'base64');
  if (value instanceof Uint8Array) return Buffer.from(value);
  throw new AwsError(
    'ValidationException',
    `1 validation error detected: Value null at '${name}' failed to satisfy constraint: Member must not be null`,
  );
}

function keyArn(state: RegionState, keyId: string): string {
  return keyId.startsWith('arn:') ? keyId : state.arn('kms', keyId.startsWith('alias/') ? keyId : `key/${keyId}`);
}

function keyPage(params: Params, key: string, all: Record<string, unknown>[], size: number): Record<string, unknown> {
  const badToken = (): AwsError => new AwsError('InvalidMarkerException', 'The marker is not valid.');
  const { items, next } = page(all, { size, token: params.text('Marker'), badToken });
  return { [key]: items, Truncated: next !== undefined, ...(next === undefined ? {} : { NextMarker: next }) };
}

function ofType(state: RegionState, type: string): PlainResource[] {
  return [...state.plain.values()].filter((resource) => resource.type === type);
}

/** Keys and aliases are those that stacks made. */
function listKeys({ state, params }: Call): Record<string, unknown> {
  const keys = ofType(state, 'AWS::KMS::Key').map(({ id }) => ({ KeyId: id, KeyArn: keyArn(state, id) }));
  return keyPage(params, 'Keys', keys, params.bounded('Limit', 1, 1000) ?? 100);
}

function listAliases({ state, params }: Call): Record<string, unknown> {
  const idOf = (text: string): string => text.slice(text.lastIndexOf('/') + 1);
  const wanted = params.text('KeyId');
  const aliases = ofType(state, 'AWS::KMS::Alias')
    .map(({ id, properties, createdAt }) => ({
      AliasName: id,
      AliasArn: keyArn(state, id),
      TargetKeyId: idOf(plainText(properties['TargetKeyId'])),
      CreationDate: createdAt / 1000,
      LastUpdatedDate: createdAt / 1000,
    }))
    .filter((alias) => wanted === undefined || alias.TargetKeyId === idOf(wanted));
  return keyPage(params, 'Aliases', aliases, params.bounded('Limit', 1, 100) ?? 50);
}

/** Text as blobs is base64, as the JSON protocol sends them; bytes are taken as they are. */
export const kmsActions: ActionTable = {
  ListKeys: listKeys,
  ListAliases: listAliases,
  Encrypt: ({ state, params }) => {
    const arn = keyArn(state, params.required('KeyId'));
    const plain = blob(params.raw['Plaintext'], 'plaintext');
    if (plain.length > 4096) throw new AwsError('ValidationException', 'Plaintext is longer than 4096 bytes');
    const header = `${cipherPrefix}${state.account}:${arn}\n`;
    return {
      CiphertextBlob: Buffer.concat([Buffer.from(header), plain]),
      KeyId: arn,
      EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
    };
  },
  Decrypt: ({ state, params }) => {
    const cipher = blob(params.raw['CiphertextBlob'], 'ciphertextBlob');
    const end = cipher.indexOf('\n');
    const header = cipher.subarray(0, Math.max(0, end)).toString('latin1');
    const match = /^simulated-kms:(\d{12}):(.+)$/.exec(header);
    if (!match) throw new AwsError('InvalidCiphertextException', '');
    if (match[1] !== state.account) {
      throw new AwsError(
        'AccessDeniedException',
        'The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.',
      );
    }
    return {
      Plaintext: Buffer.from(cipher.subarray(end + 1)),
      KeyId: match[2],
      EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
    };
  },
};
