import { createHash } from 'node:crypto';
import type { MachineModule } from '../machines/events.ts';

/**
 * sha256 (hex) of a machine's definition: states, transitions, guards and actions by name, metadata. An inline function counts
 * as being there; its text does not, because every toolchain prints it differently.
 */
export function machineDefinitionHash(module: MachineModule): string {
  const machine = module.machine;
  return createHash('sha256')
    .update(JSON.stringify(canonical(machine.config, 0)))
    .digest('hex');
}

const maxDepth = 40;

function canonical(value: unknown, depth: number): unknown {
  if (depth > maxDepth) throw new RangeError('a machine definition this deep is a cycle');
  if (typeof value === 'function') return { inline: canonical(Object.fromEntries(Object.entries(value)), depth + 1) };
  if (Array.isArray(value)) return value.map((item) => canonical(item, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, canonical(item, depth + 1)]),
  );
}
