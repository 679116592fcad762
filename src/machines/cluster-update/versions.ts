import type { MachineModule } from '../events.ts';
import { clusterUpdateContext } from './context.ts';
import { clusterUpdateMachine } from './machine.ts';

export const clusterUpdateModule: MachineModule = {
  name: 'clusterUpdate',
  version: 1,
  machine: clusterUpdateMachine,
  parseContext: (context) => {
    const parsed = clusterUpdateContext.safeParse(context);
    return parsed.success ? { ok: true, context: parsed.data } : { ok: false, error: parsed.error.message };
  },
  migrations: {},
};
