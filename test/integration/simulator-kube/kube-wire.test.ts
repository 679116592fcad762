import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/support/random.ts';
import { kubeInconsistencies } from '../../support/kube-consistency.ts';
import { mutatedRequest } from '../../support/mutated-requests.ts';
import { configMap, TestCluster } from '../../unit/simulator-kube/test-cluster.ts';
import { WireCluster } from './wire-cluster.ts';

let wire: WireCluster;

beforeEach(async () => {
  wire = await WireCluster.start(TestCluster.withNodes(1));
});

afterEach(() => wire.stop());

const maps = '/api/v1/namespaces/default/configmaps';
const json = { 'content-type': 'application/json' };

async function post(path: string, body: unknown): Promise<Response> {
  return fetch(`${wire.url}${path}`, { method: 'POST', headers: json, body: JSON.stringify(body) });
}

/** As it stands: `fetch` would tidy up the path. */
function sendRaw(
  method: string,
  path: string,
  type: string,
  body: string | Buffer,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const { port } = wire.server;
    const target = `/clusters/test%3Acluster${path.replaceAll(' ', '%20')}`;
    const sent = request({ port, method, path: target, headers: { 'content-type': type } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    sent.on('error', reject).end(body);
  });
}

describe('the Kubernetes API over HTTP', () => {
  it('answers JSON, and 404 for clusters that are not there', async () => {
    const version = await fetch(`${wire.url}/version`);
    expect(version.headers.get('content-type')).toBe('application/json');
    expect(await version.json()).toMatchObject({ gitVersion: 'v1.31.4' });
    expect((await fetch(`${wire.server.url}/clusters/other/version`)).status).toBe(404);
    expect((await fetch(`${wire.server.url}/else`)).status).toBe(404);
    expect(await (await fetch(`${wire.url}/readyz?verbose`)).text()).toContain('[+]etcd ok');
  });

  it('lists the same objects that it gets', async () => {
    await post(maps, configMap('a', { text: 'ü\u0000 "quoted"' }));
    const list = (await (await fetch(`${wire.url}${maps}`)).json()) as {
      kind: string;
      items: { metadata: { name: string } }[];
    };
    const one = await (await fetch(`${wire.url}${maps}/a`)).json();
    expect(list.kind).toBe('ConfigMapList');
    expect(list.items.find((item) => item.metadata.name === 'a')).toEqual(one);
  });

  it('refuses malformed JSON and bodies that are too large with a Status', async () => {
    const bad = await fetch(`${wire.url}${maps}`, { method: 'POST', headers: json, body: '{"kind":' });
    expect([bad.status, await bad.json()]).toMatchObject([400, { kind: 'Status', reason: 'BadRequest' }]);
    const large = await fetch(`${wire.url}${maps}`, { method: 'POST', headers: json, body: 'x'.repeat(1_100_000) });
    expect([large.status, await large.json()]).toMatchObject([
      413,
      { kind: 'Status', reason: 'RequestEntityTooLarge' },
    ]);
    expect((await fetch(`${wire.url}/livez`)).status).toBe(200);
  });

  it('keeps a connection for many requests', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let i = 0; i < 3; i++) {
      await new Promise<void>((resolve, reject) => {
        const sent = request(`${wire.url}/version`, { agent }, (response) => {
          ports.add(response.socket.localPort);
          response.resume().on('end', resolve);
        });
        sent.on('error', reject).end();
      });
    }
    agent.destroy();
    expect(ports.size).toBe(1);
  });

  it('streams a watch line by line as things happen, and ends it after timeoutSeconds of real time', async () => {
    const response = await fetch(`${wire.url}${maps}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dw`);
    await post(maps, configMap('w', { v: '1' }));
    await fetch(`${wire.url}${maps}/w`, { method: 'DELETE' });
    const lines = (await response.text()).trim().split('\n');
    const events = lines.map((line) => JSON.parse(line) as { type: string; object: { data: { v: string } } });
    expect(events.map((event) => `${event.type} ${event.object.data.v}`)).toEqual(['ADDED 1', 'DELETED 1']);
  });

  it('forgets a watch whose client went away', async () => {
    const controller = new AbortController();
    const response = await fetch(`${wire.url}${maps}?watch=true`, { signal: controller.signal });
    await response.body?.getReader().read();
    expect(wire.cluster.model.truth().openWatches).toBe(1);
    controller.abort();
    await expect.poll(() => wire.cluster.model.truth().openWatches).toBe(0);
  });

  it('cuts off a client that does not read its watch', async () => {
    const socket = connect(wire.server.port, '127.0.0.1');
    socket.write(`GET /clusters/test%3Acluster${maps}?watch=true HTTP/1.1\r\nHost: x\r\n\r\n`);
    socket.pause();
    await expect.poll(() => wire.cluster.model.truth().openWatches).toBe(1);
    const big = 'x'.repeat(400_000);
    await expect
      .poll(
        async () => {
          for (let i = 0; i < 10; i++)
            wire.cluster.send('POST', maps, configMap(`big-${wire.cluster.clock.now()}-${i}`, { big }));
          await fetch(`${wire.url}/livez`);
          return wire.cluster.model.truth().openWatches;
        },
        { timeout: 20_000 },
      )
      .toBe(0);
    socket.destroy();
  });

  it('answers five hundred mutated requests and stays up, with a consistent world behind it', async () => {
    const random = seededRandom('wire');
    let refused = 0;
    for (let i = 0; i < 500; i++) {
      const { method, path, type, body } = mutatedRequest(random);
      const answer = await sendRaw(method, path, type, body);
      if (answer.status >= 400) refused += 1;
      expect(answer.status, `${method} ${path} ${body.toString('latin1')}`).toBeLessThan(500);
      expect(answer.body).not.toMatch(/\bat [\w.#<>]+ \(|node_modules/);
    }
    expect(refused).toBeGreaterThan(100);
    expect((await fetch(`${wire.url}/livez`)).status).toBe(200);
    wire.cluster.advance(900_000);
    expect(kubeInconsistencies(wire.cluster.model)).toEqual([]);
  });

  it('refuses connections while the API is down', async () => {
    wire.cluster.model.faults.apiDown = 'refused';
    await expect(fetch(`${wire.url}/version`)).rejects.toThrow();
    wire.cluster.model.faults.apiDown = 'no';
    expect((await fetch(`${wire.url}/version`)).status).toBe(200);
  });
});
