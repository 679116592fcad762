import { describe, expect, it } from 'vitest';
import type { ApprovalGate, HttpGate, PrometheusGate } from '../../../src/domain/gate.ts';
import { type Approval, judgeApproval } from '../../../src/planning/pipeline/gates/approval-gate.ts';
import { judgeConvergence } from '../../../src/planning/pipeline/gates/convergence-gate.ts';
import { judgeHttp } from '../../../src/planning/pipeline/gates/http-gate.ts';
import { judgePrometheus } from '../../../src/planning/pipeline/gates/prometheus-gate.ts';
import { judgeSchedule } from '../../../src/planning/pipeline/gates/schedule-gate.ts';
import { judgeSoakDemands } from '../../../src/planning/pipeline/gates/soak-gate.ts';

const hour = 3_600_000;

describe('an approval gate', () => {
  const gate: ApprovalGate = { kind: 'approval', name: 'release', quorum: 2, roles: ['sre'] };
  const roles = { sre: ['ada', 'bob', 'eve'] };
  const yes = (actor: string, change: Partial<Approval> = {}): Approval => ({
    actor,
    verdict: 'approved',
    reason: 'looked at it',
    commit: 'c2',
    tree: 't2',
    at: 1,
    expiresAt: null,
    ...change,
  });
  const judge = (...approvals: Approval[]) =>
    judgeApproval({ gate, channel: 'beta', commit: 'c2', tree: 't2', approvals, roles, now: 100 });

  it('opens at its quorum of different people', () => {
    expect(judge(yes('ada'), yes('bob'))).toMatchObject({ state: 'open', reason: 'approved by ada, bob' });
    expect(judge(yes('ada'), yes('ada', { at: 2 }))).toMatchObject({
      state: 'closed',
      reason: '1 of 2 approvals (ada)',
    });
  });

  it('does not let an approval outlive its version, its end, or the role of who gave it', () => {
    expect(judge(yes('ada'), yes('bob', { commit: 'c1', tree: 't1' })).state).toBe('closed');
    expect(judge(yes('ada'), yes('bob', { tree: 't1' })).state).toBe('closed');
    expect(judge(yes('ada'), yes('bob', { expiresAt: 100 })).state).toBe('closed');
    expect(judge(yes('ada'), yes('mallory')).state).toBe('closed');
  });

  it('stays closed while somebody rejects it, and says who can open it', () => {
    const rejected = judge(yes('ada'), yes('bob'), yes('eve', { verdict: 'rejected', reason: 'not on Friday' }));
    expect(rejected).toMatchObject({ state: 'closed', reason: 'rejected by eve: not on Friday' });
    expect(judge(yes('ada'), yes('bob'), yes('eve', { verdict: 'rejected' }), yes('eve', { at: 9 })).state).toBe(
      'open',
    );
    expect(judge().openedBy).toContain('sre (ada, bob, eve): clm approve c2 --channel beta --gate release');
  });
});

describe('an HTTP gate', () => {
  const gate: HttpGate = {
    kind: 'http',
    name: 'board',
    url: 'https://gate.example.org/ask',
    timeoutMs: 1,
    patienceMs: hour,
  };
  const answer = (status: number, body: unknown) =>
    judgeHttp({
      gate,
      commit: 'c2',
      asked: { answered: true, answer: { status, body: typeof body === 'string' ? body : JSON.stringify(body) } },
      now: 0,
    }).state;

  it('opens on a clear yes alone', () => {
    expect(answer(200, { verdict: 'open', commit: 'c2' })).toBe('open');
    expect(answer(200, { verdict: 'closed' })).toBe('closed');
    for (const [status, body] of [
      [200, 'ok'],
      [200, {}],
      [200, { verdict: 'inconclusive' }],
      [500, { verdict: 'open' }],
      [302, { verdict: 'open' }],
    ] as const) {
      expect(answer(status, body)).toBe('inconclusive');
    }
  });

  it('does not take a verdict about another version', () => {
    expect(answer(200, { verdict: 'open', commit: 'c1' })).toBe('inconclusive');
  });

  it('fails closed while nobody answers, and is inconclusive when that lasts', () => {
    const asked = { answered: false as const, message: 'connection refused', since: 0 };
    expect(judgeHttp({ gate, commit: 'c2', asked, now: hour - 1 }).state).toBe('closed');
    expect(judgeHttp({ gate, commit: 'c2', asked, now: hour }).state).toBe('inconclusive');
  });
});

describe('a Prometheus gate', () => {
  const gate: PrometheusGate = {
    kind: 'prometheus',
    name: 'errors',
    url: 'http://prometheus:9090',
    query: 'errors',
    comparison: '<',
    value: 0.01,
    timeoutMs: 1,
    patienceMs: hour,
  };
  const judge = (...values: number[]) =>
    judgePrometheus({
      gate,
      asked: { answered: true, answer: values.map((value, i) => ({ labels: { cluster: `k${i}` }, value })) },
      now: 0,
    });

  it('opens when every series satisfies it', () => {
    expect(judge(0, 0.009).state).toBe('open');
    expect(judge(0, 0.5)).toMatchObject({ state: 'closed', reason: 'cluster=k1 is 0.5, not < 0.01' });
  });

  it('takes no data, and no number, for no answer', () => {
    expect(judge().state).toBe('inconclusive');
    expect(judge(0, Number.NaN).state).toBe('inconclusive');
    expect(judge(Number.NEGATIVE_INFINITY).state).toBe('inconclusive');
  });
});

describe('a schedule gate', () => {
  it('says when it can open', () => {
    const weekend = {
      effect: 'deny' as const,
      label: 'weekends',
      zone: 'UTC',
      times: { kind: 'days' as const, days: [6, 7], from: '00:00', to: '24:00' },
      work: ['promotions' as const],
    };
    const verdict = judgeSchedule({ kind: 'schedule', name: 's', windows: [weekend] }, Date.parse('2026-01-10T12:00Z'));
    expect(verdict).toMatchObject({ state: 'closed', earliest: Date.parse('2026-01-12T00:00Z') });
  });
});

describe('convergence', () => {
  const member = { state: 'updated', version: 'c2#d', blocked: null, stalled: null };

  it('asks that every green cluster still runs what it was verified with', () => {
    const judge = (version: string | null, settled = true) =>
      judgeConvergence({ members: { k1: member }, running: new Map([['k1', { version, settled }]]) }).state;
    expect(judge('c2#d')).toBe('open');
    expect(judge('c3#e')).toBe('closed');
    expect(judge('c2#d', false)).toBe('closed');
    expect(judgeConvergence({ members: { k1: member }, running: new Map() }).state).toBe('closed');
  });

  it('asks that nothing new is wrong', () => {
    const running = new Map([['k1', { version: 'c2#d', settled: true }]]);
    const blocked = { ...member, blocked: { message: 'budget api' } };
    expect(judgeConvergence({ members: { k1: blocked }, running })).toMatchObject({ state: 'closed' });
  });
});

describe('soak in evidence', () => {
  const evidence = {
    observedMs: hour,
    requiredMs: hour,
    clusterMs: 10 * hour,
    nodesReplaced: 30,
    passes: 10,
    clusters: 10,
  };

  it('is time, and hours of clusters; both still come', () => {
    expect(judgeSoakDemands({ clusterHours: 10 }, evidence, 0).state).toBe('open');
    expect(judgeSoakDemands({ clusterHours: 30 }, evidence, 0)).toMatchObject({ state: 'closed', earliest: 2 * hour });
    expect(judgeSoakDemands({}, { ...evidence, observedMs: 0 }, 0)).toMatchObject({ state: 'closed', earliest: hour });
  });

  it('that cannot come any more is for somebody to judge', () => {
    expect(judgeSoakDemands({ nodesReplaced: 31 }, evidence, 0).state).toBe('inconclusive');
    expect(judgeSoakDemands({ passes: 11 }, evidence, 0).state).toBe('inconclusive');
    expect(judgeSoakDemands({ nodesReplaced: 30, passes: 10 }, evidence, 0).state).toBe('open');
  });

  it('does not ask a version that replaces no node for replaced nodes', () => {
    expect(judgeSoakDemands({ nodesReplaced: 30 }, { ...evidence, nodesReplaced: 0 }, 0).state).toBe('open');
  });
});
