/** EKS over REST and JSON: a request line to an action, and a result to a body. */
import type { AwsReply } from '../model/aws/aws-request.ts';
import type { WireAnswer, WireRequest } from './http-server.ts';

export interface EksCall {
  action: string;
  params: Record<string, unknown>;
}

const json = 'application/json';

export function eksRefusal(status: number, code: string, message: string, requestId: string): WireAnswer {
  const headers = { 'content-type': json, 'x-amzn-errortype': code, 'x-amzn-requestid': requestId };
  return { status, headers, body: JSON.stringify({ __type: code, message }) };
}

/** undefined for what is not offered; text for a body that is no object. */
export function readEksCall(request: WireRequest): EksCall | string | undefined {
  let steps: string[];
  try {
    steps = request.path.slice(1).split('/').map(decodeURIComponent);
  } catch {
    return undefined;
  }
  const [root, name, sub, id] = steps;
  if (root !== 'clusters' || steps.length > 4) return undefined;
  const page: Record<string, string> = {};
  for (const key of ['maxResults', 'nextToken']) {
    const value = request.query.get(key);
    if (value !== null) page[key] = value;
  }
  const { method } = request;
  if (name === undefined && method === 'GET') return { action: 'ListClusters', params: page };
  if (name === undefined && method === 'POST') return withBody('CreateCluster', request, {});
  if (name === undefined) return undefined;
  if (sub === undefined && method === 'GET') return { action: 'DescribeCluster', params: { name } };
  if (sub === undefined && method === 'DELETE') return { action: 'DeleteCluster', params: { name } };
  if (sub !== 'updates') return undefined;
  if (id !== undefined && method === 'GET') return { action: 'DescribeUpdate', params: { name, updateId: id } };
  if (id === undefined && method === 'GET') return { action: 'ListUpdates', params: { name, ...page } };
  if (id === undefined && method === 'POST') return withBody('UpdateClusterVersion', request, { name });
  return undefined;
}

function withBody(action: string, request: WireRequest, more: Record<string, unknown>): EksCall | string {
  let body: unknown;
  try {
    body = JSON.parse(request.body === '' ? '{}' : request.body);
  } catch {
    return 'The request body is not valid JSON';
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return 'The request body must be an object';
  return { action, params: { ...body, ...more } };
}

export function eksAnswer(reply: AwsReply, requestId: string): WireAnswer {
  if (!reply.ok) return eksRefusal(reply.status, reply.code, reply.message, requestId);
  const headers = { 'content-type': json, 'x-amzn-requestid': requestId };
  return { status: 200, headers, body: JSON.stringify(reply.result) };
}
