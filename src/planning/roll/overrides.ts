/** What operators have laid over the rolls of one cluster, as it is stored. */
import { z } from 'zod';
import type { RollOverrides } from './roll-plan.ts';

export const forceKind = 'force-drain';
export const skipKind = 'skip-node';

const stored = z.object({
  kind: z.enum([forceKind, skipKind]),
  scope: z.string(),
  actor: z.string(),
  reason: z.string(),
  expiresAt: z.number(),
  node: z.string().optional(),
});

/** One that cannot be read, or that never ends, allows nothing and forbids nothing: a force must be beyond doubt. */
export function rollOverridesOf(facts: { value: unknown }[], clusterId: string): RollOverrides {
  const skips: Map<string, NonNullable<RollOverrides['force']>> = new Map();
  let force: RollOverrides['force'];
  for (const { value } of facts) {
    const parsed = stored.safeParse(value);
    if (!parsed.success || parsed.data.scope !== `cluster:${clusterId}`) continue;
    const { kind, node, actor, reason, expiresAt } = parsed.data;
    if (kind === forceKind) force = { actor, reason, expiresAt };
    else if (node !== undefined) skips.set(node, { actor, reason, expiresAt });
  }
  return { force, skips };
}
