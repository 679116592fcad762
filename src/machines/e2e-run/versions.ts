import { contextParser } from '../context-parser.ts';
import type { MachineModule } from '../events.ts';
import { e2eRunContext } from './context.ts';
import { e2eRunMachine } from './machine.ts';

export const e2eRunModule: MachineModule = {
  name: 'e2eRun',
  version: 1,
  machine: e2eRunMachine,
  parseContext: contextParser(e2eRunContext),
  migrations: {},
};
