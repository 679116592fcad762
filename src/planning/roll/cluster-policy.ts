/** The roll policy of one cluster: defaults by environment, and what its config items say. */
import type { Cluster } from '../../domain/cluster.ts';
import type { SurgeSetting } from '../../domain/node-pool-roll.ts';
import { parseDuration } from '../../support/duration.ts';
import { defaultRollPolicy, forceDefaults, type RollPolicy } from './policy.ts';

type Items = Record<string, string>;

const hour = 3_600_000;

interface Setting {
  /** What to write instead, when the value cannot be read. */
  expects: string;
  /** The policy with the value in it; undefined when the value cannot be read. */
  apply(policy: RollPolicy, value: string): RollPolicy | undefined;
}

function span(put: (policy: RollPolicy, ms: number) => RollPolicy): Setting {
  return {
    expects: 'a span of time such as 30s, 5m or 6h',
    apply: (policy, value) => {
      const ms = parseDuration(value);
      return ms === undefined ? undefined : put(policy, ms);
    },
  };
}

function force(field: keyof RollPolicy['force']): Setting {
  return span((policy, ms) => ({ ...policy, force: { ...policy.force, [field]: ms } }));
}

function count(field: 'bootCap' | 'maxBlocked' | 'maxBootFailures', least: number, most: number): Setting {
  return {
    expects: `a whole number from ${least} to ${most}`,
    apply: (policy, value) => {
      const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
      return number >= least && number <= most ? { ...policy, [field]: number } : undefined;
    },
  };
}

function evictOrBlock(field: 'barePods' | 'protectedPods' | 'localVolumes'): Setting {
  return {
    expects: 'evict or block',
    apply: (policy, value) => (value === 'evict' || value === 'block' ? { ...policy, [field]: value } : undefined),
  };
}

export const surgeItem = 'roll_surge';

/** Names of config items; the `drain_` ones and `decommission_node_no_schedule_taint` are the original's. */
const settings: Record<string, Setting> = {
  drain_grace_period: force('gracePeriodMs'),
  drain_min_pod_lifetime: force('minPodLifetimeMs'),
  drain_min_healthy_sibling_lifetime: force('minHealthySiblingLifetimeMs'),
  drain_min_unhealthy_sibling_lifetime: force('minUnhealthySiblingLifetimeMs'),
  drain_force_evict_interval: force('intervalMs'),
  drain_poll_interval: {
    expects: 'a span of time from 5s to 10m',
    apply: (policy, value) => {
      const ms = parseDuration(value);
      if (ms === undefined || ms < 5_000 || ms > 600_000) return undefined;
      const baseMs = Math.min(policy.evictionRetry.baseMs, ms);
      return { ...policy, evictionRetry: { baseMs, maxMs: ms } };
    },
  },
  decommission_node_no_schedule_taint: {
    expects: 'true or false',
    apply: (policy, value) =>
      value === 'true' || value === 'false'
        ? { ...policy, outdatedTaint: value === 'true' ? 'NoSchedule' : 'PreferNoSchedule' }
        : undefined,
  },
  [surgeItem]: {
    expects: "a whole number, a share such as 10%, or 'adaptive'",
    apply: (policy, value) => {
      const surge = parseSurge(value);
      return surge === undefined ? undefined : { ...policy, surge };
    },
  },
  roll_max_unavailable: {
    expects: 'a whole number, or a share such as 10%',
    apply: (policy, value) =>
      /^\d+$/.test(value)
        ? { ...policy, maxUnavailable: Number(value) }
        : isShare(value)
          ? { ...policy, maxUnavailable: value }
          : undefined,
  },
  roll_canary: {
    expects: 'auto, true or false',
    apply: (policy, value) =>
      value === 'auto'
        ? { ...policy, canary: 'auto' }
        : value === 'true' || value === 'false'
          ? { ...policy, canary: value === 'true' }
          : undefined,
  },
  roll_canary_evidence: {
    expects: 'a span of time from 1h to 90d',
    apply: (policy, value) => {
      const ms = parseDuration(value);
      return ms === undefined || ms < hour || ms > 90 * 24 * hour ? undefined : { ...policy, canaryEvidenceMs: ms };
    },
  },
  roll_boot_cap: count('bootCap', 1, 100),
  roll_max_blocked: count('maxBlocked', 0, 10),
  roll_max_boot_failures: count('maxBootFailures', 1, 20),
  roll_settle_period: span((policy, ms) => ({ ...policy, settleMs: ms })),
  roll_min_ready: span((policy, ms) => ({ ...policy, minReadyMs: ms })),
  roll_primary_wait: span((policy, ms) => ({ ...policy, primaryWaitMs: ms })),
  roll_detach_timeout: span((policy, ms) => ({ ...policy, detachTimeoutMs: ms })),
  roll_bare_pods: evictOrBlock('barePods'),
  roll_protected_pods: evictOrBlock('protectedPods'),
  roll_local_volumes: evictOrBlock('localVolumes'),
};

/** `3`, `10%` or `adaptive`; undefined for anything else, and for no node at all. */
export function parseSurge(text: string): SurgeSetting | undefined {
  if (text === 'adaptive') return 'adaptive';
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  return isShare(text) && Number.parseFloat(text) > 0 ? text : undefined;
}

function isShare(text: string): text is `${number}%` {
  return /^\d{1,3}(\.\d+)?%$/.test(text) && Number.parseFloat(text) <= 100;
}

export interface ItemProblem {
  item: string;
  message: string;
  remedy: string;
}

/** Values that cannot be read, each with what to write instead. */
export function policyProblems(items: Items): ItemProblem[] {
  return problemsOf(items, Object.entries(settings));
}

/** The same for a pool, whose own surge goes before the cluster's. */
export function surgeProblems(items: Items): ItemProblem[] {
  return problemsOf(
    items,
    Object.entries(settings).filter(([item]) => item === surgeItem),
  );
}

function problemsOf(items: Items, known: [string, Setting][]): ItemProblem[] {
  return known.flatMap(([item, { expects, apply }]) => {
    const value = items[item];
    if (value === undefined || apply(defaultRollPolicy, value) !== undefined) return [];
    return [{ item, message: `'${value}' is not a value of ${item}`, remedy: `write ${expects}` }];
  });
}

/** A value that cannot be read leaves its default: what is checked before a rollout never gets here, and a default is safe. */
export function policyOfCluster(cluster: Pick<Cluster, 'environment' | 'configItems'> | undefined): RollPolicy {
  const environment = cluster?.environment ?? 'production';
  const base: RollPolicy = {
    ...defaultRollPolicy,
    force: environment === 'production' ? forceDefaults.production : forceDefaults.test,
    barePods: environment === 'production' ? 'block' : 'evict',
  };
  return Object.entries(settings).reduce((policy, [item, setting]) => {
    const value = cluster?.configItems[item];
    return value === undefined ? policy : (setting.apply(policy, value) ?? policy);
  }, base);
}
