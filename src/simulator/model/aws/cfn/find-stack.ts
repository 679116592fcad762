import type { RegionState } from '../region-state.ts';
import type { Stack } from './stack.ts';

/** By name (live stacks only) or id. */
export function findStack(state: RegionState, nameOrId: string): Stack | undefined {
  if (nameOrId.startsWith('arn:')) return state.stacks.get(nameOrId);
  const id = state.stackIds.get(nameOrId);
  return id === undefined ? undefined : state.stacks.get(id);
}
