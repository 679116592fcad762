import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DaemonClient } from '../../../src/cli/daemon-client.ts';
import { BadDaemonInput } from '../../../src/daemon/daemon.ts';
import type { Problem } from '../../../src/domain/problem.ts';
import type { StatusDocument } from '../../../src/planning/explain/status-document.ts';
import { runCli } from '../../support/cli-io.ts';
import {
  clusterFile,
  type DaemonFolder,
  daemonFolder,
  type RunningDaemon,
  removeTemplate,
  startDaemon,
} from '../../support/daemon-folder.ts';

let folder: DaemonFolder;
let daemons: RunningDaemon[] = [];

beforeEach(async () => {
  folder = await daemonFolder(3);
});

afterEach(async () => {
  for (const daemon of daemons) await daemon.stop();
  daemons = [];
  folder.remove();
});

afterAll(removeTemplate);

async function start(onStandby?: () => void): Promise<RunningDaemon> {
  const daemon = await startDaemon(folder, onStandby);
  daemons.push(daemon);
  return daemon;
}

async function stopAll(): Promise<void> {
  for (const daemon of daemons.splice(0)) await daemon.stop();
}

function client(): DaemonClient {
  return new DaemonClient(folder.config().api.socket, 'kim');
}

/** Asks until the condition holds; the test's own time limit ends it otherwise. */
async function until(condition: (status: StatusDocument) => boolean): Promise<StatusDocument> {
  const stop = new AbortController();
  for await (const frame of client().stream('/v1/status/stream', {}, stop.signal)) {
    const status = frame.data as StatusDocument;
    if (!condition(status)) continue;
    stop.abort();
    return status;
  }
  throw new Error('the stream ended before the condition held');
}

async function problemsAtStart(): Promise<Problem[]> {
  const error = await start().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof BadDaemonInput)) throw new Error(`expected bad input, got ${String(error)}`);
  return error.problems;
}

describe('a first start on bad input', () => {
  afterEach(() => {
    expect(existsSync(path.join(folder.path, '.clm')), 'nothing may be touched').toBe(false);
  });

  it('lists the problems of all files at once, each with its line', async () => {
    folder.write('clusters/2.yaml', clusterFile(1, 'alpha'));
    folder.write('clusters/3.yaml', clusterFile(3, 'alhpa'));
    folder.write('clusters/4.yaml', 'id: [broken\n');
    const problems = await problemsAtStart();
    const text = problems
      .map((problem) => `${problem.file}:${problem.line} ${problem.message} ${problem.remedy}`)
      .join('\n');
    expect(text).toMatch(/2\.yaml:1 .*aws:123456789012:eu-central-1:kube-1 is taken/);
    expect(text).toMatch(/3\.yaml:8 .*alhpa.*alpha/);
    expect(text).toMatch(/4\.yaml:\d+ not valid YAML/);
  });

  it('names a missing branch, and how to make it', async () => {
    folder.git('update-ref', '-d', 'refs/heads/beta');
    const problems = await problemsAtStart();
    expect(problems).toEqual([expect.objectContaining({ message: expect.stringContaining('beta') as string })]);
    expect(problems[0]?.remedy).toContain('git push');
  });

  it('names a repository that cannot be read', async () => {
    rmSync(path.join(folder.path, 'config.git'), { recursive: true });
    const problems = await problemsAtStart();
    expect(problems).toHaveLength(1);
    expect(problems[0]?.file).toContain('config.git');
  });

  it('names a port in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    folder.write('clm.yaml', `${clmYaml}api: {metricsListen: '127.0.0.1:${port}'}\n`);
    try {
      const problems = await problemsAtStart();
      expect(problems).toEqual([
        expect.objectContaining({
          path: 'api.metricsListen',
          message: expect.stringContaining(String(port)) as string,
        }),
      ]);
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });

  it('ends the command with exit code 2 and the whole list', async () => {
    folder.write('pipeline.yaml', 'channels: 7\nmaxParalel: 3\n');
    const run = await runCli(['daemon', '--config', folder.configFile]);
    expect(run.code).toBe(2);
    expect(run.err).toContain('pipeline.yaml:1');
    expect(run.err).toContain('maxParallel');
  });
});

const clmYaml = `configRepository: {url: config.git, pollInterval: 1s}
registry: {path: clusters}
accounts: infrastructure-accounts.yaml
pipeline: pipeline.yaml
`;

describe('a damaged state', () => {
  it('is not written over: a corrupt database is named, exit code 2', async () => {
    mkdirSync(path.join(folder.path, '.clm'));
    const file = path.join(folder.path, '.clm', 'clm.db');
    const bytes = 'this is no database, and long enough to be read as one'.repeat(50);
    writeFileSync(file, bytes);
    const run = await runCli(['daemon', '--config', folder.configFile]);
    expect(run.code).toBe(2);
    expect(run.err).toContain(file);
    expect(run.err).toContain('store-corrupt');
    const { readFileSync } = await import('node:fs');
    expect(readFileSync(file, 'utf8')).toBe(bytes);
  });
});

describe('a running daemon', () => {
  it('answers, says that nothing is adopted, and is healthy', async () => {
    const { addresses } = await start();
    const status = await until((one) => one.channels.every((channel) => channel.head !== undefined));
    expect(status.adopted).toBe(false);
    expect(status.clusters.map((cluster) => cluster.alias).sort()).toEqual(['cluster-1', 'cluster-2', 'cluster-3']);
    expect(status.clusters.every((cluster) => cluster.state === 'unknown')).toBe(true);
    const health = await fetch(`http://127.0.0.1:${addresses.metricsPort}/healthz`);
    expect([health.status, await health.json()]).toEqual([200, { ok: true, state: 'leading', reasons: [] }]);
    const metrics = await (await fetch(`http://127.0.0.1:${addresses.metricsPort}/metrics`)).text();
    expect(metrics).toMatch(/^clm_leader 1$/m);
    expect(metrics).toMatch(/^clm_cluster_state\{channel="alpha",state="unknown"\} 2$/m);
    expect(metrics).toMatch(/^clm_engine_transitions_total\{machine="channel",event="START",to="watching"\} 4$/m);
  });

  it('ends in order when it is told to, and leaves no socket', async () => {
    const daemon = await start();
    daemons = [];
    expect(await daemon.stop()).toBe('stopped');
    expect(existsSync(daemon.addresses.socket)).toBe(false);
    const run = await runCli(['status', '--config', folder.configFile]);
    expect(run.code).toBe(0);
    expect(run.out).toMatch(/^daemon not running, as of \d{4}-/m);
    expect(run.out).toContain('3 clusters');
    const write = await runCli(['pause', 'fleet', '--reason', 'testing', '--config', folder.configFile]);
    expect(write.code).toBe(4);
    expect(write.err).toContain('nothing was changed');
  });

  it('starts each channel once, over restarts', async () => {
    await start();
    await until((one) => one.channels.every((channel) => channel.head !== undefined));
    await stopAll();
    await start();
    const { events } = await client().get<{ events: { kind: string }[] }>('/v1/events', { limit: 100 });
    expect(events.filter((event) => event.kind === 'pipeline-read')).toHaveLength(1);
    const rows = await runCli(['status', '-o', 'json', '--config', folder.configFile]);
    expect((JSON.parse(rows.out) as StatusDocument).channels).toHaveLength(4);
  });

  it('goes on with the last good files after a bad edit, shows it, and does so after a restart', async () => {
    await start();
    folder.write('pipeline.yaml', 'channels: 7\n');
    const status = await until((one) => one.problems.some((problem) => problem.code === 'pipeline-invalid'));
    expect(status.channels).toHaveLength(4);
    await stopAll();
    await start();
    const again = await until((one) => one.problems.some((problem) => problem.code === 'pipeline-invalid'));
    expect(again.channels).toHaveLength(4);
    expect(again.problems.find((problem) => problem.code === 'pipeline-invalid')?.subject).toMatch(/pipeline\.yaml:1$/);
  });

  it('holds back a registry that loses too much, until somebody confirms it', async () => {
    await start();
    rmSync(path.join(folder.path, 'clusters', '2.yaml'));
    const held = await until((one) => one.problems.some((problem) => problem.code === 'registry-held-back'));
    expect(held.clusters).toHaveLength(3);
    const run = await runCli(['confirm', 'registry', '--reason', 'handed over', '--config', folder.configFile]);
    expect(run.code).toBe(0);
    const status = await until((one) => one.clusters.length === 2);
    expect(status.problems).toEqual([]);
    const again = await runCli(['confirm', 'registry', '--reason', 'once more', '--config', folder.configFile]);
    expect(again.code).toBe(3);
  });

  it('takes in a new cluster without a restart', async () => {
    await start();
    folder.write('clusters/4.yaml', clusterFile(4, 'beta'));
    const status = await until((one) => one.clusters.length === 4);
    expect(status.channels.find((channel) => channel.name === 'beta')?.counts.total).toBe(1);
  });

  it('keeps pauses with who, why and until when, and ends them on resume', async () => {
    await start();
    const pause = await runCli([
      'pause',
      'beta',
      '--for',
      '2h',
      '--reason',
      'incident 4711',
      '--as',
      'sam',
      '--config',
      folder.configFile,
    ]);
    expect([pause.code, pause.err]).toEqual([0, '']);
    const paused = await until((one) => one.channels.find((channel) => channel.name === 'beta')?.state === 'paused');
    expect(paused.overrides).toEqual([
      expect.objectContaining({ kind: 'pause', scope: 'channel:beta', actor: 'sam', reason: 'incident 4711' }),
    ]);
    const lasts = Date.parse(paused.overrides[0]?.expiresAt ?? '') - Date.parse(paused.at);
    expect(lasts).toBeGreaterThan(7_100_000);
    expect(lasts).toBeLessThanOrEqual(7_200_000);
    expect((await runCli(['resume', 'channel:beta', '--reason', 'over', '--config', folder.configFile])).code).toBe(0);
    const resumed = await until((one) => one.channels.find((channel) => channel.name === 'beta')?.state !== 'paused');
    expect(resumed.overrides).toEqual([]);
    const { events } = await client().get<{ events: { kind: string; source: string }[] }>('/v1/events', { limit: 100 });
    expect(
      events.filter((event) => event.kind === 'paused' || event.kind === 'resumed').map((event) => event.source),
    ).toEqual(['operator:sam', 'operator:kim']);
  });

  it('refuses scopes that do not exist, with near names, and retries with nothing to retry', async () => {
    await start();
    const unknown = await runCli(['pause', 'bta', '--reason', 'testing', '--config', folder.configFile]);
    expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining('near: beta')]);
    const typed = await runCli(['pause', 'channel:bta', '--reason', 'testing', '--config', folder.configFile]);
    expect([typed.code, typed.err]).toEqual([2, expect.stringContaining('beta')]);
    const nothing = await runCli(['retry', 'cluster:cluster-1', '--reason', 'testing', '--config', folder.configFile]);
    expect([nothing.code, nothing.err]).toEqual([3, expect.stringContaining('there is nothing to try again')]);
  });

  it('explains itself through the command line', async () => {
    await start();
    await until((one) => one.channels.every((channel) => channel.waits.length > 0));
    const why = await runCli(['why', 'alpha', '--config', folder.configFile]);
    expect([why.code, why.out]).toEqual([0, expect.stringContaining('clm adopt')]);
    const clusters = await runCli(['clusters', '--channel', 'alpha', '--config', folder.configFile]);
    expect(clusters.out.split('\n').filter((line) => line.startsWith('cluster-'))).toHaveLength(2);
    expect((await runCli(['clusters', '--channel', 'alhpa', '--config', folder.configFile])).err).toContain(
      'near: alpha',
    );
    expect((await runCli(['events', '--config', folder.configFile])).out).toContain('pipeline-read');
  });

  it('is copied while it runs, and no backup overwrites another', async () => {
    await start();
    const copy = path.join(folder.path, 'copy.db');
    expect((await runCli(['backup', copy, '--config', folder.configFile])).code).toBe(0);
    expect(existsSync(copy)).toBe(true);
    expect((await runCli(['backup', copy, '--config', folder.configFile])).code).toBe(2);
  });
});

describe('two daemons on one store', () => {
  it('wait for each other: the second takes over when the first has ended', async () => {
    await start();
    let told = (): void => {};
    const standby = new Promise<void>((resolve) => {
      told = resolve;
    });
    const second = startDaemon(folder, () => told());
    await standby;
    const answered = await client().get<StatusDocument>('/v1/status');
    expect(answered.daemon.running).toBe(true);
    await stopAll();
    daemons.push(await second);
    expect((await client().get<StatusDocument>('/v1/status')).clusters).toHaveLength(3);
  });
});
