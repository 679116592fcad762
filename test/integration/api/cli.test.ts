import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiServer, startApiServer } from '../../../src/api/server.ts';
import type { StatusDocument } from '../../../src/planning/explain/status-document.ts';
import type { RunRecord } from '../../../src/ports/e2e-store.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { fixedBackend } from '../../support/api-backend.ts';
import { runCli } from '../../support/cli-io.ts';
import { eventFixture } from '../../support/status-fixture.ts';

let folder: string;
let socket: string;
let backend: ReturnType<typeof fixedBackend>;
let server: ApiServer;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'clm-cli-'));
  socket = path.join(folder, 'clm.sock');
  backend = fixedBackend();
  server = await startApiServer({ backend, socketPath: socket, log: silentLogger(), version: '1' });
});

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const clm = (args: string[], options = {}) => runCli([...args, '--socket', socket], options);

describe('clm status', () => {
  it('prints a table, JSON or YAML of the same document', async () => {
    const table = await clm(['status']);
    expect([table.code, table.out]).toEqual([0, expect.stringContaining('soaking 3m 5s of 10m')]);
    const json = JSON.parse((await clm(['status', '-o', 'json'])).out) as StatusDocument;
    expect(json.kind).toBe('Status');
    const { parse } = await import('yaml');
    expect(parse((await clm(['status', '-o', 'yaml'])).out)).toEqual(json);
  });

  it('lists every cluster with -o wide', async () => {
    expect((await clm(['status', '-o', 'wide'])).out).toContain('aws:123456789012:eu-central-1:beta-done');
  });

  it('uses colours on a terminal only', async () => {
    expect((await clm(['status'])).out).not.toContain('\u001b');
    expect((await clm(['status'], { terminal: true })).out).toContain('\u001b[');
    expect((await clm(['status'], { terminal: true, environment: { NO_COLOR: '1' } })).out).not.toContain('\u001b[3');
  });
});

describe('clm status -w', () => {
  it('redraws on a terminal until it is told to end, and gives the cursor back', async () => {
    const stop = new AbortController();
    let frames = 0;
    const run = await clm(['status', '-w'], {
      terminal: true,
      signal: stop.signal,
      onOut: () => {
        frames += 1;
        backend.journal.push(eventFixture(5 + frames, `event ${5 + frames}`));
        server.changes.notify();
        if (frames === 3) stop.abort();
      },
    });
    expect(run.code).toBe(0);
    expect(run.out.startsWith('\u001b[?2026h\u001b[?25l')).toBe(true);
    expect(run.out.endsWith('\u001b[?25h')).toBe(true);
    expect(run.out).not.toContain('\u001b[2J');
  });

  it('prints a line an event into a pipe', async () => {
    const stop = new AbortController();
    const run = await clm(['status', '-w'], {
      signal: stop.signal,
      onOut: (text: string) => {
        if (text.includes('event 5')) {
          backend.journal.push(eventFixture(6, 'event 6'));
          server.changes.notify();
        }
        if (text.includes('event 6')) stop.abort();
      },
    });
    expect(
      run.out
        .trimEnd()
        .split('\n')
        .map((line) => line.slice(-7)),
    ).toEqual(['event 1', 'event 2', 'event 3', 'event 4', 'event 5', 'event 6']);
    expect(run.out).not.toContain('\u001b');
  });

  it('prints one document a line with -o json', async () => {
    const stop = new AbortController();
    const run = await clm(['status', '-w', '-o', 'json'], { signal: stop.signal, onOut: () => stop.abort() });
    expect((JSON.parse(run.out) as StatusDocument).kind).toBe('Status');
  });

  it('waits for a daemon that went away, and goes on when it is back', async () => {
    const stop = new AbortController();
    let seen = '';
    const run = clm(['status', '-w'], {
      terminal: true,
      signal: stop.signal,
      onOut: (text: string) => {
        seen += text;
        if (text.includes('waiting for it') && !restarted) void restart();
        if (restarted && !text.includes('waiting for it') && text.includes('84 clusters')) stop.abort();
      },
    });
    let restarted = false;
    async function restart(): Promise<void> {
      restarted = true;
      server = await startApiServer({ backend, socketPath: socket, log: silentLogger(), version: '1' });
    }
    const drawn = (): boolean => seen.includes('84 clusters');
    while (!drawn()) await new Promise((resolve) => setImmediate(resolve));
    await server.close();
    expect((await run).code).toBe(0);
    expect(seen).toContain('daemon not running');
  });
});

describe('clm adopt', () => {
  it('shows, asks, and does nothing without a yes', async () => {
    const no = await clm(['adopt'], { terminal: true, answers: ['no'] });
    expect([no.code, no.out]).toEqual([3, expect.stringContaining('would adopt')]);
    expect(backend.calls).toEqual([]);
    const yes = await clm(['adopt'], { terminal: true, answers: ['yes'] });
    expect([yes.code, yes.out]).toEqual([0, expect.stringContaining('adopted')]);
    expect(backend.calls).toEqual([{ what: 'adopt', request: {}, by: 'kim' }]);
  });

  it('does not adopt when nobody is there to ask, unless told to', async () => {
    expect((await clm(['adopt'])).code).toBe(2);
    expect(backend.calls).toEqual([]);
    expect((await clm(['adopt', '--yes', '--as', 'sam'])).code).toBe(0);
    expect(backend.calls).toEqual([{ what: 'adopt', request: {}, by: 'sam' }]);
  });
});

describe('clm why', () => {
  it('prints the chain, and ends with 2 for what does not exist', async () => {
    const run = await clm(['why', 'beta-blocked']);
    expect([run.code, run.out]).toEqual([0, expect.stringContaining('owner StatefulSet/cart')]);
    const unknown = await clm(['why', 'bta']);
    expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining('Near: beta')]);
  });
});

describe('commands that act', () => {
  const commit = '3f2a1bc';
  const acts: string[][] = [
    ['pause', 'channel:beta'],
    ['resume', 'channel:beta'],
    ['retry', 'channel:beta'],
    ['confirm', 'registry'],
    ['freeze', 'fleet'],
    ['unfreeze', 'fleet'],
    ['pin', 'cluster:beta-done'],
    ['unpin', 'cluster:beta-done'],
    ['hold', 'channel:beta'],
    ['release', 'channel:beta'],
    ['skip', 'beta-done'],
    ['unskip', 'beta-done'],
    ['veto', commit],
    ['unveto', commit],
    ['approve', commit, '--channel', 'beta'],
    ['reject', commit, '--channel', 'beta'],
    ['promote', commit, '--to', 'beta'],
    ['hotfix', commit, '--to', 'beta'],
    ['rollback', 'beta'],
    ['stop-the-line'],
    ['notifications', 'resend', 'pager/12'],
    ['notifications', 'drop', '--all'],
    ['roll', 'pause', 'beta-done'],
    ['roll', 'skip', 'beta-done', 'node-1'],
    ['roll', 'keep-budgets', 'beta-done'],
  ];

  for (const args of acts) {
    it(`clm ${args.join(' ')} answers with a sentence, or with JSON; and ends with 4 without a daemon`, async () => {
      const words = [...args, '--reason', 'testing'];
      const told = await clm(words);
      expect([told.code, told.err, told.out]).toEqual([0, '', expect.stringMatching(/done\n$/)]);
      const json = await clm([...words, '-o', 'json']);
      expect(JSON.parse(json.out)).toEqual({ told: ['channel:beta'], message: told.out.trimEnd() });
      expect((await clm(args)).err).toContain('--reason');
      const nobody = await runCli([...words, '--socket', path.join(folder, 'other.sock')]);
      expect([nobody.code, nobody.err, nobody.out]).toEqual([4, expect.stringContaining('nothing was changed'), '']);
      expect(backend.calls).toHaveLength(2);
    });
  }
});

describe('lists of one cluster, channel or commit', () => {
  for (const args of [['events'], ['events', '-f'], ['e2e', 'history'], ['e2e', 'flakes']]) {
    it(`clm ${args.join(' ')} end with 2 for a name that nobody has, instead of saying nothing`, async () => {
      backend.journal.length = 0;
      const run = await clm([...args, '--cluster', 'beta-dome']);
      expect([run.code, run.err]).toEqual([2, expect.stringContaining('beta-done')]);
      expect((await clm([...args, '--commit', 'latest'])).code).toBe(2);
    });
  }

  it('clm rollouts does so, too', async () => {
    expect((await clm(['rollouts', '--channel', 'bta'])).code).toBe(2);
    expect((await clm(['rollouts', '--channel', 'beta'])).code).toBe(0);
  });
});

describe('a daemon that goes away while it is asked', () => {
  for (const [when, answer] of [
    ['before it answers', ''],
    ['in the middle of its answer', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"told"'],
  ] as const) {
    it(`${when}: nobody is told that nothing was changed`, async () => {
      const other = path.join(folder, 'breaks.sock');
      const breaking = createServer((connection) => {
        connection.once('data', () => connection.end(answer, () => connection.destroy()));
      });
      await new Promise<void>((resolve) => breaking.listen(other, resolve));
      const run = await runCli(['pause', 'fleet', '--reason', 'testing', '--socket', other]);
      await new Promise((resolve) => breaking.close(resolve));
      expect([run.code, run.err]).toEqual([4, expect.stringContaining('whether it was done is not known')]);
      expect(run.err).not.toContain('nothing was changed');
    });
  }
});

describe('clm e2e show', () => {
  it('finds a run by the long id that the daemon gives it', async () => {
    const id = `e2e:update:stable:${'a'.repeat(40)}:aws:786337131469:eu-central-1:${'kube'.repeat(20)}:1:1/0`;
    const run = {
      id,
      kind: 'cluster-update',
      profile: 'smoke',
      trigger: '',
      channel: 'stable',
      commit: 'a'.repeat(40),
    };
    const place = {
      clusterId: 'aws:123456789012:eu-central-1:beta-done',
      provider: '',
      region: '',
      environment: '',
      kubernetesVersion: '',
    };
    const end = {
      startedAt: 1,
      finishedAt: 2,
      verdict: 'pass',
      reason: '',
      runnerVersion: '',
      contact: '',
      headers: {},
    };
    const kept = { run: { ...run, ...place, ...end } as RunRecord, results: [] };
    backend.store.e2e.run = async (wanted) => (wanted === id ? kept : undefined);
    const shown = await clm(['e2e', 'show', id]);
    expect([shown.code, shown.err, shown.out]).toEqual([
      0,
      '',
      expect.stringContaining('PASS: profile smoke on beta-done'),
    ]);
    backend.store.e2e.runs = async () => [kept.run];
    expect((await clm(['e2e', 'history', '--since', '20000d'])).out).toMatch(/ beta-done +smoke/);
    const json = await clm(['e2e', 'history', '--since', '20000d', '-o', 'json']);
    expect(JSON.parse(json.out)).toMatchObject({ runs: [{ clusterId: place.clusterId }] });
    expect((await clm(['e2e', 'show', `${id}0`])).code).toBe(2);
  });
});

describe('what the daemon refuses', () => {
  it.each([
    [['freeze', 'fleet', '--for', '500d'], '--for: is longer than 366 days'],
    [['roll', 'force-drain', 'beta-done', '--for', '20d'], '--for: is longer than 7 days'],
    [['roll', 'skip', 'beta-done', ''], 'the node: is empty'],
    [['promote', 'a b', '--to', 'stable'], 'write a commit (seven characters or more), a branch or a tag'],
    [['notifications', 'drop', 'pager/12', '--all'], 'write ids of news, --place NAME or --all; more than one'],
    [['notifications', 'resend', 'pager'], 'is no id of news'],
    [['e2e', 'history', '--limit', '5000'], '--limit: is more than 1000'],
  ])('%j is told by the option that was typed, not by a field of the API', async (args, expected) => {
    const reason = args[0] === 'e2e' ? [] : ['--reason', 'testing'];
    const run = await clm([...args, ...reason]);
    expect([run.code, run.err]).toEqual([2, expect.stringContaining(expected)]);
    expect(run.err).not.toContain('body.');
    expect(backend.calls).toEqual([]);
  });
});
