import { contextParser } from '../context-parser.ts';
import type { MachineModule } from '../events.ts';
import { nodePoolRollContext } from './context.ts';
import { nodePoolRollMachine } from './machine.ts';

export const nodePoolRollModule: MachineModule = {
  name: 'nodePoolRoll',
  version: 1,
  machine: nodePoolRollMachine,
  parseContext: contextParser(nodePoolRollContext),
  migrations: {},
};
