/** First contact (B11): how a running cluster compares with what its channel's head renders to. Pure; nothing is changed. */
import type { Cluster } from '../../domain/cluster.ts';
import { accountNumber } from '../../domain/cluster.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import { clusterVersion, type RenderedCluster, type RenderedStack } from '../../domain/rendered.ts';
import type { NodeGroup, StackView } from '../../ports/cloud-provider.ts';
import { describeObject } from './apply-order.ts';
import type { ClusterFact } from './facts.ts';
import { groupsOfPool, isComparable, outdatedInstances } from './pool-currency.ts';
import { classifyStack } from './stack-state.ts';
import { comparable, firstDifference } from './subset.ts';

/** What was read of a cluster, and nothing more than what is compared. */
export interface LiveCluster {
  account: string;
  region: string;
  kubeSystemUid: string;
  stacks: ReadonlyMap<string, { view: StackView; template: string }>;
  groups: readonly NodeGroup[];
  /** By `objectKey`. */
  objects: ReadonlyMap<string, KubeObject>;
}

export type FindingResult =
  | 'matches'
  | 'would-change'
  | 'wrong-target'
  | 'unreachable'
  | 'does-not-render'
  | 'no-head'
  | 'not-ready';

export interface ClusterFinding {
  cluster: string;
  channel: string;
  result: FindingResult;
  /** What the first update would change, unit by unit. */
  changes: string[];
  message: string;
  /** Only when the cluster could be compared. */
  fact: ClusterFact | null;
}

export interface Head {
  commit: string;
  tree: string;
}

const namedChanges = 20;

export function objectKey(object: Pick<KubeObject, 'apiVersion' | 'kind' | 'metadata'>): string {
  return `${object.apiVersion}|${object.kind}|${object.metadata.namespace ?? ''}|${object.metadata.name}`;
}

export function compareCluster(
  cluster: Cluster,
  head: Head,
  rendered: RenderedCluster,
  live: LiveCluster,
  now: number,
): ClusterFinding {
  const base = { cluster: cluster.id, channel: cluster.channel };
  const account = accountNumber(cluster.infrastructureAccount);
  if (live.account !== account || live.region !== cluster.region) {
    const message = `credentials lead to account ${live.account} in ${live.region}, not ${account} in ${cluster.region}`;
    return { ...base, result: 'wrong-target', changes: [], message, fact: null };
  }
  const { digests, changes } = matchingUnits(rendered, live);
  const matches = changes.length === 0;
  const fact: ClusterFact = {
    adopted: true,
    currentVersion: matches ? clusterVersion(rendered) : null,
    commit: matches ? head.commit : null,
    tree: matches ? head.tree : null,
    digest: matches ? rendered.digest : null,
    digests,
    pinned: { account: live.account, region: live.region, kubeSystemUid: live.kubeSystemUid },
    evidence: null,
    touched: false,
    updatedAt: now,
  };
  const message = matches ? `runs ${head.commit.slice(0, 12)} already` : `the first update changes ${listed(changes)}`;
  return {
    ...base,
    result: matches ? 'matches' : 'would-change',
    changes: changes.slice(0, namedChanges),
    message,
    fact,
  };
}

function listed(changes: string[]): string {
  const more = changes.length > 3 ? ` and ${changes.length - 3} more` : '';
  return `${changes.slice(0, 3).join('; ')}${more}`;
}

/** Units that are as rendered, with their digests; and for the others what differs. */
function matchingUnits(rendered: RenderedCluster, live: LiveCluster) {
  const digests: ClusterFact['digests'] = { stacks: {}, components: {}, pools: {} };
  const changes: string[] = [];
  for (const stack of rendered.stacks) {
    const difference = stackDifference(stack, live.stacks.get(stack.name));
    if (difference === undefined) digests.stacks[stack.name] = stack.digest;
    else changes.push(difference);
  }
  for (const component of rendered.components) {
    const different = component.objects.flatMap((object) =>
      objectDifference(object, live.objects.get(objectKey(object))),
    );
    if (different.length === 0) digests.components[component.name] = component.digest;
    else changes.push(...different);
  }
  for (const pool of rendered.pools) {
    const difference = poolDifference(pool.name, groupsOfPool(live.groups, pool.name));
    const stackMatches = digests.stacks[pool.stackName] !== undefined;
    if (difference !== undefined) changes.push(difference);
    else if (stackMatches) digests.pools[pool.name] = pool.digest;
  }
  // Karpenter replaces what drifts without being asked
  for (const pool of rendered.karpenterPools) {
    if (digests.components[pool.component] !== undefined) digests.pools[pool.name] = pool.digest;
  }
  return { digests, changes };
}

function stackDifference(
  wanted: RenderedStack,
  live: { view: StackView; template: string } | undefined,
): string | undefined {
  const state = classifyStack(live?.view);
  if (live === undefined || state.kind === 'absent') return `stack ${wanted.name} is created`;
  if (state.kind !== 'settled' && state.kind !== 'rolled-back') return `stack ${wanted.name} is ${live.view.status}`;
  if (!sameTemplate(wanted.template, live.template)) return `stack ${wanted.name} has another template`;
  for (const [key, value] of Object.entries(wanted.parameters)) {
    const current = live.view.parameters[key];
    // a parameter that must not be shown comes back as stars
    if (current !== value && !(current !== undefined && /^\*+$/.test(current))) {
      return `stack ${wanted.name} has another value of parameter ${key}`;
    }
  }
  for (const [key, value] of Object.entries(wanted.tags)) {
    if (live.view.tags[key] !== value) return `stack ${wanted.name} has another tag ${key}`;
  }
  return undefined;
}

function sameTemplate(a: string, b: string): boolean {
  if (a.trim() === b.trim()) return true;
  const [left, right] = [parsedJson(a), parsedJson(b)];
  return left !== undefined && right !== undefined && canonical(left) === canonical(right);
}

function parsedJson(text: string): unknown {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

function objectDifference(wanted: KubeObject, live: KubeObject | undefined): string[] {
  if (live === undefined) return [`${describeObject(wanted)} is created`];
  const difference = firstDifference(comparable(wanted), live);
  return difference === undefined ? [] : [`${describeObject(wanted)} differs at ${difference}`];
}

function poolDifference(pool: string, groups: NodeGroup[]): string | undefined {
  if (groups.length === 0) return `pool ${pool} has no node group`;
  if (!groups.every(isComparable)) return `pool ${pool} does not say which launch template version it uses`;
  const outdated = groups.reduce((sum, group) => sum + outdatedInstances(group).length, 0);
  return outdated === 0 ? undefined : `${outdated} nodes of pool ${pool} are replaced`;
}
