/** A pool that Karpenter rolls: rendered, applied, drifted, waited for, recorded; and the same when nothing lets it go on. */
import { describe, expect, it } from 'vitest';
import { readStatus } from '../../../src/api/read-model.ts';
import type { NodePool } from '../../../src/domain/cluster.ts';
import type { ClusterUpdateContext } from '../../../src/machines/cluster-update/context.ts';
import { explainSubject } from '../../../src/planning/explain/explain-subject.ts';
import type { KubeCluster } from '../../../src/ports/kube-cluster.ts';
import { defaultImages } from '../../../src/simulator/model/aws/geography.ts';
import { pipelineOf } from '../../support/explain-rows.ts';
import { karpenterDefinitions, loadBudget, nodeClass, nodePool, spikyPods } from '../../support/karpenter-objects.ts';
import { renderFiles } from '../../support/render-input.ts';
import { clusterId, journalOf, type RollDaemon, RollWorld, region } from '../../support/roll-world.ts';
import { commit, dnsAddon, startUpdate, startUpdateDaemon, updateId, updateIdOf } from '../../support/update-world.ts';

// biome-ignore lint/suspicious/noExplicitAny: objects of the simulated API
type Body = any;

const gate = { baseline: false, maxFlaky: 3 };
const image = defaultImages(region).find(({ architecture }) => architecture === 'x86_64')?.id ?? '';
const pool: NodePool = {
  name: 'spiky',
  profile: 'worker-karpenter',
  instanceTypes: ['m5.large'],
  discountStrategy: 'none',
  minSize: 0,
  maxSize: 9,
  configItems: {},
};

/** What the commit renders to, from files as a configuration has them. */
function rendered(roll: RollWorld, generation: string) {
  const parts = { budget: '1', labels: { generation } };
  const provisioners = [nodeClass('{{ .NodePool.Name }}', image), nodePool('{{ .NodePool.Name }}', parts)];
  const files = {
    'node-pools/worker-karpenter/userdata.yaml': '#cloud-config\n',
    'node-pools/worker-karpenter/provisioners.yaml': provisioners.map((each) => JSON.stringify(each)).join('\n---\n'),
  };
  return renderFiles(files, { ...roll.cluster, nodePools: [pool] }, { commit });
}

/** Karpenter at work for a pool of three nodes, as an earlier commit applied it. */
function karpenterWorld(): RollWorld {
  const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 3, instanceType: 'm5.xlarge' }] });
  roll.cluster.nodePools = [pool];
  const controller: Body = spikyPods('workers', 1);
  const labels = { app: 'karpenter' };
  Object.assign(controller, { metadata: { name: 'karpenter', namespace: 'kube-system' } });
  Object.assign(controller.spec, { selector: { matchLabels: labels } });
  Object.assign(controller.spec.template, { metadata: { labels } });
  controller.spec.template.spec.containers = [{ name: 'c', image: 'karpenter/karpenter:1.5' }];
  roll.apply(...dnsAddon, ...karpenterDefinitions, controller);
  roll.pass(180);
  roll.apply(...rendered(roll, 'first').components.flatMap(({ objects }) => objects), spikyPods('spiky', 3));
  roll.pass(600);
  return roll;
}

function claims(roll: RollWorld): string[] {
  const path = '/apis/karpenter.sh/v1/nodeclaims';
  const answer = roll.kube.handle({ method: 'GET', path, query: new URLSearchParams() });
  return (answer.body as Body).items.map((claim: Body) => claim.metadata.name);
}

async function contextOf(daemon: RollDaemon): Promise<ClusterUpdateContext> {
  return (await daemon.store.load(updateId))?.context as unknown as ClusterUpdateContext;
}

const phaseOf = async (daemon: RollDaemon, id = updateId) => (await daemon.store.load(id))?.value;

const ended = async (daemon: RollDaemon, id = updateId) => (await daemon.store.load(id))?.status === 'final';

async function statusOf(roll: RollWorld, daemon: RollDaemon) {
  return readStatus(daemon.store, {
    pipeline: pipelineOf('dev'),
    registry: { clusters: [roll.cluster], problems: [] },
    problems: [],
    daemonRunning: true,
    now: roll.world.clock.now(),
  });
}

describe('an update of a pool that Karpenter rolls', () => {
  it('applies what changed, waits for Karpenter with its figures, records it, and the second update sends nothing', async () => {
    const roll = karpenterWorld();
    const before = claims(roll);
    expect(before).toHaveLength(3);
    const applied: string[] = [];
    const wrapKube = (kube: KubeCluster): KubeCluster =>
      Object.assign(Object.create(kube) as KubeCluster, {
        apply: (...args: Parameters<KubeCluster['apply']>) => {
          applied.push(args[1].kind);
          return kube.apply(...args);
        },
      });
    const daemon = await startUpdateDaemon(roll, [], { rendered: () => rendered(roll, 'second'), wrapKube });
    await startUpdate(daemon, 'smoke', gate);
    const waiting = async () => (await contextOf(daemon)).rolls['spiky']?.karpenter?.outdated === 2;
    await daemon.run(waiting);
    const { clusters } = await statusOf(roll, daemon);
    expect(clusters[0]?.pools).toMatchObject([{ name: 'spiky', total: expect.any(Number) as number }]);
    const [shown] = clusters[0]?.pools ?? [];
    expect((shown?.total ?? 0) - (shown?.updated ?? 0)).toBe(2);
    expect((await contextOf(daemon)).wait?.message).toMatch(
      /^rolled by Karpenter: pool spiky: 2 of [34] nodes are still/,
    );

    // as soon as they are replaced: an update that ends before its record does not wait for them again
    await daemon.run(async () => (await phaseOf(daemon)) === 'e2e');
    const fact = (await daemon.store.fact('cluster', clusterId))?.value as Body;
    expect(fact.digests.pools).toEqual({ spiky: rendered(roll, 'second').karpenterPools[0]?.digest });
    await daemon.run(() => ended(daemon));
    expect(await phaseOf(daemon)).toBe('updated');
    expect(claims(roll)).toHaveLength(3);
    expect(claims(roll).filter((name) => before.includes(name))).toEqual([]);
    expect((await contextOf(daemon)).rolls['spiky']).toMatchObject({ state: 'rolled', nodesReplaced: 3 });
    expect(applied).toContain('NodePool');
    expect((await journalOf(daemon)).some((line) => line.startsWith('karpenter-rolled'))).toBe(true);

    applied.length = 0;
    const after = claims(roll);
    await startUpdate(daemon, 'smoke', gate, 2);
    await daemon.run(() => ended(daemon, updateIdOf(2)));
    expect(await phaseOf(daemon, updateIdOf(2))).toBe('updated');
    expect(applied).toEqual([]);
    expect(claims(roll)).toEqual(after);
    await daemon.stop();
  });

  it('says what blocks Karpenter, goes on where it was after a kill, and ends when the block has gone', async () => {
    const roll = karpenterWorld();
    roll.apply(loadBudget({ maxUnavailable: 0 }));
    const before = claims(roll);
    const life = { rendered: () => rendered(roll, 'second') };
    const first = await startUpdateDaemon(roll, [], life);
    await startUpdate(first, 'smoke', gate);
    await first.run(async () => (await phaseOf(first)) === 'karpenterRolls');
    await first.run(async () => (await contextOf(first)).rolls['spiky']?.karpenter?.outdated === 3);
    const since = (await contextOf(first)).rolls['spiky']?.karpenter?.progressAt;
    first.kill();
    const daemon = await startUpdateDaemon(roll, [], { ...life, store: first.store });
    const blocked = async () => (await contextOf(daemon)).rolls['spiky']?.blocked ?? null;
    await daemon.run(async () => (await blocked()) !== null);
    expect(await blocked()).toMatchObject({
      code: 'karpenter-blocked',
      since,
      message: expect.stringContaining('pdb "default/load" prevents pod evictions') as string,
    });
    expect(claims(roll)).toEqual(before);
    const status = await statusOf(roll, daemon);
    expect(status.clusters[0]?.state).toBe('blocked');
    const why = JSON.stringify(explainSubject(status, clusterId, []));
    expect(why).toContain('karpenter-blocked');
    expect(why).toContain('prevents pod evictions');

    roll.kube.seed([loadBudget({ maxUnavailable: 1 })], 'team');
    await daemon.run(() => ended(daemon));
    expect(await phaseOf(daemon)).toBe('updated');
    expect(claims(roll).filter((name) => before.includes(name))).toEqual([]);
    await daemon.stop();
  });
});
