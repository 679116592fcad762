import { type LifecycleFact, lifecycleKind, parseLifecycle } from '../planning/lifecycle/cluster-lifecycle.ts';
import type { ReadStore } from '../ports/store.ts';

/** How far clusters have come, by cluster id. */
export async function readLifecycles(store: Pick<ReadStore, 'facts'>): Promise<Map<string, LifecycleFact>> {
  return new Map(
    (await store.facts(lifecycleKind)).flatMap(({ key, value }) => {
      const fact = parseLifecycle(value);
      return fact === undefined ? [] : [[key, fact] as const];
    }),
  );
}
