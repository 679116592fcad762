/**
 * How long other rollers take for the same boots and drains, as schedulers written from their documented behaviour: polls, pauses and
 * barriers included, trouble left out. All in seconds. One draw is one node: `boot` until its replacement is Ready, `drain` until its
 * last pod has stopped.
 */
export interface Draw {
  boot: number;
  drain: number;
}

const up = (seconds: number, tick: number): number => Math.ceil(seconds / tick) * tick;

/** S lanes; each takes the next node when it is free. */
function lanes(costs: number[], surge: number, startAt = 0): number {
  const free = Array.from({ length: surge }, () => startAt);
  for (const cost of costs) {
    const first = free.indexOf(Math.min(...free));
    free[first] = (free[first] ?? 0) + cost;
  }
  return Math.max(...free);
}

/** Nodes in batches of S; each batch starts when the one before it is over. */
function batches(draws: Draw[], surge: number, cost: (batch: Draw[]) => number): number {
  let total = 0;
  for (let i = 0; i < draws.length; i += surge) total += cost(draws.slice(i, i + surge));
  return total;
}

/**
 * One canary, then S at once (detached, so that the group replaces them): drain, 5 s, terminate, 15 s, then the cluster is validated
 * every 30 s until it has passed twice 10 s apart, which waits for the replacement.
 */
export function kops(draws: Draw[], surge: number): number {
  const cost = ({ boot, drain }: Draw): number => drain + 5 + 15 + up(boot, 30) + 10;
  const [canary, ...rest] = draws;
  return canary ? lanes(rest.map(cost), surge, cost(canary)) : 0;
}

/** The original's rolling strategy: S new nodes, looked for every 15 s; then the old ones one by one, each until EC2 has ended it. */
export function originalRolling(draws: Draw[], surge: number): number {
  const ended = 75;
  return batches(draws, surge, (batch) => {
    const boot = up(Math.max(...batch.map((one) => one.boot)), 15);
    return boot + batch.reduce((sum, { drain }) => sum + up(drain, 30) + up(ended, 15), 0);
  });
}

/** upgrade-manager, eager: S into standby, their replacements InService, all drained at once; looked at every 30 s. */
export function upgradeManagerEager(draws: Draw[], surge: number): number {
  return batches(draws, surge, (batch) => {
    const boot = up(Math.max(...batch.map((one) => one.boot)), 30);
    return boot + up(Math.max(...batch.map((one) => one.drain)), 30) + 30;
  });
}

/** Cluster API: independent machines; a drain is looked at every 20 s, and the node object goes after the machine. */
export function clusterApi(draws: Draw[], surge: number): number {
  return lanes(
    draws.map(({ boot, drain }) => boot + up(drain, 20) + 10),
    surge,
  );
}

/** Nothing with S surge nodes is faster: a slot is taken from the launch until the old node has moved. */
export function bound(draws: Draw[], surge: number): number {
  const work = draws.reduce((sum, { boot, drain }) => sum + boot + drain, 0);
  return Math.max(work / surge, ...draws.map(({ boot, drain }) => boot + drain));
}

/** Knows every boot and drain in advance, and takes the longest first. */
export function clairvoyant(draws: Draw[], surge: number): number {
  const costs = draws.map(({ boot, drain }) => boot + drain).sort((a, b) => b - a);
  return lanes(costs, surge);
}

/**
 * The same for one that shows first, with one node, that the template boots, and gives every new node and every emptied one the time to
 * prove itself that ours does: what is left between this and ours is waste.
 */
export function clairvoyantWithCare(draws: Draw[], surge: number, settleSeconds: number): number {
  const costs = draws.map(({ boot, drain }) => boot + drain + settleSeconds).sort((a, b) => b - a);
  const canary = draws[0]?.boot ?? 0;
  const [first = 0, ...rest] = costs;
  const free = [first, ...Array.from({ length: surge - 1 }, () => canary)];
  for (const cost of rest) {
    const next = free.indexOf(Math.min(...free));
    free[next] = (free[next] ?? 0) + cost;
  }
  return Math.max(...free);
}

export const policies: Record<string, (draws: Draw[], surge: number) => number> = {
  kops,
  original: originalRolling,
  upgradeManager: upgradeManagerEager,
  clusterApi,
};
