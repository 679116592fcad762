import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { adoptFleet, type Stage } from '../../src/cli/demo/stage.ts';
import { accountNumber } from '../../src/domain/cluster.ts';
import type { PlanDocument } from '../../src/planning/change/plan-document.ts';
import { runCli } from '../support/cli-io.ts';
import { withStage } from '../support/system/with-stage.ts';

async function planned(stage: Stage, args: string[]): Promise<PlanDocument & { code: number }> {
  const environment = { CLM_CLOCK: stage.daemonSetup.clock };
  const run = await runCli(['plan', '-c', join(stage.directory, 'clm.yaml'), '-o', 'json', ...args], { environment });
  if (run.out === '') throw new Error(run.err);
  return { ...(JSON.parse(run.out) as PlanDocument), code: run.code };
}

const edited = async (file: string, from: string, to: string): Promise<void> => {
  const before = await readFile(file, 'utf8');
  expect(before).toContain(from);
  await writeFile(file, before.replace(from, to));
};

function call(
  stage: Stage,
  service: 'autoscaling' | 'cloudformation',
  action: string,
  params: Record<string, unknown>,
): unknown {
  const { cluster } = stage.members[0] as Stage['members'][number];
  const place = { account: accountNumber(cluster.infrastructureAccount), region: cluster.region };
  const answer = stage.world.aws.handle({ ...place, service, action, params, userAgent: 'test' });
  if (!answer.ok) throw new Error(answer.message);
  return answer.result;
}

// the SDK's own chain finds them, as it would for anybody at a shell
beforeAll(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIA000000000000');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'simulated');
});
afterAll(() => vi.unstubAllEnvs());

describe('clm plan over the wire', { timeout: 300_000 }, () => {
  it('is empty for a settled cluster, shows a change, and finds drift; no change set stays', async () => {
    await withStage({ clusters: 1, speed: 60, seed: 'plan-live' }, async (stage) => {
      const { cluster, rendered } = stage.members[0] as Stage['members'][number];
      stage.daemon.start();
      await adoptFleet(stage, new AbortController().signal);

      const settled = await planned(stage, ['--live', '--cluster', cluster.id]);
      expect(settled).toMatchObject({ code: 0, summary: '1 no-op', noop: true, refusals: [] });
      expect(settled.clusters[0]?.live).toMatchObject({ stacks: [], objects: [] });
      expect(settled.clusters[0]?.live?.trouble).toBeUndefined();
      expect(settled.clusters[0]?.live?.drift).toBeUndefined();

      execFileSync('git', ['--git-dir', stage.repository.bare, 'branch', 'my-change', 'dev']);
      await stage.repository.merge('my-change', 'Larger volumes, newer CoreDNS', async (work) => {
        const file = join(work, 'cluster', 'config-defaults.yaml');
        await edited(file, 'coredns_version: "v1.12.4"', 'coredns_version: "v1.12.5"');
        await edited(file, 'root_volume_size: "50"', 'root_volume_size: "60"');
      });
      const before = stage.meter.size();
      const change = await planned(stage, ['my-change', '--live', '--cluster', cluster.id]);
      const live = change.clusters[0]?.live;
      expect(live?.trouble).toBeUndefined();
      expect(live?.objects.map((one) => [one.name, one.state])).toEqual([
        ['Deployment kube-system/coredns', 'differs'],
      ]);
      // pool batch says a volume size of its own
      const changed = rendered.stacks.filter((stack) => stack.kind === 'node-pool' && stack.pool !== 'batch');
      const pools = changed.map((stack) => stack.name);
      expect(live?.stacks.map((one) => one.name).sort()).toEqual([...pools].sort());
      expect(live?.stacks.every((one) => one.state === 'changes')).toBe(true);
      expect(live?.roll?.asked).toBeGreaterThan(0);
      expect(change.changes.map((one) => one.name.split(' ')[0])).toContain('Deployment');
      expect(change.nodes).toBeGreaterThan(0);
      for (const StackName of pools)
        expect(call(stage, 'cloudformation', 'ListChangeSets', { StackName })).toMatchObject({ Summaries: [] });
      expect(stage.meter.size()).toMatchObject({ nodes: before.nodes });

      const path = '/apis/apps/v1/namespaces/kube-system/deployments/coredns';
      const byHand = await fetch(`${stage.daemonSetup.kubernetesUrlTemplate.replace('{id}', cluster.id)}${path}`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json-patch+json', authorization: 'Bearer simulated' },
        body: JSON.stringify([{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'by-hand:1' }]),
      });
      expect(byHand.status).toBe(200);
      const stack = pools[0] as string;
      const { StackResources } = call(stage, 'cloudformation', 'DescribeStackResources', { StackName: stack }) as {
        StackResources: { ResourceType: string; LogicalResourceId: string; PhysicalResourceId: string }[];
      };
      const group = StackResources.find((one) => one.ResourceType === 'AWS::AutoScaling::AutoScalingGroup');
      call(stage, 'autoscaling', 'UpdateAutoScalingGroup', {
        AutoScalingGroupName: group?.PhysicalResourceId,
        MaxSize: 99,
      });
      const drifted = await planned(stage, ['--live', '--cluster', cluster.id]);
      expect(drifted.summary).toBe('1 no-op');
      expect(drifted.clusters[0]?.live?.objects).toMatchObject([
        {
          name: 'Deployment kube-system/coredns',
          state: 'differs',
          message: expect.stringContaining('image') as string,
        },
      ]);
      expect(drifted.clusters[0]?.live?.drift).toEqual([
        `stack ${stack}: ${group?.LogicalResourceId} (AWS::AutoScaling::AutoScalingGroup) was changed by hand: MaxSize`,
      ]);
    });
  });
});
