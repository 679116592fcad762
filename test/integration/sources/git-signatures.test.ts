/** Signatures of commits, by real keys of ssh. */
import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseDaemonConfig } from '../../../src/daemon/config.ts';
import { openSource } from '../../../src/daemon/source.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { GitSandbox } from '../../support/git-sandbox.ts';
import { failureOf, GitWorld } from '../../support/git-world.ts';

const at = Date.parse('2026-03-04T05:06:07Z');
const nowhere = 'a'.repeat(40);
let world: GitWorld;
let sandbox: GitWorld['sandbox'];
let work: string;
let first: string;
let second: string;

beforeEach(() => {
  world = new GitWorld();
  ({ work, sandbox, first, second } = world);
});
afterEach(() => world.remove());

const noSshKeygen = spawnSync('ssh-keygen', ['-?']).error !== undefined;

describe.skipIf(noSshKeygen)(
  `signatures${noSshKeygen ? ' (SKIPPED: there is no ssh-keygen on this machine)' : ''}`,
  () => {
    let keys: string;
    let keySandbox: GitSandbox;
    let signers: string;
    const key = (name: string) => join(keys, name);

    beforeAll(() => {
      keySandbox = new GitSandbox();
      keys = keySandbox.directory;
      signers = join(keys, 'allowed signers');
      for (const name of ['jo', 'eve', 'old'])
        execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', key(name)]);
      const line = (name: string, options: string) =>
        `${name}@example.org ${options} ${execFileSync('cut', ['-d ', '-f1,2', `${key(name)}.pub`], { encoding: 'utf8' })}`;
      writeFileSync(
        signers,
        `# who may\n${line('jo', 'namespaces="git"')}${line('old', 'valid-before="20200101",namespaces="git"')}`,
      );
    });
    afterAll(() => keySandbox.remove());

    function signed(by: string, subject = `by ${by}`): string {
      const settings = ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${key(by)}`];
      sandbox.git(work, ...settings, 'commit', '--quiet', '--allow-empty', '-S', `--message=${subject}`);
      return published(sandbox.git(work, 'rev-parse', 'HEAD'));
    }

    function published(commit: string): string {
      sandbox.push('dev', commit);
      return commit;
    }

    /** A commit object as it is, with another text in it. */
    function forged(commit: string, from: string, to: string): string {
      const text = sandbox.git(work, 'cat-file', 'commit', commit).replace(from, to);
      const input = `${text}\n`;
      return published(
        execFileSync('git', ['hash-object', '-t', 'commit', '-w', '--stdin'], {
          cwd: work,
          input,
          encoding: 'utf8',
        }).trim(),
      );
    }

    it('of allowed signers count, by name, again and again', async () => {
      const commit = signed('jo');
      const source = await world.fetched({ allowedSigners: signers });
      const verdict = { verified: true, message: `${commit.slice(0, 12)} is signed by jo@example.org` };
      expect(await source.verifySignature(commit)).toEqual(verdict);
      expect(await source.verifySignature(commit)).toEqual(verdict);
    });

    it('count for the daemon by the file that clm.yaml names', async () => {
      const commit = signed('jo');
      const settings = {
        configRepository: { url: sandbox.bare, path: 'conf/cluster', allowedSigners: signers },
        registry: { path: 'clusters' },
        accounts: 'accounts.yaml',
        pipeline: 'pipeline.yaml',
      };
      const { config, problems } = parseDaemonConfig(join(sandbox.directory, 'clm.yaml'), JSON.stringify(settings), {});
      expect(problems).toEqual([]);
      if (config === undefined) throw new Error('no configuration');
      const source = openSource(config, silentLogger());
      await source.fetch(['dev'], {});
      expect((await source.verifySignature(commit)).message).toBe(`${commit.slice(0, 12)} is signed by jo@example.org`);
    });

    it('of others, of keys past their time, and none at all do not count', async () => {
      const [eve, old] = [signed('eve'), signed('old')];
      const source = await world.fetched({ allowedSigners: signers });
      for (const commit of [eve, old])
        expect(await source.verifySignature(commit)).toEqual({
          verified: false,
          message: expect.stringMatching(
            /^[\da-f]{12} is signed with SHA256:\S+, which is none of the allowed signers$/,
          ),
        });
      expect(await source.verifySignature(second)).toEqual({
        verified: false,
        message: `${second.slice(0, 12)} is not signed`,
      });
    });

    it('put on another text are bad', async () => {
      const commit = forged(signed('jo', 'harmless'), 'harmless', 'harmful');
      expect(await (await world.fetched({ allowedSigners: signers })).verifySignature(commit)).toEqual({
        verified: false,
        message: `${commit.slice(0, 12)} has a bad signature`,
      });
    });

    it('that are garbage do not count', async () => {
      const good = signed('jo');
      const [, line = ''] = /SIGNATURE-----\n (\S+)/.exec(sandbox.git(work, 'cat-file', 'commit', good)) ?? [];
      const commit = forged(good, line, 'garbage');
      expect((await (await world.fetched({ allowedSigners: signers })).verifySignature(commit)).verified).toBe(false);
    });

    it('written into the message are none', async () => {
      const block = /-----BEGIN[\s\S]*END SSH SIGNATURE-----/.exec(
        sandbox.git(work, 'cat-file', 'commit', signed('jo')),
      )?.[0];
      const commit = published(sandbox.commit(`gpgsig ${block}`, {}));
      expect(await (await world.fetched({ allowedSigners: signers })).verifySignature(commit)).toEqual({
        verified: false,
        message: `${commit.slice(0, 12)} is not signed`,
      });
    });

    it('cannot be checked without the file, which never stays in force in the mirror', async () => {
      const commit = signed('jo');
      expect((await (await world.fetched({ allowedSigners: signers })).verifySignature(commit)).verified).toBe(true);
      expect(await world.open().verifySignature(commit)).toEqual({
        verified: false,
        message: expect.stringContaining('configRepository.allowedSigners is not given'),
      });
      const gone = join(keys, 'gone');
      expect(await world.open({ allowedSigners: gone }).verifySignature(commit)).toMatchObject({ verified: false });
    });

    it('are judged by the file as it is now', async () => {
      const commit = signed('eve');
      const own = join(sandbox.directory, 'signers');
      writeFileSync(own, '# nobody yet\n');
      const source = await world.fetched({ allowedSigners: own });
      expect((await source.verifySignature(commit)).verified).toBe(false);
      const [type, text] = execFileSync('cat', [`${key('eve')}.pub`], { encoding: 'utf8' }).split(' ');
      writeFileSync(own, `eve@example.org ${type} ${text}\n`);
      expect((await source.verifySignature(commit)).verified).toBe(true);
      rmSync(own);
      expect((await source.verifySignature(commit)).verified).toBe(false);
    });

    it('of what clm makes are none, and of a commit that is not there a failure', async () => {
      const source = await world.fetched({ allowedSigners: signers });
      const made = await source.restoringCommit({ parent: second, treeOf: first, message: 'back', at });
      expect((await source.verifySignature(made)).verified).toBe(false);
      expect(await failureOf(source.verifySignature(nowhere))).toMatchObject({ code: 'git-unknown-commit' });
    });
  },
);
