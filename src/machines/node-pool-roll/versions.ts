import type { MachineModule } from '../events.ts';
import { nodePoolRollContext } from './context.ts';
import { nodePoolRollMachine } from './machine.ts';

export const nodePoolRollModule: MachineModule = {
  name: 'nodePoolRoll',
  version: 1,
  machine: nodePoolRollMachine,
  parseContext: (context) => {
    const parsed = nodePoolRollContext.safeParse(context);
    return parsed.success ? { ok: true, context: parsed.data } : { ok: false, error: parsed.error.message };
  },
  migrations: {},
};
