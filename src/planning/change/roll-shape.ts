/** The roll of a pool as its forecasts see it: from what renders, what is known of its nodes, and what of its contents is proven. */
import type { Cluster } from '../../domain/cluster.ts';
import type { RollHistory } from '../../domain/node-pool-roll.ts';
import type { RenderedPool } from '../../domain/rendered.ts';
import { needsCanary } from '../roll/canary.ts';
import { parseSurge, policyOfCluster, surgeItem } from '../roll/cluster-policy.ts';
import type { ForecastInput } from '../roll/forecast.ts';
import { surgeOf } from '../roll/policy.ts';
import { type BootEvidence, type GroupContent, groupContents } from './group-contents.ts';
import type { Launches } from './launches.ts';

/** Drain of a node of which nothing was measured: most pods end within their 30 s. */
const guessedDrainMs = 60_000;
/** Checks that compare a new node with old ones: two probes side by side. */
const guessedFirstChecksMs = 60_000;

export interface RollShapeInput {
  cluster: Cluster;
  pool: Pick<RenderedPool, 'name' | 'controlPlane'>;
  nodes: number;
  history: RollHistory | undefined;
  /** What new nodes are launched from; undefined when it is not known, or none are. */
  after: Launches | undefined;
  /** What old nodes were launched from; undefined when it is not known. */
  before: Launches | undefined;
  kubernetesVersion: string | undefined;
  evidence: BootEvidence;
  /** Old nodes wait for checks on the first new node of each content. */
  checked: boolean;
  /** Nodes at a time; what the pool says unless given. */
  atOnce?: number | undefined;
}

export interface RollShape {
  forecast: Omit<ForecastInput, 'seed'>;
  /** Of the groups that roll; empty where the pool has no canary whatever it launches, or its groups cannot be told. */
  contents: GroupContent[];
}

export function rollShape(input: RollShapeInput): RollShape {
  const { after, atOnce, before, checked, cluster, history, nodes, pool } = input;
  const policy = policyOfCluster(cluster);
  const own = cluster.nodePools.find((one) => one.name === pool.name);
  const surge = atOnce ?? surgeOf(nodes, policy, parseSurge(own?.configItems[surgeItem] ?? ''), pool.controlPlane);
  // control planes go one by one anyway, and a pool that leaves gets no new node
  const contents =
    after === undefined || pool.controlPlane || atOnce !== undefined
      ? []
      : groupContents({ ...input, pool: pool.name, after, before, policy });
  const ofGroup = contents.map(({ key, canary }) => ({ key, proven: !needsCanary(policy, canary) }));
  const ofNode = Array.from({ length: ofGroup.length === 0 ? 0 : nodes }, (_, i) => ofGroup[i % ofGroup.length]);
  return {
    contents,
    forecast: {
      drains: Array.from({ length: nodes }, () => guessedDrainMs),
      surge,
      history: history ?? { boots: [], drains: [] },
      pauseMs: pool.controlPlane ? policy.settleMs : 0,
      canary: policy.canary !== false,
      // how many nodes each group has is not known: as if they were even
      contents: ofNode.filter((one) => one !== undefined),
      checksMs: checked && !pool.controlPlane && atOnce === undefined ? guessedFirstChecksMs : 0,
    },
  };
}
