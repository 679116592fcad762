import type { MachineModule } from '../events.ts';
import { decommissionContext } from './context.ts';
import { decommissionMachine } from './machine.ts';

export const decommissionModule: MachineModule = {
  name: 'decommission',
  version: 1,
  machine: decommissionMachine,
  parseContext: (context) => {
    const parsed = decommissionContext.safeParse(context);
    return parsed.success ? { ok: true, context: parsed.data } : { ok: false, error: parsed.error.message };
  },
  migrations: {},
};
