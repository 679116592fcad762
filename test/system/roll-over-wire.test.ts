import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { adoptFleet, mergeChange, nodesAndIngress, type Stage } from '../../src/cli/demo/stage.ts';
import { InvariantWatch } from '../../src/simulator/invariants/checker.ts';
import { takeBaselines } from '../../src/simulator/invariants/limits.ts';
import { nodeInvariants } from '../../src/simulator/invariants/node-invariants.ts';
import { truthOf } from '../../src/simulator/invariants/world-truth.ts';
import { sleep } from '../../src/support/deadline.ts';
import { seededRandom } from '../../src/support/random.ts';
import { killAtSeededMoments } from '../support/system/kill-schedule.ts';
import { withStage } from '../support/system/with-stage.ts';

const size = 30;
const kills = 3;
const seed = process.env['SEED'] ?? randomBytes(4).toString('hex');

/**
 * A worker group of the first channel's cluster, grown before the daemon has ever run, and far above the maximum that the registry knows: the
 * update of its stack must leave the sizes alone.
 */
async function grown(stage: Stage): Promise<{ cluster: string; group: string }> {
  const { world, members, pipeline } = stage;
  const member = members.find(({ cluster }) => cluster.channel === pipeline.channels[0]?.name);
  if (!member) throw new Error('no cluster of the first channel');
  const { id, region } = member.cluster;
  const group = world.aws
    .truth()
    .groups(id)
    .find((one) => one.name.includes('default-worker'))?.name;
  if (group === undefined) throw new Error(`no worker group in ${id}`);
  const account = id.split(':')[1] ?? '';
  const change = (action: string, params: object): void => {
    const reply = world.aws.handle({
      ...{ account, region, service: 'autoscaling', action, userAgent: 'cluster-autoscaler/1' },
      params: { AutoScalingGroupName: group, ...params },
    });
    if (!reply.ok) throw new Error(`${action}: ${reply.code}: ${reply.message}`);
  };
  change('UpdateAutoScalingGroup', { MaxSize: size + 5 });
  change('SetDesiredCapacity', { DesiredCapacity: size });
  const serving = (): number => {
    // Nobody asks the world anything yet, so time is told to it.
    world.advanceTo(stage.clock.now());
    const ids = new Set(instancesOf(stage, id, group));
    const nodes = truthOf(world).nodes(id);
    return nodes.filter((node) => ids.has(node.instanceId) && node.ready).length;
  };
  await expect.poll(serving, { timeout: 60_000 }).toBe(size);
  return { cluster: id, group };
}

function groupOf(stage: Stage, cluster: string, group: string) {
  return stage.world.aws
    .truth()
    .groups(cluster)
    .find((one) => one.name === group);
}

function instancesOf(stage: Stage, cluster: string, group: string): string[] {
  const members = groupOf(stage, cluster, group)?.members ?? [];
  return members.filter((one) => one.state === 'InService').map((one) => one.instanceId);
}

/** What people with `kubectl drain` do meanwhile: evictions over the wire, as fast as they are answered. Counts the answers. */
async function evictAtRandom(stage: Stage, cluster: string, over: AbortSignal): Promise<Record<number, number>> {
  const random = seededRandom(seed).fork('evictions');
  const answers: Record<number, number> = {};
  while (await sleep(100, over)) {
    const pods = [...stage.world.kube(cluster).truth().pods.values()].filter(
      (pod) => pod.metadata.ownerReferences?.[0]?.kind === 'ReplicaSet' && pod.status.phase === 'Running',
    );
    const pod = pods[random.int(Math.max(1, pods.length))];
    if (!pod) continue;
    const { namespace, name } = pod.metadata;
    const url = `${stage.served.kubeUrl(cluster)}/api/v1/namespaces/${namespace}/pods/${name}/eviction`;
    const body = JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } });
    const headers = { 'content-type': 'application/json', 'user-agent': 'kubectl/v1.31.0' };
    const answer = await fetch(url, { method: 'POST', headers, body }).catch(() => undefined);
    if (answer) answers[answer.status] = (answers[answer.status] ?? 0) + 1;
    await answer?.arrayBuffer();
  }
  return answers;
}

describe('a pool of 30 that is rolled over the wire', () => {
  it(`comes through faults, evictions by others and ${kills} kills with every node replaced and every budget kept`, async () => {
    process.stderr.write(`SEED=${seed}\n`);
    await withStage({ clusters: 4, speed: 360, seed: 'wire' }, async (stage) => {
      const { cluster, group } = await grown(stage);
      const originals = new Set(instancesOf(stage, cluster, group));
      const truth = truthOf(stage.world);
      const limits = {
        ...{ surgeOf: (baseline: number) => Math.ceil(baseline / 10) + 2, bootCap: 10, maxUnavailable: 0 },
        ...{ evictionRetryMs: 4_500, viewLagMs: 120_000, others: new Set(['kubectl', 'cluster-autoscaler']) },
      };
      const watch = new InvariantWatch(nodeInvariants(takeBaselines(truth), limits, truth), truth);
      stage.world.subscribe((event) => watch.onEvent(event));
      const service = 'autoscaling' as const;
      stage.world.faults.add({ kind: 'throttle', service, probability: 0.1 });
      stage.world.faults.add({ kind: 'lost-after', service, probability: 0.05 });
      stage.world.faults.add({ kind: 'stale', action: 'DescribeAutoScalingGroups', staleMs: 20_000 });
      stage.daemon.start();
      await adoptFleet(stage, new AbortController().signal);
      await mergeChange(stage, nodesAndIngress);
      const over = new AbortController();
      const evicting = evictAtRandom(stage, cluster, over.signal);
      const killing = killAtSeededMoments(stage, { seed, kills, longestWaitMs: 6_000, signal: over.signal });
      const rolled = (): boolean => {
        const serving = instancesOf(stage, cluster, group);
        // Tags go last: with them the roll is over, and everything is as it was.
        const tags = groupOf(stage, cluster, group)?.tags ?? {};
        return (
          serving.every((id) => !originals.has(id)) && !Object.keys(tags).some((tag) => tag.startsWith('clm/roll'))
        );
      };
      try {
        await expect.poll(rolled, { timeout: 420_000, interval: 200 }).toBe(true);
        await killing;
      } finally {
        over.abort();
      }
      const answers = await evicting;
      expect(answers[201]).toBeGreaterThan(0);
      expect(originals.size).toBe(size);
      expect(instancesOf(stage, cluster, group)).toHaveLength(size);
      // The stack update that brought the change knows of 8 at most, and left alone what somebody had made of it.
      expect(groupOf(stage, cluster, group)).toMatchObject({ desired: size, max: size + 5 });
      expect(watch.violations.map((one) => `${one.invariant}: ${one.message}`)).toEqual([]);
      expect(watch.checked).toBeGreaterThan(size);
    });
  }, 600_000);
});
