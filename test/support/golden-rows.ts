/**
 * Golden rows: one stored snapshot for each state of each released machine version. They are written once by `npx tsx
 * scripts/golden.ts` and replayed for ever: what a released clm has stored, every later one must be able to read.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AnyStateMachine } from 'xstate';
import { initialState, nextState, type ProcessState } from '../../src/engine/machine-logic.ts';
import type { MachineModule } from '../../src/machines/events.ts';
import type { Json } from '../../src/ports/store.ts';

export interface GoldenRow {
  machine: string;
  version: number;
  value: Json;
  context: Json;
}

export interface SampleEvent {
  type: string;
  [field: string]: unknown;
}

/** What a machine is fed with to reach its states. */
export interface MachineSample {
  inputs: Json[];
  /** Each is tried in every state. */
  events: SampleEvent[];
}

export const snapshotDirectory = fileURLToPath(new URL('../compat/snapshots', import.meta.url));

/** Contexts explored in one state: enough for guards that look at them, few enough to end. */
const contextsPerState = 60;

/** The first snapshot found in each state, by dotted path: breadth first, so the shortest history. */
export function exploreStates(module: MachineModule, sample: MachineSample): Map<string, ProcessState> {
  const found = new Map<string, ProcessState>();
  const visits = new Map<string, number>();
  const seen = new Set<string>();
  const queue: ProcessState[] = [];
  const visit = (state: ProcessState): void => {
    const identity = `${state.path}\n${JSON.stringify(state.context)}`;
    const count = visits.get(state.path) ?? 0;
    if (seen.has(identity) || count >= contextsPerState) return;
    seen.add(identity);
    visits.set(state.path, count + 1);
    if (!found.has(state.path)) found.set(state.path, state);
    if (!state.final) queue.push(state);
  };
  for (const input of sample.inputs) visit(initialState(module, input));
  for (let state = queue.shift(); state; state = queue.shift()) {
    for (const event of sample.events) {
      const next = nextState(module, state, event);
      if (next) visit(next);
    }
  }
  return found;
}

/** Dotted paths of every atomic and final state that the definition has. */
export function definedStates(module: MachineModule): string[] {
  const machine = module.machine;
  const leaves: string[] = [];
  const walk = (node: AnyStateMachine['root']): void => {
    const children = Object.values(node.states);
    if (children.length === 0) leaves.push(node.path.join('.'));
    else for (const child of children) walk(child);
  };
  walk(machine.root);
  return leaves.filter((path) => path !== '').sort();
}

export function goldenFile(module: MachineModule, state: string): string {
  return join(snapshotDirectory, module.name, `v${module.version}-${state}.json`);
}

/** Every golden row of a machine, of whatever version. */
export function goldenRows(machine: string): { file: string; row: GoldenRow }[] {
  const directory = join(snapshotDirectory, machine);
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((file) => /^v\d+-.+\.json$/.test(file))
    .sort()
    .map((file) => ({ file, row: JSON.parse(readFileSync(join(directory, file), 'utf8')) as GoldenRow }));
}

/** Definition hash of each released version: `{"1": "sha256…"}`. */
export function definitionHashes(machine: string): Record<string, string> {
  const file = definitionsFile(machine);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : {};
}

export function definitionsFile(machine: string): string {
  return join(snapshotDirectory, machine, 'definitions.json');
}
