import { contextParser } from '../context-parser.ts';
import type { MachineModule } from '../events.ts';
import { promotionContext } from './context.ts';
import { promotionMachine } from './machine.ts';

export const promotionModule: MachineModule = {
  name: 'promotion',
  version: 1,
  machine: promotionMachine,
  parseContext: contextParser(promotionContext),
  migrations: {},
};
