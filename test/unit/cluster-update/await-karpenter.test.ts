import { describe, expect, it } from 'vitest';
import type { ClusterUpdateState } from '../../../src/domain/cluster-update.ts';
import type { KubeObject } from '../../../src/domain/kube-object.ts';
import type { FactWrite } from '../../../src/ports/store.ts';
import { bench, output } from '../../support/pipeline/update-bench.ts';

const minute = 60_000;
const now = 1_000_000;
const pool = { name: 'spiky', profile: 'worker-karpenter', component: 'karpenter-pool-spiky', digest: 'k2' };

function annotated(kind: string, name: string, annotation: string, hash: string, more: object = {}): KubeObject {
  return {
    apiVersion: kind === 'EC2NodeClass' ? 'karpenter.k8s.aws/v1' : 'karpenter.sh/v1',
    kind,
    metadata: { name, generation: 2, annotations: { [annotation]: hash, [`${annotation}-version`]: 'v3' } },
    status: { conditions: [{ type: 'Ready', status: 'True', observedGeneration: 2 }] },
    ...more,
  };
}
const poolHash = 'karpenter.sh/nodepool-hash';
const classHash = 'karpenter.k8s.aws/ec2nodeclass-hash';
const spec = (budgets: object[]) => ({
  spec: { template: { spec: { nodeClassRef: { name: 'spiky' } } }, disruption: { budgets } },
});
const nodePool = (budgets: object[] = [{ nodes: '10%' }]) =>
  annotated('NodePool', 'spiky', poolHash, 'new', spec(budgets));
const nodeClass = () =>
  annotated('EC2NodeClass', 'spiky', classHash, 'c', {
    status: { amis: [{ id: 'ami-2' }], conditions: [{ type: 'Ready', status: 'True' }] },
  });

function claim(
  name: string,
  hash: string,
  more: { ready?: boolean; drifted?: boolean; image?: string; going?: boolean } = {},
): KubeObject {
  const condition = (type: string, holds: boolean) => ({ type, status: holds ? 'True' : 'False' });
  return {
    apiVersion: 'karpenter.sh/v1',
    kind: 'NodeClaim',
    metadata: {
      name,
      labels: { 'karpenter.sh/nodepool': 'spiky' },
      annotations: {
        [poolHash]: hash,
        [`${poolHash}-version`]: 'v3',
        [classHash]: 'c',
        [`${classHash}-version`]: 'v3',
      },
      ...(more.going ? { deletionTimestamp: '2026-11-21T08:00:00Z' } : {}),
    },
    status: {
      imageID: more.image ?? 'ami-2',
      conditions: [condition('Ready', more.ready ?? true), ...(more.drifted ? [condition('Drifted', true)] : [])],
    },
  };
}

function karpenter(...objects: KubeObject[]) {
  const own = { name: pool.component, digest: 'x', objects: [nodePool(), nodeClass()] };
  const made = bench({ components: [own], karpenterPools: [pool] });
  const put = (...all: KubeObject[]) => {
    made.live.objects.clear();
    for (const each of all) made.live.objects.set(`${each.kind}//${each.metadata.name}`, each);
  };
  put(...objects);
  const look = (change: Partial<ClusterUpdateState> = {}) =>
    made.run('await-karpenter', 'karpenterRolls', {
      plan: { ...made.plan, pools: ['spiky'] },
      activeMs: 5 * minute,
      lastSeenAt: now,
      ...change,
      policy: {
        e2eProfile: 'smoke',
        blockLimitMs: 10 * minute,
        progressDeadlineMs: 1e9,
        channelMaxParallel: 1,
        fleetMaxParallel: 1,
      },
    });
  return { look, put };
}
const reasonOf = (outcome: object) => (outcome as { reason?: { message: string } }).reason?.message;
const roll = (outcome: object) =>
  (outcome as { progress: { rolls: ClusterUpdateState['rolls'] } }).progress.rolls[
    'spiky'
  ] as ClusterUpdateState['rolls'][string];

describe('a pool that Karpenter rolls', () => {
  it('is left alone by an update that does not change it', async () => {
    const { run, plan } = bench({ karpenterPools: [pool] });
    expect(output(await run('await-karpenter', 'karpenterRolls', { plan: { ...plan, pools: [] } })).kind).toBe('next');
  });

  it('is waited for until no node is as it was before, and every new one is ready', async () => {
    const { look, put } = karpenter(nodePool(), nodeClass(), claim('a', 'old'), claim('b', 'old'), claim('c', 'new'));
    const first = await look();
    expect(reasonOf(first)).toBe('rolled by Karpenter: pool spiky: 2 of 3 nodes are still to be replaced');
    put(
      nodePool(),
      nodeClass(),
      claim('a', 'old', { going: true }),
      claim('c', 'new'),
      claim('d', 'new', { ready: false }),
    );
    const second = await look({ rolls: { spiky: roll(first) } });
    expect(reasonOf(second)).toBe(
      'rolled by Karpenter: pool spiky: 1 of 3 nodes are still to be replaced, 1 are not usable yet',
    );
    expect(roll(second)).toMatchObject({ nodesReplaced: 1, karpenter: { total: 3, outdated: 1 } });
    put(nodePool(), nodeClass(), claim('c', 'new'), claim('d', 'new'));
    const last = await look({ rolls: { spiky: roll(second) } });
    expect(output(last)).toMatchObject({ kind: 'next', rolls: { spiky: { state: 'rolled', nodesReplaced: 2 } } });
    expect((last.facts as FactWrite[])[0]?.value).toMatchObject({ digests: { pools: { spiky: 'k2' } } });
  });

  it('is outdated by its images, and by what Karpenter itself calls drifted', async () => {
    const { look } = karpenter(
      nodePool(),
      nodeClass(),
      claim('a', 'new', { image: 'ami-1' }),
      claim('b', 'new', { drifted: true }),
      claim('c', 'new'),
    );
    expect(reasonOf(await look())).toContain('2 of 3 nodes are still to be replaced');
  });

  it('is not done before Karpenter has seen the change: unknown is not done', async () => {
    const late = nodePool();
    Object.assign(late['status'] as object, { conditions: [{ type: 'Ready', status: 'True', observedGeneration: 1 }] });
    const { look, put } = karpenter(late, nodeClass(), claim('a', 'new'));
    expect(reasonOf(await look())).toContain('Karpenter has not seen the change of NodePool spiky');
    put(nodeClass(), claim('a', 'new'));
    expect(reasonOf(await look())).toContain('NodePool spiky is not there');
    put(nodePool(), {
      ...nodeClass(),
      status: { conditions: [{ type: 'Ready', status: 'False', reason: 'AMINotFound' }] },
    });
    expect(reasonOf(await look())).toContain('node class spiky is not ready: AMINotFound');
    put(nodePool(), nodeClass(), claim('a', 'new'));
    expect(reasonOf(await look({ activeMs: minute - 1 }))).toContain('it is looked at a little longer');
    expect(output(await look({ activeMs: minute })).kind).toBe('next');
  });

  it('is blocked when no node goes for too long, says what is in its way, and gives up in the end', async () => {
    const { look, put } = karpenter(nodePool([{ nodes: '0', reasons: ['Drifted'] }]), nodeClass(), claim('a', 'old'));
    const first = await look();
    expect(roll(first).blocked).toBeNull();
    const since = (ago: number) => ({
      rolls: { spiky: { ...roll(first), karpenter: { total: 1, outdated: 1, progressAt: now - ago } } },
    });
    expect(roll(await look(since(11 * minute))).blocked).toMatchObject({
      code: 'karpenter-blocked',
      message: expect.stringContaining('a disruption budget of NodePool spiky lets no node go') as string,
    });
    const event = (name: string, message: string, at: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${at}` },
      involvedObject: { kind: 'NodeClaim', name },
      message,
      lastTimestamp: at,
    });
    put(
      nodePool(),
      nodeClass(),
      claim('a', 'old'),
      event('a', 'pdb shop/web prevents pod evictions', '2'),
      event('a', 'older', '1'),
      event('z', 'of another', '3'),
    );
    expect(roll(await look(since(11 * minute))).blocked?.message).toContain('pdb shop/web prevents pod evictions');
    expect(await look(since(361 * minute))).toMatchObject({
      kind: 'failed',
      failure: { kind: 'terminal', code: 'karpenter-stuck' },
    });
    // hours in which nobody looked are no hours without progress
    expect((await look({ ...since(361 * minute), lastSeenAt: now - 361 * minute })).kind).toBe('waiting');
  });
});
