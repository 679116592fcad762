/** The asking subcommands: each gives its targets, and a function that makes one attempt at one of them. */
import { createHash } from 'node:crypto';
import dgram from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { lookUp, ProbeError } from './dns-wire.mjs';

const agent = 'clm-probe/1';
const shownText = 120;
const mostBodyBytes = 1024 * 1024;
const account = '/var/run/secrets/kubernetes.io/serviceaccount';

const kindsByCode = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'timeout',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ENETUNREACH: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ENOTFOUND: 'dns-nxdomain',
  ENODATA: 'dns-nodata',
  EAI_AGAIN: 'dns-timeout',
  EAI_FAIL: 'dns-servfail',
  EAI_NODATA: 'dns-nodata',
  ENOENT: 'not-found',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENOSPC: 'full',
  EDQUOT: 'full',
};

/** `{ kind, message }` of whatever was thrown. */
export function errorOf(error) {
  if (error instanceof ProbeError) return { kind: error.kind, message: error.message };
  const code = error.code ?? error.cause?.code;
  if (Object.hasOwn(kindsByCode, code ?? '')) return { kind: kindsByCode[code], message: error.message };
  if (/^(ERR_TLS|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|ERR_SSL|EPROTO)/.test(code ?? ''))
    return { kind: 'tls', message: error.message };
  if (/^HPE_|^ERR_HTTP/.test(code ?? '')) return { kind: 'protocol', message: error.message };
  return { kind: 'io', message: error.message ?? String(error) };
}

function split(endpoint) {
  const at = endpoint.lastIndexOf(':');
  return { host: endpoint.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(endpoint.slice(at + 1)) };
}

/** An address of the host; a failure names the host's own trouble, not the connection's. */
async function addressOf(host, timeoutMs) {
  if (net.isIP(host)) return host;
  const late = new Promise((_, reject) => {
    setTimeout(
      () => reject(new ProbeError('dns-timeout', `looking up ${host}: timed out after ${timeoutMs} ms`)),
      timeoutMs,
    ).unref();
  });
  return (await Promise.race([lookup(host), late])).address;
}

function certificateOf(socket) {
  const leaf = socket.getPeerCertificate(true);
  if (!leaf?.subject) return undefined;
  let chain = 0;
  for (let one = leaf; one; one = one.issuerCertificate) {
    chain += 1;
    if (one.issuerCertificate === one || one.issuerCertificate === undefined) break;
  }
  const names = (leaf.subjectaltname ?? '')
    .split(', ')
    .filter((name) => name !== '')
    .map((name) => name.replace(/^[A-Za-z ]+:/, ''));
  return {
    subject: leaf.subject.CN ?? '',
    issuer: leaf.issuer?.CN ?? '',
    names,
    notBefore: new Date(leaf.valid_from).toISOString(),
    notAfter: new Date(leaf.valid_to).toISOString(),
    chain,
    trusted: socket.authorized,
  };
}

/** One request with a connection of its own. Resolves with what came back, whatever its status. */
export async function request(url, options) {
  const { method = 'GET', headers = {}, body, connect, insecure, ca, timeoutMs } = options;
  const parsed = new URL(url);
  const secure = parsed.protocol === 'https:';
  const to = connect
    ? split(connect)
    : { host: parsed.hostname.replace(/^\[|\]$/g, ''), port: Number(parsed.port || (secure ? 443 : 80)) };
  const from = performance.now();
  const address = await addressOf(to.host, timeoutMs);
  const left = Math.max(1, timeoutMs - (performance.now() - from));
  return new Promise((resolve, reject) => {
    let stage = `connect to ${address}:${to.port}`;
    const outgoing = (secure ? https : http).request({
      host: address,
      port: to.port,
      method,
      path: `${parsed.pathname}${parsed.search}`,
      headers: { host: parsed.host, 'user-agent': agent, connection: 'close', ...headers },
      agent: false,
      ...(secure
        ? {
            servername: net.isIP(parsed.hostname) ? '' : parsed.hostname.replace(/\.$/, ''),
            rejectUnauthorized: !insecure,
            ...(ca ? { ca } : {}),
          }
        : {}),
    });
    const timer = setTimeout(
      () => outgoing.destroy(new ProbeError('timeout', `${stage}: timed out after ${timeoutMs} ms`)),
      left,
    );
    const fail = (error) => {
      clearTimeout(timer);
      reject(error);
    };
    outgoing.once('error', fail);
    outgoing.once('socket', (socket) =>
      socket.once('connect', () => {
        stage = `answer of ${address}:${to.port}`;
      }),
    );
    outgoing.once('response', (response) => {
      const tls = secure ? certificateOf(response.socket) : undefined;
      const chunks = [];
      let bytes = 0;
      response.on('data', (chunk) => {
        bytes += chunk.length;
        if (bytes <= mostBodyBytes) chunks.push(chunk);
      });
      response.once('error', fail);
      response.once('end', () => {
        clearTimeout(timer);
        resolve({
          status: response.statusCode,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
          address,
          tls,
        });
      });
    });
    outgoing.end(body);
  });
}

function add(counts, key, most, rest = '…') {
  const name = Object.hasOwn(counts, key) || Object.keys(counts).length < most ? key : rest;
  counts[name] = (counts[name] ?? 0) + 1;
}

/** What an HTTP answer adds to the target's record. */
function note(record, answer, show, servers) {
  record.statuses ??= {};
  record.bodies ??= {};
  add(record.statuses, String(answer.status), 32);
  add(record.bodies, answer.body.slice(0, shownText), 8);
  if (servers) {
    record.servers ??= {};
    const by = answer.headers['x-served-by'];
    if (by !== undefined) add(record.servers, by, 16);
  }
  record.address = answer.address;
  if (answer.headers.location !== undefined) record.location = answer.headers.location;
  if (show.length > 0) {
    record.headers = Object.fromEntries(
      show
        .map((name) => [name, answer.headers[name.toLowerCase()]])
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => [name, [value].flat().join(', ')]),
    );
  }
  if (answer.tls) record.tls = answer.tls;
}

function askHttp(options) {
  const headers = Object.fromEntries(
    options.header.map((text) => [
      text.slice(0, text.indexOf(':')).toLowerCase(),
      text.slice(text.indexOf(':') + 1).trim(),
    ]),
  );
  let ca = options.ca === undefined ? undefined : readFileSync(options.ca);
  if (options.serviceAccount) {
    headers.authorization = `Bearer ${readFileSync(`${account}/token`, 'utf8').trim()}`;
    ca ??= readFileSync(`${account}/ca.crt`);
  }
  const { method, body, connect, insecure, timeout } = options;
  return {
    targets: options.url,
    attempt: async (url, record) =>
      note(
        record,
        await request(url, { method, headers, body, connect, insecure, ca, timeoutMs: timeout }),
        options.showHeader,
        true,
      ),
  };
}

async function tcp(endpoint, send, timeoutMs, record) {
  const { host, port } = split(endpoint);
  const address = await addressOf(host, timeoutMs);
  record.address = address;
  await new Promise((resolve, reject) => {
    const socket = net.connect({ host: address, port });
    const end = (work, value) => {
      clearTimeout(timer);
      socket.destroy();
      work(value);
    };
    let stage = `connect to ${address}:${port}`;
    const timer = setTimeout(
      () => end(reject, new ProbeError('timeout', `${stage}: timed out after ${timeoutMs} ms`)),
      timeoutMs,
    );
    socket.once('error', (error) => end(reject, error));
    socket.once('connect', () => {
      if (send === undefined) return end(resolve);
      stage = `answer of ${address}:${port}`;
      socket.once('data', (data) => {
        record.received = data.toString('utf8').slice(0, shownText);
        end(resolve);
      });
      socket.once('close', () => end(reject, new ProbeError('reset', `${address}:${port} closed without an answer`)));
      socket.write(send);
    });
  });
}

async function udp(endpoint, send, timeoutMs, record) {
  const { host, port } = split(endpoint);
  const address = await addressOf(host, timeoutMs);
  record.address = address;
  await new Promise((resolve, reject) => {
    const socket = dgram.createSocket(net.isIPv6(address) ? 'udp6' : 'udp4');
    const end = (work, value) => {
      clearTimeout(timer);
      socket.close();
      work(value);
    };
    const timer = setTimeout(
      () => end(reject, new ProbeError('timeout', `datagram from ${address}:${port}: timed out after ${timeoutMs} ms`)),
      timeoutMs,
    );
    socket.once('error', (error) => end(reject, error));
    socket.once('message', (data) => {
      record.received = data.toString('utf8').slice(0, shownText);
      end(resolve);
    });
    socket.connect(port, address, () => socket.send(send));
  });
}

function sha256(data) {
  return createHash('sha256').update(data).digest('hex');
}

function writeFile(options, record) {
  const data = options.bytes === undefined ? Buffer.from(options.content ?? '') : Buffer.alloc(options.bytes, 'x');
  const file = openSync(options.path, 'w');
  try {
    for (let at = 0; at < data.length; ) at += writeSync(file, data, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  Object.assign(record, { bytes: data.length, sha256: sha256(data) });
}

function readFile(options, record) {
  const data = readFileSync(options.path);
  Object.assign(record, {
    bytes: data.length,
    sha256: sha256(data),
    content: data.toString('utf8').slice(0, shownText),
  });
}

async function metadata(path, options, record) {
  const base = options.endpoint.replace(/\/+$/, '');
  const token = await request(`${base}/latest/api/token`, {
    method: 'PUT',
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' },
    timeoutMs: options.timeout,
  });
  const headers = token.status === 200 ? { 'x-aws-ec2-metadata-token': token.body } : {};
  note(
    record,
    await request(`${base}/${path.replace(/^\/+/, '')}`, { headers, timeoutMs: options.timeout }),
    [],
    false,
  );
}

async function clock(target, options, record) {
  if (target !== 'own') {
    const from = Date.now();
    const answer = await request(target, { timeoutMs: options.timeout });
    const date = Date.parse(answer.headers.date ?? '');
    if (Number.isNaN(date)) throw new ProbeError('protocol', `${target} answers without a Date`);
    record.offsetMs = Math.round((from + Date.now()) / 2 - date);
  }
  record.time = new Date().toISOString();
}

/** `{ targets, attempt(target, record) }`; the attempt throws when it did not succeed. */
export function questionOf(name, options) {
  switch (name) {
    case 'http':
      return askHttp(options);
    case 'tcp':
      return {
        targets: options.address,
        attempt: (target, record) => tcp(target, options.send, options.timeout, record),
      };
    case 'udp':
      return {
        targets: options.address,
        attempt: (target, record) => udp(target, options.send, options.timeout, record),
      };
    case 'dns':
      return {
        targets: options.name,
        attempt: async (target, record) => {
          const { type, server, transport, noSearch, timeout } = options;
          const answer = await lookUp(target, { type, server, transport, noSearch, timeoutMs: timeout });
          Object.assign(record, answer);
          if (answer.rcode === 'NOERROR' || answer.rcode === 'NXDOMAIN') return;
          const kind =
            answer.rcode === 'SERVFAIL' ? 'dns-servfail' : answer.rcode === 'REFUSED' ? 'dns-refused' : 'protocol';
          throw new ProbeError(kind, `${answer.server} answers ${answer.rcode} for ${target}`);
        },
      };
    case 'file-write':
      return { targets: [options.path], attempt: async (_, record) => writeFile(options, record) };
    case 'file-read':
      return { targets: [options.path], attempt: async (_, record) => readFile(options, record) };
    case 'metadata':
      return { targets: options.path, attempt: (target, record) => metadata(target, options, record) };
    case 'clock':
      return {
        targets: options.against.length > 0 ? options.against : ['own'],
        attempt: (target, record) => clock(target, options, record),
      };
    case 'env':
      return {
        targets: options.name,
        attempt: async (target, record) => {
          record.value = process.env[target] ?? null;
        },
      };
    default:
      throw new Error(`${name} asks nothing`);
  }
}
