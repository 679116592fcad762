import { execFileSync } from 'node:child_process';
import { copyFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { awaitDaemon } from '../../src/cli/demo/follow.ts';
import { adoptFleet, ingressOnly, mergeChange } from '../../src/cli/demo/stage.ts';
import type { StatusDocument } from '../../src/planning/explain/status-document.ts';
import { headsOf, judgeStage } from '../support/system/judge-stage.ts';
import { type ClmProcess, runClm, startClm } from '../support/system/run-clm.ts';
import { followCommit, withStage } from '../support/system/with-stage.ts';

const forever = new AbortController().signal;

describe('the life of a daemon', () => {
  it('is taken over by a second one on the same store, which waits until the first is killed', async () => {
    await withStage({ clusters: 4, speed: 150, seed: 'takeover' }, async (stage) => {
      const { daemon, directory } = stage;
      daemon.start();
      await adoptFleet(stage, forever);
      const commit = await mergeChange(stage, ingressOnly);
      let second: ClmProcess | undefined;
      try {
        second = startClm(['daemon', '--config', daemon.configFile], {
          cwd: directory,
          environment: {
            CLM_CLOCK: stage.daemonSetup.clock,
            AWS_ACCESS_KEY_ID: 'AKIA000000000000',
            AWS_SECRET_ACCESS_KEY: 'simulated',
          },
        });
        await second.says('another daemon holds the lease; waiting for it to end');
        expect((await stage.client.get<{ daemon: { running: boolean } }>('/v1/status')).daemon.running).toBe(true);
        await daemon.kill();
        const result = await followCommit(stage, commit, { timeoutSeconds: 120 });
        expect(result).toMatchObject({ outcome: 'promoted' });
        expect(new Set(Object.values(await headsOf(stage)))).toEqual(new Set([commit]));
        expect(judgeStage(stage).violations).toEqual([]);
        second.signal('SIGTERM');
        expect(await second.ended).toMatchObject({ code: 0 });
      } finally {
        second?.signal('SIGKILL');
        await second?.ended;
      }
    });
  });

  it('that lost its database finds the freeze in git, and starts nothing after it is adopted anew (B11)', async () => {
    await withStage({ clusters: 4, speed: 150, seed: 'lost' }, async (stage) => {
      const { daemon, directory, client } = stage;
      const clm = (...args: string[]) => runClm([...args, '--config', daemon.configFile], { cwd: directory });
      const status = () => client.get<StatusDocument>('/v1/status');
      const devState = async () => (await status()).channels.find((channel) => channel.name === 'dev');
      daemon.start();
      await adoptFleet(stage, forever);
      const frozen = await clm('freeze', 'fleet', '--reason', 'a drill', '--for', '30d');
      expect(frozen, frozen.stderr).toMatchObject({ code: 0 });
      const inGit = () =>
        execFileSync('git', ['for-each-ref', 'refs/notes/clm'], { cwd: stage.repository.bare }).length;
      await expect.poll(inGit, { timeout: 20_000 }).toBeGreaterThan(0);
      await daemon.kill();
      await rm(join(directory, 'state'), { recursive: true });

      daemon.start();
      await awaitDaemon(client, daemon, forever);
      const restored = { adopted: false, overrides: [{ kind: 'freeze', scope: 'fleet', reason: 'a drill' }] };
      await expect.poll(status, { timeout: 20_000 }).toMatchObject(restored);
      await adoptFleet(stage, forever);
      const commit = await mergeChange(stage, ingressOnly);
      const stopped = { head: commit, waits: [{ message: expect.stringContaining('freeze of fleet') as string }] };
      await expect.poll(devState, { timeout: 20_000 }).toMatchObject(stopped);
      expect((await clm('unfreeze', 'fleet', '--reason', 'drilled')).code).toBe(0);
      expect(await followCommit(stage, commit, { timeoutSeconds: 120 })).toMatchObject({ outcome: 'promoted' });
      expect(judgeStage(stage).violations).toEqual([]);
    });
  });

  it('ends in order on SIGTERM; reads then answer from its store, writes refuse', async () => {
    await withStage({ clusters: 4, speed: 150, seed: 'stop' }, async (stage) => {
      const { daemon, directory } = stage;
      const clm = (...args: string[]) => runClm([...args, '--config', daemon.configFile], { cwd: directory });
      daemon.start();
      await adoptFleet(stage, forever);
      expect((await stat(daemon.socket)).mode & 0o777).toBe(0o600);
      await mergeChange(stage, ingressOnly);
      await daemon.stop();
      await expect(stat(daemon.socket)).rejects.toThrow('ENOENT');
      expect(daemon.unexpectedExit).toBeUndefined();

      const status = await clm('status', '-o', 'json');
      expect(status, status.stderr).toMatchObject({ code: 0 });
      expect(status.stderr).toMatch(/daemon not running, as of \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/);
      const document = JSON.parse(status.stdout) as {
        daemon: { running: boolean; lastCommitAt: string };
        clusters: unknown[];
      };
      expect(document.daemon).toMatchObject({ running: false });
      expect(document.clusters).toHaveLength(4);
      expect(await clm('why', 'dev')).toMatchObject({ code: 0 });

      const before = join(directory, 'before.db');
      await copyFile(join(directory, 'state', 'clm.db'), before);
      const pause = await clm('pause', 'fleet', '--reason', 'a drill');
      expect(pause).toMatchObject({ code: 4 });
      expect(pause.stderr).toContain('not reachable');
      for (const command of [
        ['retry', 'fleet', '--reason', 'a drill'],
        ['adopt', '--yes'],
      ]) {
        expect(await clm(...command), command.join(' ')).toMatchObject({ code: 4 });
      }
      expect(await awaitDaemon(stage.client, { unexpectedExit: 'none was started' } as never, forever)).toBeUndefined();
    });
  });
});
