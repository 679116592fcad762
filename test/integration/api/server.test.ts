import { existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiServer, startApiServer } from '../../../src/api/server.ts';
import { DaemonClient, DaemonUnreachable } from '../../../src/cli/daemon-client.ts';
import { CliError } from '../../../src/cli/exit.ts';
import { FailureError, transient } from '../../../src/domain/failure.ts';
import type { StatusDocument } from '../../../src/planning/explain/status-document.ts';
import type { StoredJournalEntry } from '../../../src/ports/store.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { fixedBackend } from '../../support/api-backend.ts';
import { eventFixture } from '../../support/status-fixture.ts';

let folder: string;
let socketPath: string;
let backend: ReturnType<typeof fixedBackend>;
let server: ApiServer | undefined;
let client: DaemonClient;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'clm-api-'));
  socketPath = path.join(folder, 'state', 'clm.sock');
  backend = fixedBackend();
  client = new DaemonClient(socketPath, 'kim');
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<ApiServer> {
  server = await startApiServer({ backend, socketPath, log: silentLogger(), version: '1.2.3' });
  return server;
}

async function refused(work: Promise<unknown>): Promise<CliError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof CliError)) throw new Error(`expected a refusal, got ${String(error)}`);
  return error;
}

describe('the API socket', () => {
  it('lets in its owner only', async () => {
    await start();
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(socketPath)).mode & 0o077).toBe(0);
  });

  it('takes the place of the file that a dead daemon left', async () => {
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(path.join(folder, 'dead.sock'), resolve));
    // Closing removes the file; a killed process would not have. A hard link keeps it.
    mkdirSync(path.dirname(socketPath));
    linkSync(path.join(folder, 'dead.sock'), socketPath);
    await new Promise((resolve) => dead.close(resolve));
    expect(existsSync(socketPath)).toBe(true);
    await start();
    expect((await client.get<StatusDocument>('/v1/status')).kind).toBe('Status');
  });

  it('never takes the socket of a living daemon', async () => {
    await start();
    const second = startApiServer({ backend: fixedBackend(), socketPath, log: silentLogger(), version: '1' });
    await expect(second).rejects.toMatchObject({ failure: { code: 'socket-in-use' } });
    expect((await client.get<StatusDocument>('/v1/status')).kind).toBe('Status');
  });

  it('removes nothing that is not a socket', async () => {
    mkdirSync(path.dirname(socketPath));
    writeFileSync(socketPath, 'precious');
    await expect(start()).rejects.toMatchObject({ failure: { code: 'socket-unusable' } });
    expect(existsSync(socketPath)).toBe(true);
  });

  it('is gone after a shutdown, and clients are told that nobody listens', async () => {
    await (await start()).close();
    server = undefined;
    await expect(client.get('/v1/status')).rejects.toBeInstanceOf(DaemonUnreachable);
  });
});

describe('reads', () => {
  beforeEach(start);

  it('answer status, clusters by id or alias, and explanations', async () => {
    const status = await client.get<StatusDocument>('/v1/status');
    expect(status.channels.map((channel) => channel.name)).toEqual(['dev', 'alpha', 'beta', 'stable']);
    const byAlias = await client.get<{ id: string }>('/v1/clusters/beta-done');
    const byId = await client.get<{ id: string }>(`/v1/clusters/${encodeURIComponent(byAlias.id)}`);
    expect(byId).toEqual(byAlias);
    expect(await client.get('/v1/why/alpha')).toMatchObject({
      kind: 'Explanation',
      subject: { kind: 'channel', name: 'alpha' },
    });
  });

  it('narrow the list of clusters', async () => {
    const { clusters } = await client.get<{ clusters: { alias: string }[] }>('/v1/clusters', {
      channel: 'beta',
      state: 'blocked',
    });
    expect(clusters.map((cluster) => cluster.alias)).toEqual(['beta-blocked']);
  });

  it('answer 404 with near names for what does not exist', async () => {
    const error = await refused(client.get('/v1/clusters/beta-don'));
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain('beta-done');
    expect((await refused(client.get('/v1/nothing'))).message).toContain('/v1/openapi.json');
  });

  it('page through the journal, oldest first', async () => {
    const newest = await client.get<{ events: StoredJournalEntry[] }>('/v1/events', { limit: 2 });
    expect(newest.events.map((entry) => entry.id)).toEqual([4, 5]);
    const after = await client.get<{ events: StoredJournalEntry[] }>('/v1/events', { after: 1, limit: 2 });
    expect(after.events.map((entry) => entry.id)).toEqual([2, 3]);
  });

  it('refuse a bad query with every problem', async () => {
    const error = await refused(client.get('/v1/events', { limit: 0, aftr: 3 }));
    expect(error.problems.map((problem) => problem.path ?? problem.file).sort()).toEqual(['--limit', 'query.aftr']);
  });

  it('pass failures of the store on as such', async () => {
    backend.fail = new FailureError(transient('store-busy', 'The store is busy.'));
    const error = await refused(client.get('/v1/status'));
    expect(error.message).toBe('The store is busy.');
    expect(error.exitCode).toBe(1);
  });

  it('hide the inside of unexpected errors', async () => {
    backend.fail = new Error('secret detail');
    expect((await refused(client.get('/v1/status'))).message).not.toContain('secret');
  });
});

describe('writes', () => {
  beforeEach(start);

  it('carry who asked', async () => {
    await client.post('/v1/pause', {
      scope: { kind: 'channel', name: 'beta' },
      reason: 'incident 4711',
      forSeconds: 60,
    });
    expect(backend.calls).toEqual([
      {
        what: 'pause',
        by: 'kim',
        request: { scope: { kind: 'channel', name: 'beta' }, reason: 'incident 4711', forSeconds: 60 },
      },
    ]);
  });

  it('always have an end: a pause without one gets a day', async () => {
    await client.post('/v1/pause', { scope: { kind: 'fleet' }, reason: 'stop the line' });
    expect(backend.calls[0]?.request).toMatchObject({ forSeconds: 86_400 });
  });

  it('refuse a bad body with every problem, and do nothing', async () => {
    const error = await refused(client.post('/v1/pause', { scope: { kind: 'galaxy' }, reason: '', until: 'later' }));
    const paths = error.problems.map((problem) => problem.path ?? problem.file);
    expect(paths).toEqual(expect.arrayContaining(['--reason', 'body.until']));
    expect(paths.some((one) => one?.startsWith('body.scope'))).toBe(true);
    expect(error.exitCode).toBe(2);
    expect(backend.calls).toEqual([]);
  });

  it('refuse a body that is too large, and say so', async () => {
    const error = await refused(client.post('/v1/pause', { scope: { kind: 'fleet' }, reason: 'x'.repeat(70_000) }));
    expect(error.problems).toEqual([expect.objectContaining({ path: 'body', remedy: 'send less at once' })]);
    expect(backend.calls).toEqual([]);
  });

  it('tell a dry run of an adoption from the adoption', async () => {
    expect(await client.post('/v1/adopt', {}, { dryRun: 'true' })).toMatchObject({ dryRun: true, adopted: false });
    expect(backend.calls).toEqual([]);
    expect(await client.post('/v1/adopt', { reason: 'go live' })).toMatchObject({ adopted: true });
    expect(backend.calls).toEqual([{ what: 'adopt', request: { reason: 'go live' }, by: 'kim' }]);
  });
});

describe('streams', () => {
  it('send the status again after a change, and not before the quarter of a second is over', async () => {
    const { changes } = await start();
    const stop = new AbortController();
    const frames: StatusDocument[] = [];
    const times: number[] = [];
    for await (const frame of client.stream('/v1/status/stream', {}, stop.signal)) {
      frames.push(frame.data as StatusDocument);
      times.push(performance.now());
      if (frames.length === 3) stop.abort();
      backend.journal.push(eventFixture(5 + frames.length, 'more'));
      changes.notify();
    }
    expect(frames.map((frame) => frame.asOfSeq)).toEqual([5, 6, 7]);
    expect((times[2] as number) - (times[0] as number)).toBeGreaterThan(450);
  });

  it('send journal entries as they come, from where a client left off, each once', async () => {
    const { changes } = await start();
    const stop = new AbortController();
    const seen: number[] = [];
    for await (const frame of client.stream('/v1/events/stream', { after: 3 }, stop.signal)) {
      seen.push((frame.data as StoredJournalEntry).id);
      if (seen.length === 2) {
        backend.journal.push(eventFixture(6, 'six'));
        changes.notify();
      }
      if (seen.length === 3) stop.abort();
    }
    expect(seen).toEqual([4, 5, 6]);
  });

  it('end when the daemon stops', async () => {
    const api = await start();
    const frames: string[] = [];
    for await (const frame of client.stream('/v1/status/stream', {}, new AbortController().signal)) {
      frames.push(frame.event);
      if (frames.length === 1) void api.close();
    }
    server = undefined;
    expect(frames[0]).toBe('status');
  });
});

describe('the OpenAPI document', () => {
  it('describes every route with its answer, and the error that all share', async () => {
    await start();
    const document = await client.get<{
      openapi: string;
      paths: Record<string, Record<string, { responses: object }>>;
    }>('/v1/openapi.json');
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths).sort()).toEqual(
      [
        '/v1/adopt',
        '/v1/approvals',
        '/v1/clusters',
        '/v1/clusters/{id}',
        '/v1/clusters/{id}/roll-plan',
        '/v1/confirm',
        '/v1/e2e/kept',
        '/v1/e2e/kept/release',
        '/v1/e2e/quarantines',
        '/v1/e2e/quarantines/end',
        '/v1/e2e/results',
        '/v1/e2e/runs',
        '/v1/e2e/runs/{id}',
        '/v1/e2e/tests',
        '/v1/events',
        '/v1/events/stream',
        '/v1/hotfixes',
        '/v1/notifications',
        '/v1/notifications/drop',
        '/v1/notifications/resend',
        '/v1/openapi.json',
        '/v1/overrides',
        '/v1/overrides/end',
        '/v1/pause',
        '/v1/promotions',
        '/v1/refresh',
        '/v1/resume',
        '/v1/retry',
        '/v1/rollbacks',
        '/v1/rolls',
        '/v1/rollouts',
        '/v1/status',
        '/v1/status/stream',
        '/v1/stop-the-line',
        '/v1/why/{subject}',
      ].sort(),
    );
    expect(document.paths['/v1/pause']?.['post']).toMatchObject({ requestBody: { required: true } });
  });
});
