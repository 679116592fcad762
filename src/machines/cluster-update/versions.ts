import { contextParser } from '../context-parser.ts';
import type { MachineModule } from '../events.ts';
import { clusterUpdateContext } from './context.ts';
import { clusterUpdateMachine } from './machine.ts';

export const clusterUpdateModule: MachineModule = {
  name: 'clusterUpdate',
  version: 1,
  machine: clusterUpdateMachine,
  parseContext: contextParser(clusterUpdateContext),
  migrations: {},
};
