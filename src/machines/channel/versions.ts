import { contextParser } from '../context-parser.ts';
import type { MachineModule } from '../events.ts';
import { channelContext } from './context.ts';
import { channelMachine } from './machine.ts';

export const channelModule: MachineModule = {
  name: 'channel',
  version: 1,
  machine: channelMachine,
  parseContext: contextParser(channelContext),
  migrations: {},
};
