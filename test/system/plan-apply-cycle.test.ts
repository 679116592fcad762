import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { adoptFleet, mergeChange, type Stage } from '../../src/cli/demo/stage.ts';
import type { PlanDocument } from '../../src/planning/change/plan-document.ts';
import type { StatusDocument } from '../../src/planning/explain/status-document.ts';
import { runCli } from '../support/cli-io.ts';
import { withStage } from '../support/system/with-stage.ts';

const forever = new AbortController().signal;
const patience = { timeout: 150_000, interval: 250 };
const deployment = '/apis/apps/v1/namespaces/kube-system/deployments/coredns';
const nothing = { summary: '2 no-op', noop: true, changes: [], refusals: [] };

/** Asks the two clusters of dev themselves, too. */
async function planned(stage: Stage, ...args: string[]): Promise<PlanDocument> {
  const environment = { CLM_CLOCK: stage.daemonSetup.clock };
  const config = join(stage.directory, 'clm.yaml');
  const run = await runCli(['plan', ...args, '-c', config, '-o', 'json', '--live', '--channel', 'dev'], {
    environment,
  });
  if (run.out === '') throw new Error(run.err);
  return JSON.parse(run.out) as PlanDocument;
}

/** What the clusters say themselves, by alias: objects and stacks that are not as they render. */
const differing = (plan: PlanDocument): Record<string, string[]> =>
  Object.fromEntries(
    plan.clusters.map((one) => [
      one.cluster,
      [one.live?.trouble ?? [], ...(one.live?.objects ?? []), ...(one.live?.stacks ?? [])]
        .flat()
        .map((item) => (typeof item === 'string' ? item : `${item.name} ${item.state}`)),
    ]),
  );

const devOf = async (stage: Stage) =>
  (await stage.client.get<StatusDocument>('/v1/status')).clusters.filter((one) => one.channel === 'dev');
const allRun = (stage: Stage, commit: string) =>
  expect
    .poll(async () => {
      const clusters = await devOf(stage).catch(() => []);
      return clusters.map((one) => [one.state, one.version?.startsWith(commit)]);
    }, patience)
    .toEqual([
      ['up-to-date', true],
      ['up-to-date', true],
    ]);

const newCoredns = (from: string, to: string) => ({
  branch: 'dev',
  subject: `CoreDNS ${to}`,
  edit: async (work: string): Promise<void> => {
    const file = join(work, 'cluster', 'config-defaults.yaml');
    const text = await readFile(file, 'utf8');
    expect(text).toContain(`coredns_version: "${from}"`);
    await writeFile(file, text.replace(`coredns_version: "${from}"`, `coredns_version: "${to}"`));
  },
});

beforeAll(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIA000000000000');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'simulated');
});
afterAll(() => vi.unstubAllEnvs());

describe('plan and apply over the wire', { timeout: 500_000 }, () => {
  it('agree for an old and a new cluster, one half applied by a daemon that was killed, and one changed by hand', async () => {
    await withStage({ clusters: 4, speed: 120, seed: 'cycle' }, async (stage) => {
      const { daemon } = stage;
      const { cluster } = stage.members.find((one) => one.cluster.channel === 'dev') as Stage['members'][number];
      const registry = join(stage.directory, 'registry', 'clusters');
      const text = await readFile(join(registry, `${cluster.alias}.yaml`), 'utf8');
      // drift is looked for often enough for a test
      const watched = text.replace(/^config_items:$/m, 'config_items:\n  drift_interval: 10m');
      expect(watched).toContain('drift_interval');
      await writeFile(join(registry, `${cluster.alias}.yaml`), watched);
      const own = watched
        .replaceAll(cluster.localId, 'newborn')
        .replaceAll(cluster.alias, 'newborn')
        .replace(/^lifecycle_status: .*$/m, 'lifecycle_status: requested');
      await writeFile(join(registry, 'newborn.yaml'), own);
      daemon.start();
      await adoptFleet(stage, forever);
      await allRun(stage, stage.repository.initialCommit);

      // both stand as they render: a new one and one that was there
      expect(await planned(stage)).toMatchObject(nothing);

      // a change: the plan shows exactly it
      const freeze = { kind: 'freeze', scope: { kind: 'fleet' }, reason: 'a look before' };
      await stage.client.post('/v1/overrides', { ...freeze, forSeconds: 86_400 });
      const first = await mergeChange(stage, newCoredns('v1.12.4', 'v1.12.5'));
      const change = await planned(stage);
      expect(change.commits.map((one) => one.commit)).toEqual([first]);
      expect(change.changes.map((one) => [one.unit, one.name, one.change])).toEqual([
        ['object', 'Deployment kube-system/coredns', 'update'],
      ]);
      expect(change.changes[0]?.clusters.sort()).toEqual([cluster.alias, 'newborn'].sort());
      expect(change.nodes).toBe(0);
      const differs = ['Deployment kube-system/coredns differs'];
      expect(differing(change)).toEqual({ [cluster.alias]: differs, newborn: differs });
      await stage.client.post('/v1/overrides/end', freeze);
      await allRun(stage, first);
      expect(await planned(stage)).toMatchObject(nothing);

      // half applied: the daemon is killed in the middle
      const second = await mergeChange(stage, newCoredns('v1.12.5', 'v1.12.6'));
      const busy = /manifests|worker rolls|post deletions|workloads|e2e/;
      await expect
        .poll(async () => (await devOf(stage).catch(() => [])).some((one) => busy.test(one.phase ?? '')), patience)
        .toBe(true);
      await daemon.kill();
      const half = await planned(stage, second);
      expect(half.changes.filter((one) => one.name !== 'Deployment kube-system/coredns')).toEqual([]);
      daemon.start();
      await allRun(stage, second);
      expect(await planned(stage)).toMatchObject(nothing);

      // changed by hand: seen, and brought back
      const url = `${stage.daemonSetup.kubernetesUrlTemplate.replace('{id}', cluster.id)}${deployment}`;
      const byHand = await fetch(url, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json-patch+json', authorization: 'Bearer simulated' },
        body: JSON.stringify([{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'by-hand:1' }]),
      });
      expect(byHand.status).toBe(200);
      expect(differing(await planned(stage))[cluster.alias]).toEqual(differs);
      const image = async () => JSON.stringify(await (await fetch(url)).json()).includes('by-hand:1');
      await expect.poll(image, patience).toBe(false);
      await allRun(stage, second);
      const restored = await planned(stage);
      expect(restored).toMatchObject(nothing);
      expect(differing(restored)).toEqual({ [cluster.alias]: [], newborn: [] });
    });
  });
});
