/**
 * A real Kubernetes control plane on loopback, from binaries that are at hand: etcd and kube-apiserver, and when they are named the
 * controller manager and the scheduler. No kubelets, no containers, no root. It runs until SIGINT or SIGTERM, and leaves nothing
 * behind. docs/operations.md says what it is for.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

const usage = `usage: npx tsx scripts/real-control-plane.ts [--etcd PATH] [--apiserver PATH] [--controllers PATH] [--scheduler PATH]
         [--apiserver-flag=--name=value …]
etcd and kube-apiserver are looked for in $KUBEBUILDER_ASSETS when they are not named. Without --controllers nobody acts on objects;
without --scheduler no pod gets a node. --apiserver-flag hands a flag on, e.g. --apiserver-flag=--enable-admission-plugins=AlwaysPullImages`;

/** Starting takes seconds; on a busy machine, or with an old disk, much longer. */
const readyWithinMs = 180_000;
const stopWithinMs = 15_000;

const folder = mkdtempSync(path.join(tmpdir(), 'clm-control-plane-'));
const started: { name: string; child: ChildProcess }[] = [];
let stopping = false;

interface Binaries {
  etcd: string;
  apiserver: string;
  controllers: string | undefined;
  scheduler: string | undefined;
  apiserverFlags: string[];
}

function binaries(): Binaries {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      etcd: text,
      apiserver: text,
      controllers: text,
      scheduler: text,
      'apiserver-flag': { type: 'string', multiple: true },
    },
  });
  const assets = process.env['KUBEBUILDER_ASSETS'] ?? '';
  const { etcd = path.join(assets, 'etcd'), apiserver = path.join(assets, 'kube-apiserver') } = values;
  const { controllers, scheduler } = values;
  const missing = [etcd, apiserver, controllers, scheduler].filter((file) => file !== undefined && !existsSync(file));
  if (missing.length > 0) throw new Error(`not there: ${missing.join(', ')}\n${usage}`);
  return { etcd, apiserver, controllers, scheduler, apiserverFlags: values['apiserver-flag'] ?? [] };
}

/** A port that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => {
        resolve(port);
      });
    });
  });
}

const inFolder = (name: string): string => path.join(folder, name);

/** From a crash its cause, not the last of a thousand goroutines. */
function lastWords(file: string): string {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const cause = lines.findIndex((line) => /^(panic|fatal error|unexpected fault|F\d{4} )/.test(line));
  return lines.splice(cause < 0 ? -15 : cause, 15).join('\n');
}

function start(name: string, binary: string, flags: string[]): void {
  const log = openSync(inFolder(`${name}.log`), 'a');
  const child = spawn(binary, flags, { stdio: ['ignore', log, log] });
  started.push({ name, child });
  const ended = (why: string): void => {
    if (stopping) return;
    process.stderr.write(`${name} ended by itself (${why}); its last words:\n${lastWords(inFolder(`${name}.log`))}\n`);
    process.exitCode = 1;
    void stop();
  };
  child.once('error', (error) => ended(error.message));
  child.once('exit', (code, signal) => ended(signal ?? `exit code ${String(code)}`));
}

/** The newest first: whoever talks to the API goes before it. */
async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  for (const { child } of started.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const hard = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
    await gone;
    clearTimeout(hard);
  }
  rmSync(folder, { recursive: true, force: true });
  process.exit();
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Status of a GET of the API, 0 while nobody answers. */
function statusOf(url: string, ca: Buffer, token: string): Promise<number> {
  return new Promise((resolve) => {
    const asked = request(url, { ca, headers: { authorization: `Bearer ${token}` } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.once('error', () => {
      resolve(0);
    });
    asked.end();
  });
}

async function untilReady(server: string, token: string): Promise<void> {
  const certificate = inFolder('apiserver.crt');
  const until = Date.now() + readyWithinMs;
  while (!stopping) {
    if (existsSync(certificate) && (await statusOf(`${server}/readyz`, readFileSync(certificate), token)) === 200)
      return;
    if (Date.now() > until) throw new Error(`the API was not ready within ${readyWithinMs / 1000} s`);
    await pause(500);
  }
}

/** Certificate of the server and token of the user, as kubectl and clm read them. Returns the file's path. */
function kubeconfig(user: string, server: string, token: string): string {
  const file = inFolder(`${user.replaceAll(':', '-')}.kubeconfig`);
  const name = 'real';
  const document = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { server, 'certificate-authority': inFolder('apiserver.crt') } }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name, context: { cluster: name, user } }],
  };
  writeFileSync(file, JSON.stringify(document, null, 2), { mode: 0o600 });
  return file;
}

/** Releases before 1.24 listen on a second port, without certificates and on all addresses, unless they are told not to. */
function noInsecurePort(binary: string): string[] {
  return / --port int /.test(execFileSync(binary, ['--help'], { encoding: 'utf8' })) ? ['--port=0'] : [];
}

async function startEtcd(binary: string): Promise<string> {
  const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const urls = ['--listen-client-urls', client, '--advertise-client-urls', client, '--listen-peer-urls', peer];
  const own = ['--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`];
  start('etcd', binary, ['--data-dir', inFolder('etcd'), '--unsafe-no-fsync', ...urls, ...own]);
  return client;
}

async function main(): Promise<void> {
  const given = binaries();
  const users = ['admin', 'system:kube-controller-manager', 'system:kube-scheduler'] as const;
  const tokens = new Map(users.map((user) => [user as string, randomBytes(24).toString('hex')]));
  const rows = users.map((user) => `${tokens.get(user)},${user},${user}${user === 'admin' ? ',system:masters' : ''}`);
  writeFileSync(inFolder('tokens.csv'), `${rows.join('\n')}\n`, { mode: 0o600 });
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  writeFileSync(inFolder('sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  writeFileSync(inFolder('sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }));

  const etcd = await startEtcd(given.etcd);
  const port = await freePort();
  const server = `https://127.0.0.1:${port}`;
  // It signs a certificate for itself, which is its own authority; a loopback address can be no endpoint of a service.
  start('kube-apiserver', given.apiserver, [
    `--etcd-servers=${etcd}`,
    `--bind-address=127.0.0.1`,
    `--secure-port=${port}`,
    `--cert-dir=${folder}`,
    `--token-auth-file=${inFolder('tokens.csv')}`,
    '--authorization-mode=RBAC',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${inFolder('sa.pub')}`,
    `--service-account-signing-key-file=${inFolder('sa.key')}`,
    '--service-cluster-ip-range=10.3.0.0/16',
    '--endpoint-reconciler-type=none',
    ...given.apiserverFlags,
  ]);
  const configOf = (user: (typeof users)[number]): string => kubeconfig(user, server, tokens.get(user) as string);
  const admin = configOf('admin');
  await untilReady(server, tokens.get('admin') as string);
  const loopback = async (name: string): Promise<string[]> => {
    mkdirSync(inFolder(name));
    const listens = ['--bind-address=127.0.0.1', `--secure-port=${await freePort()}`, `--cert-dir=${inFolder(name)}`];
    return [...listens, '--leader-elect=false'];
  };
  if (given.controllers !== undefined) {
    start('kube-controller-manager', given.controllers, [
      ...(await loopback('controllers')),
      ...noInsecurePort(given.controllers),
      `--kubeconfig=${configOf('system:kube-controller-manager')}`,
      `--root-ca-file=${inFolder('apiserver.crt')}`,
      `--service-account-private-key-file=${inFolder('sa.key')}`,
      '--use-service-account-credentials',
    ]);
  }
  if (given.scheduler !== undefined) {
    start('kube-scheduler', given.scheduler, [
      ...(await loopback('scheduler')),
      ...noInsecurePort(given.scheduler),
      `--kubeconfig=${configOf('system:kube-scheduler')}`,
    ]);
  }
  if (stopping) return;
  process.stderr.write(`ready: ${server}; logs are in ${folder}; Ctrl-C ends it\n`);
  process.stdout.write(`export KUBECONFIG=${admin}\n`);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
  void stop();
});
