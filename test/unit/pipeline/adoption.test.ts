import { describe, expect, it } from 'vitest';
import type { RenderedCluster } from '../../../src/domain/rendered.ts';
import { compareCluster, type LiveCluster, objectKey } from '../../../src/planning/pipeline/adoption.ts';
import type { NodeGroup, StackView } from '../../../src/ports/cloud-provider.ts';
import { adoptionWrites } from '../../../src/steps/adoption/observe-fleet.ts';
import { HeadWatch } from '../../../src/steps/channel/head-watch.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';

const head = { commit: 'c1', tree: 't1' };
const config = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'kube-system' },
  data: { key: '1' },
};
const rendered: RenderedCluster = {
  clusterId: sampleCluster.id,
  commit: 'c1',
  digest: 'd'.repeat(64),
  stacks: [
    {
      name: 'kube-1',
      kind: 'cluster',
      template: '{"a":1,"b":2}',
      parameters: { Size: '3', Secret: 'x' },
      tags: { owner: 'clm' },
      digest: '1',
    },
    { name: 'pool', kind: 'node-pool', pool: 'w', template: 'Pool: 1', parameters: {}, tags: {}, digest: '2' },
  ],
  components: [{ name: 'dns', digest: '3', objects: [config] }],
  pools: [{ name: 'w', profile: 'worker', controlPlane: false, stackName: 'pool', digest: '4' }],
  karpenterPools: [],
  deletions: { preApply: [], postApply: [], preApplyStacks: [], postApplyStacks: [] },
};

function live(): LiveCluster & { stacks: Map<string, { view: StackView; template: string }> } {
  const view = (name: string, more: Partial<StackView> = {}): StackView => ({
    name,
    id: name,
    status: 'CREATE_COMPLETE',
    outputs: {},
    tags: {},
    parameters: {},
    terminationProtection: false,
    ...more,
  });
  return {
    account: '123456789012',
    region: 'eu-central-1',
    kubeSystemUid: 'u1',
    stacks: new Map([
      [
        'kube-1',
        {
          view: view('kube-1', { parameters: { Size: '3', Secret: '****' }, tags: { owner: 'clm' } }),
          template: '{ "b": 2, "a": 1 }',
        },
      ],
      ['pool', { view: view('pool'), template: 'Pool: 1\n' }],
    ]),
    groups: [group('1')],
    objects: new Map([[objectKey(config), { ...config, metadata: { ...config.metadata, uid: 'x' } }]]),
  };
}

function group(running: string): NodeGroup {
  return {
    name: 'w',
    desired: 1,
    min: 1,
    max: 2,
    zones: [],
    subnets: [],
    launchTemplate: { id: 'lt', name: 'w', version: '1' },
    newInstancesProtected: false,
    suspendedProcesses: [],
    classicLoadBalancers: [],
    targetGroups: [],
    tags: { NodePool: 'w' },
    instances: [
      {
        id: 'i-1',
        zone: 'a',
        instanceType: 'm6g.large',
        lifecycleState: 'InService',
        health: 'Healthy',
        protectedFromScaleIn: false,
        launchTemplate: { id: 'lt', version: running },
      },
    ],
  };
}

const compare = (found: LiveCluster) => compareCluster(sampleCluster, head, rendered, found, 5);

describe('first contact with a cluster', () => {
  it('recognises one that runs what its channel says, however the template is written', () => {
    const finding = compare(live());
    expect(finding).toMatchObject({ result: 'matches', changes: [] });
    expect(finding.fact).toMatchObject({
      currentVersion: `c1#${'d'.repeat(16)}`,
      commit: 'c1',
      digests: { stacks: { 'kube-1': '1', pool: '2' }, components: { dns: '3' }, pools: { w: '4' } },
      pinned: { account: '123456789012', kubeSystemUid: 'u1' },
    });
  });

  it('names what differs, and keeps the digests of what does not', () => {
    const found = live();
    found.stacks.delete('pool');
    const finding = compare(found);
    expect(finding.result).toBe('would-change');
    expect(finding.changes).toEqual(['stack pool is created']);
    expect(finding.fact).toMatchObject({
      currentVersion: null,
      digest: null,
      digests: { stacks: { 'kube-1': '1' }, components: { dns: '3' }, pools: {} },
    });
  });

  it.each([
    [
      'a parameter',
      (found: ReturnType<typeof live>) => (found.stacks.get('kube-1')!.view.parameters['Size'] = '4'),
      'stack kube-1 has another value of parameter Size',
    ],
    [
      'a tag',
      (found: ReturnType<typeof live>) => (found.stacks.get('kube-1')!.view.tags['owner'] = 'me'),
      'stack kube-1 has another tag owner',
    ],
    [
      'a stack that failed',
      (found: ReturnType<typeof live>) => (found.stacks.get('pool')!.view.status = 'UPDATE_ROLLBACK_FAILED'),
      'stack pool is UPDATE_ROLLBACK_FAILED',
    ],
  ])('sees %s', (_, spoil, change) => {
    const found = live();
    spoil(found);
    expect(compare(found).changes).toContain(change);
  });

  it('sees nodes that would be replaced and objects that were edited', () => {
    const edited = { ...config, data: { key: '2' } };
    const found = { ...live(), groups: [group('0')], objects: new Map([[objectKey(config), edited]]) };
    expect(compare(found).changes).toEqual([
      'ConfigMap kube-system/a differs at data.key',
      '1 nodes of pool w are replaced',
    ]);
  });

  it('takes nothing from the wrong account (B1)', () => {
    expect(compare({ ...live(), account: '999999999999' })).toMatchObject({ result: 'wrong-target', fact: null });
  });
});

describe('adopting', () => {
  it('takes the head of a channel as it is only when every cluster runs it', () => {
    const matching = compare(live());
    const differing = { ...compare(live()), cluster: 'other', result: 'unreachable' as const, fact: null };
    const matches = (clusters: (typeof matching)[]): unknown => {
      const writes = adoptionWrites({ clusters, heads: { dev: head } }, [], { actor: 'jo', reason: '', now: 5 });
      return writes.facts.find((fact) => fact.kind === 'adoption')?.value;
    };
    expect(matches([matching])).toMatchObject({ heads: { dev: { matches: true } } });
    expect(matches([matching, differing])).toMatchObject({ heads: { dev: { matches: false } } });
  });
});

describe('looking at the branches', () => {
  const watch = () => {
    let fetches = 0;
    let release: (() => void) | undefined;
    const heads = new HeadWatch({
      source: {
        fetch: async () => {
          fetches += 1;
          await new Promise<void>((resolve) => {
            release = resolve;
            queueMicrotask(resolve);
          });
          return { heads: [{ branch: 'dev', commit: 'c1' }], problems: [] };
        },
        commitInfo: async (commit) => ({ commit, tree: 't', author: '', subject: '', committedAt: '' }),
      },
      pipeline: () => ({ channels: [], maxParallel: 1, evidenceMaxAgeMs: 1 }),
      store: { facts: async () => [] },
      pollIntervalMs: 60_000,
    });
    return { heads, count: () => fetches, release: () => release?.() };
  };

  it('fetches once for all channels that ask at once, and again when the answer is old', async () => {
    const { heads, count } = watch();
    await Promise.all([heads.look(0), heads.look(0), heads.look(1)]);
    await heads.look(20_000);
    expect(count()).toBe(1);
    await heads.look(40_000);
    expect(count()).toBe(2);
  });

  it('fetches again after a branch was moved, also while a fetch is under way', async () => {
    const { heads, count } = watch();
    const early = heads.look(0);
    heads.forget();
    await Promise.all([early, heads.look(0)]);
    await heads.look(0);
    expect(count()).toBe(2);
  });

  it('does not believe an answer from the future', async () => {
    const { heads, count } = watch();
    await heads.look(1_000_000);
    await heads.look(0);
    expect(count()).toBe(2);
  });
});
