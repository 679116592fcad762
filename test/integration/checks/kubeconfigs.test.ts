/** `clm e2e run` with kubeconfigs as kOps, EKS, GKE, AKS and kind write them, against an API server behind TLS. */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createProxy, request as forward, type IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { RunReport } from '../../../src/checks/report/run-report.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';
import { startClm } from '../../support/system/run-clm.ts';
import { type Stage, stage } from './standalone-stage.ts';

const pem = (name: string) => fileURLToPath(new URL(`../../support/tls/loopback-${name}.pem`, import.meta.url));
const cert = readFileSync(pem('cert'));
const key = readFileSync(pem('key'));
const authority = { 'certificate-authority-data': cert.toString('base64') };
const certificates = {
  'client-certificate-data': cert.toString('base64'),
  'client-key-data': key.toString('base64'),
};

/** Who may come in: a certificate of the authority, or this token. */
const goodToken = 'k8s-aws-v1.Z29vZA';
let here: Stage;
let gate: Server;
let address: string;
let seen: string[] = [];

/** The API server's TLS side: it asks for a client certificate, and takes a token instead. */
function openGate(to: string): Promise<Server> {
  const server = createServer(
    { cert, key, ca: cert, requestCert: true, rejectUnauthorized: false },
    (incoming, out) => {
      const bearer = incoming.headers.authorization;
      const certified = (incoming.socket as unknown as { authorized: boolean }).authorized;
      if (!certified && bearer !== `Bearer ${goodToken}`) {
        const status = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Unauthorized', code: 401 };
        out.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify(status));
        return;
      }
      const who = [...(certified ? ['certificate'] : []), ...(bearer === undefined ? [] : ['token'])].join(' and ');
      if (!seen.includes(who)) seen.push(who);
      const { method, headers } = incoming;
      const onward = forward(`${to}${incoming.url}`, { method, headers }, (answer: IncomingMessage) => {
        out.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(out);
      });
      onward.on('error', () => out.destroy());
      out.on('close', () => onward.destroy());
      incoming.pipe(onward);
    },
  );
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

beforeAll(async () => {
  here = await stage(2);
  gate = await openGate(here.served.kubeUrl(sampleCluster.id));
  address = `https://127.0.0.1:${(gate.address() as AddressInfo).port}`;
  mkdirSync(path.join(here.folder, 'bin'));
});

afterAll(async () => {
  gate.closeAllConnections();
  gate.close();
  await here.close();
});

/** A kubeconfig as a tool writes it, with one of everything. */
function written(name: string, user: object, cluster: object = authority): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    preferences: {},
    clusters: [{ name, cluster: { server: address, ...cluster } }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
}

function put(name: string, text: string | object): string {
  const file = path.join(here.folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, typeof text === 'string' ? text : stringify(text), { mode: 0o600 });
  return file;
}

/** A program on PATH. It must be called with these words, and told by the environment what kubectl tells it. */
function putPlugin(name: string, words: string, told: string[], answer: string): void {
  const lines = [
    '#!/bin/sh',
    `[ "$*" = '${words}' ] || { echo "called with $*" >&2; exit 9; }`,
    ...told.map(
      (each) =>
        `echo "$AWS_PROFILE $KUBERNETES_EXEC_INFO" | grep -qF '${each}' || { echo 'not told ${each}' >&2; exit 8; }`,
    ),
    answer,
  ];
  chmodSync(put(`bin/${name}`, lines.join('\n')), 0o755);
}

function credential(version: string): string {
  const status = { token: goodToken, expirationTimestamp: '2999-01-01T00:00:00Z' };
  const answer = { kind: 'ExecCredential', apiVersion: version, spec: { interactive: false }, status };
  return `echo '${JSON.stringify(answer)}'`;
}

function home(more: Record<string, string> = {}): Record<string, string> {
  const search = `${path.join(here.folder, 'bin')}:${process.env['PATH']}`;
  return { ...(here.environment as Record<string, string>), HOME: here.folder, PATH: search, ...more };
}

/** The real program. */
async function run(args: string[], more: Record<string, string> = {}) {
  seen = [];
  const wanted = ['e2e', 'run', '--only', 'api.health', '-o', 'json', ...args];
  const ended = await startClm(wanted, { cwd: here.folder, environment: home(more) }).ended;
  return { ...ended, report: ended.code === 0 ? (JSON.parse(ended.stdout) as RunReport) : undefined };
}

const beta = 'client.authentication.k8s.io/v1beta1';

const kinds: [kind: string, name: string, user: () => object, seenAs: string][] = [
  ['kOps', 'prod.k8s.example.org', () => certificates, 'certificate'],
  [
    'EKS',
    'arn:aws:eks:eu-central-1:123456789012:cluster/prod',
    () => {
      const words = '--region eu-central-1 eks get-token --cluster-name prod --output json';
      putPlugin('aws', words, ['production ', beta], credential(beta));
      const env = [{ name: 'AWS_PROFILE', value: 'production' }];
      return { exec: { apiVersion: beta, command: 'aws', args: words.split(' '), env } };
    },
    'token',
  ],
  [
    'GKE',
    'gke_acme_europe-west3_prod',
    () => {
      putPlugin('gke-gcloud-auth-plugin', '', [beta, `"server":"${address}"`], credential(beta));
      const installHint =
        'Install gke-gcloud-auth-plugin for use with kubectl by following\n  https://cloud.google.com/…';
      const command = 'gke-gcloud-auth-plugin';
      const exec = { apiVersion: beta, command, installHint, interactiveMode: 'IfAvailable', provideClusterInfo: true };
      return { exec: { ...exec, args: null, env: null } };
    },
    'token',
  ],
  [
    'AKS with Entra ID',
    'aks-prod',
    () => {
      const words = 'get-token --login azurecli --server-id 6dae42f8-4368-4678-94ff-3960e28e3630';
      putPlugin('kubelogin', words, [beta], credential(beta));
      return { exec: { apiVersion: beta, command: 'kubelogin', args: words.split(' '), provideClusterInfo: false } };
    },
    'token',
  ],
  ['AKS for admins', 'aks-prod-admin', () => ({ ...certificates, token: goodToken }), 'certificate and token'],
  ['kind', 'kind-kind', () => certificates, 'certificate'],
];

describe('a kubeconfig of', () => {
  it.each(kinds)('%s', async (_kind, name, user, seenAs) => {
    const { code, stderr, report } = await run(['--kubeconfig', put('config', written(name, user()))]);
    expect(stderr).toContain(`checking ${name} at ${address}, profile smoke`);
    expect(code).toBe(0);
    expect(report).toMatchObject({ cluster: name, verdict: 'pass' });
    expect(seen).toEqual([seenAs]);
  });
});

describe('where the cluster is', () => {
  it('is in all files of KUBECONFIG: the first to name a thing decides, and paths are relative to their file', async () => {
    copyFileSync(pem('cert'), path.join(here.folder, 'bin', 'ca.crt'));
    const first = put('first', { ...written('prod', {}), clusters: [], users: [] });
    const second = put('bin/second', written('prod', { token: goodToken }, { 'certificate-authority': 'ca.crt' }));
    const third = put('third', { ...written('prod', { token: 'another' }), 'current-context': 'none' });
    const { code, report } = await run([], { KUBECONFIG: [first, `${here.folder}/gone`, second, third].join(':') });
    expect(code).toBe(0);
    expect(report?.cluster).toBe('prod');
    expect(seen).toEqual(['token']);
  });

  it('is where its pod runs, when nothing else is named', async () => {
    const root = path.join(here.folder, 'pod');
    const account = 'pod/var/run/secrets/kubernetes.io/serviceaccount';
    put(`${account}/token`, `${goodToken}\n`);
    put(`${account}/ca.crt`, cert.toString());
    const [host = '', port = ''] = new URL(address).host.split(':');
    const inPod = { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port, CLM_SERVICE_ACCOUNT_ROOT: root };
    const { code, report } = await run([], inPod);
    expect(code).toBe(0);
    expect(report?.cluster).toBe('in-cluster');
    expect(seen).toEqual(['token']);
  });
});

describe('behind a proxy', () => {
  /** Connects whoever knows the password to the API server, under a name that only the proxy can resolve. */
  const connects: string[] = [];
  const proxy = createProxy();
  proxy.on('connect', (asked: IncomingMessage, socket: Duplex) => {
    connects.push(`${asked.url}`);
    if (asked.headers['proxy-authorization'] !== `Basic ${Buffer.from('clm:s3cret').toString('base64')}`) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const onward = connectSocket((gate.address() as AddressInfo).port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  let place: string;
  const inner = { server: 'https://api.prod.internal:6443', 'tls-server-name': '127.0.0.1' };

  beforeAll(async () => {
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    place = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    proxy.closeAllConnections();
    proxy.close();
  });

  it.each<[string, (url: string) => { cluster: object; environment: Record<string, string> }, string]>([
    [
      'HTTPS_PROXY',
      (url) => ({ cluster: {}, environment: { HTTPS_PROXY: url, NO_PROXY: '.svc,10.0.0.0/8' } }),
      'HTTPS_PROXY',
    ],
    [
      'proxy-url, whatever the environment says',
      (url) => ({ cluster: { 'proxy-url': url }, environment: { HTTPS_PROXY: 'http://127.0.0.1:9', NO_PROXY: '*' } }),
      'proxy-url',
    ],
  ])('that %s names', async (_what, setup, namedBy) => {
    const { cluster, environment } = setup(`http://clm:s3cret@${place}`);
    const config = written('prod', certificates, { ...authority, ...inner, ...cluster });
    connects.length = 0;
    const { code, stderr, report } = await run(['--kubeconfig', put('config', config)], environment);
    expect(stderr).toContain(`checking prod at ${inner.server} through http://${place} (${namedBy}), profile smoke`);
    expect(stderr).not.toContain('s3cret');
    expect(code).toBe(0);
    expect(report).toMatchObject({ verdict: 'pass' });
    expect(seen).toEqual(['certificate']);
    expect(new Set(connects)).toEqual(new Set(['api.prod.internal:6443']));
  });

  it('that NO_PROXY passes by', async () => {
    connects.length = 0;
    const config = put('config', written('prod', certificates, { ...authority, ...inner }));
    const environment = { https_proxy: `http://clm:s3cret@${place}`, no_proxy: 'prod.internal:6443' };
    const { code, stderr } = await run(['--kubeconfig', config], environment);
    expect(stderr).toContain('api.prod.internal');
    expect(code).toBe(3);
    expect(connects).toEqual([]);
  });

  it('that refuses', async () => {
    const config = put('config', written('prod', certificates, { ...authority, ...inner }));
    const { code, stderr } = await run(['--kubeconfig', config], { HTTPS_PROXY: `http://clm:wr0ng@${place}` });
    expect(stderr).toContain('the proxy does not connect us: it answers 407');
    expect(stderr).not.toContain('wr0ng');
    expect(code).toBe(3);
  });
});

describe('a kubeconfig that cannot work', () => {
  const search = process.env['PATH'];
  beforeAll(() => {
    process.env['PATH'] = home()['PATH'];
  });
  afterAll(() => {
    process.env['PATH'] = search;
  });

  const cases: [what: string, config: () => object, code: number, says: string[]][] = [
    [
      'names no cluster',
      () => ({ ...written('prod', {}), clusters: [] }),
      2,
      ["there is no cluster 'prod'", 'contexts.prod.cluster'],
    ],
    [
      'has no user',
      () => ({ ...written('prod', {}), users: [] }),
      2,
      ["there is no user 'prod'", 'make the kubeconfig anew'],
    ],
    [
      'wants a plugin that is not there',
      () =>
        written('prod', {
          exec: { apiVersion: beta, command: 'gke-no-plugin', installHint: 'Install it from\n  somewhere' },
        }),
      2,
      [
        "the credential plugin 'gke-no-plugin' is not installed",
        'users.prod.exec.command',
        'Install it from somewhere',
      ],
    ],
    [
      'names a proxy of no known kind',
      () => written('prod', certificates, { ...authority, 'proxy-url': 'ftp://proxy.internal' }),
      2,
      ["'ftp://proxy.internal' is no address of a proxy", 'clusters.prod.proxy-url', 'http://HOST:PORT'],
    ],
    [
      'was copied without its certificates',
      () => written('prod', { 'client-certificate': 'gone.crt', 'client-key': 'gone.key' }),
      2,
      ['/gone.crt cannot be read', 'users.prod.client-certificate', 'copied without the files beside it'],
    ],
    [
      'has an auth provider of old',
      () => written('prod', { 'auth-provider': { name: 'gcp' } }),
      2,
      ['gone since Kubernetes 1.26', 'get-credentials'],
    ],
    [
      'has a plugin whose session is over',
      () => {
        putPlugin(
          'aws',
          'eks get-token',
          [],
          "echo 'The SSO session associated with this profile has expired' >&2; exit 255",
        );
        return written('prod', { exec: { apiVersion: beta, command: 'aws', args: ['eks', 'get-token'] } });
      },
      3,
      [
        "the credential plugin 'aws' failed (255): The SSO session",
        'try it: aws eks get-token',
        'clm explain kube-unauthorized',
      ],
    ],
    [
      'has a token that has expired',
      () => written('prod', { token: 'old' }),
      3,
      ['no verdict: kube-unauthorized', 'clm explain'],
    ],
    [
      'does not know the authority',
      () => written('prod', certificates, {}),
      3,
      ['SELF_SIGNED', 'certificate-authority'],
    ],
  ];

  it.each(cases)('%s', async (_what, config, wanted, says) => {
    const kubeconfig = put('config', config());
    const { code, err } = await here.clm('e2e', 'run', '--kubeconfig', kubeconfig, '--only', 'api.health');
    for (const each of says) expect(err).toContain(each);
    expect(code).toBe(wanted);
  });

  it('has another context', async () => {
    const kubeconfig = put('config', written('kind-kind', certificates));
    const { code, err } = await here.clm('e2e', 'run', '--kubeconfig', kubeconfig, '--context', 'kind-kimd');
    expect(err).toContain("no context 'kind-kimd'");
    expect(err).toContain("did you mean 'kind-kind'?");
    expect(code).toBe(2);
  });
});
