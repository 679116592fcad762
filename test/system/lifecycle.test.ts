import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { adoptFleet, type Stage } from '../../src/cli/demo/stage.ts';
import type { StatusDocument } from '../../src/planning/explain/status-document.ts';
import { withStage } from '../support/system/with-stage.ts';

const forever = new AbortController().signal;

/** Another cluster in the place of the first one of the stage, as the registry would list it. */
async function request(stage: Stage, name: string, change: (text: string) => string = (text) => text): Promise<string> {
  const { cluster } = stage.members[0] as Stage['members'][number];
  const directory = join(stage.directory, 'registry', 'clusters');
  const text = await readFile(join(directory, `${cluster.alias}.yaml`), 'utf8');
  const own = text
    .replaceAll(cluster.localId, name)
    .replaceAll(cluster.alias, name)
    .replace(/^lifecycle_status: .*$/m, 'lifecycle_status: requested');
  await writeFile(join(directory, `${name}.yaml`), change(own));
  return cluster.id.replace(cluster.localId, name);
}

describe('the life of a cluster over the wire', { timeout: 300_000 }, () => {
  it('is created when the registry asks for it', async () => {
    await withStage({ clusters: 1, speed: 150, seed: 'birth' }, async (stage) => {
      stage.daemon.start();
      await adoptFleet(stage, forever);
      const id = await request(stage, 'newborn');
      await stage.client.post('/v1/refresh', {});
      const status = async () =>
        (await stage.client.get<StatusDocument>('/v1/status')).clusters.find((one) => one.id === id);
      await expect.poll(status, { timeout: 120_000 }).toMatchObject({ lifecycle: 'ready', state: 'up-to-date' });
    });
  });
});
