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

/** Takes `wanted` clusters: one of every channel first, the rest channel by channel in proportion. Keeps the fleet's order. */
export function selectClusters<T extends { channel: string; id: string }>(fleet: T[], wanted: number): T[] {
  const channels = [...new Set(fleet.map((cluster) => cluster.channel))];
  const share = (channel: string): number =>
    Math.max(1, Math.floor((fleet.filter((cluster) => cluster.channel === channel).length / fleet.length) * wanted));
  const chosen = new Set<T>();
  const take = (channel: string, upTo: number): void => {
    let taken = 0;
    for (const cluster of fleet) {
      if (chosen.size >= Math.max(wanted, channels.length) || taken >= upTo) return;
      if (cluster.channel !== channel) continue;
      chosen.add(cluster);
      taken += 1;
    }
  };
  for (const channel of channels) take(channel, 1);
  for (const channel of channels) take(channel, share(channel));
  for (const cluster of fleet) if (chosen.size < wanted) chosen.add(cluster);
  return fleet.filter((cluster) => chosen.has(cluster));
}
