import type { Process } from '../../kube/process.ts';
import { type HttpRequest, httpAnswer, type Message, type Served, type Transport } from '../../network/messages.ts';
import { selfSigned } from '../certificates.ts';
import { hostName } from '../container-environment.ts';
import { numberOf, type ProbeArguments, textOf, textsOf } from './arguments.ts';

const mostOfFile = 4 * 1024 * 1024;

/** `clm-probe serve`: what its ports answer. */
export class ProbeServer {
  readonly #http: Set<number>;
  readonly #tcp: Set<number>;
  readonly #udp: Set<number>;
  readonly #grpc: number;
  readonly #body: string;
  readonly #readyAt: number;
  readonly #deadAt: number;
  readonly #tls: boolean;
  readonly #gauges = new Map<string, string>();
  readonly #requests = new Map<number, number>();
  #progress: string | undefined;
  #report: string | undefined;
  readonly #of: Pick<Process, 'startedAt'>;
  readonly #args: ProbeArguments;

  constructor(process: Pick<Process, 'startedAt'>, args: ProbeArguments) {
    this.#of = { startedAt: process.startedAt };
    this.#args = args;
    const ports = (name: string): Set<number> => new Set(textsOf(args, name).map(Number));
    this.#http = ports('http');
    this.#tcp = ports('tcp');
    this.#udp = ports('udp');
    this.#grpc = Number(textOf(args, 'grpc', '0'));
    if (this.#http.size + this.#tcp.size + this.#udp.size === 0 && this.#grpc === 0) this.#http.add(8080);
    this.#body = textOf(args, 'body', 'ok');
    const live = numberOf(args, 'live-for', Number.POSITIVE_INFINITY);
    this.#readyAt = process.startedAt + numberOf(args, 'ready-after', 0);
    this.#deadAt = process.startedAt + live;
    this.#tls = textOf(args, 'tls-cert') !== '';
    for (const metric of textsOf(args, 'metric')) {
      const at = metric.lastIndexOf('=');
      this.#gauges.set(metric.slice(0, at), metric.slice(at + 1));
    }
  }

  /** One that has been asked as much, and goes on by itself. */
  copy(): ProbeServer {
    const copy = new ProbeServer(this.#of, this.#args);
    for (const [name, value] of this.#gauges) copy.#gauges.set(name, value);
    for (const [status, count] of this.#requests) copy.#requests.set(status, count);
    copy.#progress = this.#progress;
    copy.#report = this.#report;
    return copy;
  }

  listens(port: number, transport: Transport): boolean {
    if (transport === 'UDP') return this.#udp.has(port);
    return this.#http.has(port) || this.#tcp.has(port) || port === this.#grpc;
  }

  /** When `/readyz` or `/healthz` turn by themselves. */
  nextChangeAt(process: Process): number | undefined {
    const now = process.now();
    const next = [this.#readyAt, this.#deadAt].filter((at) => at > now && Number.isFinite(at));
    return next.length === 0 ? undefined : Math.min(...next);
  }

  serve(process: Process, port: number, message: Message, from: string): Served {
    if (message.kind === 'bytes' && (this.#tcp.has(port) || this.#udp.has(port))) return { reply: message, afterMs: 0 };
    if (message.kind === 'grpc-health' && port === this.#grpc)
      return {
        reply: { kind: 'grpc-health', status: process.now() >= this.#readyAt ? 'SERVING' : 'NOT_SERVING' },
        afterMs: 1,
      };
    if (message.kind !== 'http' || !this.#http.has(port) || message.tls !== this.#tls) return 'reset';
    const pod = process.pod();
    const host = pod ? hostName(pod) : '';
    const { status, body, type, afterMs } = this.#answer(process, message, from, host);
    this.#requests.set(status, (this.#requests.get(status) ?? 0) + 1);
    const agent = message.headers['user-agent'] ?? '';
    const at = new Date(process.now()).toISOString();
    process.log(`${at} ${message.method} ${message.path} ${status} from=${from} agent="${agent}"`);
    const reply = httpAnswer(status, body, {
      'x-served-by': host,
      'content-type': type,
      date: new Date(process.now()).toUTCString(),
    });
    const certificate = this.#tls ? { certificate: selfSigned(host, [host], process.startedAt) } : {};
    return { reply: { ...reply, ...certificate }, afterMs };
  }

  #answer(
    process: Process,
    request: HttpRequest,
    from: string,
    host: string,
  ): { status: number; body: string; type: string; afterMs: number } {
    const [path = '/', query = ''] = request.path.split('?');
    const text = (status: number, body: string, afterMs = 1) => ({ status, body, type: 'text/plain', afterMs });
    const [, first = '', second = ''] = path.split('/');
    const now = process.now();
    switch (first) {
      case '':
        return text(200, this.#body);
      case 'hostname':
        return text(200, host);
      case 'healthz':
        return now >= this.#deadAt ? text(500, 'no longer') : text(200, 'ok');
      case 'readyz':
        return now >= this.#readyAt ? text(200, 'ok') : text(503, 'not yet');
      case 'status': {
        const status = Number(second);
        return Number.isInteger(status) && status >= 100 && status <= 599 ? text(status, '') : text(404, 'not found');
      }
      case 'delay':
        return text(200, 'ok', Math.max(1, Number(second) || 0));
      case 'echo': {
        const { method, headers, body } = request;
        const echoed = { method, path: request.path, headers: { ...headers, host: request.host }, body, from };
        return { status: 200, body: JSON.stringify(echoed), type: 'application/json', afterMs: 1 };
      }
      case 'metrics':
        return text(200, this.#metrics());
      case 'metric': {
        const value = new URLSearchParams(query).get('value');
        if (request.method !== 'PUT' || second === '' || value === null) return text(404, 'not found');
        this.#gauges.set(second, value);
        return text(204, '');
      }
      case 'progress': {
        if (request.method === 'POST') this.#progress = request.body;
        if (request.method === 'POST') return text(204, '');
        return this.#progress === undefined ? text(404, 'not found') : text(200, this.#progress);
      }
      case 'report': {
        if (request.method === 'POST') this.#report = request.body;
        if (request.method === 'POST') return text(200, 'ok');
        return this.#report === undefined ? text(404, 'not found') : text(200, this.#report);
      }
      case 'files':
        return this.#file(process, path.slice('/files/'.length), new URLSearchParams(query));
      default:
        return text(404, 'not found');
    }
  }

  #file(process: Process, name: string, query: URLSearchParams) {
    const folder = textOf(this.#args, 'files');
    const found = folder === '' || name.includes('..') ? undefined : process.files.read(`${folder}/${name}`);
    const text = (status: number, body: string) => ({ status, body, type: 'text/plain', afterMs: 1 });
    if (found === undefined || 'error' in found) return text(404, 'not found');
    const [from, bytes] = [Number(query.get('from') ?? 0), Number(query.get('bytes') ?? mostOfFile)];
    const valid = Number.isInteger(from) && from >= 0 && Number.isInteger(bytes) && bytes >= 1;
    if (!valid) return text(400, 'from and bytes must be whole numbers');
    const part = Buffer.from(found.content).subarray(from, from + Math.min(bytes, mostOfFile));
    return text(200, part.toString('base64'));
  }

  #metrics(): string {
    const lines = ['# TYPE clm_probe_requests_total counter'];
    for (const [code, count] of [...this.#requests].sort(([a], [b]) => a - b))
      lines.push(`clm_probe_requests_total{code="${code}"} ${count}`);
    for (const [name, value] of this.#gauges) lines.push(`# TYPE ${name.split('{')[0]} gauge`, `${name} ${value}`);
    return `${lines.join('\n')}\n`;
  }
}
