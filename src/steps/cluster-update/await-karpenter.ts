import type { PoolRoll } from '../../domain/cluster-update.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { RenderedCluster, RenderedKarpenterPool } from '../../domain/rendered.ts';
import { withApplied } from '../../planning/pipeline/update-plan.ts';
import { judgeKarpenter, type KarpenterLook, type KarpenterProgress } from '../../planning/roll/karpenter-pool.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { JournalNote } from '../../ports/step.ts';
import { formatDuration } from '../../support/duration.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import {
  clusterFactWrite,
  done,
  failed,
  passed,
  readClusterFact,
  renderedAsPlanned,
  type UpdateInput,
  type UpdateStep,
  waiting,
} from './update-step.ts';

const pollMs = 15_000;
/** What was applied a moment ago may not have reached Karpenter: it is looked at for so long at least. Observed time. */
const settleMs = 60_000;
/** Without one node replaced for so long, somebody has to look. Observed time. */
const stuckMs = 6 * 60 * 60_000;
/** What passes between two looks beyond this was downtime. */
const longestTickMs = 10 * 60_000;
const eventsKept = 50;

/**
 * Karpenter replaces nodes that drift from what was applied by itself, within its own budgets: here it is waited for, with the same
 * limits as for a roll of clm's own.
 */
export function awaitKarpenter(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const changed = input.context.plan?.pools ?? [];
    const rendered = await renderedAsPlanned(deps, input);
    if (rendered === undefined) return done({ kind: 'replan' });
    const pools = rendered.karpenterPools.filter((pool) => changed.includes(pool.name));
    if (pools.length === 0) return passed();
    const { kube } = await deps.sessions.sessionFor(input.context.clusterId);
    const looks = await lookAt(kube, rendered, pools);
    const rolls: Record<string, PoolRoll> = {};
    const journal: JournalNote[] = [];
    const open: string[] = [];
    for (const [pool, look] of looks) {
      const progress = judgeKarpenter(look);
      const roll = nextRoll(input, pool, progress);
      rolls[pool] = roll;
      const { karpenter } = roll;
      if (karpenter !== undefined && input.now - karpenter.progressAt > stuckMs) {
        const message = `Karpenter has replaced no node of pool ${pool} for ${formatDuration(stuckMs)}: ${describe(progress)}`;
        return failed('karpenter-stuck', message);
      }
      if (roll.state === 'running') open.push(`pool ${pool}: ${describe(progress)}`);
      else if (input.context.rolls[pool]?.state === 'running')
        journal.push({ kind: 'karpenter-rolled', message: `Karpenter has replaced what drifted in pool ${pool}` });
    }
    if (open.length === 0) {
      const { clusterId } = input.context;
      const digests = Object.fromEntries(pools.map((pool) => [pool.name, pool.digest]));
      const fact = withApplied(await readClusterFact(deps, clusterId), { pools: digests }, input.now);
      return done({ kind: 'next', rolls }, { journal, facts: [clusterFactWrite(clusterId, fact)] });
    }
    const wakeAt = input.now + pollMs + deps.random.int(pollMs / 3);
    return waiting(
      { code: 'karpenter', message: `rolled by Karpenter: ${open.join('; ')}` },
      wakeAt,
      { rolls },
      { journal },
    );
  };
}

function describe({ total, outdated, joining, unseen, held }: KarpenterProgress): string {
  const parts = [
    outdated.length === 0 ? undefined : `${outdated.length} of ${total} nodes are still to be replaced`,
    joining.length === 0 ? undefined : `${joining.length} are not usable yet`,
    unseen,
    held,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? 'it is looked at a little longer' : parts.join(', ');
}

function nextRoll(input: UpdateInput, pool: string, progress: KarpenterProgress): PoolRoll {
  const { context, now } = input;
  const before = context.rolls[pool];
  const outdated = progress.outdated.length;
  const known = before?.karpenter;
  const replaced = known === undefined ? 0 : Math.max(0, known.outdated - outdated);
  const same = known !== undefined && replaced === 0 && known.total === progress.total;
  const downtime = Math.max(0, now - context.lastSeenAt - longestTickMs);
  const progressAt = same ? Math.min(now, known.progressAt + downtime) : now;
  const finished =
    outdated === 0 &&
    progress.joining.length === 0 &&
    progress.unseen === undefined &&
    context.activeMs - context.phaseActiveMs >= settleMs;
  const late = !finished && now - progressAt > context.policy.blockLimitMs;
  return {
    controlPlane: false,
    state: finished ? 'rolled' : 'running',
    child: null,
    since: before?.since ?? now,
    nodesReplaced: (before?.nodesReplaced ?? 0) + replaced,
    evictions: 0,
    reason: null,
    blocked: late
      ? {
          code: 'karpenter-blocked',
          message: `Karpenter does not go on with pool ${pool}: ${describe(progress)}`,
          since: progressAt,
        }
      : null,
    karpenter: { total: progress.total, outdated, progressAt },
  };
}

const apiVersionOf = (objects: readonly KubeObject[], kind: string): string | undefined =>
  objects.find((object) => object.kind === kind)?.apiVersion;

/** One list a kind, for all pools. */
async function lookAt(
  kube: KubeCluster,
  rendered: RenderedCluster,
  pools: readonly RenderedKarpenterPool[],
): Promise<[string, KarpenterLook][]> {
  const objects = rendered.components.flatMap(({ name, objects: all }) =>
    pools.some((pool) => pool.component === name) ? all : [],
  );
  const poolVersion = apiVersionOf(objects, 'NodePool') ?? 'karpenter.sh/v1';
  const classVersion = apiVersionOf(objects, 'EC2NodeClass') ?? 'karpenter.k8s.aws/v1';
  const [nodePools, claims, nodeClasses, events] = await Promise.all([
    listOf(kube, poolVersion, 'NodePool'),
    listOf(kube, poolVersion, 'NodeClaim'),
    listOf(kube, classVersion, 'EC2NodeClass'),
    kube.list(await kube.resourceOf('v1', 'Event'), { fieldSelector: 'reason=DisruptionBlocked' }),
  ]);
  return pools.map(({ name, component }) => {
    const own = rendered.components.find((one) => one.name === component)?.objects ?? [];
    const names = own.filter((object) => object.kind === 'NodePool').map((object) => object.metadata.name);
    return [
      name,
      {
        nodePools: names.map((each) => ({ name: each, live: nodePools.find((one) => one.metadata.name === each) })),
        nodeClasses,
        claims,
        refusals: saidOf(events.items, claims, names),
      },
    ];
  });
}

async function listOf(kube: KubeCluster, apiVersion: string, kind: string): Promise<KubeObject[]> {
  return (await kube.list(await kube.resourceOf(apiVersion, kind))).items;
}

interface BlockedEvent extends KubeObject {
  involvedObject?: { kind?: string; name?: string };
  message?: string;
  lastTimestamp?: string;
}

/** Events about the NodeClaims of these pools, in the order of their time. */
function saidOf(events: readonly KubeObject[], claims: readonly KubeObject[], pools: readonly string[]): string[] {
  const own = new Set(
    claims
      .filter((claim) => pools.includes(claim.metadata.labels?.['karpenter.sh/nodepool'] ?? ''))
      .map((claim) => claim.metadata.name),
  );
  return (events as readonly BlockedEvent[])
    .filter(({ involvedObject }) => involvedObject?.kind === 'NodeClaim' && own.has(involvedObject.name ?? ''))
    .sort((a, b) => (a.lastTimestamp ?? '').localeCompare(b.lastTimestamp ?? ''))
    .flatMap(({ message }) => message ?? [])
    .slice(-eventsKept);
}
