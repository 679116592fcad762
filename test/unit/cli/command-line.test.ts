import { describe, expect, it } from 'vitest';
import { lookUp } from '../../../src/cli/scope.ts';
import { renderTable } from '../../../src/cli/view/table.ts';
import { palette, visibleWidth, wantsColor } from '../../../src/cli/view/terminal.ts';
import { runCli } from '../../support/cli-io.ts';
import { channelFixture, clusterFixture, statusFixture } from '../../support/status-fixture.ts';

const commands = [
  'status',
  'why',
  'clusters',
  'rollouts',
  'events',
  'daemon',
  'init',
  'validate',
  'adopt',
  'pause',
  'resume',
  'retry',
  'refresh',
  'confirm',
  'explain',
  'backup',
  'completion',
];

describe('the command line', () => {
  for (const command of commands) {
    it(`has help with examples for ${command}`, async () => {
      const run = await runCli([command, '--help']);
      expect(run.code).toBe(0);
      expect(run.out).toContain('Examples:');
      expect(run.out).toContain(`clm ${command}`);
      for (const line of run.out.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
    });
  }

  it('has help with examples for every command, at every depth', async () => {
    const without: string[] = [];
    const look = async (path: string[]): Promise<void> => {
      const { out } = await runCli([...path, '--help']);
      if (path.length > 0 && !out.includes('Examples:')) without.push(path.join(' '));
      const listed = out.split('\nCommands:\n')[1]?.split('\n\n')[0] ?? '';
      for (const [, name] of listed.matchAll(/^ {2}([a-z][a-z0-9-]*)/gm)) {
        if (name !== 'help') await look([...path, name as string]);
      }
    };
    await look([]);
    expect(without).toEqual([]);
  });

  it('ends with 2 for what it does not know, and suggests what was meant', async () => {
    const run = await runCli(['statsu']);
    expect(run.code).toBe(2);
    expect(run.err).toContain('status');
    expect((await runCli(['status', '-o', 'xml'])).code).toBe(2);
    expect((await runCli(['pause', 'fleet'])).err).toContain('--reason');
  });

  it('ends with 2 when there is no clm.yaml, and says how to get one', async () => {
    const run = await runCli(['status', '--config', '/nonexistent/clm.yaml']);
    expect(run.code).toBe(2);
    expect(run.err).toContain('clm init');
    expect(run.out).toBe('');
  });

  it('ends with 4 when only a socket is named and nobody listens', async () => {
    const run = await runCli(['status', '--socket', '/nonexistent/clm.sock']);
    expect(run.code).toBe(4);
    expect((await runCli(['pause', 'fleet', '--reason', 'testing', '--socket', '/nonexistent/clm.sock'])).code).toBe(4);
  });

  it('ends with 4 when there is nobody to follow', async () => {
    for (const args of [
      ['events', '-f'],
      ['status', '-w'],
    ]) {
      const run = await runCli([...args, '--socket', '/nonexistent/clm.sock']);
      expect([args, run.code, run.err]).toEqual([args, 4, expect.stringContaining('not reachable')]);
      expect(run.err).not.toContain('CLM_DEBUG');
    }
  });

  it('makes no token without a name: the registry would not accept the entry', async () => {
    expect((await runCli(['registry', 'token', '--name', ' '])).code).toBe(2);
    expect((await runCli(['registry', 'token', '--name', 'clm'])).code).toBe(0);
  });

  it('explains codes, and offers near ones', async () => {
    const run = await runCli(['explain', 'budget-never-allows']);
    expect([run.code, run.out]).toEqual([0, expect.stringContaining('clm overrides no budget')]);
    const near = await runCli(['explain', 'budget-never-allow']);
    expect([near.code, near.err]).toEqual([2, expect.stringContaining('near: budget-never-allows')]);
    const json = await runCli(['explain', 'e2e-failed', '-o', 'json']);
    expect(JSON.parse(json.out)).toMatchObject({ code: 'e2e-failed', actions: expect.any(Array) as unknown[] });
  });

  it('completes the names of all commands', async () => {
    const { out } = await runCli(['completion', 'bash']);
    for (const command of commands) expect(out).toContain(command);
  });

  it('refuses a span of time that it cannot read, before anything is sent', async () => {
    const run = await runCli([
      'pause',
      'fleet',
      '--for',
      'soon',
      '--reason',
      'testing',
      '--socket',
      '/nonexistent/clm.sock',
    ]);
    expect([run.code, run.err]).toEqual([2, expect.stringContaining('30m, 4h or 2d')]);
  });
});

describe('colours', () => {
  it('are for terminals, and NO_COLOR turns them off', () => {
    expect(wantsColor(true, {})).toBe(true);
    expect(wantsColor(false, {})).toBe(false);
    expect(wantsColor(true, { NO_COLOR: '1' })).toBe(false);
    expect(wantsColor(true, { TERM: 'dumb' })).toBe(false);
    expect(wantsColor(true, { NO_COLOR: '1', FORCE_COLOR: '1' })).toBe(false);
  });
});

describe('tables', () => {
  const rows = [
    { name: 'short', text: 'a' },
    { name: 'a-much-longer-name-than-that', text: 'something that is long enough not to fit beside it' },
  ];
  const columns = [
    { title: 'NAME', value: (row: (typeof rows)[number]) => row.name, shrinks: true },
    { title: 'TEXT', value: (row: (typeof rows)[number]) => row.text },
  ];

  it('are cut to the width of a terminal, and whole in a pipe', () => {
    const cut = renderTable(rows, columns, { columns: 40, wide: false, colors: palette(false) });
    for (const line of cut) expect(visibleWidth(line)).toBeLessThanOrEqual(40);
    const whole = renderTable(rows, columns, { wide: false, colors: palette(false) });
    expect(whole[2]).toBe('a-much-longer-name-than-that  something that is long enough not to fit beside it');
  });

  it('keep their columns one below the other', () => {
    const [head, first, second] = renderTable(rows, columns, { wide: false, colors: palette(false) });
    expect(new Set([head?.indexOf('TEXT'), first?.indexOf('a', 6), second?.indexOf('something')]).size).toBe(1);
  });
});

describe('a bare name as a scope', () => {
  it('is a channel or one cluster, by id or alias', () => {
    const status = statusFixture();
    expect(lookUp('beta', status)).toEqual({ kind: 'channel', name: 'beta' });
    expect(lookUp('beta-done', status)).toEqual({ kind: 'cluster', name: 'aws:123456789012:eu-central-1:beta-done' });
  });

  it('is never guessed when it could be both, or several', () => {
    const both = statusFixture({ channels: [channelFixture('dev')], clusters: [clusterFixture('dev')] });
    expect(() => lookUp('dev', both)).toThrow(/channel:dev or cluster:dev/);
    const twins = statusFixture({ clusters: [clusterFixture('twin'), clusterFixture('twin', { id: 'aws:2' })] });
    expect(() => lookUp('twin', twins)).toThrow(/aws:2/);
    expect(() => lookUp('nothing-like-it', statusFixture())).toThrow(/there is no channel or cluster/);
  });
});
