/** How long boots and drains took, kept in the store for forecasts: a fact a pool, bounded. */
import type { RollHistory } from '../../domain/node-pool-roll.ts';
import type { FactWrite, Json } from '../../ports/store.ts';
import type { RollVisit } from './roll-context.ts';

export const historyKind = 'roll-history';
/** How long pods take to end, by workload: one fact a cluster. */
export const stopsKind = 'pod-stops';
const kept = 50;
/** In decision time; and at the end of every roll. */
const stopsStoredEveryMs = 10 * 60_000;

export const historyKey = (clusterId: string, pool: string): string => `${clusterId}/${pool}`;

/** Reads what earlier rolls measured, once a process. */
export async function loadHistory(visit: RollVisit): Promise<void> {
  const { clusterId, pool } = visit.step.context;
  const { terminations } = visit.ledger;
  if (!terminations.loaded) terminations.load((await visit.parts.fleet.stopsOf(clusterId)) ?? {});
  if (visit.ledger.history.has(pool)) return;
  const found = await visit.parts.fleet.historyOf(clusterId, pool);
  visit.ledger.history.set(pool, found ?? { boots: [], drains: [] });
}

/** The fact with what this look has measured; nothing when it has measured nothing. */
export function measuredFacts(visit: RollVisit): FactWrite[] {
  const { measured, ledger, step } = visit;
  const { clusterId, pool } = step.context;
  const stops = visit.now() - ledger.stopsStoredAt >= stopsStoredEveryMs ? stopFacts(visit) : [];
  if (measured.boots.length + measured.drains.length === 0) return stops;
  const before = ledger.history.get(pool) ?? { boots: [], drains: [] };
  const value: RollHistory = {
    boots: [...before.boots, ...measured.boots].slice(-kept),
    drains: [...before.drains, ...measured.drains].slice(-kept),
  };
  ledger.history.set(pool, value);
  return [...stops, { kind: historyKind, key: historyKey(clusterId, pool), value: value as unknown as Json }];
}

/** How long pods took to end, of all workloads of the cluster; nothing when there is nothing new. */
export function stopFacts({ ledger, step, now }: Pick<RollVisit, 'ledger' | 'step' | 'now'>): FactWrite[] {
  if (!ledger.terminations.changed) return [];
  ledger.terminations.changed = false;
  ledger.stopsStoredAt = now();
  return [{ kind: stopsKind, key: step.context.clusterId, value: Object.fromEntries(ledger.terminations.byWorkload) }];
}

/** A fact as it was stored; undefined for anything else. */
export function readStops(value: unknown): Record<string, number> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const all = Object.values(value);
  return all.every((one) => typeof one === 'number') ? (value as Record<string, number>) : undefined;
}

/** A fact as it was stored; undefined for anything else. */
export function readHistory(value: unknown): RollHistory | undefined {
  const { boots, drains } = (value ?? {}) as Partial<RollHistory>;
  const numbers = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((one) => typeof one === 'number');
  return numbers(boots) && numbers(drains) ? { boots, drains } : undefined;
}
