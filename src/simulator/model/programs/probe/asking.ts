import { createHash } from 'node:crypto';
import type { Process, Source } from '../../kube/process.ts';
import { isAddress, reverseName, splitHostPort } from '../../network/addresses.ts';
import type { Exchange, HttpAnswer, HttpRequest } from '../../network/messages.ts';
import { type HttpTarget, httpTarget } from '../http-target.ts';
import { numberOf, type ProbeArguments, switchOf, textOf, textsOf } from './arguments.ts';
import { type Attempt, shortText } from './result.ts';

/** How a program resolves names itself: with its own question, not through the connection. */
export interface DnsAccess {
  lookup(source: Source, name: string, type: string, timeoutMs: number): DnsLookup;
  askServer(
    source: Source,
    question: { server: string; port: number; transport: 'TCP' | 'UDP'; name: string; type: string },
    timeoutMs: number,
  ): DnsLookup;
}
export type DnsLookup =
  | {
      ok: true;
      name: string;
      server: string;
      answer: { rcode: string; records: readonly { type: string; data: string }[] };
      latencyMs: number;
    }
  | { ok: false; error: string; message: string; latencyMs: number };

/** What an asking subcommand asks, target by target. */
export function targetsOf(args: ProbeArguments): readonly string[] {
  switch (args.probe) {
    case 'http':
      return textsOf(args, 'url');
    case 'tcp':
    case 'udp':
      return textsOf(args, 'address');
    case 'dns':
    case 'env':
      return textsOf(args, 'name');
    case 'file-write':
    case 'file-read':
      return [textOf(args, 'path')];
    case 'metadata': {
      const paths = textsOf(args, 'path');
      return paths.length > 0 ? paths : ['latest/meta-data/instance-id'];
    }
    case 'clock': {
      const urls = textsOf(args, 'against');
      return urls.length > 0 ? urls : ['own'];
    }
    default:
      return [];
  }
}

/** One attempt, asked now; its outcome is known `latencyMs` later. */
export function attempt(process: Process, dns: DnsAccess, args: ProbeArguments, target: string): Attempt {
  const pod = process.pod();
  if (!pod) return failed('io', 'the pod is gone', 0);
  const source: Source = { kind: 'pod', pod };
  const timeoutMs = numberOf(args, 'timeout', 5_000);
  switch (args.probe) {
    case 'http':
      return askHttp(process, source, args, target, timeoutMs);
    case 'tcp':
    case 'udp':
      return askBytes(process, source, args, target, timeoutMs);
    case 'dns':
      return askDns(dns, source, args, target, timeoutMs);
    case 'metadata':
      return askMetadata(process, source, args, target, timeoutMs);
    case 'clock':
      return askClock(process, source, target, timeoutMs);
    case 'file-write':
    case 'file-read':
      return useFile(process, args, target);
    default:
      return { ok: true, latencyMs: 0, facts: { value: process.environment()[target] ?? null } };
  }
}

function failed(kind: string, message: string, latencyMs: number): Attempt {
  return { ok: false, latencyMs, error: { kind, message } };
}

function refusedBy(result: Exclude<Exchange, { ok: true }>): Attempt {
  const made = failed(result.error, result.message, result.latencyMs);
  return result.address === undefined ? made : { ...made, facts: { address: result.address } };
}

function askHttp(process: Process, source: Source, args: ProbeArguments, url: string, timeoutMs: number): Attempt {
  const target = httpTarget(url, textOf(args, 'connect'));
  if (!target) return failed('protocol', `'${url}' is no http or https address`, 0);
  const headers: Record<string, string> = { 'user-agent': 'clm-probe/1' };
  for (const header of textsOf(args, 'header')) {
    const colon = header.indexOf(':');
    headers[header.slice(0, colon).trim().toLowerCase()] = header.slice(colon + 1).trim();
  }
  if (switchOf(args, 'service-account')) headers['authorization'] ??= `Bearer ${accountToken(process)}`;
  const request = { ...requestOf(target, textOf(args, 'method', 'GET'), headers), body: textOf(args, 'body') };
  const result = process.network.exchange(source, { ...target, transport: 'TCP' }, request, timeoutMs);
  if (!result.ok) return refusedBy(result);
  const { reply, latencyMs, address } = result;
  if (reply.kind !== 'http') return failed('protocol', `${url}: no HTTP answer`, latencyMs);
  const knows = switchOf(args, 'insecure') || switchOf(args, 'service-account') || textOf(args, 'ca') !== '';
  const wrong = target.tls ? tlsProblem(reply, target.hostname, process.now(), knows) : undefined;
  if (wrong !== undefined) return { ...failed('tls', `${url}: ${wrong}`, latencyMs), facts: tlsFacts(reply) };
  const shown = textsOf(args, 'show-header').map((name) => name.toLowerCase());
  const location = reply.headers['location'];
  const server = reply.headers['x-served-by'];
  return {
    ok: true,
    latencyMs,
    status: reply.status,
    body: reply.body,
    ...(server === undefined ? {} : { server }),
    facts: {
      address,
      ...(location === undefined ? {} : { location }),
      ...(shown.length === 0
        ? {}
        : { headers: Object.fromEntries(Object.entries(reply.headers).filter(([name]) => shown.includes(name))) }),
      ...tlsFacts(reply),
    },
  };
}

function requestOf(target: HttpTarget, method: string, headers: Record<string, string>): HttpRequest {
  const host = headers['host'] ?? target.hostname;
  return { kind: 'http', method, path: target.path, host, headers, body: '', tls: target.tls };
}

function tlsProblem(reply: HttpAnswer, host: string, now: number, knows: boolean): string | undefined {
  const { certificate } = reply;
  if (!certificate) return 'server gave HTTP response to HTTPS client';
  if (knows) return undefined;
  if (now > certificate.notAfter) return 'certificate has expired';
  if (!certificate.trusted) return 'certificate signed by unknown authority';
  const covered = certificate.names.some(
    (name) => name === host || (name.startsWith('*.') && host.slice(host.indexOf('.')) === name.slice(1)),
  );
  return covered ? undefined : `certificate is valid for ${certificate.names.join(', ')}, not ${host}`;
}

function tlsFacts(reply: HttpAnswer): Record<string, unknown> {
  const { certificate } = reply;
  if (!certificate) return {};
  const { notBefore, notAfter, ...rest } = certificate;
  return {
    tls: { ...rest, notBefore: new Date(notBefore).toISOString(), notAfter: new Date(notAfter).toISOString() },
  };
}

function accountToken(process: Process): string {
  const pod = process.pod();
  return `serviceaccount:${pod?.metadata.namespace}:${pod?.spec.serviceAccountName ?? 'default'}`;
}

function askBytes(process: Process, source: Source, args: ProbeArguments, target: string, timeoutMs: number): Attempt {
  const { host, port } = splitHostPort(target, 0);
  const transport = args.probe === 'udp' ? 'UDP' : 'TCP';
  const text = textOf(args, 'send', transport === 'UDP' ? 'ping' : '');
  const message = text === '' ? ({ kind: 'open' } as const) : ({ kind: 'bytes', text } as const);
  const result = process.network.exchange(source, { host, port, transport }, message, timeoutMs);
  if (!result.ok) return refusedBy(result);
  const { reply, latencyMs, address } = result;
  const received = reply.kind === 'bytes' ? { received: shortText(reply.text) } : {};
  return { ok: true, latencyMs, facts: { address, ...received } };
}

function askDns(dns: DnsAccess, source: Source, args: ProbeArguments, target: string, timeoutMs: number): Attempt {
  const type = textOf(args, 'type', 'A').toUpperCase();
  const name = type === 'PTR' && isAddress(target) ? reverseName(target) : target;
  const server = textOf(args, 'server');
  const transport = textOf(args, 'transport', 'udp') === 'tcp' ? 'TCP' : 'UDP';
  const absolute = name.replace(/\.$/, '');
  let found: DnsLookup;
  if (server !== '') {
    const { host, port } = splitHostPort(server, 53);
    found = dns.askServer(source, { server: host, port, transport, name: absolute, type }, timeoutMs);
  } else
    found = dns.lookup(source, switchOf(args, 'no-search') || type === 'PTR' ? `${absolute}.` : name, type, timeoutMs);
  if (!found.ok) return failed(found.error, found.message, found.latencyMs);
  const { rcode, records } = found.answer;
  const answers = records
    .filter((record) => record.type === type)
    .map((record) => record.data)
    .sort();
  const facts = { rcode, answers, name: found.name, server: found.server };
  if (rcode === 'NOERROR' || rcode === 'NXDOMAIN') return { ok: true, latencyMs: found.latencyMs, facts };
  const kind = rcode === 'REFUSED' ? 'dns-refused' : 'dns-servfail';
  return { ...failed(kind, `lookup ${found.name} on ${found.server}: ${rcode}`, found.latencyMs), facts };
}

function askMetadata(process: Process, source: Source, args: ProbeArguments, path: string, timeoutMs: number): Attempt {
  const base = httpTarget(textOf(args, 'endpoint', 'http://169.254.169.254'), '');
  if (!base) return failed('protocol', '--endpoint is no http address', 0);
  const ask = (method: string, at: string, headers: Record<string, string>, left: number): Exchange => {
    const request = requestOf({ ...base, path: at }, method, headers);
    return process.network.exchange(source, { ...base, transport: 'TCP' }, request, left);
  };
  const ttl = { 'x-aws-ec2-metadata-token-ttl-seconds': '60' };
  const token = ask('PUT', '/latest/api/token', ttl, timeoutMs);
  if (!token.ok) return refusedBy(token);
  const value = token.reply.kind === 'http' ? token.reply.body : '';
  const left = Math.max(1, timeoutMs - token.latencyMs);
  const result = ask('GET', `/${path.replace(/^\//, '')}`, { 'x-aws-ec2-metadata-token': value }, left);
  const latencyMs = token.latencyMs + result.latencyMs;
  if (!result.ok) return { ...refusedBy(result), latencyMs };
  if (result.reply.kind !== 'http') return failed('protocol', 'no HTTP answer', latencyMs);
  const { status, body } = result.reply;
  return { ok: true, latencyMs, status, body, facts: { address: result.address } };
}

function askClock(process: Process, source: Source, url: string, timeoutMs: number): Attempt {
  const time = new Date(process.now()).toISOString();
  if (url === 'own') return { ok: true, latencyMs: 0, facts: { time } };
  const target = httpTarget(url, '');
  if (!target) return failed('protocol', `'${url}' is no http or https address`, 0);
  const request = requestOf(target, 'GET', { 'user-agent': 'clm-probe/1' });
  const result = process.network.exchange(source, { ...target, transport: 'TCP' }, request, timeoutMs);
  if (!result.ok) return refusedBy(result);
  const date = result.reply.kind === 'http' ? Date.parse(result.reply.headers['date'] ?? '') : Number.NaN;
  if (Number.isNaN(date)) return failed('protocol', `${url}: the answer has no Date`, result.latencyMs);
  const offsetMs = Math.round(process.now() + result.latencyMs / 2 - date);
  return { ok: true, latencyMs: result.latencyMs, facts: { time, offsetMs } };
}

function useFile(process: Process, args: ProbeArguments, path: string): Attempt {
  const latencyMs = 2;
  const sum = (content: string): Record<string, unknown> => ({
    bytes: Buffer.byteLength(content),
    sha256: createHash('sha256').update(content).digest('hex'),
  });
  if (args.probe === 'file-read') {
    const found = process.files.read(path);
    if ('error' in found) return failed(found.error, found.message, latencyMs);
    return { ok: true, latencyMs, facts: { ...sum(found.content), content: shortText(found.content) } };
  }
  const bytes = numberOf(args, 'bytes', 0);
  const content = bytes > 0 ? 'x'.repeat(bytes) : textOf(args, 'content');
  const wrong = process.files.write(path, content);
  return wrong ? failed(wrong.error, wrong.message, latencyMs) : { ok: true, latencyMs, facts: sum(content) };
}
