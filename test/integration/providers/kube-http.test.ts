import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { FailureError } from '../../../src/domain/failure.ts';
import type { KubeCluster, Resource, WatchEvent } from '../../../src/ports/kube-cluster.ts';
import { connectKube, type KubeConnection } from '../../../src/providers/kube/connect-kube.ts';
import { type Answer, type FakeApiServer, json, startFakeApiServer } from './fake-api-server.ts';

const nodes: Resource = { group: '', version: 'v1', resource: 'nodes', kind: 'Node', namespaced: false };
const pods: Resource = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };
const aNode = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', uid: 'u', resourceVersion: '1' } };

let server: FakeApiServer | undefined;
let kube: KubeCluster | undefined;
let folder: string | undefined;

afterEach(async () => {
  kube?.close();
  await server?.close();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  kube = undefined;
  server = undefined;
  folder = undefined;
});

async function serve(
  answer: Answer,
  options: Partial<KubeConnection> = {},
): Promise<{ server: FakeApiServer; kube: KubeCluster }> {
  const started = await startFakeApiServer(answer);
  server = started;
  const connected = connectKube({
    cluster: 'aws:1:eu:a',
    access: { kind: 'server', server: `${started.url}/clusters/a`, token: 'secret-token' },
    userAgent: 'clm/test',
    ...options,
  });
  kube = connected;
  return { server: started, kube: connected };
}

function scratch(name: string, text: string): string {
  folder ??= mkdtempSync(join(tmpdir(), 'clm-kube-'));
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o700 });
  return path;
}

const failing = (promise: Promise<unknown>) =>
  promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => (error instanceof FailureError ? error.failure : error),
  );

describe('a call to an API server', () => {
  it('tells what time the server says it is', async () => {
    const heard: number[] = [];
    const answer: Answer = (_request, response) => {
      response.setHeader('Date', 'Sat, 21 Nov 2026 08:00:07 GMT');
      json(response, 200, aNode);
    };
    const { kube } = await serve(answer, { heardTime: (serverMs) => heard.push(serverMs) });
    await kube.get(nodes, undefined, 'n1');
    expect(heard).toEqual([Date.UTC(2026, 10, 21, 8, 0, 7)]);
  });

  it('keeps its connection, carries token and user agent, and goes below the path of the server', async () => {
    const { server, kube } = await serve((_, response) => json(response, 200, aNode));
    for (let i = 0; i < 20; i += 1) expect(await kube.get(nodes, undefined, 'n1')).toEqual(aNode);
    expect(server.connections()).toBe(1);
    expect(server.received[0]).toMatchObject({ method: 'GET', url: '/clusters/a/api/v1/nodes/n1' });
    expect(server.received[0]?.headers).toMatchObject({
      authorization: 'Bearer secret-token',
      'user-agent': 'clm/test',
    });
  });

  it('gives the body of a DELETE its length: a real API server refuses it chunked', async () => {
    const { server, kube } = await serve((_, response) => json(response, 200, { kind: 'Status', status: 'Success' }));
    expect(await kube.delete(pods, 'shop', 'web-1', { uid: 'u1', gracePeriodSeconds: 5 })).toBe(true);
    const [request] = server.received;
    expect(request?.headers['content-length']).toBe(String(request?.body.length));
    expect(request?.headers['transfer-encoding']).toBeUndefined();
    expect(JSON.parse(request?.body ?? '')).toMatchObject({ preconditions: { uid: 'u1' }, gracePeriodSeconds: 5 });
  });

  it('sends text beyond ASCII whole', async () => {
    const { server, kube } = await serve((_, response) => json(response, 201, aNode));
    await kube.create(nodes, { ...aNode, metadata: { name: 'n1', annotations: { note: 'größer → ok' } } });
    expect(JSON.parse(server.received[0]?.body ?? '').metadata.annotations.note).toBe('größer → ok');
  });

  it('fails as unreachable when nobody listens, naming call and cluster but no token', async () => {
    const { server, kube } = await serve(() => {});
    await server.close();
    const failure = await failing(kube.get(nodes, undefined, 'n1'));
    expect(failure).toMatchObject({ kind: 'transient', code: 'kube-unreachable' });
    expect(JSON.stringify(failure)).toContain('GET nodes/n1 in cluster aws:1:eu:a');
    expect(JSON.stringify(failure)).not.toContain('secret-token');
  });

  it('fails as timed out when no answer comes, and when an answer never ends', async () => {
    const { kube } = await serve(
      (_, response, count) => {
        if (count > 0) response.writeHead(200, { 'content-type': 'application/json' }).write('{"kind":');
      },
      { requestTimeoutMs: 80 },
    );
    expect(await failing(kube.get(nodes, undefined, 'n1'))).toMatchObject({ kind: 'transient', code: 'kube-timeout' });
    expect(await failing(kube.get(nodes, undefined, 'n1'))).toMatchObject({ code: 'kube-timeout' });
  });

  it('takes a half answer, an empty answer and an answer of another server for no answer', async () => {
    const answers: Answer[] = [
      (_, response) => response.writeHead(200).end('<html>login</html>'),
      (_, response) => response.writeHead(200).end(),
      (_, response) => json(response, 200, { items: 'none' }),
      (_, response) => json(response, 200, { items: [] }),
    ];
    const { kube } = await serve((request, response, count) => answers[count]?.(request, response, count));
    for (const _ of answers) {
      expect(await failing(kube.list(pods))).toMatchObject({ kind: 'transient', code: 'kube-server-error' });
    }
  });

  it('repeats a read after a broken connection, but never a mutation', async () => {
    const { server, kube } = await serve((request, response, count) => {
      if (count === 0 || request.method === 'PATCH') response.socket?.destroy();
      else json(response, 200, aNode);
    });
    expect(await kube.get(nodes, undefined, 'n1')).toEqual(aNode);
    expect(server.received).toHaveLength(2);
    expect(await failing(kube.patch(nodes, undefined, 'n1', { type: 'merge', body: {} }))).toMatchObject({
      code: 'kube-unreachable',
    });
    expect(server.received).toHaveLength(3);
  });

  it('repeats a throttled read within its bound, and leaves a long wait to the caller', async () => {
    const busy = { kind: 'Status', status: 'Failure', reason: 'TooManyRequests', message: 'busy', code: 429 };
    const { server, kube } = await serve((request, response) => {
      json(response, 429, busy, request.url.includes('patient') ? { 'retry-after': '30' } : {});
    });
    expect(await failing(kube.get(nodes, undefined, 'n1'))).toMatchObject({ code: 'kube-throttled' });
    expect(server.received).toHaveLength(3);
    expect(await failing(kube.get(nodes, undefined, 'patient'))).toMatchObject({
      code: 'kube-throttled',
      retryAfterMs: 30_000,
    });
    expect(server.received).toHaveLength(4);
    expect(await failing(kube.create(nodes, aNode))).toMatchObject({ code: 'kube-throttled' });
    expect(server.received).toHaveLength(5);
  });

  it('follows pages to the end and starts over when the token expires on the way', async () => {
    const page = (names: string[], next: string) => ({
      metadata: { resourceVersion: '9', continue: next },
      items: names.map((name) => ({ metadata: { name } })),
    });
    const { server, kube } = await serve((request, response, count) => {
      const token = new URL(request.url, 'http://x').searchParams.get('continue');
      if (token === null) json(response, 200, page(['a', 'b'], 'second'));
      else if (count === 1) json(response, 410, { kind: 'Status', reason: 'Expired', message: 'too old', code: 410 });
      else json(response, 200, page(['c'], ''));
    });
    const list = await kube.list(pods, { namespace: 'shop', labelSelector: 'app in (a,b)' });
    expect(list.items.map((item) => `${item.apiVersion} ${item.kind} ${item.metadata.name}`)).toEqual([
      'v1 Pod a',
      'v1 Pod b',
      'v1 Pod c',
    ]);
    expect(list.resourceVersion).toBe('9');
    expect(server.received).toHaveLength(4);
    expect(new URL(server.received[0]?.url ?? '', 'http://x').searchParams.get('labelSelector')).toBe('app in (a,b)');
  });

  it('gives up on a list that expires every time', async () => {
    const { server, kube } = await serve((request, response) => {
      if (request.url.includes('continue=')) json(response, 410, { kind: 'Status', code: 410 });
      else json(response, 200, { metadata: { resourceVersion: '9', continue: 'x' }, items: [] });
    });
    expect(await failing(kube.list(pods))).toMatchObject({ code: 'kube-expired' });
    expect(server.received).toHaveLength(8);
  });

  it('answers raw paths with whatever status and text came', async () => {
    const { kube } = await serve((request, response) =>
      response.writeHead(request.url.includes('readyz') ? 500 : 200).end('[+]ping ok\n'),
    );
    expect(await kube.raw('/readyz?verbose')).toEqual({ status: 500, body: '[+]ping ok\n' });
    expect(await kube.raw('/version')).toEqual({ status: 200, body: '[+]ping ok\n' });
  });
});

describe('access to a cluster', () => {
  const kubeconfig = (server: string, user: object) =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'main',
      clusters: [{ name: 'c', cluster: { server } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'main', context: { cluster: 'c', user: 'u' } }],
    });

  async function connectWith(user: object, answer: Answer): Promise<{ server: FakeApiServer; kube: KubeCluster }> {
    const started = await startFakeApiServer(answer);
    server = started;
    const file = scratch('kubeconfig', kubeconfig(started.url, user));
    kube = connectKube({ cluster: 'a', access: { kind: 'kubeconfig', file }, userAgent: 'clm/test' });
    return { server: started, kube };
  }

  it('takes the token of an exec plugin, and runs the plugin once for many calls', async () => {
    const plugin = scratch(
      'plugin.sh',
      `#!/bin/sh\necho run >> "$(dirname "$0")/runs"\necho '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"from-plugin","expirationTimestamp":"2999-01-01T00:00:00Z"}}'\n`,
    );
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, args: [], env: null };
    const { server, kube } = await connectWith({ exec }, (_, response) => json(response, 200, aNode));
    await kube.get(nodes, undefined, 'n1');
    await kube.get(nodes, undefined, 'n1');
    expect(server.received.map((request) => request.headers.authorization)).toEqual([
      'Bearer from-plugin',
      'Bearer from-plugin',
    ]);
    expect(readFileSync(join(folder ?? '', 'runs'), 'utf8')).toBe('run\n');
  });

  it('fails as unauthorized when the exec plugin fails', async () => {
    const plugin = scratch('plugin.sh', '#!/bin/sh\necho "no session" >&2\nexit 1\n');
    const { kube } = await connectWith({ exec: { command: plugin, args: [] } }, (_, response) =>
      json(response, 200, aNode),
    );
    expect(await failing(kube.get(nodes, undefined, 'n1'))).toMatchObject({
      kind: 'transient',
      code: 'kube-unauthorized',
      message: expect.stringContaining('no session'),
    });
  });

  it('reads a token file, newline and all, by a path relative to the kubeconfig', async () => {
    scratch('token', 'from-file\n');
    const { server, kube } = await connectWith({ tokenFile: 'token' }, (_, response) => json(response, 200, aNode));
    await kube.get(nodes, undefined, 'n1');
    expect(server.received[0]?.headers.authorization).toBe('Bearer from-file');
  });

  it('takes other credentials from the kubeconfig after a 401, even for a mutation, and sends the call once more', async () => {
    const { server, kube } = await connectWith({ token: 'old' }, (request, response) => {
      if (request.headers.authorization === 'Bearer new') json(response, 201, aNode);
      else json(response, 401, { kind: 'Status', reason: 'Unauthorized', message: 'Unauthorized' });
    });
    scratch('kubeconfig', kubeconfig(server.url, { token: 'new' }));
    expect(await kube.create(nodes, aNode)).toEqual(aNode);
    expect(server.received.map((request) => request.headers.authorization)).toEqual(['Bearer old', 'Bearer new']);
  });

  it('does not load credentials again and again while they are refused', async () => {
    const refused = { kind: 'Status', reason: 'Unauthorized', message: 'Unauthorized' };
    const { server, kube } = await connectWith({ token: 'old' }, (_, response) => json(response, 401, refused));
    for (let i = 0; i < 3; i += 1) {
      expect(await failing(kube.get(nodes, undefined, 'n1'))).toMatchObject({ code: 'kube-unauthorized' });
    }
    expect(server.received).toHaveLength(4);
  });

  it('reports a refused token, and does not repeat a call for which no other credentials can be had', async () => {
    const { server, kube } = await serve((_, response) =>
      json(response, 401, { kind: 'Status', reason: 'Unauthorized', message: 'Unauthorized' }),
    );
    expect(await failing(kube.get(nodes, undefined, 'n1'))).toMatchObject({
      kind: 'transient',
      code: 'kube-unauthorized',
    });
    expect(server.received).toHaveLength(1);
  });

  describe('over TLS with client certificates', () => {
    const tls = {
      cert: readFileSync(new URL('../../support/tls/loopback-cert.pem', import.meta.url), 'utf8'),
      key: readFileSync(new URL('../../support/tls/loopback-key.pem', import.meta.url), 'utf8'),
    };
    const base64 = (text: string) => Buffer.from(text).toString('base64');

    async function connectTls(authority: object): Promise<{ server: FakeApiServer; kube: KubeCluster }> {
      const started = await startFakeApiServer((_, response) => json(response, 200, aNode), tls);
      server = started;
      const config = JSON.parse(
        kubeconfig(started.url, { 'client-certificate-data': base64(tls.cert), 'client-key-data': base64(tls.key) }),
      ) as { clusters: { cluster: object }[] };
      Object.assign(config.clusters[0]?.cluster ?? {}, authority);
      kube = connectKube({
        cluster: 'a',
        access: { kind: 'kubeconfig', file: scratch('kubeconfig', JSON.stringify(config)) },
        userAgent: 'clm/test',
      });
      return { server: started, kube };
    }

    it('shakes hands once for many calls', async () => {
      const { server, kube } = await connectTls({ 'certificate-authority-data': base64(tls.cert) });
      for (let i = 0; i < 5; i += 1) expect(await kube.get(nodes, undefined, 'n1')).toEqual(aNode);
      expect(server.connections()).toBe(1);
    });

    it('does not talk to a server whose authority it does not know', async () => {
      const { server, kube } = await connectTls({});
      expect(await failing(kube.get(nodes, undefined, 'n1'))).toMatchObject({
        code: 'kube-unreachable',
        message: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT'),
      });
      expect(server.received).toHaveLength(0);
    });
  });

  it.each([
    ['a file that is not there', { kind: 'kubeconfig', file: '/nowhere/kubeconfig' }],
    ['an address that is no URL', { kind: 'server', server: 'api.example.com' }],
  ] as const)('is refused at once for %s', (_, access) => {
    expect(() => connectKube({ cluster: 'a', access, userAgent: 'x' })).toThrow(/access to cluster a/);
  });

  it('is refused at once for a context that the kubeconfig does not have, and for broken YAML', () => {
    const file = scratch('kubeconfig', kubeconfig('https://127.0.0.1:1', {}));
    expect(() =>
      connectKube({ cluster: 'a', access: { kind: 'kubeconfig', file, context: 'other' }, userAgent: 'x' }),
    ).toThrow(/no context 'other'/);
    const broken = scratch('broken', 'clusters: [}');
    expect(() => connectKube({ cluster: 'a', access: { kind: 'kubeconfig', file: broken }, userAgent: 'x' })).toThrow(
      /cannot read/,
    );
  });
});

interface Watched {
  events: WatchEvent[];
  opened: number;
  closed: { reason: string; message: string }[];
  end: Promise<void>;
  stop(): void;
}

function watch(cluster: KubeCluster): Watched {
  let ended = (): void => {};
  const watched: Watched = {
    events: [],
    opened: 0,
    closed: [],
    end: new Promise((resolve) => {
      ended = resolve;
    }),
    stop: () => handle.stop(),
  };
  const handle = cluster.watch(
    pods,
    { resourceVersion: '5' },
    {
      opened: () => {
        watched.opened += 1;
      },
      event: (event) => watched.events.push(event),
      closed: (reason, message) => {
        watched.closed.push({ reason, message });
        ended();
      },
    },
  );
  return watched;
}

const line = (type: string, name: string) =>
  `${JSON.stringify({ type, object: { metadata: { name, resourceVersion: '6' } } })}\n`;

describe('a watch', () => {
  it('delivers events however the bytes are cut, and ends once when the server ends it', async () => {
    const bytes = Buffer.from(`${line('ADDED', 'größe')}${line('MODIFIED', 'größe')}\n${line('BOOKMARK', '')}`);
    const { server, kube } = await serve((_, response) => {
      response.writeHead(200);
      for (const byte of bytes) response.write(Buffer.from([byte]));
      response.end();
    });
    const watched = watch(kube);
    await watched.end;
    expect(watched.events.map((event) => `${event.type} ${event.object.metadata.name}`)).toEqual([
      'ADDED größe',
      'MODIFIED größe',
      'BOOKMARK ',
    ]);
    expect(watched.opened).toBe(1);
    expect(watched.closed).toEqual([{ reason: 'ended', message: expect.stringContaining('closed by the server') }]);
    const query = new URL(server.received[0]?.url ?? '', 'http://x').searchParams;
    expect(Object.fromEntries(query)).toEqual({ watch: 'true', allowWatchBookmarks: 'true', resourceVersion: '5' });
  });

  it.each([
    [
      'an HTTP 410',
      (_: unknown, response: Parameters<Answer>[1]) =>
        json(response, 410, { kind: 'Status', code: 410, message: 'too old' }),
      'expired',
    ],
    [
      'a 410 in the stream',
      (_: unknown, response: Parameters<Answer>[1]) => {
        response.writeHead(200).write('{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}\n');
      },
      'expired',
    ],
    [
      'another error in the stream',
      (_: unknown, response: Parameters<Answer>[1]) => {
        response.writeHead(200).write('{"type":"ERROR","object":{"kind":"Status","code":500,"message":"etcd"}}\n');
      },
      'error',
    ],
    [
      'an HTTP 403',
      (_: unknown, response: Parameters<Answer>[1]) =>
        json(response, 403, { kind: 'Status', code: 403, message: 'no' }),
      'error',
    ],
    [
      'a line that is no JSON',
      (_: unknown, response: Parameters<Answer>[1]) => response.writeHead(200).write('<html>\n'),
      'error',
    ],
    [
      'an unknown event',
      (_: unknown, response: Parameters<Answer>[1]) => response.writeHead(200).write('{"type":"X","object":{}}\n'),
      'error',
    ],
    [
      'a connection cut in the middle of a line',
      (_: unknown, response: Parameters<Answer>[1]) => {
        response.writeHead(200).write('{"type":"ADDED","obj');
        setImmediate(() => response.socket?.destroy());
      },
      'error',
    ],
  ] as [string, Answer, string][])('closes once, with its connection, after %s', async (_, answer, reason) => {
    const { server, kube } = await serve(answer);
    const watched = watch(kube);
    await watched.end;
    await expect.poll(() => server.open()).toBe(0);
    expect(watched.closed).toEqual([{ reason, message: expect.stringContaining('WATCH pods in cluster aws:1:eu:a') }]);
  });

  it('is given up when nothing is heard, bookmarks included', async () => {
    const { kube } = await serve((_, response) => response.writeHead(200).flushHeaders(), { watchIdleMs: 60 });
    const watched = watch(kube);
    await watched.end;
    expect(watched.opened).toBe(1);
    expect(watched.closed).toEqual([{ reason: 'error', message: expect.stringContaining('nothing heard') }]);
  });

  it('is given up when nothing is heard any more, though there was something at first', async () => {
    const { kube } = await serve(
      (_, response) => {
        response.writeHead(200).flushHeaders();
        setImmediate(() => response.write(line('ADDED', 'a')));
      },
      { watchIdleMs: 60 },
    );
    const watched = watch(kube);
    await watched.end;
    expect(watched.events).toHaveLength(1);
    expect(watched.closed).toEqual([{ reason: 'error', message: expect.stringContaining('nothing heard') }]);
  });

  it('is given up when the server takes the connection and never answers', async () => {
    const { kube } = await serve(() => {}, { requestTimeoutMs: 60 });
    const watched = watch(kube);
    await watched.end;
    expect(watched.opened).toBe(0);
    expect(watched.closed).toHaveLength(1);
  });

  it('closes its connection when stopped, reports it once, and delivers nothing after', async () => {
    let push = (): void => {};
    const { server, kube } = await serve((_, response) => {
      response.writeHead(200).write(line('ADDED', 'a'));
      push = () => response.write(line('ADDED', 'b'));
    });
    const watched = watch(kube);
    await expect.poll(() => watched.events.length).toBe(1);
    watched.stop();
    watched.stop();
    push();
    await expect.poll(() => server.open()).toBe(0);
    expect(watched.events).toHaveLength(1);
    expect(watched.closed).toEqual([{ reason: 'ended', message: expect.stringContaining('stopped') }]);
  });

  it('does not take the sockets of calls', async () => {
    const { kube } = await serve(
      (request, response) => {
        if (request.url.includes('watch=true')) response.writeHead(200).flushHeaders();
        else json(response, 200, aNode);
      },
      { maxSockets: 1 },
    );
    const watched = [watch(kube), watch(kube), watch(kube)];
    await expect.poll(() => watched.every((w) => w.opened === 1)).toBe(true);
    expect(await kube.get(nodes, undefined, 'n1')).toEqual(aNode);
    for (const w of watched) w.stop();
  });
});
