/** What people have laid over the pipeline: pauses and freezes, by scope, until they expire. */
import { z } from 'zod';

const scopeObject = z.object({ kind: z.string(), name: z.string().optional() });

const overrideFact = z.object({
  kind: z.string(),
  scope: z.union([z.string(), scopeObject]),
  actor: z.string(),
  reason: z.string(),
  expiresAt: z.union([z.number(), z.string()]).nullable().optional(),
});

export interface Override {
  id: string;
  kind: string;
  /** `fleet`, `channel:beta`, `cluster:<id>` */
  scope: string;
  actor: string;
  reason: string;
  expiresAt: number | null;
}

/** Kinds that keep new work from starting (P5). */
const holding = new Set(['pause', 'freeze', 'stop']);

/**
 * Overrides as they are stored. One that cannot be read holds everything: it was put there to stop something, and nobody can say
 * any more what.
 */
export function readOverrides(facts: { key: string; value: unknown }[]): Override[] {
  return facts.map(({ key, value }) => {
    const parsed = overrideFact.safeParse(value);
    if (!parsed.success) {
      const reason = `override ${key} cannot be read, so it is taken to hold everything`;
      return { id: key, kind: 'freeze', scope: 'fleet', actor: 'unknown', reason, expiresAt: null };
    }
    const { kind, scope, actor, reason, expiresAt } = parsed.data;
    return { id: key, kind, scope: scopeText(scope), actor, reason, expiresAt: expiryOf(expiresAt) };
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

/** The override that keeps this from starting now, if any: the widest scope first, so that the reason shown is the one that counts. */
export function holdOn(
  overrides: Override[],
  where: { channel: string; cluster?: string },
  now: number,
): Override | undefined {
  const scopes = [
    'fleet',
    `channel:${where.channel}`,
    ...(where.cluster === undefined ? [] : [`cluster:${where.cluster}`]),
  ];
  const active = overrides.filter(
    (override) => holding.has(override.kind) && (override.expiresAt === null || override.expiresAt > now),
  );
  for (const scope of scopes) {
    const found = active.find((override) => override.scope === scope);
    if (found) return found;
  }
  return undefined;
}

export function describeHold(hold: Override): string {
  const until = hold.expiresAt === null ? '' : ` until ${new Date(hold.expiresAt).toISOString()}`;
  return `${hold.kind} of ${hold.scope} by ${hold.actor}${until}: ${hold.reason}`;
}
