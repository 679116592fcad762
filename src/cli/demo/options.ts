/** What `clm demo` can be told. */
export interface DemoOptions {
  /** Simulated seconds a second. */
  speed: number;
  /** Clusters of the sample fleet; fewer keep the proportions of the channels, at least one a channel. */
  clusters: number;
  break: 'e2e' | 'pdb' | undefined;
  keep: boolean;
  output: 'text' | 'json';
  seed: string;
  /** Kills the daemon this many times at random moments and starts it again. */
  kills: number;
  /** Wall seconds after which the demo gives up. */
  timeoutSeconds: number;
  directory: string | undefined;
}

export interface DemoChannel {
  name: string;
  clusters: number;
  updated: number;
  failed: number;
  checks: { passed: number; failed: number };
}

export type DemoOutcome = 'promoted' | 'halted' | 'blocked' | 'failed' | 'timed-out' | 'interrupted';

/** The last line of stdout with `-o json`. */
export interface DemoReport {
  outcome: DemoOutcome;
  commit: string;
  wallSeconds: number;
  simulatedSeconds: number;
  channels: DemoChannel[];
  nodesReplaced: number;
  evictions: number;
  pdbRefusals: number;
  apiCalls: { aws: number; kube: number };
  invariants: { checked: number; violated: number; violations: string[] };
  /** Why it ended like this, for people. */
  reason: string;
  fleet: { clusters: number; nodes: number; pods: number };
  daemon: { peakRssMiB: number; eventLoopLagMs: { p50: number; p99: number; max: number }; restarts: number };
  seed: string;
}

/** Exit code of an outcome (DESIGN: 0 well, 1 failed, 3 blocked). */
export function exitCodeOf(outcome: DemoOutcome): number {
  if (outcome === 'promoted') return 0;
  return outcome === 'blocked' ? 3 : 1;
}

/** Takes `wanted` clusters, channel by channel in proportion, at least one each. */
export function selectClusters<T extends { channel: string; id: string }>(fleet: T[], wanted: number): T[] {
  if (wanted >= fleet.length) return fleet;
  const byChannel = new Map<string, T[]>();
  for (const cluster of fleet) byChannel.set(cluster.channel, [...(byChannel.get(cluster.channel) ?? []), cluster]);
  const chosen: T[] = [];
  for (const members of byChannel.values()) {
    const share = Math.max(1, Math.round((members.length / fleet.length) * wanted));
    chosen.push(...members.slice(0, share));
  }
  while (chosen.length > Math.max(wanted, byChannel.size)) chosen.pop();
  const spare = fleet.filter((cluster) => !chosen.includes(cluster)).reverse();
  while (chosen.length < wanted) {
    const next = spare.pop();
    if (!next) break;
    chosen.push(next);
  }
  return chosen;
}
