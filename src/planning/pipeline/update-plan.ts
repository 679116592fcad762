/** What a rendered commit changes for one cluster, compared with what is known to be applied. */
import type { RenderedCluster } from '../../domain/rendered.ts';
import type { ClusterFact } from './facts.ts';

export interface ChangedUnits {
  stacks: string[];
  components: string[];
  pools: string[];
  deletions: boolean;
  /** Nothing to apply at all. */
  noop: boolean;
}

/**
 * Whether checks can be run before the change. A cluster between two versions shows failures of a change that was never verified:
 * only what was measured before that one counts.
 */
export function baselineOf(fact: ClusterFact): 'measure' | 'earlier' {
  const halfWay = fact.touched || (fact.digest === null && fact.currentVersion !== null);
  return halfWay ? 'earlier' : 'measure';
}

/** Pools whose nodes clm rolls, and those that Karpenter does. */
function allPools({ pools, karpenterPools }: RenderedCluster): { name: string; digest: string }[] {
  return [...pools, ...karpenterPools];
}

/** A unit whose digest is not known counts as changed: unknown is not unchanged. */
export function changedUnits(rendered: RenderedCluster, fact: ClusterFact): ChangedUnits {
  if (fact.digest === rendered.digest) return { stacks: [], components: [], pools: [], deletions: false, noop: true };
  const { stacks, components, pools } = fact.digests;
  return {
    stacks: rendered.stacks.filter((stack) => stacks[stack.name] !== stack.digest).map((stack) => stack.name),
    components: rendered.components.filter((unit) => components[unit.name] !== unit.digest).map((unit) => unit.name),
    pools: allPools(rendered)
      .filter((pool) => pools[pool.name] !== pool.digest)
      .map((pool) => pool.name),
    deletions: Object.values(rendered.deletions).some((listed) => listed.length > 0),
    noop: false,
  };
}

/**
 * The fact while an update is under way: units that it will touch are taken out before anything is touched, so that a killed or
 * superseded update never leaves a digest behind that is not true.
 */
export function underUpdate(fact: ClusterFact, changed: ChangedUnits, now: number): ClusterFact {
  return {
    ...fact,
    digest: null,
    touched: true,
    digests: {
      stacks: without(fact.digests.stacks, changed.stacks),
      components: without(fact.digests.components, changed.components),
      pools: without(fact.digests.pools, changed.pools),
    },
    updatedAt: now,
  };
}

function without(digests: Record<string, string>, names: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(digests).filter(([name]) => !names.includes(name)));
}

/** The fact with units that have been applied. */
export function withApplied(
  fact: ClusterFact,
  applied: { stacks?: Record<string, string>; components?: Record<string, string>; pools?: Record<string, string> },
  now: number,
): ClusterFact {
  return {
    ...fact,
    digests: {
      stacks: { ...fact.digests.stacks, ...applied.stacks },
      components: { ...fact.digests.components, ...applied.components },
      pools: { ...fact.digests.pools, ...applied.pools },
    },
    updatedAt: now,
  };
}

/** Digests of everything that renders: units that render no more are forgotten. */
export function allDigests(rendered: RenderedCluster): ClusterFact['digests'] {
  return {
    stacks: Object.fromEntries(rendered.stacks.map((stack) => [stack.name, stack.digest])),
    components: Object.fromEntries(rendered.components.map((unit) => [unit.name, unit.digest])),
    pools: Object.fromEntries(allPools(rendered).map((pool) => [pool.name, pool.digest])),
  };
}
