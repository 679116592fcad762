/** What people have laid over the pipeline: pauses, freezes, pins, holds, skips and vetoes, by scope, until they expire. */
import { z } from 'zod';
import { frozen } from '../../support/frozen.ts';

const scopeObject = z.object({ kind: z.string(), name: z.string().optional() });

const overrideFact = z.object({
  kind: z.string(),
  scope: z.union([z.string(), scopeObject]),
  actor: z.string(),
  reason: z.string(),
  expiresAt: z.union([z.number(), z.string()]).nullable().optional(),
  commit: z.string().nullable().optional(),
  tree: z.string().nullable().optional(),
});

export interface Override {
  id: string;
  kind: string;
  /** `fleet`, `channel:beta`, `wave:beta/canary`, `cluster:<id>`, `commit:<sha>` */
  scope: string;
  actor: string;
  reason: string;
  expiresAt: number | null;
  /** What a pin stays on, or a veto is about. */
  commit: string | null;
  tree: string | null;
}

/** Overrides that were read before, by the object that the store gave: they are asked for at every step. */
const read = new WeakMap<object, Override>();

/** Kinds that keep new work from starting (P5). */
const holding = new Set(['pause', 'freeze', 'stop']);

/**
 * Overrides as they are stored. One that cannot be read holds everything: it was put there to stop something, and nobody can say
 * any more what.
 */
export function readOverrides(facts: { key: string; value: unknown }[]): Override[] {
  return facts.map(({ key, value }) => {
    const known = typeof value === 'object' && value !== null ? read.get(value) : undefined;
    if (known?.id === key) return known;
    const parsed = overrideFact.safeParse(value);
    if (!parsed.success) {
      const reason = `override ${key} cannot be read, so it is taken to hold everything`;
      return {
        id: key,
        kind: 'freeze',
        scope: 'fleet',
        actor: 'unknown',
        reason,
        expiresAt: null,
        commit: null,
        tree: null,
      };
    }
    const { kind, scope, actor, reason, expiresAt, commit = null, tree = null } = parsed.data;
    const override = {
      id: key,
      kind,
      scope: scopeText(scope),
      actor,
      reason,
      expiresAt: expiryOf(expiresAt),
      commit,
      tree,
    };
    read.set(value as object, frozen(override));
    return override;
  });
}

function scopeText(scope: string | z.infer<typeof scopeObject>): string {
  if (typeof scope === 'string') return scope;
  return scope.name === undefined || scope.name === '' ? scope.kind : `${scope.kind}:${scope.name}`;
}

function expiryOf(value: number | string | null | undefined): number | null {
  if (value === null || value === undefined) return null;
  const at = typeof value === 'number' ? value : Date.parse(value);
  return Number.isFinite(at) ? at : null;
}

function isActive(override: Override, now: number): boolean {
  return override.expiresAt === null || override.expiresAt > now;
}

/** Keeps new work from starting, now. */
export function isHolding(override: Override, now: number): boolean {
  return holding.has(override.kind) && isActive(override, now);
}

/** The override that keeps this from starting now, if any: the widest scope first, so that the reason shown is the one that counts. */
export function holdOn(
  overrides: Override[],
  where: { channel: string; wave?: string; cluster?: string },
  now: number,
): Override | undefined {
  const scopes = [
    'fleet',
    `channel:${where.channel}`,
    ...(where.wave === undefined ? [] : [`wave:${where.channel}/${where.wave}`]),
    ...(where.cluster === undefined ? [] : [`cluster:${where.cluster}`]),
  ];
  const active = overrides.filter((override) => isHolding(override, now));
  for (const scope of scopes) {
    const found = active.find((override) => override.scope === scope);
    if (found) return found;
  }
  return undefined;
}

/** A pin of the cluster or channel to another version than this one. */
export function pinOn(
  overrides: Override[],
  where: { channel: string; cluster?: string; commit: string },
  now: number,
): Override | undefined {
  const scopes = [`channel:${where.channel}`, ...(where.cluster === undefined ? [] : [`cluster:${where.cluster}`])];
  return overrides.find(
    (override) =>
      override.kind === 'pin' &&
      isActive(override, now) &&
      scopes.includes(override.scope) &&
      override.commit !== where.commit,
  );
}

export function skipOn(overrides: Override[], cluster: string, now: number): Override | undefined {
  return overrides.find(
    (override) => override.kind === 'skip' && override.scope === `cluster:${cluster}` && isActive(override, now),
  );
}

/** A veto of this version: of the commit itself, or of another one with the same tree. */
export function vetoOn(
  overrides: Override[],
  version: { commit: string; tree: string },
  now: number,
): Override | undefined {
  return overrides.find(
    (override) =>
      override.kind === 'veto' &&
      isActive(override, now) &&
      (override.commit === version.commit || (override.tree !== null && override.tree === version.tree)),
  );
}

/** Keeps a version from leaving the channel. */
export function promotionHold(
  overrides: Override[],
  where: { channel: string; commit: string },
  now: number,
): Override | undefined {
  const scopes = ['fleet', `channel:${where.channel}`, `commit:${where.commit}`];
  return overrides.find(
    (override) => override.kind === 'hold' && scopes.includes(override.scope) && isActive(override, now),
  );
}

export function describeHold(hold: Override): string {
  const until = hold.expiresAt === null ? '' : ` until ${new Date(hold.expiresAt).toISOString()}`;
  const what = hold.commit === null || hold.kind !== 'pin' ? '' : ` to ${hold.commit.slice(0, 12)}`;
  return `${hold.kind} of ${hold.scope}${what} by ${hold.actor}${until}: ${hold.reason}`;
}
