import { existsSync } from 'node:fs';
import { appendFile, chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createConfigRepository } from '../../src/cli/demo/config-repository.ts';
import { DaemonProcess } from '../../src/cli/demo/daemon-process.ts';
import { writeSelectedFleet } from '../../src/cli/demo/sample-fleet.ts';
import { projectRoot } from '../../src/support/project.ts';
import { type ClmRun, runClm } from '../support/system/run-clm.ts';
import { withScratchDirectory } from '../support/system/scratch-directory.ts';

interface Folder {
  directory: string;
  bare: string;
  config: string;
  state: string;
  clusters: string;
  /** Cluster files, by name. */
  files: string[];
  edit(file: string, edit: (text: string) => string): Promise<void>;
  clm(command: string): Promise<ClmRun>;
}

/** A configuration on which a daemon could start. */
async function withFolder(work: (folder: Folder) => Promise<void>, branches = ['dev', 'alpha', 'beta', 'stable']) {
  await withScratchDirectory(async (directory) => {
    const fleet = await writeSelectedFleet({ projectRoot, directory, clusters: 5 });
    const repository = await createConfigRepository({
      directory,
      channelConfiguration: join(projectRoot, 'channels', 'cluster'),
      branches,
    });
    const daemon = new DaemonProcess({
      directory,
      repository: repository.bare,
      registry: fleet.registryDirectory,
      pipeline: join(projectRoot, 'channels', 'pipeline.demo.yaml'),
      awsEndpoint: 'http://127.0.0.1:9',
      kubernetesUrlTemplate: 'http://127.0.0.1:9/{id}',
      clock: '',
    });
    await daemon.writeConfig();
    await daemon.stop();
    const clusters = join(fleet.registryDirectory, 'clusters');
    await work({
      directory,
      bare: repository.bare,
      config: daemon.configFile,
      state: join(directory, 'state'),
      clusters,
      files: (await readdir(clusters)).sort(),
      edit: async (file, edit) => writeFile(file, edit(await readFile(file, 'utf8'))),
      clm: (command) => runClm([command, '--config', daemon.configFile], { cwd: directory }),
    });
  });
}

/** Refused with exit code 2 by daemon and `clm validate` alike, each problem with a remedy, and nothing made. */
async function refused(folder: Folder, ...complaints: RegExp[]): Promise<void> {
  const commands = ['daemon', 'validate'];
  const runs = await Promise.all(commands.map((command) => folder.clm(command)));
  for (const [index, run] of runs.entries()) {
    const command = commands[index] ?? '';
    expect(run, `${command}: ${run.stderr}`).toMatchObject({ code: 2 });
    for (const complaint of complaints) expect(run.stderr, command).toMatch(complaint);
    expect(run.stderr.match(/→ /g)?.length ?? 0, command).toBeGreaterThanOrEqual(complaints.length);
  }
}

describe('bad input', () => {
  it('is told all at once, with file, line and remedy, and nothing is touched', async () => {
    await withFolder(
      async (folder) => {
        const [broken, unknown, duplicate] = folder.files as [string, string, string];
        const other = await readFile(join(folder.clusters, folder.files[3] as string), 'utf8');
        const otherId = /^id: (.*)$/m.exec(other)?.[1] as string;
        await folder.edit(join(folder.clusters, broken), (text) => text.replace('region: ', 'region: [unclosed, '));
        await folder.edit(join(folder.clusters, unknown), (text) => text.replace(/^channel: .*$/m, 'channel: stabel'));
        await folder.edit(join(folder.clusters, duplicate), (text) => text.replace(/^id: .*$/m, `id: ${otherId}`));
        await refused(
          folder,
          new RegExp(`${broken}:\\d+`),
          new RegExp(`${unknown}:\\d+:.*stabel[^→]*→[^\\n]*stable`),
          new RegExp(`(${duplicate}|${folder.files[3]}):\\d+:.*${otherId.replaceAll('"', '')}`),
          /branch '?beta'?/,
        );
        expect(existsSync(folder.state)).toBe(false);
      },
      ['dev', 'alpha', 'stable'],
    );
  });

  it('is what checks are told of a cluster and cannot know: a typo there would weaken a gate', async () => {
    await withFolder(async (folder) => {
      const told = 'config_items:\n  e2e_expects: "load-balancers"\n  e2e_periodic: "periodik=5m core=1s"';
      await folder.edit(join(folder.clusters, folder.files[0] as string), (text) =>
        text.replace('config_items:', told),
      );
      await refused(
        folder,
        /e2e_expects: 'load-balancers' is nothing that a cluster can be expected to offer/,
        /e2e_periodic: 'core=1s' is shorter than a minute/,
        /e2e_periodic: there is no profile of checks called 'periodik'/,
      );
    });
  });

  it('is a repository that cannot be read', async () => {
    await withFolder(async (folder) => {
      await rm(folder.bare, { recursive: true });
      await refused(folder, /config\.git/);
      expect(existsSync(folder.state)).toBe(false);
    });
  });

  it('is a database file that is corrupt, which stays as it is', async () => {
    await withFolder(async (folder) => {
      await mkdir(folder.state);
      const database = join(folder.state, 'clm.db');
      const garbage = 'this is no database '.repeat(500);
      await writeFile(database, garbage);
      await chmod(database, 0o600);
      await refused(folder, /clm\.db/);
      expect(await readFile(database, 'utf8')).toBe(garbage);
      expect(await readdir(folder.state)).toEqual(['clm.db']);
    });
  });

  it('is a port that somebody else listens on', async () => {
    await withFolder(async (folder) => {
      const port = Number(/metricsListen: 127\.0\.0\.1:(\d+)/.exec(await readFile(folder.config, 'utf8'))?.[1]);
      const other = createServer();
      await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
      try {
        const run = await folder.clm('daemon');
        expect(run).toMatchObject({ code: 2 });
        expect(run.stderr).toMatch(new RegExp(`clm\\.yaml.*api\\.metricsListen.*${port}`));
        expect(run.stderr).toContain('→');
        expect(existsSync(folder.state)).toBe(false);
      } finally {
        await new Promise((resolve) => other.close(resolve));
      }
    });
  });

  it('is a clm.yaml with more than one mistake', async () => {
    await withFolder(async (folder) => {
      await appendFile(folder.config, 'logLevel: loud\nshutdownGrace: soon\n');
      await folder.edit(folder.config, (text) => text.replace('logLevel: warn\n', ''));
      await refused(folder, /clm\.yaml:\d+: logLevel/, /clm\.yaml:\d+: shutdownGrace: .*soon/);
      expect(existsSync(folder.state)).toBe(false);
    });
  });
});
