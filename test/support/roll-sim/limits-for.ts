/** What a drawn scenario allows a roll to do. */
import type { NodeLimits } from '../../../src/simulator/invariants/limits.ts';
import type { Scenario } from './scenario.ts';

/** How far one roll may be behind the world: calls and watches that are late, or lost until the next look. */
const viewLagMs = 120_000;

export function limitsFor(scenario: Scenario, others: ReadonlySet<string>): NodeLimits {
  const { surge } = scenario;
  const has = (name: string): boolean => scenario.faults.includes(name);
  const leaving = scenario.pools.find((pool) => pool.name === scenario.removed)?.nodes ?? 0;
  const troubled = scenario.faults.length > 0;
  return {
    surgeOf: (baseline) => surgeNodes(surge, baseline) + 1,
    bootCap: 10,
    maxUnavailable: scenario.maxUnavailable,
    evictionRetryMs: 4_500,
    others,
    viewLagMs: troubled ? viewLagMs : 0,
    readLagMs: 1_000 + (has('slow-calls') ? 5_000 : 0) + (has('cloud-stale') ? 30_000 : 0),
    etcdLagMs: 10_000,
    budgetsMayLag: has('budgets-late'),
    groupsMayRebalance: ['no-capacity', 'instances-die', 'bad-boots', 'autoscaler-grows', 'nodes-deleted'].some(has),
    stormShare: 0.2,
    stormLagMs: 60_000,
    deregisterTimeoutMs: 350_000,
    detachTimeoutMs: 300_000,
    // a node that leaves takes pods of others until its own turn comes
    movesPerPod: (troubled ? 8 : 2) + leaving,
    // a new process reads afresh: six describes of five calls, two for each of three pools
    cloudCalls: { perSecond: 1, burst: 120, perStart: 30 },
    kubeChanges: { perSecond: 5, burst: 400 },
    resumeMs: 3_600_000,
    isRemoved: (_cluster, group) => group === scenario.removed,
    // one that is drained, and one that is parked
    removedAtOnce: 2,
  };
}

function surgeNodes(surge: Scenario['surge'], baseline: number): number {
  if (typeof surge === 'number') return surge;
  const share = surge === 'adaptive' ? 10 : Number.parseFloat(surge);
  return Math.max(1, Math.ceil((baseline * share) / 100));
}
