/** `serve`: answers over HTTP, TCP, UDP and gRPC health until it is stopped. */
import dgram from 'node:dgram';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { hostname } from 'node:os';
import path from 'node:path';

const mostBody = 1024 * 1024;
const mostOfFile = 4 * 1024 * 1024;

/** A part of a file below the folder, in base64: characters of several bytes are not cut apart, nor archives garbled. */
async function partOfFile(folder, name, parameters) {
  const root = path.resolve(folder);
  const file = path.resolve(root, name);
  if (!file.startsWith(`${root}${path.sep}`)) return [404, 'not found'];
  const from = Number(parameters.get('from') ?? 0);
  const bytes = Math.min(mostOfFile, Number(parameters.get('bytes') ?? mostOfFile));
  if (!Number.isInteger(from) || from < 0 || !Number.isInteger(bytes) || bytes < 1)
    return [400, 'from and bytes must be whole numbers'];
  let handle;
  try {
    handle = await open(file, 'r');
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(bytes), 0, bytes, from);
    return [200, buffer.subarray(0, bytesRead).toString('base64')];
  } catch (error) {
    return error.code === 'ENOENT' || error.code === 'EISDIR' ? [404, 'not found'] : [500, error.message];
  } finally {
    await handle?.close();
  }
}

function metricsOf(options) {
  const gauges = new Map();
  for (const text of options.metric) {
    const at = text.lastIndexOf('=');
    gauges.set(text.slice(0, at), Number(text.slice(at + 1)));
  }
  return gauges;
}

function prometheus(gauges, requests) {
  const lines = ['# TYPE clm_probe_requests_total counter'];
  for (const [code, count] of requests) lines.push(`clm_probe_requests_total{code="${code}"} ${count}`);
  for (const [name, value] of gauges) {
    lines.push(`# TYPE ${name.split('{')[0]} gauge`, `${name} ${value}`);
  }
  return `${lines.join('\n')}\n`;
}

function readBody(request) {
  return new Promise((resolve) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk) => {
      if (body.length < mostBody) body += chunk;
    });
    request.on('end', () => resolve(body));
    request.on('error', () => resolve(body));
  });
}

function handler(options, startedAt) {
  const gauges = metricsOf(options);
  let progress;
  let report;
  const requests = new Map();
  const age = () => performance.now() - startedAt;
  const isReady = () => age() >= options.readyAfter;
  const isAlive = () => options.liveFor === undefined || age() < options.liveFor;
  const route = async (request, url) => {
    const [, first, second] = url.pathname.split('/');
    if (url.pathname === '/') return [200, options.body];
    if (url.pathname === '/hostname') return [200, hostname()];
    if (url.pathname === '/healthz') return isAlive() ? [200, 'ok'] : [500, 'not alive any more'];
    if (url.pathname === '/readyz') return isReady() ? [200, 'ok'] : [503, 'not ready yet'];
    if (url.pathname === '/metrics') return [200, prometheus(gauges, requests), 'text/plain; version=0.0.4'];
    if (first === 'status' && /^[2-5]\d\d$/.test(second ?? '')) return [Number(second), `status ${second}`];
    if (first === 'delay' && /^\d+$/.test(second ?? '')) {
      await new Promise((resolve) => setTimeout(resolve, Number(second)));
      return [200, options.body];
    }
    if (url.pathname === '/echo') {
      const body = await readBody(request);
      const from = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
      return [
        200,
        JSON.stringify({ method: request.method, path: request.url, headers: request.headers, body, from }),
        'application/json',
      ];
    }
    if (url.pathname === '/progress') {
      if (request.method === 'POST') {
        progress = await readBody(request);
        return [204, ''];
      }
      return progress === undefined ? [404, 'not found'] : [200, progress, 'application/json'];
    }
    if (url.pathname === '/report') {
      if (request.method === 'POST') {
        report = await readBody(request);
        return [200, 'ok'];
      }
      return report === undefined ? [404, 'not found'] : [200, report, 'application/json'];
    }
    if (options.files !== undefined && first === 'files')
      return partOfFile(options.files, decodeURIComponent(url.pathname.slice('/files/'.length)), url.searchParams);
    if (request.method === 'PUT' && first === 'metric' && second) {
      const value = Number(url.searchParams.get('value') ?? Number.NaN);
      if (!Number.isFinite(value)) return [400, 'value must be a number'];
      gauges.set(decodeURIComponent(second), value);
      return [204, ''];
    }
    return [404, 'not found'];
  };
  return {
    isReady,
    async http(request, response) {
      const url = new URL(request.url, 'http://probe');
      const [status, body, type = 'text/plain'] = await route(request, url);
      requests.set(status, (requests.get(status) ?? 0) + 1);
      response.writeHead(status, { 'x-served-by': hostname(), 'content-type': type });
      response.end(body);
      const asked = (request.headers['user-agent'] ?? '').replaceAll('"', "'");
      process.stdout.write(
        `${new Date().toISOString()} ${request.method} ${request.url} ${status} from=${(request.socket.remoteAddress ?? '').replace(/^::ffff:/, '')} agent="${asked}"\n`,
      );
    },
  };
}

/** grpc.health.v1.Health/Check: a message of one field, SERVING = 1, NOT_SERVING = 2. */
function grpcHealth(port, isReady) {
  const server = http2.createServer();
  server.on('stream', (stream, headers) => {
    const known = headers[':path'] === '/grpc.health.v1.Health/Check';
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': known ? '0' : '12' }));
    stream.resume();
    stream.on('error', () => {});
    if (known) stream.end(Buffer.from([0, 0, 0, 0, 2, 8, isReady() ? 1 : 2]));
    else stream.end();
  });
  return listening(server, port);
}

function listening(server, port) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => resolve(server));
  });
}

function udpEcho(port) {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket('udp4');
    socket.once('error', reject);
    socket.on('message', (data, from) => socket.send(data, from.port, from.address));
    socket.bind(port, () => resolve(socket));
  });
}

/** Resolves with the exit code once it was stopped, or could not start. */
export async function serve(options) {
  const ports = { http: options.http, tcp: options.tcp, udp: options.udp };
  if (ports.http.length + ports.tcp.length + ports.udp.length === 0 && options.grpc === undefined) ports.http = [8080];
  const { http: answer, isReady } = handler(options, performance.now());
  const tls =
    options.tlsCert === undefined
      ? undefined
      : { cert: readFileSync(options.tlsCert), key: readFileSync(options.tlsKey) };
  const onHttp = (request, response) => {
    answer(request, response).catch((error) => response.destroy(error));
  };
  try {
    for (const port of ports.http)
      await listening(tls ? https.createServer(tls, onHttp) : http.createServer(onHttp), port);
    for (const port of ports.tcp)
      await listening(
        net.createServer((socket) => socket.on('error', () => {}).pipe(socket)),
        port,
      );
    for (const port of ports.udp) await udpEcho(port);
    if (options.grpc !== undefined) await grpcHealth(options.grpc, isReady);
  } catch (error) {
    process.stderr.write(`clm-probe serve: ${error.message}\n`);
    return 1;
  }
  process.stdout.write(
    `${new Date().toISOString()} serving http=${ports.http.join(',')} tcp=${ports.tcp.join(',')} udp=${ports.udp.join(',')}\n`,
  );
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => resolve(0));
  });
}
