import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FailureError } from '../../../src/domain/failure.ts';
import { describeProblem } from '../../../src/domain/problem.ts';
import { nextRegistryStatus } from '../../../src/domain/registry-status.ts';
import { openDirectoryRegistry } from '../../../src/sources/registry/directory-registry.ts';
import { type HttpRegistry, openHttpRegistry } from '../../../src/sources/registry/http/http-registry.ts';
import { openRegistryBook } from '../../../src/sources/registry/server/registry-book.ts';
import { type RegistryServer, startRegistryServer } from '../../../src/sources/registry/server/registry-server.ts';
import { callersOf, newToken } from '../../../src/sources/registry/server/tokens.ts';
import { createLogger } from '../../../src/support/logger.ts';

const project = join(import.meta.dirname, '../../..');
const dev = 'aws:410344721490:eu-central-1:kube-1';
const log = createLogger({ level: 'silent' });
let directory: string;
let server: RegistryServer;
let registry: HttpRegistry;
let writer: string;
let reader: string;

const open = (token: string | undefined, url = server.url): HttpRegistry =>
  openHttpRegistry({
    url,
    timeoutMs: 5_000,
    channels: () => ['dev', 'alpha', 'beta', 'stable'],
    ...(token === undefined ? {} : { token }),
  });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'clm-registry-'));
  mkdirSync(join(directory, 'clusters'));
  for (const name of ['platform-test-euc1', 'catalog-prod-euc1'])
    cpSync(join(project, 'clusters', `${name}.yaml`), join(directory, 'clusters', `${name}.yaml`));
  cpSync(
    join(project, 'registry/infrastructure-accounts.yaml'),
    join(directory, 'registry/infrastructure-accounts.yaml'),
  );
  const write = newToken('clm', 'write', '2027-01-01');
  const read = newToken('people', 'read', '2027-01-01');
  const old = newToken('old', 'write', '2026-11-19');
  [writer, reader] = [write.token, read.token];
  writeFileSync(join(directory, 'old'), old.token);
  writeFileSync(join(directory, 'tokens.yaml'), `tokens:\n${write.entry}${read.entry}${old.entry}`);
  server = await startRegistryServer({
    book: openRegistryBook({ directory, statusDirectory: join(directory, 'status') }),
    listen: { host: '127.0.0.1', port: 0 },
    callers: callersOf(join(directory, 'tokens.yaml'), () => Date.parse('2026-11-20T12:00:00Z')),
    tls: undefined,
    version: '0.0.0',
    log,
  });
  registry = open(writer);
});
afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Answer {
  status: number;
  etag: string | null;
  body: Record<string, unknown>;
}

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${writer}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    etag: response.headers.get('etag'),
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}
const clusterFile = (): string => readFileSync(join(directory, 'clusters', 'platform-test-euc1.yaml'), 'utf8');
const problemsIn = (answer: Answer): string =>
  (answer.body['problems'] as { path?: string; message: string; remedy: string }[])
    .map((one) => `${one.path ?? ''} ${one.message} → ${one.remedy}`)
    .join('\n');

describe('a registry over HTTP', () => {
  it('reads the same clusters and accounts as the files behind it hold', async () => {
    const files = await openDirectoryRegistry({ directory }).read();
    const view = await registry.read();
    expect(view.problems).toEqual([]);
    expect(view.clusters).toEqual(files.clusters);
    expect(view.accounts).toEqual(files.accounts);
  });

  it('sees a change of a file at the next read, and asks for nothing that did not change', async () => {
    const first = await registry.read();
    expect(await registry.read()).toEqual(first);
    const answer = await ask('GET', '/kubernetes-clusters');
    const again = await ask('GET', '/kubernetes-clusters', undefined, { 'if-none-match': String(answer.etag) });
    expect([again.status, again.body]).toEqual([304, {}]);
    writeFileSync(
      join(directory, 'clusters', 'platform-test-euc1.yaml'),
      clusterFile().replace('channel: dev', 'channel: beta'),
    );
    expect((await registry.read()).clusters.find(({ id }) => id === dev)?.channel).toBe('beta');
  });

  it('tells problems of what the service lists, by the id of the cluster', async () => {
    await ask('PATCH', `/kubernetes-clusters/${dev}`, { channel: 'dev2' });
    const view = await registry.read();
    expect(view.problems.map(describeProblem)).toEqual([
      expect.stringMatching(
        /kubernetes-clusters\/aws:410344721490:eu-central-1:kube-1: channel: channel dev2 .*\n.*dev/,
      ),
    ]);
    expect(view.clusters.map(({ id }) => id)).not.toContain(dev);
  });

  it('is a problem, never an empty registry, when nobody answers or lets it in', async () => {
    const refused = await open(undefined).read();
    expect(refused.problems.map((one) => one.message)).toEqual([expect.stringMatching(/answers 401/)]);
    const old = await open(readFileSync(join(directory, 'old'), 'utf8')).read();
    expect(old.problems).toHaveLength(1);
    await server.close();
    const gone = await registry.read();
    expect(gone.problems.map((one) => `${one.message} ${one.remedy}`)).toEqual([
      expect.stringMatching(/(ECONNREFUSED|closed).*clm explain registry-unreachable/),
    ]);
  });
});

describe('status that is written back', () => {
  const problem = { type: 'urn:clm:problem:api-unreachable', title: 'The API does not answer' };
  const status = async (): Promise<unknown> => (await ask('GET', `/kubernetes-clusters/${dev}`)).body['status'];

  it('is kept beside the files, which stay as people wrote them', async () => {
    const before = clusterFile();
    await registry.update(dev, (known) => ({ ...known, currentVersion: 'a#1', problems: [problem] }));
    expect(await status()).toEqual({ current_version: 'a#1', last_version: '', next_version: '', problems: [problem] });
    expect(clusterFile()).toBe(before);
    await registry.read();
    expect(registry.known().get(dev)).toEqual({
      currentVersion: 'a#1',
      lastVersion: '',
      nextVersion: '',
      problems: [problem],
      lifecycle: 'ready',
    });
  });

  it('brings the lifecycle forward in the file, beside the status', async () => {
    const observed = { problems: [], next: 'a#1' };
    const lifecycle = async (): Promise<unknown> =>
      (await ask('GET', `/kubernetes-clusters/${dev}`)).body['lifecycle_status'];
    await ask('PATCH', `/kubernetes-clusters/${dev}`, { lifecycle_status: 'requested' });
    await registry.update(dev, (known) => nextRegistryStatus(known, { ...observed, lifecycle: 'creating' }));
    expect([await lifecycle(), await status()]).toEqual(['creating', expect.objectContaining({ next_version: 'a#1' })]);
    expect(clusterFile()).toContain('lifecycle_status: creating');
    await registry.update(dev, (known) => nextRegistryStatus(known, { ...observed, lifecycle: 'ready' }));
    expect(await lifecycle()).toBe('ready');
    // what people want since then stays
    await ask('PATCH', `/kubernetes-clusters/${dev}`, { lifecycle_status: 'decommission-requested' });
    await registry.update(dev, (known) => nextRegistryStatus(known, { ...observed, lifecycle: 'ready' }));
    expect(await lifecycle()).toBe('decommission-requested');
  });

  it('sends nothing when nothing is different', async () => {
    await registry.update(dev, (known) => ({ ...known, currentVersion: 'a#1' }));
    const { etag } = await ask('GET', `/kubernetes-clusters/${dev}`);
    await registry.update(dev, (known) => ({ ...known }));
    expect((await ask('GET', `/kubernetes-clusters/${dev}`)).etag).toBe(etag);
  });

  it('is made again on what somebody else wrote in between', async () => {
    const interfering = registry.update(dev, (known) => ({ ...known, lastVersion: `${known.lastVersion}x` }));
    const many = Array.from({ length: 4 }, () =>
      registry.update(dev, (known) => ({ ...known, currentVersion: `${known.currentVersion}+` })),
    );
    await Promise.all([interfering, ...many]);
    expect(await status()).toMatchObject({ current_version: '++++', last_version: 'x' });
  });

  it("is taken with how far the cluster's life is, and as a whole: the original leaves out what is empty", async () => {
    const path = `/kubernetes-clusters/${dev}`;
    const update = {
      lifecycle_status: 'requested',
      status: { current_version: 'a', next_version: 'b', problems: [problem] },
    };
    expect((await ask('PATCH', path, update)).body).toMatchObject(update);
    const done = { lifecycle_status: 'ready', status: { current_version: 'b', last_version: 'a', problems: null } };
    expect((await ask('PATCH', path, done)).status).toBe(200);
    expect(await status()).toEqual({ current_version: 'b', last_version: 'a', next_version: '', problems: [] });
    const refused = await ask('PATCH', path, { lifecycle_status: 'gone', status: { current_version: 'c' } });
    expect(refused.status).toBe(400);
    expect(await status()).toMatchObject({ current_version: 'b' });
    expect(clusterFile()).toContain('lifecycle_status: ready');
  });

  it('keeps 25 problems of a cluster, and says how many it left out', async () => {
    const many = Array.from({ length: 40 }, (_, i) => ({ type: 'urn:clm:problem:x', title: `problem ${i}` }));
    await ask('PATCH', `/kubernetes-clusters/${dev}`, { status: { problems: [...many, ...many] } });
    const { problems } = (await status()) as { problems: { title: string }[] };
    expect(problems).toHaveLength(25);
    expect([problems[0]?.title, problems[24]?.title]).toEqual(['16 more problems are not listed', 'problem 39']);
  });

  it('of a cluster that is gone has nobody to be told to', async () => {
    expect(await registry.update('aws:410344721490:eu-central-1:kube-9', (known) => known)).toEqual({ kind: 'gone' });
  });

  it('fails with a reason for the one on call when the service is down', async () => {
    await server.close();
    const failure = await registry.update(dev, (known) => known).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(FailureError);
    expect((failure as FailureError).failure).toMatchObject({ kind: 'transient', code: 'registry-unreachable' });
  });
});

describe('the registry service', () => {
  it('has the 17 operations of the original, and describes them', async () => {
    const { body } = await ask('GET', '/openapi.json');
    const operations = Object.values(body['paths'] as Record<string, Record<string, { operationId: string }>>).flatMap(
      (path) => Object.values(path).map((one) => one.operationId),
    );
    expect(operations.sort()).toEqual(
      [
        'listInfrastructureAccounts',
        'createInfrastructureAccount',
        'getInfrastructureAccount',
        'updateInfrastructureAccount',
        'listClusters',
        'createCluster',
        'getCluster',
        'updateCluster',
        'deleteCluster',
        'addOrUpdateConfigItem',
        'deleteConfigItem',
        'listNodePools',
        'createOrUpdateNodePool',
        'updateNodePool',
        'deleteNodePool',
        'addOrUpdateNodePoolConfigItem',
        'deleteNodePoolConfigItem',
      ].sort(),
    );
  });

  it('filters lists, and leaves technical data out on request', async () => {
    const listed = await ask('GET', '/kubernetes-clusters?channel=dev&verbose=false');
    const [item, ...others] = listed.body['items'] as Record<string, unknown>[];
    expect(others).toEqual([]);
    expect(item).toMatchObject({ id: dev });
    expect(item).not.toHaveProperty('node_pools');
    expect(item).not.toHaveProperty('config_items');
    expect((await ask('GET', '/infrastructure-accounts?environment=test&lifecycle_status=ready')).status).toBe(200);
    const misspelt = await ask('GET', '/kubernetes-clusters?chanel=dev');
    expect([misspelt.status, problemsIn(misspelt)]).toEqual([400, expect.stringContaining('query.chanel')]);
  });

  it('changes a cluster, its pools and its config items, and keeps the comments of its file', async () => {
    writeFileSync(
      join(directory, 'clusters', 'platform-test-euc1.yaml'),
      clusterFile().replace('channel: dev', 'channel: dev # ours to break'),
    );
    expect((await ask('PATCH', `/kubernetes-clusters/${dev}`, { alias: 'platform' })).body).toMatchObject({
      alias: 'platform',
    });
    const pool = { profile: 'worker-default', instance_types: ['m5.large'], min_size: 1, max_size: 3 };
    const path = `/kubernetes-clusters/${dev}/node-pools/extra`;
    expect((await ask('PUT', path, pool)).body).toMatchObject({ name: 'extra', max_size: 3 });
    expect((await ask('PATCH', path, { max_size: 9 })).body).toMatchObject({ name: 'extra', max_size: 9 });
    expect((await ask('PUT', `${path}/config-items/labels`, { value: 'a=b' })).status).toBe(200);
    expect((await ask('PUT', `/kubernetes-clusters/${dev}/config-items/new_item`, { value: '1' })).status).toBe(200);
    const view = await registry.read();
    const cluster = view.clusters.find(({ id }) => id === dev);
    expect(view.problems).toEqual([]);
    expect(cluster).toMatchObject({ alias: 'platform', configItems: { new_item: '1' } });
    expect(cluster?.nodePools.at(-1)).toMatchObject({ name: 'extra', maxSize: 9, configItems: { labels: 'a=b' } });
    expect(clusterFile()).toContain('channel: dev # ours to break');
    expect((await ask('DELETE', `${path}/config-items/labels`)).status).toBe(204);
    expect((await ask('DELETE', path)).status).toBe(204);
    expect((await ask('DELETE', path)).status).toBe(404);
    expect((await ask('DELETE', `/kubernetes-clusters/${dev}/config-items/new_item`)).status).toBe(204);
    const pools = (await ask('GET', `/kubernetes-clusters/${dev}/node-pools`)).body['items'] as { name: string }[];
    expect(pools.map(({ name }) => name)).not.toContain('extra');
  });

  it('adds a cluster and an account, once', async () => {
    const account = {
      id: 'aws:999999999999',
      type: 'aws',
      name: 'new-test',
      owner: 'team-new',
      cost_center: '1',
      environment: 'test',
      criticality_level: 1,
      external_id: '999999999999',
      lifecycle_status: 'ready',
    };
    expect((await ask('POST', '/infrastructure-accounts', account)).status).toBe(201);
    expect((await ask('POST', '/infrastructure-accounts', account)).status).toBe(409);
    const path = `/infrastructure-accounts/${account.id}`;
    expect((await ask('PATCH', path, { owner: 'team-newer' })).body).toMatchObject({ owner: 'team-newer' });
    const cluster = {
      id: 'aws:999999999999:eu-west-1:kube-1',
      alias: 'new-test',
      local_id: 'kube-1',
      infrastructure_account: account.id,
      region: 'eu-west-1',
      provider: 'zalando-aws',
      api_server_url: 'https://kube-1.new-test.example.org',
      channel: 'dev',
      environment: 'test',
      criticality_level: 1,
      lifecycle_status: 'requested',
      config_items: {},
      node_pools: [],
    };
    expect((await ask('POST', '/kubernetes-clusters', cluster)).status).toBe(201);
    expect((await ask('POST', '/kubernetes-clusters', cluster)).status).toBe(409);
    expect((await registry.read()).clusters.map(({ alias }) => alias).sort()).toEqual([
      'catalog-prod-euc1',
      'new-test',
      'platform-test-euc1',
    ]);
  });

  it('takes a cluster out only once it is decommissioned', async () => {
    const refused = await ask('DELETE', `/kubernetes-clusters/${dev}`);
    expect([refused.status, problemsIn(refused)]).toEqual([400, expect.stringContaining('decommission-requested')]);
    await ask('PATCH', `/kubernetes-clusters/${dev}`, { lifecycle_status: 'decommissioned' });
    expect((await ask('DELETE', `/kubernetes-clusters/${dev}`)).status).toBe(204);
    expect((await ask('GET', `/kubernetes-clusters/${dev}`)).status).toBe(404);
  });

  it('makes a change only to what the caller has seen', async () => {
    const { etag } = await ask('GET', `/kubernetes-clusters/${dev}`);
    const seen = { 'if-match': String(etag) };
    expect((await ask('PATCH', `/kubernetes-clusters/${dev}`, { criticality_level: 2 }, seen)).status).toBe(200);
    expect((await ask('PATCH', `/kubernetes-clusters/${dev}`, { criticality_level: 3 }, seen)).status).toBe(412);
    expect(clusterFile()).toContain('criticality_level: 2');
  });

  it('refuses what would break the registry with every problem, and changes nothing', async () => {
    const before = clusterFile();
    const bad = { name: 'extra', profile: 'worker-default', instance_types: [], min_size: 5, max_size: 1, sise: 2 };
    const refused = await ask('PUT', `/kubernetes-clusters/${dev}/node-pools/extra`, bad);
    expect(refused.status).toBe(400);
    expect(problemsIn(refused)).toMatch(/instance_types.*\n.*sise/s);
    const clash = await ask('PATCH', `/kubernetes-clusters/${dev}`, { alias: 'catalog-prod-euc1' });
    expect([clash.status, problemsIn(clash)]).toEqual([400, expect.stringContaining('is taken by')]);
    for (const body of ['{', '[]', '7', { id: 'aws:1' }, { status: { problems: [1], version: 2 } }])
      expect((await ask('PATCH', `/kubernetes-clusters/${dev}`, body)).status).toBe(400);
    expect(clusterFile()).toBe(before);
  });

  it('lets a reading token read, and a token that was taken out do nothing', async () => {
    const headers = { authorization: `Bearer ${reader}` };
    expect((await ask('GET', `/kubernetes-clusters/${dev}`, undefined, headers)).status).toBe(200);
    const refused = await ask('PATCH', `/kubernetes-clusters/${dev}`, { alias: 'x1' }, headers);
    expect([refused.status, refused.body['message']]).toEqual([403, 'the token people may only read']);
    writeFileSync(join(directory, 'tokens.yaml'), 'tokens: []\n');
    expect((await ask('GET', '/kubernetes-clusters')).status).toBe(401);
  });
});

describe('a foreign registry', () => {
  let foreign: Server;
  afterEach(() => new Promise((resolve) => foreign.close(resolve)));
  const listen = (clusters: unknown, accounts: unknown = { items: [] }): Promise<string> =>
    new Promise((resolve) => {
      foreign = createServer((request, response) => {
        const body = request.url?.startsWith('/infrastructure-accounts') === true ? accounts : clusters;
        response.setHeader('content-type', 'application/json');
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
      });
      foreign.listen(0, '127.0.0.1', () => {
        const { port } = foreign.address() as { port: number };
        resolve(`http://127.0.0.1:${port}`);
      });
    });

  it('may know fields that this program does not, and write null for what it lacks', async () => {
    const { clusters } = await openDirectoryRegistry({ directory }).read();
    const fields = (await ask('GET', `/kubernetes-clusters/${dev}`)).body;
    const accounts = (await ask('GET', '/infrastructure-accounts')).body;
    const url = await listen({ items: [{ ...fields, status: null, owner: null, fancy: { new: true } }] }, accounts);
    const view = await open(undefined, url).read();
    expect(view.clusters).toEqual(clusters.filter(({ id }) => id === dev));
  });

  it('that does not answer JSON or lists is a problem', async () => {
    expect((await open(undefined, await listen('<html>')).read()).problems[0]?.message).toMatch(/does not answer JSON/);
    await new Promise((resolve) => foreign.close(resolve));
    expect((await open(undefined, await listen({ clusters: [] })).read()).problems[0]?.message).toMatch(
      /items is missing/,
    );
  });
});
