import type { MachineModule } from '../events.ts';
import { promotionContext } from './context.ts';
import { promotionMachine } from './machine.ts';

export const promotionModule: MachineModule = {
  name: 'promotion',
  version: 1,
  machine: promotionMachine,
  parseContext: (context) => {
    const parsed = promotionContext.safeParse(context);
    return parsed.success ? { ok: true, context: parsed.data } : { ok: false, error: parsed.error.message };
  },
  migrations: {},
};
