import { contextParser } from '../context-parser.ts';
import type { MachineModule } from '../events.ts';
import { decommissionContext } from './context.ts';
import { decommissionMachine } from './machine.ts';

export const decommissionModule: MachineModule = {
  name: 'decommission',
  version: 1,
  machine: decommissionMachine,
  parseContext: contextParser(decommissionContext),
  migrations: {},
};
