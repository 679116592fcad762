/** AWS over HTTP: who calls, which service, decode, answer in that service's protocol. */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { AwsReply, AwsRequest, AwsService } from '../model/aws/aws-request.ts';
import { accountOfAccessKey } from '../model/aws/identity-actions.ts';
import { signatureTimeRefusal } from '../model/aws/signature-time.ts';
import { eksAnswer, eksRefusal, readEksCall } from './aws-eks.ts';
import { MalformedQuery, parseQuery } from './aws-query.ts';
import { readS3Call, s3Answer } from './aws-s3.ts';
import { ec2Error, ec2Success, queryError, querySuccess } from './aws-xml.ts';
import type { WireAnswer, WireHandler, WireRequest } from './http-server.ts';

export interface AwsWireOptions {
  handle(request: AwsRequest): AwsReply;
  /** Waits so many simulated ms. */
  delay(simulatedMs: number): Promise<void>;
  /** Epoch ms that the servers' clocks show, for the age of signatures; absent = any age will do. */
  serverTime?: () => number;
}

interface Caller {
  accessKeyId: string;
  account: string;
  region: string;
  /** As in the credential scope. */
  scope: string;
}

interface Refusal {
  status: number;
  code: string;
  message: string;
}

const xml = { 'content-type': 'text/xml' };

/** Reads the signature's credential; the signature itself is not checked: any secret will do. */
export function readCaller(request: WireRequest): Caller | Refusal {
  const header = request.headers.authorization;
  const presigned = request.query.get('X-Amz-Credential');
  if (header === undefined && presigned === null) {
    return { status: 403, code: 'MissingAuthenticationToken', message: 'Request is missing Authentication Token' };
  }
  const credential = presigned ?? /^AWS4-HMAC-SHA256\s.*\bCredential=([^,\s]+)/.exec(header ?? '')?.[1];
  const complete =
    presigned !== null || (/\bSignedHeaders=/.test(header ?? '') && /\bSignature=[0-9a-f]+/.test(header ?? ''));
  const [accessKeyId, date, region, scope, end] = (credential ?? '').split('/');
  if (!complete || !accessKeyId || !date || !region || !scope || end !== 'aws4_request') {
    return {
      status: 400,
      code: 'IncompleteSignature',
      message: "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' parameters.",
    };
  }
  const account = accountOfAccessKey(accessKeyId);
  if (account === undefined) {
    return {
      status: 403,
      code: 'InvalidClientTokenId',
      message: 'The security token included in the request is invalid.',
    };
  }
  return { accessKeyId, account, region, scope };
}

/** What a service says of a signature whose time is not that of its own clock. */
function expiredSignature(request: WireRequest, scope: string, now: number): Refusal | undefined {
  const header = request.headers['x-amz-date'];
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(typeof header === 'string' ? header : '');
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second] = match.map(Number);
  return signatureTimeRefusal(scope, Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second), now);
}

function jsonRefusal({ status, code, message }: Refusal): WireAnswer {
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() };
  return { status, headers, body: JSON.stringify({ __type: code, message }) };
}

function serviceOf(scope: string, version: string): AwsService | undefined {
  switch (scope) {
    case 'autoscaling':
    case 'ec2':
    case 'cloudformation':
    case 'sts':
    case 's3':
    case 'kms':
    case 'eks':
      return scope;
    case 'elasticloadbalancing':
      return version === '2015-12-01' ? 'elasticloadbalancingv2' : 'elasticloadbalancing';
    default:
      return undefined;
  }
}

function refuse(scope: string, refusal: Refusal): WireAnswer {
  const id = randomUUID();
  const body =
    scope === 'ec2'
      ? ec2Error(refusal.code, refusal.message, id)
      : queryError(scope, refusal.status, refusal.code, refusal.message, id);
  return { status: refusal.status, headers: { ...xml, 'x-amzn-requestid': id }, body };
}

/** The AWS half of the simulator's HTTP server. Owns every path that is not a cluster's, and every signed request. */
export class AwsWire implements WireHandler {
  readonly name = 'aws';
  readonly #options: AwsWireOptions;

  constructor(options: AwsWireOptions) {
    this.#options = options;
  }

  /** A signature of AWS decides: EKS has paths that a simulated cluster's API could have, too. */
  matches(_method: string, path: string, headers: IncomingHttpHeaders): boolean {
    const authorization = headers.authorization ?? '';
    if (authorization.startsWith('Bearer ')) return false;
    return !path.startsWith('/clusters/') || authorization.startsWith('AWS4-HMAC-SHA256');
  }

  async handle(request: WireRequest): Promise<WireAnswer> {
    const caller = readCaller(request);
    if ('code' in caller) return refuse('', caller);
    const answer = await this.#answer(request, caller);
    const now = this.#options.serverTime?.();
    if (now === undefined || !('status' in answer)) return answer;
    return { ...answer, headers: { ...answer.headers, date: new Date(now).toUTCString() } };
  }

  #answer(request: WireRequest, caller: Caller): WireAnswer | Promise<WireAnswer> {
    const now = this.#options.serverTime?.();
    const expired = now === undefined ? undefined : expiredSignature(request, caller.scope, now);
    if (expired) return ['kms', 'eks'].includes(caller.scope) ? jsonRefusal(expired) : refuse(caller.scope, expired);
    if (caller.scope === 's3') return this.#s3(request, caller);
    if (caller.scope === 'kms') return this.#kms(request, caller);
    if (caller.scope === 'eks') return this.#eks(request, caller);
    return this.#query(request, caller);
  }

  tooLarge(limitBytes: number): WireAnswer {
    return refuse('', {
      status: 413,
      code: 'RequestEntityTooLarge',
      message: `The request is larger than ${limitBytes} bytes.`,
    });
  }

  failed(): WireAnswer {
    return refuse('', { status: 500, code: 'InternalFailure', message: 'An internal error occurred.' });
  }

  async #call(
    request: WireRequest,
    caller: Caller,
    service: AwsService,
    action: string,
    params: Record<string, unknown>,
  ): Promise<AwsReply> {
    const userAgent = request.headers['user-agent'] ?? request.headers['x-amz-user-agent'];
    const reply = this.#options.handle({
      account: caller.account,
      region: caller.region,
      service,
      action,
      params,
      accessKeyId: caller.accessKeyId,
      ...(typeof userAgent === 'string' ? { userAgent } : {}),
    });
    if (reply.latencyMs !== undefined) await this.#options.delay(reply.latencyMs);
    return reply;
  }

  async #query(request: WireRequest, caller: Caller): Promise<WireAnswer> {
    const { scope } = caller;
    const form = request.method === 'POST' ? new URLSearchParams(request.body) : request.query;
    let query: ReturnType<typeof parseQuery>;
    try {
      query = parseQuery(form, scope === 'ec2' ? 'ec2' : 'query');
    } catch (error) {
      if (!(error instanceof MalformedQuery)) throw error;
      return refuse(scope, {
        status: 400,
        code: scope === 'ec2' ? 'InvalidParameter' : 'MissingAction',
        message: error.message,
      });
    }
    const service = serviceOf(scope, query.version);
    if (service === undefined) {
      const message = `Credential should be scoped to correct service, not '${scope.slice(0, 40)}'.`;
      return refuse(scope, { status: 403, code: 'SignatureDoesNotMatch', message });
    }
    const reply = await this.#call(request, caller, service, query.action, query.params);
    if (!reply.ok && reply.status === 0) return { reset: true, abrupt: reply.abrupt === true };
    if (!reply.ok) return refuse(service, reply);
    const id = randomUUID();
    const body =
      service === 'ec2'
        ? ec2Success(query.action, reply.result, id)
        : querySuccess(service, query.action, reply.result, id);
    return { status: 200, headers: { ...xml, 'x-amzn-requestid': id }, body };
  }

  async #s3(request: WireRequest, caller: Caller): Promise<WireAnswer> {
    const call = readS3Call(request);
    const reply: AwsReply = call
      ? await this.#call(request, caller, 's3', call.action, call.params)
      : {
          ok: false,
          status: 501,
          code: 'NotImplemented',
          message: 'A header or query you provided implies functionality that is not implemented',
        };
    if (!reply.ok && reply.status === 0) return { reset: true, abrupt: reply.abrupt === true };
    return s3Answer(call?.action ?? '', request.method, reply, randomUUID());
  }

  async #eks(request: WireRequest, caller: Caller): Promise<WireAnswer> {
    const call = readEksCall(request);
    if (call === undefined) return eksRefusal(404, 'NotFoundException', 'Unknown operation', randomUUID());
    if (typeof call === 'string') return eksRefusal(400, 'SerializationException', call, randomUUID());
    const reply = await this.#call(request, caller, 'eks', call.action, call.params);
    if (!reply.ok && reply.status === 0) return { reset: true, abrupt: reply.abrupt === true };
    return eksAnswer(reply, randomUUID());
  }

  async #kms(request: WireRequest, caller: Caller): Promise<WireAnswer> {
    const id = randomUUID();
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': id };
    const failure = (status: number, type: string, message: string): WireAnswer => ({
      status,
      headers,
      body: JSON.stringify({ __type: type, message }),
    });
    const target = String(request.headers['x-amz-target'] ?? '');
    let params: unknown;
    try {
      params = JSON.parse(request.body === '' ? '{}' : request.body);
    } catch {
      return failure(400, 'SerializationException', 'The request body is not valid JSON');
    }
    if (typeof params !== 'object' || params === null || Array.isArray(params)) {
      return failure(400, 'SerializationException', 'The request body must be an object');
    }
    const action = target.slice(target.indexOf('.') + 1);
    const reply = await this.#call(request, caller, 'kms', action, params as Record<string, unknown>);
    if (!reply.ok && reply.status === 0) return { reset: true, abrupt: reply.abrupt === true };
    if (!reply.ok) return failure(reply.status, reply.code, reply.message);
    const plain = Object.fromEntries(
      Object.entries(reply.result).map(([key, value]) => [
        key,
        value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value,
      ]),
    );
    return { status: 200, headers, body: JSON.stringify(plain) };
  }
}
