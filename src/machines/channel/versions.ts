import type { MachineModule } from '../events.ts';
import { channelContext } from './context.ts';
import { channelMachine } from './machine.ts';

export const channelModule: MachineModule = {
  name: 'channel',
  version: 1,
  machine: channelMachine,
  parseContext: (context) => {
    const parsed = channelContext.safeParse(context);
    return parsed.success ? { ok: true, context: parsed.data } : { ok: false, error: parsed.error.message };
  },
  migrations: {},
};
