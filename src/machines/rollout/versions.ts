import { contextParser } from '../context-parser.ts';
import type { MachineModule } from '../events.ts';
import { rolloutContext } from './context.ts';
import { rolloutMachine } from './machine.ts';

export const rolloutModule: MachineModule = {
  name: 'rollout',
  version: 1,
  machine: rolloutMachine,
  parseContext: contextParser(rolloutContext),
  migrations: {},
};
