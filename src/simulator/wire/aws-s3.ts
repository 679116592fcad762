/** S3 over REST, path style: a request line to an action, and a result to headers and body. */
import type { AwsReply } from '../model/aws/aws-request.ts';
import { s3Error, s3Listing } from './aws-xml.ts';
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
  if (bucket === '') return undefined;
  const call = (action: string, more: Record<string, unknown> = {}): S3Call => ({
    action,
    params: { Bucket: bucket, ...(key === '' ? {} : { Key: key }), ...more },
  });
  if (key === '') {
    if (request.method === 'PUT') return call('CreateBucket');
    if (request.method === 'HEAD') return call('HeadBucket');
    if (request.method === 'GET') {
      const prefix = request.query.get('prefix');
      const most = request.query.get('max-keys');
      return call('ListObjectsV2', {
        ...(prefix === null ? {} : { Prefix: prefix }),
        ...(most === null ? {} : { MaxKeys: most }),
      });
    }
    return undefined;
  }
  const type = request.headers['content-type'];
  if (request.method === 'PUT')
    return call('PutObject', { Body: bodyBytes(request), ...(type === undefined ? {} : { ContentType: type }) });
  if (request.method === 'GET') return call('GetObject');
  if (request.method === 'HEAD') return call('HeadObject');
  if (request.method === 'DELETE') return call('DeleteObject');
  return undefined;
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
  if (action === 'ListObjectsV2') {
    return { status: 200, headers: { ...headers, 'content-type': 'application/xml' }, body: s3Listing(result) };
  }
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
  return { status: action === 'DeleteObject' ? 204 : 200, headers, body: '' };
}
