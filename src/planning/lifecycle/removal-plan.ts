/** Stacks of a cluster that its configuration has no more: which they are, which may go, when, and why not (B6, B10). Pure. */
import { z } from 'zod';
import { type Cluster, isControlPlane } from '../../domain/cluster.ts';
import { type RenderedCluster, stackKindTag } from '../../domain/rendered.ts';
import type { StackView } from '../../ports/cloud-provider.ts';
import type { FactWrite } from '../../ports/store.ts';
import { parseDuration } from '../../support/duration.ts';
import { stackData } from '../change/shown-text.ts';
import { preciousOf } from '../pipeline/stack-guard.ts';

/** Since when clm has seen that nothing renders them any more; `key` is the cluster. */
export const orphansKind = 'orphans';
export const removalCoolOffItem = 'removal_cool_off';
export const removalLimitItem = 'removal_limit';
/** More at once are a mistake in the configuration until somebody says otherwise. */
const mostRemovals = 3;
const minuteMs = 60_000;

export interface Orphan {
  stack: string;
  status: string;
  terminationProtection: boolean;
  /** The pool that it carries; absent for a further stack. */
  pool?: string;
  controlPlane: boolean;
}

type SeenAt = Record<string, number>;

const seenSchema = z.object({ stacks: z.record(z.string(), z.number()) });

/** A fact that cannot be read says nothing: then everything cools off anew. */
export function parseOrphans(value: unknown): SeenAt {
  const parsed = seenSchema.safeParse(value);
  return parsed.success ? parsed.data.stacks : {};
}

/** Pools and further stacks that carry the tags which clm gives to them and that nothing renders. Others' stacks are nobody's business. */
export function orphansOf(
  stacks: readonly StackView[],
  rendered: Pick<RenderedCluster, 'stacks' | 'deletions'>,
  cluster: Pick<Cluster, 'id' | 'localId'>,
): Orphan[] {
  const { preApplyStacks, postApplyStacks } = rendered.deletions;
  const known = new Set([
    cluster.localId,
    ...rendered.stacks.map((stack) => stack.name),
    ...preApplyStacks,
    ...postApplyStacks,
  ]);
  return stacks
    .filter(({ name, status, tags }) => {
      const own = tags[`kubernetes.io/cluster/${cluster.id}`] === 'owned';
      return own && status !== 'DELETE_COMPLETE' && !known.has(name);
    })
    .flatMap(({ name: stack, status, tags, terminationProtection }): Orphan[] => {
      const base = { stack, status, terminationProtection };
      const pool = poolOf(tags);
      if (pool !== undefined) {
        const controlPlane = isControlPlane({ profile: tags['kubernetes.io/node-pool/profile'] ?? pool });
        return [{ ...base, pool, controlPlane }];
      }
      return tags[stackKindTag] === 'extra' ? [{ ...base, controlPlane: false }] : [];
    })
    .sort((a, b) => Number(b.pool !== undefined) - Number(a.pool !== undefined) || (a.stack < b.stack ? -1 : 1));
}

/** The tags of the original, which clm writes as well. */
function poolOf(tags: Record<string, string>): string | undefined {
  if (tags['kubernetes.io/role/node-pool'] !== 'true') return undefined;
  return tags['NodePool'] ?? tags['kubernetes.io/node-pool'];
}

/** The fact with what is orphaned now: what was seen before keeps its time, what is none any more is forgotten. */
export function orphansWrite(clusterId: string, orphans: readonly Orphan[], before: SeenAt, now: number): FactWrite {
  if (orphans.length === 0) return { kind: orphansKind, key: clusterId, value: null };
  const stacks = Object.fromEntries(orphans.map(({ stack }) => [stack, Math.min(before[stack] ?? now, now)]));
  return { kind: orphansKind, key: clusterId, value: { stacks } };
}

/** As it would be for a cluster: time to think again. */
export function removalCoolOffMs({ environment, configItems }: Pick<Cluster, 'environment' | 'configItems'>): number {
  const written = configItems[removalCoolOffItem];
  const own = written === undefined ? undefined : parseDuration(written);
  return own ?? (environment === 'production' ? 30 : 10) * minuteMs;
}

export interface RemovalRefusal {
  code: 'too-many-removals' | 'no-workers-left';
  message: string;
}

/** Why none of them may go, before anything is touched; undefined when they may. */
export function refusedRemoval(
  orphans: readonly Orphan[],
  rendered: Pick<RenderedCluster, 'pools' | 'karpenterPools'>,
  cluster: Pick<Cluster, 'alias' | 'configItems'>,
): RemovalRefusal | undefined {
  const written = Number(cluster.configItems[removalLimitItem]);
  const limit = Number.isInteger(written) && written > 0 ? written : mostRemovals;
  const names = orphans.map(({ pool, stack }) => (pool === undefined ? `stack ${stack}` : `pool ${pool}`)).join(', ');
  if (orphans.length > limit) {
    const message = `${orphans.length} pools and stacks of ${cluster.alias} are no longer in its configuration (${names}), at most ${limit} may go in one update`;
    return { code: 'too-many-removals', message };
  }
  const leaves = orphans.some(({ pool, controlPlane }) => pool !== undefined && !controlPlane);
  const stays = rendered.karpenterPools.length > 0 || rendered.pools.some(({ controlPlane }) => !controlPlane);
  if (!leaves || stays) return undefined;
  const message = `no pool of workers is left in the configuration of ${cluster.alias}, which would drain all of them: ${names}`;
  return { code: 'no-workers-left', message };
}

/** What the template holds that cannot be made again, unless somebody has allowed that it goes; undefined when all of it may. */
export function keptFor(
  template: string,
  orphan: Pick<Orphan, 'stack' | 'pool'>,
  allowed: ReadonlySet<string>,
): string | undefined {
  const data = stackData(template);
  const resources = isData(data) && isData(data['Resources']) ? data['Resources'] : undefined;
  if (resources === undefined)
    return `the template of ${orphan.stack} cannot be read, so that nobody knows what is in it`;
  const held = Object.entries(resources).flatMap(([logicalId, resource]) => {
    const type = isData(resource) ? String(resource['Type']) : '';
    // the nodes of a pool are drained before its group goes
    if (orphan.pool !== undefined && type === 'AWS::AutoScaling::AutoScalingGroup') return [];
    const loss = preciousOf(type);
    return loss === undefined || allowed.has(logicalId) ? [] : [`${logicalId} (${type}): ${loss}`];
  });
  return held.length === 0 ? undefined : held.join('; ');
}

function isData(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
