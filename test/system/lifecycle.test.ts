import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { adoptFleet, type Stage } from '../../src/cli/demo/stage.ts';
import { accountNumber } from '../../src/domain/cluster.ts';
import type { PlanDocument } from '../../src/planning/change/plan-document.ts';
import type { StatusDocument } from '../../src/planning/explain/status-document.ts';
import { runCli } from '../support/cli-io.ts';
import { withStage } from '../support/system/with-stage.ts';

const forever = new AbortController().signal;
const nameOfNew = 'newborn';
const patience = { timeout: 120_000, interval: 250 };

const fileOf = (stage: Stage, name: string) => join(stage.directory, 'registry', 'clusters', `${name}.yaml`);

/** Another cluster in the image of the stage's only one, as the registry would list it. */
async function request(stage: Stage): Promise<string> {
  const { cluster } = stage.members[0] as Stage['members'][number];
  const text = await readFile(fileOf(stage, cluster.alias), 'utf8');
  const own = text
    .replaceAll(cluster.localId, nameOfNew)
    .replaceAll(cluster.alias, nameOfNew)
    .replace(/^environment: .*$/m, 'environment: production')
    .replace(/^lifecycle_status: .*$/m, 'lifecycle_status: requested');
  await writeFile(fileOf(stage, nameOfNew), own);
  return cluster.id.replace(cluster.localId, nameOfNew);
}

async function planned(stage: Stage, ...args: string[]): Promise<PlanDocument> {
  const environment = { CLM_CLOCK: stage.daemonSetup.clock };
  const run = await runCli(['plan', '-c', join(stage.directory, 'clm.yaml'), '-o', 'json', ...args], { environment });
  if (run.out === '') throw new Error(run.err);
  return JSON.parse(run.out) as PlanDocument;
}

const statusOf = async (stage: Stage, id: string) =>
  (await stage.client.get<StatusDocument>('/v1/status')).clusters.find((one) => one.id === id);
const comesTo = (stage: Stage, id: string, what: object) =>
  expect.poll(() => statusOf(stage, id).catch(() => undefined), patience).toMatchObject(what);

function stacksOf(stage: Stage): string[] {
  const { cluster } = stage.members[0] as Stage['members'][number];
  const answer = stage.world.aws.handle({
    account: accountNumber(cluster.infrastructureAccount),
    region: cluster.region,
    service: 'cloudformation',
    action: 'DescribeStacks',
    params: {},
    userAgent: 'test',
  });
  if (!answer.ok) throw new Error(answer.message);
  return (answer.result as { Stacks: { StackName: string }[] }).Stacks.map((one) => one.StackName).sort();
}

beforeAll(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIA000000000000');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'simulated');
});
afterAll(() => vi.unstubAllEnvs());

describe('the life of a cluster over the wire', { timeout: 400_000 }, () => {
  it('begins and ends in the registry, while the daemon is killed again and again', async () => {
    await withStage({ clusters: 1, speed: 240, seed: 'life' }, async (stage) => {
      const { daemon } = stage;
      const before = stacksOf(stage);
      const id = await request(stage);
      expect(await planned(stage, '--cluster', nameOfNew)).toMatchObject({ summary: '1 new', noop: false });
      daemon.start();
      await adoptFleet(stage, forever);
      const within = (...phases: string[]) =>
        comesTo(stage, id, { phase: expect.stringMatching(new RegExp(`^(${phases.join('|')})$`)) as string });
      await within('etcd stack', 'etcd roll', 'cluster stack');
      await daemon.restart();
      await within('control plane stacks', 'control plane roll', 'api');
      await daemon.restart();
      await within('worker stacks', 'manifests', 'worker rolls', 'workloads');
      await daemon.restart();
      await comesTo(stage, id, { lifecycle: 'ready', state: 'up-to-date' });
      expect(stacksOf(stage).length).toBeGreaterThan(before.length);
      expect(await planned(stage, '--live', '--cluster', nameOfNew)).toMatchObject({ summary: '1 no-op', noop: true });

      const wish = (await readFile(fileOf(stage, nameOfNew), 'utf8')).replace(
        ': requested',
        ': decommission-requested',
      );
      await writeFile(fileOf(stage, nameOfNew), wish);
      await stage.client.post('/v1/refresh', {});
      await comesTo(stage, id, { state: 'decommissioning', waits: [{ code: 'confirmation' }] });
      expect(await planned(stage, '--cluster', nameOfNew)).toMatchObject({ summary: '1 decommission', noop: false });
      const clm = (...args: string[]) => runCli([...args, '-c', daemon.configFile], {});
      const typo = await clm('decommission', nameOfNew, '--confirm', nameOfNew, '--reason', 'moved');
      expect([typo.code, typo.err]).toEqual([2, expect.stringContaining(`--confirm ${id}`)]);
      stage.meter.leaving.add(id);
      const confirmed = await clm('decommission', nameOfNew, '--confirm', id, '--reason', 'moved');
      expect(confirmed).toMatchObject({ code: 0, err: '' });
      await within('emptying', 'draining');
      await daemon.restart();
      await within('draining', 'removing');
      await daemon.restart();
      await comesTo(stage, id, { lifecycle: 'decommissioned', state: 'ineligible' });
      expect(stacksOf(stage)).toEqual(before);
      stage.meter.finish();
      // no worker ends undrained, its own cluster's included; the last control-plane nodes end with their stack, and nothing on them
      expect(stage.meter.violations).toEqual([]);
    });
  });
});
