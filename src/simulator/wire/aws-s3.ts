/** S3 over REST, path style: a request line to an action, and a result to headers and body. */
import type { AwsReply } from '../model/aws/aws-request.ts';
import { s3Document, s3Error } from './aws-xml.ts';
import type { WireAnswer, WireRequest } from './http-server.ts';

export interface S3Call {
  action: string;
  params: Record<string, unknown>;
}

/** undefined for what is not offered. */
export function readS3Call(request: WireRequest): S3Call | undefined {
  let path: string;
  try {
    path = decodeURIComponent(request.path.slice(1));
  } catch {
    return undefined;
  }
  const slash = path.indexOf('/');
  const bucket = slash < 0 ? path : path.slice(0, slash);
  const key = slash < 0 ? '' : path.slice(slash + 1);
  const call = (action: string, more: Record<string, unknown> = {}): S3Call => ({
    action,
    params: { Bucket: bucket, ...(key === '' ? {} : { Key: key }), ...more },
  });
  const { query } = request;
  const optional = (names: Record<string, string>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(names).flatMap(([name, wire]) => {
        const value = query.get(wire);
        return value === null ? [] : [[name, value]];
      }),
    );
  if (bucket === '') {
    if (request.method !== 'GET') return undefined;
    const names = { MaxBuckets: 'max-buckets', ContinuationToken: 'continuation-token', Prefix: 'prefix' };
    return { action: 'ListBuckets', params: optional(names) };
  }
  if (key === '') return bucketCall(request, call, optional);
  const version = optional({ VersionId: 'versionId' });
  const type = request.headers['content-type'];
  if (request.method === 'PUT')
    return call('PutObject', { Body: bodyBytes(request), ...(type === undefined ? {} : { ContentType: type }) });
  if (request.method === 'GET') return call('GetObject', version);
  if (request.method === 'HEAD') return call('HeadObject', version);
  if (request.method === 'DELETE') return call('DeleteObject', version);
  return undefined;
}

function bucketCall(
  request: WireRequest,
  call: (action: string, more?: Record<string, unknown>) => S3Call,
  optional: (names: Record<string, string>) => Record<string, string>,
): S3Call | undefined {
  const { method, query } = request;
  if (method === 'PUT' && query.has('versioning')) {
    const status = /<Status>([^<]*)<\/Status>/.exec(request.body)?.[1];
    return call('PutBucketVersioning', status === undefined ? {} : { Status: status });
  }
  if (method === 'PUT') return call('CreateBucket');
  if (method === 'HEAD') return call('HeadBucket');
  if (method === 'DELETE') return call('DeleteBucket');
  if (method !== 'GET') return undefined;
  if (query.has('versioning')) return call('GetBucketVersioning');
  if (query.has('location')) return call('GetBucketLocation');
  if (query.has('versions')) return call('ListObjectVersions', optional({ Prefix: 'prefix' }));
  const names = {
    Prefix: 'prefix',
    Delimiter: 'delimiter',
    MaxKeys: 'max-keys',
    ContinuationToken: 'continuation-token',
    StartAfter: 'start-after',
  };
  return call('ListObjectsV2', optional(names));
}

/** The payload without the frames of `aws-chunked`. */
function bodyBytes(request: WireRequest): Buffer {
  const bytes = request.bytes ?? Buffer.from(request.body);
  if (!/aws-chunked/.test(request.headers['content-encoding'] ?? '')) return bytes;
  const parts: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) break;
    const size = Number.parseInt(bytes.subarray(at, end).toString('latin1'), 16);
    if (!(size > 0)) break;
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
  return Buffer.concat(parts);
}

export function s3Answer(action: string, method: string, reply: AwsReply, requestId: string): WireAnswer {
  const headers: Record<string, string> = { 'x-amz-request-id': requestId };
  if (!reply.ok) {
    const body = method === 'HEAD' ? '' : s3Error(reply.code, reply.message, requestId);
    return { status: reply.status, headers: { ...headers, 'content-type': 'application/xml' }, body };
  }
  const { result } = reply;
  if (typeof result['ETag'] === 'string') headers['etag'] = result['ETag'];
  if (result['LastModified'] instanceof Date) headers['last-modified'] = result['LastModified'].toUTCString();
  if (typeof result['ContentType'] === 'string') headers['content-type'] = result['ContentType'];
  if (typeof result['Location'] === 'string') headers['location'] = result['Location'];
  if (typeof result['VersionId'] === 'string') headers['x-amz-version-id'] = result['VersionId'];
  if (result['DeleteMarker'] === true) headers['x-amz-delete-marker'] = 'true';
  const document = s3Document(action, result);
  if (document !== undefined)
    return { status: 200, headers: { ...headers, 'content-type': 'application/xml' }, body: document };
  const body = result['Body'];
  if (body instanceof Uint8Array) {
    const bytes = Buffer.from(body);
    return {
      stream: (response) => {
        response.writeHead(200, { ...headers, 'content-length': String(bytes.length) });
        response.end(bytes);
      },
    };
  }
  if (action === 'HeadObject') {
    const length = String(Number(result['ContentLength'] ?? 0));
    return {
      stream: (response) => {
        response.writeHead(200, { ...headers, 'content-length': length });
        response.end();
      },
    };
  }
  return { status: action.startsWith('Delete') ? 204 : 200, headers, body: '' };
}
