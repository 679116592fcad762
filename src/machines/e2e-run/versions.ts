import type { MachineModule } from '../events.ts';
import { e2eRunContext } from './context.ts';
import { e2eRunMachine } from './machine.ts';

export const e2eRunModule: MachineModule = {
  name: 'e2eRun',
  version: 1,
  machine: e2eRunMachine,
  parseContext: (context) => {
    const parsed = e2eRunContext.safeParse(context);
    return parsed.success ? { ok: true, context: parsed.data } : { ok: false, error: parsed.error.message };
  },
  migrations: {},
};
