import type { MachineModule } from '../events.ts';
import { rolloutContext } from './context.ts';
import { rolloutMachine } from './machine.ts';

export const rolloutModule: MachineModule = {
  name: 'rollout',
  version: 1,
  machine: rolloutMachine,
  parseContext: (context) => {
    const parsed = rolloutContext.safeParse(context);
    return parsed.success ? { ok: true, context: parsed.data } : { ok: false, error: parsed.error.message };
  },
  migrations: {},
};
