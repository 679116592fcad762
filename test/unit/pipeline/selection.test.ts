import { describe, expect, it } from 'vitest';
import { siblingKey, valuesOf } from '../../../src/planning/pipeline/dimensions.ts';
import { failureSignature, sameFailure } from '../../../src/planning/pipeline/failure-signature.ts';
import { type MemberView, nextInRollout, type RolloutView } from '../../../src/planning/pipeline/next-in-rollout.ts';
import { planWaves } from '../../../src/planning/pipeline/waves.ts';

const pool = (type: string) => ({
  name: 'w',
  profile: 'worker',
  instanceTypes: [type],
  discountStrategy: 'none' as const,
  minSize: 1,
  maxSize: 2,
  configItems: {},
});
const cluster = (id: string, region: string, type: string, configItems: Record<string, string> = {}) => ({
  id,
  alias: `alias-${id}`,
  region,
  environment: 'test' as const,
  criticalityLevel: 1,
  nodePools: [pool(type)],
  configItems,
});
const fleet = [
  cluster('k1', 'eu', 'm5.large', { kubernetes_version: 'v1.30.2' }),
  cluster('k2', 'eu', 'm6g.large', { kubernetes_version: 'v1.30.4' }),
  cluster('k3', 'us', 'm5.large', { kubernetes_version: 'v1.31.0' }),
  cluster('k4', 'us', 'c7gn.large', { kubernetes_version: 'v1.31.0', cni: 'cilium' }),
];

describe('dimensions', () => {
  it('say what clusters are', () => {
    const [first, second] = fleet as [(typeof fleet)[0], (typeof fleet)[0]];
    expect(valuesOf(first, 'architecture')).toEqual(['amd64']);
    expect(valuesOf(second, 'architecture')).toEqual(['arm64']);
    expect(valuesOf(first, 'minor')).toEqual(['1.30']);
    expect(valuesOf(second, 'region x architecture')).toEqual(['eu x arm64']);
    expect(valuesOf(first, 'configItems.cni')).toEqual([]);
  });

  it('give siblings one key, and clusters without a value none', () => {
    const [a, b] = [cluster('a', 'eu', 'm5.large', { pair: 'shop' }), cluster('b', 'us', 'm5.large', { pair: 'shop' })];
    expect(siblingKey(a, ['configItems.pair'])).toBe(siblingKey(b, ['configItems.pair']));
    expect(siblingKey(cluster('c', 'eu', 'm5.large'), ['configItems.pair'])).toBeUndefined();
  });
});

describe('waves chosen by what clusters are', () => {
  it('take the fewest clusters that show every value', () => {
    const [wave] = planWaves(fleet, [{ name: 'canary', size: '100%', coverage: ['region', 'architecture'] }]);
    expect(wave).toEqual({ name: 'canary', clusters: ['k1', 'k4'], coverage: 1 });
    const [product] = planWaves(fleet, [{ name: 'canary', size: '100%', coverage: ['region x architecture'] }]);
    expect(product?.clusters).toHaveLength(4);
  });

  it('say how much of it a capped wave shows', () => {
    const [wave] = planWaves(fleet, [{ name: 'canary', size: 1, coverage: ['region', 'architecture'] }]);
    expect(wave).toMatchObject({ clusters: ['k1'], coverage: 0.5 });
  });

  it('take named and matching clusters, and forget nobody', () => {
    const waves = planWaves(fleet, [
      { name: 'named', size: '100%', clusters: ['alias-k3'] },
      { name: 'europe', size: '50%', match: { region: ['eu'] } },
    ]);
    expect(waves.map((wave) => [wave.name, wave.clusters])).toEqual([
      ['named', ['k3']],
      ['europe', ['k1']],
      ['rest', ['k2', 'k4']],
    ]);
  });
});

describe('failures', () => {
  it('are alike without the names and numbers of their clusters', () => {
    const one = failureSignature({ code: 'e2e', message: 'kube-1: dns of 10.0.0.1 timed out after 31 s' }, ['kube-1']);
    const two = failureSignature({ code: 'e2e', message: 'kube-22: dns of 10.9.0.7 timed out after 5 s' }, ['kube-22']);
    expect(one).toBe(two);
    expect(failureSignature({ code: 'aws', message: 'x' })).not.toBe(failureSignature({ code: 'e2e', message: 'x' }));
  });

  it('of known infrastructure do not count as the same one', () => {
    const failing = { a: { code: 'aws-throttled', message: 'x' }, b: { code: 'aws-throttled', message: 'x' } };
    expect(sameFailure(failing, 2, [])?.clusters).toEqual(['a', 'b']);
    expect(sameFailure(failing, 2, ['aws-throttled'])).toBeUndefined();
  });
});

const member = (state: MemberView['state'], change: Partial<MemberView> = {}): MemberView => ({
  state,
  wave: 0,
  blocked: null,
  stalled: null,
  failure: null,
  ...change,
});
const view = (members: Record<string, MemberView>, change: Partial<RolloutView> = {}): RolloutView => ({
  waves: [{ name: 'all', clusters: Object.keys(members) }],
  members,
  maxParallel: 5,
  maxFailures: 9,
  ...change,
});

describe('a rollout', () => {
  it('stops at the same failure on two clusters, whatever is left of its budget', () => {
    const failed = (message: string) => member('failed', { failure: { code: 'e2e', message } });
    const members = { kube1: failed('kube1: no dns'), kube2: failed('kube2: no dns'), c: member('pending') };
    expect(nextInRollout(view(members, { sameFailureLimit: 2 }))).toMatchObject({ kind: 'halt', code: 'same-failure' });
    const other = { a: failed('no dns'), b: failed('no quota'), c: member('pending') };
    expect(nextInRollout(view(other, { sameFailureLimit: 2 }))).toMatchObject({ kind: 'start', clusters: ['c'] });
  });

  it('never has siblings in flight together, nor one beside a sibling in trouble', () => {
    const siblings = { a: 'shop', b: 'shop', c: 'pay', d: 'pay' };
    const start = nextInRollout(
      view({ a: member('pending'), b: member('pending'), c: member('failed'), d: member('pending') }, { siblings }),
    );
    expect(start).toMatchObject({ kind: 'start', clusters: ['a'] });
  });

  it('halts where siblings of what failed are all that is left: nobody would be told of a wait that nothing ends', () => {
    const siblings = { a: 'shop', b: 'shop', c: 'pay', d: 'pay' };
    const ill = { message: 'no answer' };
    const left = { c: member('failed', { failure: { message: 'no dns' } }), d: member('pending') };
    const halted = nextInRollout(view(left, { siblings }));
    expect(halted).toMatchObject({ kind: 'halt', code: 'sibling-in-trouble' });
    expect(halted.reason).toContain('d is not touched while its sibling is in trouble: c (no dns)');
    // a hold of its own ends, an update under way may change what can be started, and one that is stalled may go on
    const ownHold = nextInRollout(view(left, { siblings, clusterHolds: { d: 'pinned' } }));
    expect(ownHold).toMatchObject({ kind: 'wait', code: 'held' });
    const flying = nextInRollout(view({ ...left, a: member('inFlight') }, { siblings }));
    expect(flying).toMatchObject({ kind: 'wait', code: 'children' });
    const stalled = { c: member('inFlight', { stalled: ill }), d: member('pending') };
    expect(nextInRollout(view(stalled, { siblings }))).toMatchObject({ kind: 'wait', code: 'held' });
  });

  it('does not begin a wave that is held, and goes on with one that has begun', () => {
    const waves = [
      { name: 'canary', clusters: ['a'] },
      { name: 'all', clusters: ['b', 'c'] },
    ];
    const hold = { waves, waveHolds: { 1: { code: 'gate-closed', reason: '0 of 1 approvals' } } };
    const before = nextInRollout(view({ a: member('updated'), b: member('pending'), c: member('pending') }, hold));
    expect(before).toMatchObject({ kind: 'wait', code: 'gate-closed', reason: 'before wave all: 0 of 1 approvals' });
    const within = nextInRollout(view({ a: member('updated'), b: member('updated'), c: member('pending') }, hold));
    expect(within).toMatchObject({ kind: 'start', clusters: ['c'] });
  });

  it('does not count clusters that joined late, nor wait for skipped ones', () => {
    const members = {
      a: member('updated'),
      b: member('failed', { joined: true }),
      c: member('skipped'),
    };
    expect(nextInRollout(view(members, { maxFailures: 0 }))).toMatchObject({ kind: 'verified' });
  });
});
