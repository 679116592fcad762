import type { MachineModule } from '../events.ts';
import { bisectContext } from './context.ts';
import { bisectMachine } from './machine.ts';

export const bisectModule: MachineModule = {
  name: 'bisect',
  version: 1,
  machine: bisectMachine,
  parseContext: (context) => {
    const parsed = bisectContext.safeParse(context);
    return parsed.success ? { ok: true, context: parsed.data } : { ok: false, error: parsed.error.message };
  },
  migrations: {},
};
