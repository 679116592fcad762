import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/domain/kube-object.ts';
import type { RenderedCluster } from '../../../src/domain/rendered.ts';
import { inApplyOrder } from '../../../src/planning/pipeline/apply-order.ts';
import { unknownCluster } from '../../../src/planning/pipeline/facts.ts';
import { readinessOf } from '../../../src/planning/pipeline/readiness.ts';
import { classifyStack, describeStackFailure, firstFailure } from '../../../src/planning/pipeline/stack-state.ts';
import { comparable, firstDifference } from '../../../src/planning/pipeline/subset.ts';
import { allDigests, changedUnits, underUpdate, withApplied } from '../../../src/planning/pipeline/update-plan.ts';

const object = (kind: string, name = kind.toLowerCase()): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name },
});

describe('the order of kinds', () => {
  it('has definitions and namespaces before everything, and webhooks after what serves them', () => {
    const mixed = [
      'Widget',
      'ValidatingWebhookConfiguration',
      'Deployment',
      'ConfigMap',
      'Namespace',
      'ClusterRole',
      'CustomResourceDefinition',
    ];
    expect(inApplyOrder(mixed.map((kind) => object(kind))).map((item) => item.kind)).toEqual([
      'CustomResourceDefinition',
      'Namespace',
      'ClusterRole',
      'ConfigMap',
      'Deployment',
      'Widget',
      'ValidatingWebhookConfiguration',
    ]);
  });

  it('keeps objects of one kind in the order in which they were written', () => {
    const names = ['z', 'a', 'm'];
    expect(inApplyOrder(names.map((name) => object('ConfigMap', name))).map((item) => item.metadata.name)).toEqual(
      names,
    );
  });
});

describe('what is there already', () => {
  const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<unknown>;

  it('is everything compared with itself', () => {
    fc.assert(fc.property(json, (value) => firstDifference(value, structuredClone(value)) === undefined));
  });

  it('may hold more fields than were asked for', () => {
    const live = { spec: { replicas: 1, paused: false }, status: {} };
    expect(firstDifference({ spec: { replicas: 1 } }, live)).toBeUndefined();
    expect(firstDifference({ spec: { replicas: 2 } }, live)).toBe('spec.replicas');
    expect(firstDifference({ spec: { strategy: { type: 'Recreate' } } }, live)).toBe('spec.strategy');
  });

  it('compares lists of named things by name, others place by place', () => {
    const live = {
      env: [
        { name: 'B', value: '2' },
        { name: 'A', value: '1' },
      ],
      args: ['x', 'y'],
    };
    expect(firstDifference({ env: [{ name: 'A', value: '1' }] }, live)).toBeUndefined();
    expect(firstDifference({ env: [{ name: 'C', value: '1' }] }, live)).toBe('env[C]');
    expect(firstDifference({ args: ['x'] }, live)).toBe('args');
    expect(firstDifference({ args: ['y', 'x'] }, live)).toBe('args[0]');
  });

  it('knows that amounts can be written in several ways, and that other text cannot', () => {
    expect(firstDifference({ cpu: '1000m', memory: '1Gi' }, { cpu: '1', memory: '1024Mi' })).toBeUndefined();
    expect(firstDifference({ cpu: '1000m' }, { cpu: '2' })).toBe('cpu');
    expect(firstDifference({ image: 'a:1.0' }, { image: 'a:1' })).toBe('image');
  });

  it('reads plain text of secrets as what the server keeps of it', () => {
    const secret = { ...object('Secret'), stringData: { key: 'value' } };
    const live = { ...object('Secret'), data: { key: Buffer.from('value').toString('base64') } };
    expect(firstDifference(comparable(secret), live)).toBeUndefined();
  });
});

describe('a stack', () => {
  it.each([
    ['CREATE_COMPLETE', 'settled'],
    ['UPDATE_COMPLETE', 'settled'],
    ['UPDATE_COMPLETE_CLEANUP_IN_PROGRESS', 'busy'],
    ['UPDATE_ROLLBACK_IN_PROGRESS', 'busy'],
    ['UPDATE_ROLLBACK_COMPLETE', 'rolled-back'],
    ['UPDATE_ROLLBACK_FAILED', 'half-back'],
    ['ROLLBACK_COMPLETE', 'hollow'],
    ['REVIEW_IN_PROGRESS', 'hollow'],
    ['ROLLBACK_FAILED', 'broken'],
    ['CREATE_FAILED', 'broken'],
    ['DELETE_FAILED', 'broken'],
    ['A_STATUS_OF_TOMORROW', 'broken'],
  ])('that is %s is %s', (status, kind) => {
    expect(classifyStack({ status }).kind).toBe(kind);
  });

  it('says what went wrong first, not what was cancelled because of it', () => {
    const at = (minute: number) => new Date(minute * 60_000).toISOString();
    const events = [
      { at: at(9), logicalId: 'Group', status: 'UPDATE_FAILED', reason: 'Resource update cancelled' },
      { at: at(8), logicalId: 'Role', status: 'UPDATE_FAILED', reason: 'name is taken' },
      { at: at(7), logicalId: 'Topic', status: 'UPDATE_COMPLETE' },
      { at: at(1), logicalId: 'Old', status: 'CREATE_FAILED', reason: 'of an earlier update' },
    ];
    const failure = firstFailure(events, 5 * 60_000);
    expect(failure?.logicalId).toBe('Role');
    expect(describeStackFailure('s', 'UPDATE_ROLLBACK_COMPLETE', failure)).toBe(
      'stack s is UPDATE_ROLLBACK_COMPLETE: Role UPDATE_FAILED (name is taken)',
    );
  });
});

describe('what an update changes', () => {
  const rendered: RenderedCluster = {
    clusterId: 'a',
    commit: 'c1',
    digest: 'd',
    stacks: [{ name: 's1', kind: 'cluster', template: '', parameters: {}, tags: {}, digest: '1' }],
    components: [
      { name: 'x', objects: [], digest: '1' },
      { name: 'y', objects: [], digest: '2' },
    ],
    pools: [{ name: 'w', profile: 'worker', controlPlane: false, stackName: 's2', digest: '1' }],
    karpenterPools: [],
    deletions: { preApply: [], postApply: [], preApplyStacks: [], postApplyStacks: [] },
  };
  const known = { ...unknownCluster(), digest: 'd', digests: allDigests(rendered) };

  it('is nothing when the digest is the one recorded', () => {
    expect(changedUnits(rendered, known).noop).toBe(true);
  });

  it('is everything on a cluster of which nothing is known', () => {
    expect(changedUnits(rendered, unknownCluster())).toEqual({
      stacks: ['s1'],
      components: ['x', 'y'],
      pools: ['w'],
      deletions: false,
      noop: false,
    });
  });

  it('is what differs', () => {
    const fact = { ...known, digest: 'old', digests: { ...known.digests, components: { x: '1', y: 'old' } } };
    expect(changedUnits(rendered, fact)).toMatchObject({ stacks: [], components: ['y'], pools: [] });
  });

  it('forgets what it is about to touch before it touches it, so that going back is never taken for done', () => {
    const fact = { ...known, digest: 'old', digests: { ...known.digests, stacks: { s1: 'old' } } };
    const during = underUpdate(fact, changedUnits(rendered, fact), 5);
    expect(during).toMatchObject({ digest: null, digests: { stacks: {} }, currentVersion: fact.currentVersion });
    const back = { ...rendered, digest: 'old', stacks: rendered.stacks.map((stack) => ({ ...stack, digest: 'old' })) };
    expect(changedUnits(back, during)).toMatchObject({ noop: false, stacks: ['s1'] });
    expect(withApplied(during, { stacks: { s1: '1' } }, 6).digests.stacks).toEqual({ s1: '1' });
  });
});

describe('a workload', () => {
  const workload = (kind: string, spec: object, status: object, generation = 2): KubeObject => ({
    ...object(kind),
    metadata: { name: 'w', generation },
    spec,
    status,
  });

  it.each([
    [
      'a deployment that arrived',
      workload('Deployment', { replicas: 2 }, { observedGeneration: 2, updatedReplicas: 2, availableReplicas: 2 }),
      undefined,
    ],
    [
      'one that its controller has not seen',
      workload('Deployment', { replicas: 2 }, { observedGeneration: 1, updatedReplicas: 2, availableReplicas: 2 }),
      'its controller has not seen it yet',
    ],
    [
      'one half way',
      workload('Deployment', { replicas: 2 }, { observedGeneration: 2, updatedReplicas: 1, availableReplicas: 2 }),
      '1 of 2 replicas are updated',
    ],
    [
      'one that does not come up',
      workload('StatefulSet', { replicas: 2 }, { observedGeneration: 2, updatedReplicas: 2, readyReplicas: 1 }),
      '1 of 2 replicas are ready',
    ],
    ['one without status', workload('Deployment', {}, {}), 'its controller has not seen it yet'],
    ['one scaled to nothing', workload('Deployment', { replicas: 0 }, { observedGeneration: 2 }), undefined],
    [
      'a daemon set on every node',
      workload(
        'DaemonSet',
        {},
        { observedGeneration: 2, desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberAvailable: 3 },
      ),
      undefined,
    ],
    [
      'a daemon set still replacing pods',
      workload(
        'DaemonSet',
        {},
        { observedGeneration: 2, desiredNumberScheduled: 3, updatedNumberScheduled: 2, numberAvailable: 3 },
      ),
      '2 of 3 pods are updated',
    ],
  ])('%s', (_, live, why) => {
    const readiness = readinessOf({ ...live, apiVersion: 'apps/v1' });
    expect(readiness.state === 'ready' ? undefined : readiness.message).toBe(why);
  });
});
