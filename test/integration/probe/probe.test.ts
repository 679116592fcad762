/** The probe program as a real process, on real sockets. */
import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../../deploy/probe/clm-probe.mjs', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'clm-probe-'));

// biome-ignore lint/suspicious/noExplicitAny: the document is what is under test
type Document = any;

interface Ran {
  code: number | null;
  document: Document;
  /** The termination message. */
  file: string;
  out: string;
}

function start(args: string[], environment: NodeJS.ProcessEnv = {}) {
  const result = path.join(folder, `result-${Math.floor(performance.now() * 1000)}`);
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env['PATH'], CLM_PROBE_RESULT: result, CLM_PROBE_NODE: 'node-1', ...environment },
  });
  let out = '';
  child.stdout.on('data', (data: Buffer) => (out += data.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, result, ended, out: () => out };
}

async function run(args: string[], environment: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const { result, ended, out } = start(args, environment);
  const code = await ended;
  const file = readFileSync(result, 'utf8');
  return { code, file, out: out(), document: JSON.parse(out().trim().split('\n').at(-1) as string) };
}

/** One that nobody listened on a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Knows one name; everything else does not exist. */
function nameServer(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const end = query.indexOf(0, 12) + 5;
    const name = query.subarray(12, end - 4).toString('latin1');
    const known = name.includes('web') && name.includes('svc');
    const head = Buffer.from([
      query[0] as number,
      query[1] as number,
      0x81,
      known ? 0x80 : 0x83,
      0,
      1,
      0,
      known ? 1 : 0,
      0,
      0,
      0,
      0,
    ]);
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 1, 2, 3]);
    socket.send(Buffer.concat([head, query.subarray(12, end), ...(known ? [answer] : [])]), from.port, from.address);
  });
  return new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve(socket)));
}

describe('clm-probe', () => {
  let web: Server;
  let url: string;

  beforeAll(async () => {
    let asked = 0;
    web = createServer((request, response) => {
      asked += 1;
      if (request.url === '/hang') return;
      response.writeHead(request.url === '/teapot' ? 418 : 200, { 'x-served-by': `web-${asked % 2}` });
      response.end(request.url === '/agent' ? request.headers['user-agent'] : 'hello');
    });
    await new Promise<void>((resolve) => {
      web.listen(0, '127.0.0.1', resolve);
    });
    url = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  });

  afterAll(() => {
    web.closeAllConnections();
    web.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('asks over HTTP, counts what it saw, and judges nothing', async () => {
    const { code, document, file } = await run([
      'http',
      '--url',
      `${url}/teapot`,
      `--url=${url}/agent`,
      '--count',
      '4',
      '--id',
      'x1',
    ]);
    expect(code).toBe(0);
    expect(document).toMatchObject({
      probe: 'http',
      version: 1,
      id: 'x1',
      node: 'node-1',
      ok: true,
      attempts: 8,
      succeeded: 8,
    });
    expect(document.targets[0]).toMatchObject({
      statuses: { 418: 4 },
      bodies: { hello: 4 },
      servers: { 'web-0': 2, 'web-1': 2 },
    });
    expect(document.targets[1].bodies).toEqual({ 'clm-probe/1': 4 });
    expect(JSON.parse(file)).toEqual(document);
  });

  it('tells refusals from silence, and ends with 1', async () => {
    const silent = await run(['http', '--url', `${url}/hang`, '--timeout', '200ms']);
    expect(silent.code).toBe(1);
    expect(silent.document.targets[0].errors).toMatchObject([{ kind: 'timeout', count: 1 }]);
    const refused = await run(['tcp', '--address', '127.0.0.1:1', '--count', '2']);
    expect(refused.code).toBe(1);
    expect(refused.document.targets[0].errors).toMatchObject([{ kind: 'refused', count: 2 }]);
  });

  it('resolves names with the search list of its pod, and says when there is no such name', async () => {
    const server = await nameServer();
    const { port } = server.address();
    const conf = path.join(folder, 'resolv.conf');
    writeFileSync(conf, 'search none.svc.cluster.local\nnameserver 127.0.0.1\noptions ndots:5\n');
    const known = await run(['dns', '--name', 'web.default.svc.cluster.local.', '--server', `127.0.0.1:${port}`]);
    expect(known.document.targets[0]).toMatchObject({
      rcode: 'NOERROR',
      answers: ['10.1.2.3'],
      name: 'web.default.svc.cluster.local',
    });
    const unknown = await run(['dns', '--name', 'nothing.example.org', '--server', `127.0.0.1:${port}`]);
    expect(unknown.code).toBe(0);
    expect(unknown.document.targets[0]).toMatchObject({ rcode: 'NXDOMAIN', answers: [] });
    const nobody = await run(['dns', '--name', 'web', '--timeout', '300ms'], { CLM_PROBE_RESOLV_CONF: conf });
    expect(nobody.code).toBe(1);
    server.close();
  });

  it('serves until it is stopped, with logs, readiness, metrics and echo', async () => {
    const [web1, tcp] = [await freePort(), await freePort()];
    const serving = start([
      'serve',
      '--http',
      String(web1),
      '--tcp',
      String(tcp),
      '--body',
      'from probe',
      '--metric',
      'm=1',
      '--ready-after',
      '1h',
    ]);
    const seen = await run(['http', '--url', `http://127.0.0.1:${web1}/`, '--retry-for', '20s']);
    expect(seen.document.targets[0].bodies).toEqual({ 'from probe': 1 });
    expect((await run(['tcp', '--address', `127.0.0.1:${tcp}`, '--send', 'marco'])).document.targets[0].received).toBe(
      'marco',
    );
    const paths = ['readyz', 'healthz', 'status/503', 'nowhere'].flatMap((name) => [
      '--url',
      `http://127.0.0.1:${web1}/${name}`,
    ]);
    const answers = await run(['http', ...paths]);
    expect(answers.document.targets.map((target: Document) => Object.keys(target.statuses)[0])).toEqual([
      '503',
      '200',
      '503',
      '404',
    ]);
    await run(['http', '--method', 'PUT', '--url', `http://127.0.0.1:${web1}/metric/m?value=7`]);
    expect(await (await fetch(`http://127.0.0.1:${web1}/metrics`)).text()).toMatch(/^m 7$/m);
    serving.child.kill('SIGTERM');
    expect(await serving.ended).toBe(0);
    expect(serving.out()).toMatch(/ GET \/ 200 from=127\.0\.0\.1 agent="clm-probe\/1"/);
  }, 60_000);

  it('kills a program of the machine and waits for the next one, or starts the machine again', async () => {
    const proc = path.join(folder, 'proc');
    const show = (pid: number): void => {
      mkdirSync(path.join(proc, String(pid)), { recursive: true });
      writeFileSync(path.join(proc, String(pid), 'comm'), 'kubelet\n');
    };
    const victim = spawn('sleep', ['60']);
    const died = new Promise((resolve) => victim.once('exit', (_code, signal) => resolve(signal)));
    show(victim.pid as number);
    const environment = { CLM_PROBE_PROC: proc };
    const killing = run(['node', '--kill', 'kubelet', '--wait', '20s'], environment);
    expect(await died).toBe('SIGKILL');
    rmSync(path.join(proc, String(victim.pid)), { recursive: true });
    show(999_999);
    expect((await killing).document).toMatchObject({ probe: 'node', ok: true, before: [victim.pid], after: [999_999] });
    const nobody = await run(['node', '--kill', 'nobody', '--wait', '1s'], environment);
    expect(nobody).toMatchObject({ code: 1, document: { ok: false, before: [], after: [] } });
    mkdirSync(path.join(proc, 'sys', 'kernel'), { recursive: true });
    await run(['node', '--reboot'], environment);
    expect(readFileSync(path.join(proc, 'sysrq-trigger'), 'utf8')).toBe('b');
    expect((await run(['node'])).document.usage).toEqual(['node: one of --kill and --reboot is needed, and not both']);
  }, 60_000);

  it('keeps up a rate of requests, and measures how long nobody answered', async () => {
    const port = await freePort();
    const target = ['--url', `http://127.0.0.1:${port}/`, '--rps', '100', '--for', '2s', '--timeout', '500ms'];
    const loading = start(['load', ...target, '--id', 'slo']);
    await new Promise((resolve) => setTimeout(resolve, 700));
    const serving = start(['serve', '--http', String(port)]);
    expect(await loading.ended).toBe(1);
    serving.child.kill('SIGTERM');
    await serving.ended;
    const document = JSON.parse(loading.out().trim().split('\n').at(-1) as string);
    const [seen] = document.targets;
    expect(document).toMatchObject({ probe: 'load', id: 'slo', ok: false, node: 'node-1' });
    expect(seen.attempts).toBeGreaterThan(150);
    expect(seen.attempts).toBeLessThanOrEqual(202);
    expect(Number(seen.succeeded) + Number(seen.failed)).toBe(seen.attempts);
    expect(seen.statuses['200']).toBe(seen.succeeded);
    expect(seen.errors).toMatchObject([{ kind: 'refused' }]);
    expect(seen.longestOutageMs).toBeGreaterThan(300);
    expect(seen.ms.p99).toBeGreaterThanOrEqual(seen.ms.p50);
  }, 60_000);

  it('serves the files of one folder in parts, and keeps what is posted as progress and as report', async () => {
    const port = await freePort();
    writeFileSync(path.join(folder, 'e2e.log'), 'a •• line');
    writeFileSync(path.join(folder, 'secret'), 'never');
    const serving = start(['serve', '--http', String(port), '--files', folder]);
    await run(['http', '--url', `http://127.0.0.1:${port}/`, '--retry-for', '20s']);
    const read = async (name: string): Promise<string> => {
      const answer = await fetch(`http://127.0.0.1:${port}/files/${name}`);
      return answer.status === 200
        ? Buffer.from(await answer.text(), 'base64').toString('latin1')
        : String(answer.status);
    };
    const bullet = Buffer.from('•').toString('latin1');
    expect(await read('e2e.log')).toBe(`a ${bullet}${bullet} line`);
    // In the middle of a character.
    expect(await read('e2e.log?from=3&bytes=4')).toBe(`${bullet}${bullet}`.slice(1, 5));
    expect(await read('e2e.log?from=13')).toBe('');
    expect(await read('none')).toBe('404');
    expect(await read('..%2F..%2Fetc%2Fhostname')).toBe('404');
    expect(await read('e2e.log?from=-1')).toBe('400');
    const progress = `http://127.0.0.1:${port}/progress`;
    expect((await fetch(progress)).status).toBe(404);
    expect((await fetch(progress, { method: 'POST', body: '{"total":3}' })).status).toBe(204);
    expect(await (await fetch(progress)).json()).toEqual({ total: 3 });
    const report = `http://127.0.0.1:${port}/report`;
    expect((await fetch(report)).status).toBe(404);
    // Kuberhealthy's clients take nothing but 200.
    expect((await fetch(report, { method: 'POST', body: '{"ok":false}' })).status).toBe(200);
    expect(await (await fetch(report)).json()).toEqual({ ok: false });
    serving.child.kill('SIGTERM');
    expect(await serving.ended).toBe(0);
  }, 60_000);

  it('writes a file and reads it back, in one batch', async () => {
    const file = path.join(folder, 'data');
    const plan = JSON.stringify([
      ['file-write', '--path', file, '--content', 'marker'],
      ['file-read', '--path', file],
      ['file-read', '--path', `${file}-not-there`],
      ['env', '--name', 'CLM_PROBE_NODE', '--name', 'UNSET'],
    ]);
    const { code, document } = await run(['batch'], { CLM_PROBE_PLAN: plan });
    expect(code).toBe(1);
    expect(document.results.map((one: Document) => one.ok)).toEqual([true, true, false, true]);
    expect(document.results[1].targets[0]).toMatchObject({ content: 'marker', bytes: 6 });
    expect(document.results[1].targets[0].sha256).toBe(document.results[0].targets[0].sha256);
    expect(document.results[2].targets[0].errors[0].kind).toBe('not-found');
    expect(document.results[3].targets.map((target: Document) => target.value)).toEqual(['node-1', null]);
  });

  it('keeps the termination message within 4096 bytes, failures first, and stdout whole', async () => {
    const urls = Array.from({ length: 60 }, (_, index) => ['--url', `${url}/${'long'.repeat(20)}/${index}`]).flat();
    const { file, document } = await run(['http', ...urls, '--url', 'http://127.0.0.1:1/']);
    expect(Buffer.byteLength(file)).toBeLessThanOrEqual(4096);
    const short: Document = JSON.parse(file);
    expect(short).toMatchObject({ truncated: true, attempts: 61, failed: 1 });
    expect(short.targets.map((target: Document) => target.target)).toEqual(['http://127.0.0.1:1/']);
    expect(document.targets).toHaveLength(61);
  });

  it('lists every problem of its arguments at once, with code 2', async () => {
    const { code, document } = await run(['http', '--timeout', 'soon', '--count', '0', '--colour', 'red']);
    expect(code).toBe(2);
    expect(document.usage).toEqual([
      expect.stringContaining("--timeout 'soon'"),
      expect.stringContaining("--count '0'"),
      expect.stringContaining("'--colour'"),
      expect.stringContaining("'red'"),
      expect.stringContaining('--url is missing'),
    ]);
    expect((await run(['batch', '--plan', '[["serve"],["http"]]'])).document.usage).toHaveLength(2);
  });

  it('does as it is told: exit codes and logs', async () => {
    expect((await run(['exit', '--code', '7', '--after', '10ms'])).code).toBe(7);
    const logged = await run(['log', '--text', 'marker-1', '--lines', '3']);
    expect(logged.out.match(/^marker-1$/gm)).toHaveLength(3);
    expect(logged.code).toBe(0);
  });
});

describe('its image', () => {
  const source = path.dirname(program);
  const dockerfile = readFileSync(path.join(source, 'Dockerfile'), 'utf8');
  /** Instructions, with what continues over several lines on one. */
  const instructions = dockerfile
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => ({ name: line.split(' ')[0] ?? '', words: line.split(/\s+/).slice(1) }));
  const of = (name: string): string[] => instructions.find((one) => one.name === name)?.words ?? [];

  it('is built of known instructions, on a Node that the program runs on, for a user without rights', () => {
    expect(instructions.map((one) => one.name)).toEqual(['FROM', 'COPY', 'RUN', 'USER', 'ENTRYPOINT']);
    expect(Number(/^node:(\d+)-alpine$/.exec(of('FROM')[0] ?? '')?.[1])).toBeGreaterThanOrEqual(20);
    expect(of('USER')).toEqual(['65534:65534']);
    expect(JSON.parse(of('ENTRYPOINT').join(' '))).toEqual(['clm-probe']);
    expect(of('RUN').join(' ')).toBe('ln -s /opt/clm-probe/clm-probe.mjs /usr/local/bin/clm-probe');
  });

  it('holds every file that the program needs, and no other; with them alone it runs, as nobody', async () => {
    const copied = of('COPY').filter((word) => word.endsWith('.mjs'));
    const imported = (file: string, seen: Set<string>): Set<string> => {
      if (seen.has(file)) return seen;
      seen.add(file);
      for (const [, next] of readFileSync(path.join(source, file), 'utf8').matchAll(/from '\.\/([^']+)'/g))
        imported(next as string, seen);
      return seen;
    };
    expect([...copied].sort()).toEqual([...imported('clm-probe.mjs', new Set())].sort());
    const image = mkdtempSync(path.join(tmpdir(), 'clm-image-'));
    chmodSync(image, 0o755);
    for (const file of copied) {
      copyFileSync(path.join(source, file), path.join(image, file));
      chmodSync(path.join(image, file), 0o555);
    }
    symlinkSync(path.join(image, 'clm-probe.mjs'), path.join(image, 'clm-probe'));
    // Its first line names its interpreter, as the image calls it. Only root may become nobody.
    const asNobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const child = spawn(path.join(image, 'clm-probe'), ['env', '--name', 'HOME'], {
      ...asNobody,
      env: {
        PATH: `${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
        HOME: '/',
        CLM_PROBE_RESULT: '/dev/null',
      },
    });
    let out = '';
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    const code = await new Promise((resolve) => child.once('close', resolve));
    rmSync(image, { recursive: true, force: true });
    expect(code).toBe(0);
    expect(JSON.parse(out.trim().split('\n').at(-1) ?? '')).toMatchObject({ probe: 'env', ok: true });
  });
});
