/** From a stored row to a process in memory: migrate, parse, resolve. What does not fit is quarantined, never guessed. */
import type { MachineModule } from '../machines/events.ts';
import type { ProcessRow } from '../ports/store.ts';
import { type ProcessState, restoredState } from './machine-logic.ts';

export interface LiveProcess {
  /** As stored; `version`, `value` and `context` may be older than what `state` was migrated to. */
  row: ProcessRow;
  module: MachineModule;
  state: ProcessState;
  /** Path of the stored state, while quiet steps have carried the one in memory on from it: the next commit writes where it has come to. */
  carriedFrom?: string;
}

export type Hydrated = { ok: true; process: LiveProcess } | { ok: false; reason: string };

export function hydrate(
  row: ProcessRow,
  modules: ReadonlyMap<string, MachineModule>,
  knowsStep: (name: string) => boolean,
): Hydrated {
  const module = modules.get(row.machine);
  if (!module) return { ok: false, reason: `this program has no machine named ${row.machine}` };
  if (row.version > module.version) {
    return {
      ok: false,
      reason: `it was written by version ${row.version} of machine ${row.machine}, this program knows up to ${module.version}`,
    };
  }
  try {
    const migrated = migrate(row, module);
    const parsed = module.parseContext(migrated.context);
    if (!parsed.ok) return { ok: false, reason: `its context does not fit version ${module.version}: ${parsed.error}` };
    const state = restoredState(module, migrated.value, parsed.context);
    if (state.step !== undefined && !knowsStep(state.step)) {
      return { ok: false, reason: `this program has no step named ${state.step}` };
    }
    return { ok: true, process: { row, module, state } };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

function migrate(row: ProcessRow, module: MachineModule): { value: unknown; context: unknown } {
  let current: { value: unknown; context: unknown } = { value: row.value, context: row.context };
  for (let version = row.version; version < module.version; version += 1) {
    const step = module.migrations[version];
    if (!step) throw new Error(`machine ${module.name} has no migration from version ${version}`);
    current = step(current);
  }
  return current;
}
