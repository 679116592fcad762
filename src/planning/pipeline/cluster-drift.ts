/** Clusters that are no more as they were recorded: when each is looked at, and what is made of what was seen (B3). */

import { z } from 'zod';
import { identityOfObject } from '../../domain/kube-object.ts';
import type { RenderedCluster } from '../../domain/rendered.ts';
import { parseDuration } from '../../support/duration.ts';
import type { ClusterFinding } from './adoption.ts';
import type { ClusterFact } from './facts.ts';
import { withoutFields } from './field-path.ts';
import { type Inventory, identityOf } from './inventory.ts';
import { parsedOnce } from './parsed-once.ts';

const driftFact = z.object({
  /** When it was looked at last; 0 = never. */
  at: z.number(),
  /** When it is looked at next, unless its entry in the registry changes before. */
  next: z.number(),
  /** Digest of its entry in the registry at that time. */
  registry: z.string(),
  /** Drift detections of stacks that were begun at `at`, by stack; absent when none is under way. */
  detections: z.record(z.string(), z.string()).optional(),
  /** What was different, for people; empty when nothing was. */
  found: z.array(z.string()).max(20),
});

export type DriftFact = z.infer<typeof driftFact>;

export const parseDriftFact = parsedOnce(driftFact);

const defaultIntervalMs = 12 * 3_600_000;
const shortestIntervalMs = 10 * 60_000;

export interface DriftPolicy {
  /** `repair`: as an update of the channel's version, in its windows and limits; `report`: it is said and left. */
  action: 'repair' | 'report' | 'off';
  intervalMs: number;
}

export const driftSettings: Record<
  string,
  { expects: string; apply(policy: DriftPolicy, value: string): DriftPolicy | undefined }
> = {
  drift: {
    expects: 'repair, report or off',
    apply: (policy, value) =>
      value === 'repair' || value === 'report' || value === 'off' ? { ...policy, action: value } : undefined,
  },
  drift_interval: {
    expects: 'a span of time of 10m or more, such as 12h',
    apply: (policy, value) => {
      const intervalMs = parseDuration(value);
      return intervalMs === undefined || intervalMs < shortestIntervalMs ? undefined : { ...policy, intervalMs };
    },
  },
};

export const defaultDriftPolicy: DriftPolicy = { action: 'repair', intervalMs: defaultIntervalMs };

export function driftPolicyOf(items: Readonly<Record<string, string>>): DriftPolicy {
  return Object.entries(driftSettings).reduce((policy, [item, { apply }]) => {
    const value = items[item];
    return value === undefined ? policy : (apply(policy, value) ?? policy);
  }, defaultDriftPolicy);
}

/** Spread over three quarters to five quarters of the interval, so that a fleet adopted at once is not looked at at once. */
export function nextLookAt(now: number, intervalMs: number, chance: number): number {
  return Math.round(now + intervalMs * (0.75 + chance / 2));
}

/** The rendered cluster with outputs in their places, and without fields that were left to other managers. */
export function asApplied(
  rendered: RenderedCluster,
  inventory: Inventory,
  outputs: Readonly<Record<string, string>>,
): RenderedCluster {
  const left = new Map([...inventory.values()].flat().map((entry) => [identityOf(entry), entry.left]));
  return {
    ...rendered,
    stacks: rendered.stacks.map(({ templateFor, ...stack }) => ({
      ...stack,
      template: templateFor === undefined ? stack.template : templateFor(outputs),
    })),
    components: rendered.components.map(({ name, digest, objects, objectsFor }) => ({
      name,
      digest,
      objects: (objectsFor === undefined ? objects : objectsFor(outputs)).map((object) =>
        withoutFields(object, left.get(identityOfObject(object)) ?? []),
      ),
    })),
  };
}

/**
 * What is known of a cluster once it is seen to have drifted: units that differ are not known any more. Nodes are not rolled for
 * it: what makes a pool outdated is a change of its stack, or a person's.
 */
export function afterDrift(fact: ClusterFact, finding: ClusterFinding, now: number): ClusterFact | undefined {
  if (finding.fact === null) return undefined;
  const seen = finding.fact.digests;
  const keep = (known: Record<string, string>, matching: Record<string, string>): Record<string, string> =>
    Object.fromEntries(Object.entries(known).filter(([name]) => matching[name] !== undefined));
  const stacks = keep(fact.digests.stacks, seen.stacks);
  const components = keep(fact.digests.components, seen.components);
  const same =
    Object.keys(stacks).length === Object.keys(fact.digests.stacks).length &&
    Object.keys(components).length === Object.keys(fact.digests.components).length;
  if (same) return undefined;
  return { ...fact, digest: null, digests: { ...fact.digests, stacks, components }, updatedAt: now };
}
