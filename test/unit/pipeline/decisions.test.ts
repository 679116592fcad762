import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WavePolicy } from '../../../src/domain/pipeline.ts';
import { type EvidenceFact, evidenceKey, unknownCluster } from '../../../src/planning/pipeline/facts.ts';
import { type GateMember, judgeGate } from '../../../src/planning/pipeline/gate.ts';
import { inheritableEvidence } from '../../../src/planning/pipeline/inherit.ts';
import { judgeHead } from '../../../src/planning/pipeline/judge-head.ts';
import { budgetSpent, type MemberView, nextInRollout } from '../../../src/planning/pipeline/next-in-rollout.ts';
import { describeHold, holdOn, readOverrides } from '../../../src/planning/pipeline/overrides.ts';
import { isSoaked, soakTickMs, startSoak, tickSoak } from '../../../src/planning/pipeline/soak.ts';
import { planWaves } from '../../../src/planning/pipeline/waves.ts';

const candidate = (id: string, environment: 'test' | 'production' = 'test', criticalityLevel = 1) => ({
  id,
  environment,
  criticalityLevel,
  nodePools: [],
});

const wavePolicy: fc.Arbitrary<WavePolicy[]> = fc.array(
  fc.record({
    name: fc.string({ minLength: 1, maxLength: 5 }),
    size: fc.oneof(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 100 }).map((percent): `${number}%` => `${percent}%`),
    ),
  }),
  { maxLength: 5 },
);

describe('waves', () => {
  it('hold every cluster exactly once, whatever the policy', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 60 }), wavePolicy, (ids, policy) => {
        const waves = planWaves(
          ids.map((id) => candidate(id)),
          policy,
        );
        expect(waves.flatMap((wave) => wave.clusters).sort()).toEqual([...ids].sort());
        expect(waves.every((wave) => wave.clusters.length > 0)).toBe(true);
      }),
    );
  });

  it('do not depend on the order in which the registry lists clusters', () => {
    fc.assert(
      fc.property(
        fc
          .uniqueArray(fc.string({ minLength: 1 }), { maxLength: 30 })
          .chain((ids) => fc.tuple(fc.constant(ids), fc.shuffledSubarray(ids, { minLength: ids.length }))),
        wavePolicy,
        ([ids, shuffled], policy) => {
          const plan = (list: string[]) =>
            planWaves(
              list.map((id) => candidate(id)),
              policy,
            );
          expect(plan(shuffled)).toEqual(plan(ids));
        },
      ),
    );
  });

  it('count sizes against those not taken yet, percentages rounded up', () => {
    const ids = Array.from({ length: 10 }, (_, i) => candidate(`c${i}`));
    const waves = planWaves(ids, [
      { name: 'canary', size: 1 },
      { name: 'some', size: '10%' },
      { name: 'half', size: '50%' },
    ]);
    expect(waves.map((wave) => [wave.name, wave.clusters.length])).toEqual([
      ['canary', 1],
      ['some', 1],
      ['half', 4],
      ['rest', 4],
    ]);
  });

  it('begin with what matters least', () => {
    const waves = planWaves(
      [candidate('p', 'production'), candidate('a', 'test', 3), candidate('b', 'test', 1)],
      [{ name: 'one', size: 1 }],
    );
    expect(waves.map((wave) => wave.clusters)).toEqual([['b'], ['a', 'p']]);
  });
});

const memberState = fc.constantFrom<MemberView['state']>(
  'pending',
  'inFlight',
  'updated',
  'failed',
  'superseded',
  'aborted',
  'left',
);
const reason = { message: 'x' };
const anyMember = fc.record({ state: memberState, stalled: fc.boolean(), blocked: fc.boolean() }).map(
  ({ state, stalled, blocked }): MemberView => ({
    state,
    wave: 0,
    stalled: state === 'inFlight' && stalled ? reason : null,
    blocked: state === 'inFlight' && blocked ? reason : null,
    failure: null,
  }),
);
const anyRollout = fc
  .record({
    members: fc.array(anyMember, { minLength: 1, maxLength: 20 }),
    split: fc.integer({ min: 0, max: 20 }),
    maxParallel: fc.integer({ min: 1, max: 8 }),
    maxFailures: fc.integer({ min: 0, max: 3 }),
    hold: fc.option(fc.constant('frozen'), { nil: undefined }),
  })
  .map(({ members, split, maxParallel, maxFailures, hold }) => {
    const ids = members.map((_, i) => `c${i}`);
    const waves = [ids.slice(0, split), ids.slice(split)].filter((wave) => wave.length > 0);
    return {
      waves: waves.map((clusters, index) => ({ name: `w${index}`, clusters })),
      members: Object.fromEntries(members.map((member, i) => [`c${i}`, member])),
      maxParallel,
      maxFailures,
      ...(hold === undefined ? {} : { hold }),
    };
  });

describe('what a rollout does next', () => {
  it('never exceeds maxParallel (P3), never starts over the budget (P4) or under a hold (P5)', () => {
    fc.assert(
      fc.property(anyRollout, (view) => {
        const next = nextInRollout(view);
        if (next.kind !== 'start') return;
        const inFlight = Object.values(view.members).filter((member) => member.state === 'inFlight').length;
        expect(inFlight + next.clusters.length).toBeLessThanOrEqual(view.maxParallel);
        expect(budgetSpent(view.members).length).toBeLessThanOrEqual(view.maxFailures);
        expect('hold' in view).toBe(false);
        expect(next.clusters.every((id) => view.members[id]?.state === 'pending')).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('never starts a wave while a cluster of an earlier one is pending or in flight and well', () => {
    fc.assert(
      fc.property(anyRollout, (view) => {
        const next = nextInRollout(view);
        if (next.kind !== 'start') return;
        const waveOf = (id: string): number => view.waves.findIndex((wave) => wave.clusters.includes(id));
        for (const id of next.clusters) {
          const earlier = view.waves.slice(0, waveOf(id)).flatMap((wave) => wave.clusters);
          const open = earlier.filter((other) => {
            const member = view.members[other] as MemberView;
            return member.state === 'pending' || (member.state === 'inFlight' && member.stalled === null);
          });
          expect(open).toEqual([]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('always has something that can happen: a start, a halt, an end, or somebody to wait for', () => {
    fc.assert(
      fc.property(anyRollout, (view) => {
        const next = nextInRollout(view);
        if (next.kind !== 'wait') return;
        const flying = Object.values(view.members).some((member) => member.state === 'inFlight');
        expect(flying || 'hold' in view || next.code === 'channel-empty').toBe(true);
        expect(next.reason).not.toBe('');
      }),
      { numRuns: 500 },
    );
  });

  it('ends when driven with any results within the budget', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 5 }),
        (results, maxParallel) => {
          const ids = results.map((_, i) => `c${i}`);
          const members: Record<string, MemberView> = Object.fromEntries(
            ids.map((id) => [id, { state: 'pending', wave: 0, stalled: null, blocked: null, failure: null }]),
          );
          const waves = planWaves(
            ids.map((id) => candidate(id)),
            [
              { name: 'canary', size: 1 },
              { name: 'half', size: '50%' },
            ],
          );
          for (let turn = 0; turn < 200; turn += 1) {
            const next = nextInRollout({ waves, members, maxParallel, maxFailures: results.length });
            if (next.kind === 'verified' || next.kind === 'halt') {
              const end = results.includes(true) ? { kind: 'verified' } : { kind: 'halt', code: 'nothing-passed' };
              expect(next).toMatchObject(end);
              return;
            }
            if (next.kind === 'start') for (const id of next.clusters) (members[id] as MemberView).state = 'inFlight';
            const flying = ids.find((id) => members[id]?.state === 'inFlight');
            if (flying !== undefined)
              (members[flying] as MemberView).state = results[ids.indexOf(flying)] ? 'updated' : 'failed';
          }
          throw new Error('did not end');
        },
      ),
    );
  });

  describe('when clusters of the plan are not there any more', () => {
    const member = (state: MemberView['state'], joined = false): MemberView => ({
      state,
      wave: 0,
      joined,
      stalled: null,
      blocked: null,
      failure: null,
    });
    const next = (members: Record<string, MemberView>) =>
      nextInRollout({ waves: [{ name: 'all', clusters: ['a', 'b'] }], members, maxParallel: 1, maxFailures: 0 });

    it('waits for one that comes when nobody is left, and says so', () => {
      const gone = next({ a: member('left'), b: member('skipped') });
      expect(gone).toMatchObject({ kind: 'wait', code: 'channel-empty' });
      expect(gone.kind === 'wait' && gone.reason).toContain('1 left the channel, 1 are skipped');
      expect(next({})).toMatchObject({ kind: 'wait', code: 'channel-empty' });
    });

    it('takes the results of those that came later, good and bad', () => {
      expect(next({ a: member('left'), c: member('pending', true) })).toMatchObject({ kind: 'start', clusters: ['c'] });
      expect(next({ a: member('left'), c: member('updated', true) })).toMatchObject({ kind: 'verified' });
      expect(next({ a: member('left'), c: member('failed', true) })).toMatchObject({ kind: 'halt' });
    });

    it('does not take them while one of the plan is there', () => {
      expect(next({ a: member('updated'), c: member('failed', true) })).toMatchObject({ kind: 'verified' });
      const halt = { kind: 'halt', code: 'failure-budget-spent' };
      expect(next({ a: member('failed'), c: member('updated', true) })).toMatchObject(halt);
    });
  });

  it('names the first failures when it halts', () => {
    const failed: MemberView = {
      state: 'failed',
      wave: 0,
      stalled: null,
      blocked: null,
      failure: { message: 'no node boots' },
    };
    const next = nextInRollout({ waves: [], members: { a: failed }, maxParallel: 1, maxFailures: 0 });
    expect(next).toMatchObject({ kind: 'halt', reason: '1 failed, 0 allowed: a (no node boots)' });
  });
});

describe('the soak', () => {
  it('never counts more than was observed, whatever the clock does', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20_000, max: 100_000_000 }),
        fc.array(fc.record({ step: fc.integer({ min: -1e9, max: 1e9 }), healthy: fc.boolean() }), { maxLength: 50 }),
        (requiredMs, looks) => {
          const longest = 2 * soakTickMs(requiredMs);
          let now = 0;
          let soak = startSoak(requiredMs, now);
          let most = 0;
          for (const { step, healthy } of looks) {
            now += step;
            const before = soak.observedMs;
            soak = tickSoak(soak, { now, healthy, requiredMs });
            if (healthy) most += Math.min(Math.max(step, 0), longest);
            expect(soak.observedMs).toBeGreaterThanOrEqual(before);
            expect(soak.observedMs).toBeLessThanOrEqual(Math.min(most, requiredMs));
          }
        },
      ),
    );
  });

  it('takes exactly as long as it has to when it is looked at in time', () => {
    const requiredMs = 10 * 60_000;
    let now = 0;
    let soak = startSoak(requiredMs, now);
    while (!isSoaked(soak)) {
      now += soakTickMs(requiredMs);
      soak = tickSoak(soak, { now, healthy: true, requiredMs });
    }
    expect(now).toBe(requiredMs);
  });
});

describe('the gate', () => {
  const commit = 'c1';
  const tree = 't1';
  const member = (change: Partial<GateMember> = {}): GateMember => ({
    state: 'updated',
    attempt: 1,
    version: 'c1#d1',
    ...change,
  });
  const green: EvidenceFact = {
    version: 'c1#d1',
    tree,
    result: 'passed',
    passed: 1,
    failed: 0,
    failures: [],
    excused: [],
    at: 0,
    inheritedFrom: null,
  };
  const judge = (members: Record<string, GateMember>, evidence: Record<string, EvidenceFact>, maxFailures = 0) =>
    judgeGate({ commit, tree, members, maxFailures, evidence: new Map(Object.entries(evidence)) });

  it('opens when every cluster has green evidence of exactly this version', () => {
    expect(judge({ a: member() }, { [evidenceKey('a', commit, 1)]: green }).open).toBe(true);
  });

  it.each([
    ['an older commit', { version: 'c0#d1' }],
    ['another rendering of the same commit', { version: 'c1#d0' }],
    ['another tree', { tree: 't0' }],
  ])('stays closed on evidence of %s (P2)', (_, change) => {
    expect(judge({ a: member() }, { [evidenceKey('a', commit, 1)]: { ...green, ...change } }).open).toBe(false);
  });

  it('stays closed on evidence of an earlier attempt', () => {
    expect(judge({ a: member({ attempt: 2 }) }, { [evidenceKey('a', commit, 1)]: green }).open).toBe(false);
  });

  it('stays closed when the checks failed after they had passed before', () => {
    expect(judge({ a: member() }, { [evidenceKey('a', commit, 1)]: { ...green, result: 'failed' } }).open).toBe(false);
  });

  it('is closed when nobody is there, or everybody left (B5)', () => {
    expect(judge({}, {}).open).toBe(false);
    expect(judge({ a: member({ state: 'left' }) }, {}).open).toBe(false);
    expect(judge({ a: member({ state: 'failed' }) }, {}, 5).open).toBe(false);
  });

  it('never counts a cluster in flight, skipped or superseded as green', () => {
    fc.assert(
      fc.property(
        fc.array(memberState, { minLength: 1, maxLength: 10 }),
        fc.integer({ min: 0, max: 3 }),
        (states, maxFailures) => {
          const members = Object.fromEntries(states.map((state, i) => [`c${i}`, member({ state })]));
          const evidence = Object.fromEntries(states.map((_, i) => [evidenceKey(`c${i}`, commit, 1), green]));
          const verdict = judge(members, evidence, maxFailures);
          const updated = states.filter((state) => state === 'updated').length;
          const others = states.filter((state) => state !== 'updated' && state !== 'left').length;
          expect(verdict.open).toBe(updated > 0 && others <= maxFailures);
        },
      ),
    );
  });
});

describe('inherited evidence', () => {
  const fact = { ...unknownCluster(), digest: 'd1', evidence: { key: 'k', at: 1_000, profile: 'smoke' } };
  const limits = { evidenceMaxAgeMs: 500, now: 1_400 };

  it('holds for the same digest and profile while it is young enough', () => {
    expect(inheritableEvidence(fact, { digest: 'd1', profile: 'smoke' }, limits)).toMatchObject({
      inherits: true,
      from: 'k',
    });
  });

  it.each([
    ['another digest', fact, { digest: 'd2', profile: 'smoke' }, limits],
    ['another profile', fact, { digest: 'd1', profile: 'full' }, limits],
    ['evidence that is too old', fact, { digest: 'd1', profile: 'smoke' }, { ...limits, now: 1_501 }],
    ['evidence from the future', fact, { digest: 'd1', profile: 'smoke' }, { ...limits, now: 999 }],
    ['an update that was not finished', { ...fact, digest: null }, { digest: 'd1', profile: 'smoke' }, limits],
    ['a cluster that never passed', { ...fact, evidence: null }, { digest: 'd1', profile: 'smoke' }, limits],
  ])('does not hold for %s', (_, of, next, within) => {
    expect(inheritableEvidence(of, next, within).inherits).toBe(false);
  });
});

describe('the head of a channel', () => {
  const base = {
    channel: 'alpha',
    upstream: ['dev'],
    head: { commit: 'c1', tree: 't1' },
    problem: undefined,
    adoption: { actor: 'jo', at: 0, heads: {} },
    handled: null,
    approved: false,
    provenUpstream: [],
    hold: undefined,
    veto: undefined,
    unsigned: undefined,
    adoptsUnproven: false,
    behind: undefined,
  };

  it.each([
    ['starts on a first channel', { upstream: [] }, 'start'],
    ['is held on a later channel when nobody vouches for it', {}, 'held'],
    ['starts when clm put it there', { approved: true }, 'start'],
    ['starts when its tree is proven upstream', { provenUpstream: ['dev'] }, 'start'],
    [
      'is adopted when every cluster ran it at first contact',
      { adoption: { actor: 'jo', at: 0, heads: { alpha: { commit: 'c1', tree: 't1', matches: true } } } },
      'adopted',
    ],
    [
      'starts when it was there at first contact and clusters differ',
      { adoption: { actor: 'jo', at: 0, heads: { alpha: { commit: 'c1', tree: 't1', matches: false } } } },
      'start',
    ],
    ['waits for adoption', { adoption: undefined, upstream: [] }, 'held'],
    ['waits while the channel is paused', { upstream: [], hold: 'paused' }, 'held'],
    ['is held when somebody vetoed it, proven or not', { provenUpstream: ['dev'], veto: 'veto by jo' }, 'held'],
    ['is held when its commits are not signed', { upstream: [], unsigned: 'c1 is not signed' }, 'held'],
    ['waits behind the rollout under way', { upstream: [], behind: { code: 'queued', reason: 'b0' } }, 'held'],
    ['starts unproven where the policy takes such heads', { adoptsUnproven: true }, 'start'],
    ['needs nothing more once it is handled', { upstream: [], handled: 'c1' }, 'idle'],
    [
      'freezes the channel when the branch was forced',
      { problem: { branch: 'alpha', kind: 'forced' as const, message: 'x' } },
      'frozen',
    ],
    ['freezes the channel when the branch is gone', { head: undefined }, 'frozen'],
  ])('%s', (_, change, kind) => {
    expect(judgeHead({ ...base, ...change }).kind).toBe(kind);
  });
});

describe('overrides', () => {
  const value = { kind: 'pause', scope: 'channel:dev', actor: 'jo', reason: 'graphs', expiresAt: 100 };
  const at = (
    now: number,
    where: { channel: string; cluster?: string },
    facts = [{ key: 'o', value: value as unknown }],
  ) => holdOn(readOverrides(facts), where, now);

  it('hold what they name until they expire', () => {
    expect(at(99, { channel: 'dev' })).toBeDefined();
    expect(at(100, { channel: 'dev' })).toBeUndefined();
    expect(at(99, { channel: 'alpha' })).toBeUndefined();
  });

  it('may name the scope as text or as an object, and the end as time or as text', () => {
    const facts = [
      { key: 'o', value: { ...value, scope: { kind: 'cluster', name: 'a' }, expiresAt: '2030-01-01T00:00:00Z' } },
    ];
    expect(at(0, { channel: 'dev', cluster: 'a' }, facts)?.expiresAt).toBe(Date.parse('2030-01-01T00:00:00Z'));
    expect(at(0, { channel: 'dev', cluster: 'b' }, facts)).toBeUndefined();
  });

  it('that cannot be read hold everything', () => {
    expect(at(0, { channel: 'dev' }, [{ key: 'o', value: 'rubbish' }])?.scope).toBe('fleet');
  });

  it('of a kind that does not hold, hold nothing', () => {
    expect(at(0, { channel: 'dev' }, [{ key: 'o', value: { ...value, kind: 'note' } }])).toBeUndefined();
  });

  it('say who, why and until when', () => {
    const hold = at(0, { channel: 'dev' });
    expect(hold === undefined ? '' : describeHold(hold)).toBe(
      'pause of channel:dev by jo until 1970-01-01T00:00:00.100Z: graphs',
    );
  });
});
