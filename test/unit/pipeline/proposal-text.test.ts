import { describe, expect, it } from 'vitest';
import type { RolloutMember } from '../../../src/domain/rollout.ts';
import { evidenceKey, parseEvidence } from '../../../src/planning/pipeline/facts.ts';
import { proposalBody } from '../../../src/planning/pipeline/proposal-text.ts';

const commit = 'a'.repeat(40);

describe('the text of a request for review', () => {
  it('holds the evidence of exactly this version and attempt, the soak and the gates', () => {
    const passed = {
      version: 'v',
      tree: 't',
      result: 'passed',
      passed: 7,
      failed: 0,
      at: Date.parse('2026-11-21T10:00:00Z'),
    };
    const fact = parseEvidence(passed);
    if (fact === undefined) throw new Error('no evidence');
    const member = (attempt: number) => ({ state: 'verified', attempt }) as unknown as RolloutMember;
    const older = 'b'.repeat(40);
    const evidence = new Map([
      [evidenceKey('one', commit, 2), fact],
      [evidenceKey('two', older, 1), fact],
    ]);
    const gate = {
      name: 'errors',
      state: 'open' as const,
      reason: 'below 0.01',
      openedBy: '',
      earliest: null,
      since: 0,
      unansweredSince: null,
    };
    const soak = { requiredMs: 3_600_000, observedMs: 3_600_000, clusterMs: 0, lastTickAt: 0 };
    const rollout = { members: { one: member(2), two: member(1) }, soak, gates: [gate] };
    const body = proposalBody({ channel: 'dev', branch: 'alpha', commit, rollout, evidence });
    expect(body).toContain('1 of 2 clusters with evidence, 7 checks passed');
    expect(body).toContain('`one`: passed, 7 checks passed, 2026-11-21T10:00:00.000Z');
    expect(body).not.toContain('`two`: passed');
    expect(body).toContain('- soak: 1h of 1h observed');
    expect(body).toContain('- gate errors: open, below 0.01');
  });
});
