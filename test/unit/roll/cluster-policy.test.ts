import { describe, expect, it } from 'vitest';
import { parseSurge, policyOfCluster, policyProblems } from '../../../src/planning/roll/cluster-policy.ts';
import { rollOverridesOf } from '../../../src/planning/roll/overrides.ts';
import { unavailableOf } from '../../../src/planning/roll/policy.ts';

const hour = 3_600_000;

describe("a cluster's roll policy", () => {
  it('has the defaults of the original for production, and gentler times for everything else', () => {
    expect(policyOfCluster({ environment: 'production', configItems: {} }).force).toEqual({
      gracePeriodMs: 6 * hour,
      minPodLifetimeMs: 72 * hour,
      minHealthySiblingLifetimeMs: hour,
      minUnhealthySiblingLifetimeMs: 6 * hour,
      intervalMs: 300_000,
    });
    expect(policyOfCluster({ environment: 'test', configItems: {} }).force).toMatchObject({
      gracePeriodMs: 2 * hour,
      minPodLifetimeMs: 8 * hour,
      minUnhealthySiblingLifetimeMs: hour,
    });
    expect(policyOfCluster(undefined).barePods).toBe('block');
    expect(policyOfCluster({ environment: 'test', configItems: {} }).barePods).toBe('evict');
  });

  it('takes what the config items say', () => {
    const configItems = {
      drain_grace_period: '1h30m',
      drain_min_pod_lifetime: '24h',
      drain_min_healthy_sibling_lifetime: '2h',
      drain_min_unhealthy_sibling_lifetime: '3h',
      drain_force_evict_interval: '10m',
      drain_poll_interval: '45s',
      decommission_node_no_schedule_taint: 'true',
      roll_surge: '25%',
      roll_max_unavailable: '10%',
      roll_boot_cap: '4',
      roll_protected_pods: 'evict',
      roll_settle_period: '2m',
    };
    expect(policyOfCluster({ environment: 'production', configItems })).toMatchObject({
      force: {
        gracePeriodMs: 1.5 * hour,
        minPodLifetimeMs: 24 * hour,
        minHealthySiblingLifetimeMs: 2 * hour,
        minUnhealthySiblingLifetimeMs: 3 * hour,
        intervalMs: 600_000,
      },
      evictionRetry: { baseMs: 10_000, maxMs: 45_000 },
      outdatedTaint: 'NoSchedule',
      surge: '25%',
      maxUnavailable: '10%',
      bootCap: 4,
      protectedPods: 'evict',
      settleMs: 120_000,
    });
    expect(policyProblems(configItems)).toEqual([]);
  });

  it('names every value that cannot be read, and does not use it', () => {
    const configItems = { drain_grace_period: 'soon', roll_surge: '0', roll_boot_cap: '0', drain_poll_interval: '1s' };
    expect(policyProblems(configItems).map((one) => one.item)).toEqual([
      'drain_grace_period',
      'drain_poll_interval',
      'roll_surge',
      'roll_boot_cap',
    ]);
    expect(policyProblems(configItems)[0]).toEqual({
      item: 'drain_grace_period',
      message: "'soon' is not a value of drain_grace_period",
      remedy: 'write a span of time such as 30s, 5m or 6h',
    });
    const policy = policyOfCluster({ environment: 'production', configItems });
    expect(policy).toMatchObject({ force: { gracePeriodMs: 6 * hour }, surge: 'adaptive', bootCap: 10 });
  });

  it.each([
    ['3', 3],
    ['10%', '10%'],
    ['adaptive', 'adaptive'],
    ['0%', undefined],
    ['101%', undefined],
    ['-1', undefined],
    ['many', undefined],
  ])('reads a surge of %j as %j', (text, surge) => {
    expect(parseSurge(text)).toBe(surge);
  });

  it('rounds unavailable nodes down and never gives up all of a group, or any of a control plane', () => {
    expect(unavailableOf(10, '25%', false)).toBe(2);
    expect(unavailableOf(3, '10%', false)).toBe(0);
    expect(unavailableOf(1, 1, false)).toBe(0);
    expect(unavailableOf(2, 5, false)).toBe(1);
    expect(unavailableOf(5, 2, true)).toBe(0);
    expect(unavailableOf(0, 1, false)).toBe(0);
  });
});

describe('overrides of rolls', () => {
  const force = { kind: 'force-drain', scope: 'cluster:c1', actor: 'ada', reason: 'x', expiresAt: 5 };

  it('count for their cluster alone', () => {
    const skip = { ...force, kind: 'skip-node', node: 'n1' };
    const facts = [force, skip, { ...skip, scope: 'cluster:c2', node: 'n2' }].map((value) => ({ value }));
    const found = rollOverridesOf(facts, 'c1');
    expect(found.force).toEqual({ actor: 'ada', reason: 'x', expiresAt: 5 });
    expect([...found.skips.keys()]).toEqual(['n1']);
    expect(rollOverridesOf(facts, 'c2').force).toBeUndefined();
  });

  it('allow nothing when they are damaged or have no end', () => {
    const damaged = [{ ...force, expiresAt: null }, { ...force, actor: 7 }, null, 'force'].map((value) => ({ value }));
    expect(rollOverridesOf(damaged, 'c1')).toEqual({ force: undefined, skips: new Map() });
  });
});
