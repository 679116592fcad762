/** How long boots and drains took, kept in the store for forecasts: a fact a pool, bounded. */
import type { RollHistory } from '../../domain/node-pool-roll.ts';
import type { FactWrite, Json } from '../../ports/store.ts';
import type { RollVisit } from './roll-context.ts';

export const historyKind = 'roll-history';
const kept = 50;

export const historyKey = (clusterId: string, pool: string): string => `${clusterId}/${pool}`;

/** Reads what earlier rolls measured, once a process. */
export async function loadHistory(visit: RollVisit): Promise<void> {
  const { clusterId, pool } = visit.step.context;
  if (visit.ledger.history.has(pool)) return;
  const found = await visit.parts.fleet.historyOf(clusterId, pool);
  visit.ledger.history.set(pool, found ?? { boots: [], drains: [] });
}

/** The fact with what this look has measured; nothing when it has measured nothing. */
export function measuredFacts(visit: RollVisit): FactWrite[] {
  const { measured, ledger, step } = visit;
  if (measured.boots.length + measured.drains.length === 0) return [];
  const { clusterId, pool } = step.context;
  const before = ledger.history.get(pool) ?? { boots: [], drains: [] };
  const value: RollHistory = {
    boots: [...before.boots, ...measured.boots].slice(-kept),
    drains: [...before.drains, ...measured.drains].slice(-kept),
  };
  ledger.history.set(pool, value);
  return [{ kind: historyKind, key: historyKey(clusterId, pool), value: value as unknown as Json }];
}

/** A fact as it was stored; undefined for anything else. */
export function readHistory(value: unknown): RollHistory | undefined {
  const { boots, drains } = (value ?? {}) as Partial<RollHistory>;
  const numbers = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((one) => typeof one === 'number');
  return numbers(boots) && numbers(drains) ? { boots, drains } : undefined;
}
