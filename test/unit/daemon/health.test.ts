import { describe, expect, it } from 'vitest';
import { type HealthView, judgeHealth } from '../../../src/daemon/health.ts';

const well: HealthView = {
  engineSilentMs: 100,
  engineRunning: true,
  leaseHeld: true,
  overdueSteps: [],
  sinceGitPollMs: 1_000,
  pollIntervalWallMs: 30_000,
  sinceStartMs: 600_000,
};

describe('/healthz', () => {
  it('is well when everything moves', () => {
    expect(judgeHealth(well)).toEqual({ ok: true, state: 'leading', reasons: [] });
  });

  const ills: [string, Partial<HealthView>, RegExp][] = [
    ['the engine loop stands still', { engineSilentMs: 60_000 }, /has not moved for 60 s/],
    ['the engine has stopped', { engineRunning: false }, /engine does not run/],
    ['the lease is lost', { leaseHeld: false }, /lease is lost/],
    ['the store fails', { storeFailing: 'disk I/O error' }, /store fails: disk I\/O error/],
    [
      'a step does not settle',
      { overdueSteps: [{ id: 'roll:x', step: 'roll-pool', wallMs: 200_000 }] },
      /roll-pool of roll:x/,
    ],
    [
      'git was last read long ago',
      { sinceGitPollMs: 600_000, gitProblem: 'connection refused' },
      /600 s ago: connection refused/,
    ],
  ];
  for (const [what, change, reason] of ills) {
    it(`is red, with the reason, when ${what}`, () => {
      const verdict = judgeHealth({ ...well, ...change });
      expect(verdict.ok).toBe(false);
      expect(verdict.reasons.join('\n')).toMatch(reason);
    });
  }

  it('is red when git was never read, once there was time for it', () => {
    const { sinceGitPollMs: _, ...never } = well;
    expect(judgeHealth({ ...never, sinceStartMs: 10_000 }).ok).toBe(true);
    expect(judgeHealth({ ...never, sinceStartMs: 600_000 }).reasons.join()).toMatch(/last read never/);
  });

  it('is patient in proportion to the poll interval', () => {
    expect(judgeHealth({ ...well, sinceGitPollMs: 600_000, pollIntervalWallMs: 300_000 }).ok).toBe(true);
  });
});
