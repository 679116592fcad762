/** Whether a context fits its schema: the whole when it is read, only what is new after a transition. */
import { z } from 'zod';
import type { MachineModule } from './events.ts';

export function contextParser(schema: z.ZodObject): MachineModule['parseContext'] {
  return (context, known) => {
    if (known !== undefined && fitsSince(schema, context, known)) return { ok: true, context };
    const parsed = schema.safeParse(context);
    return parsed.success ? { ok: true, context: parsed.data } : { ok: false, error: parsed.error.message };
  };
}

/** Parts that are the very ones of `known`, which fits, are not looked at again: a reducer leaves alone what it does not change. */
function fitsSince(schema: z.core.$ZodType, value: unknown, known: unknown): boolean {
  if (value === known) return true;
  if (isPlain(value) && isPlain(known)) {
    // a refinement of an object judges it as a whole
    const whole = (schema._zod.def as { checks?: unknown[] }).checks ?? [];
    if (whole.length === 0 && schema instanceof z.ZodObject) {
      const shape = schema.shape as Record<string, z.core.$ZodType>;
      return Object.entries(shape).every(([key, part]) => fitsSince(part, value[key], known[key]));
    }
    if (whole.length === 0 && schema instanceof z.ZodRecord && schema.keyType instanceof z.ZodString) {
      const part = schema.valueType as z.core.$ZodType;
      return Object.entries(value).every(([key, one]) =>
        Object.hasOwn(known, key) ? fitsSince(part, one, known[key]) : z.safeParse(part, one).success,
      );
    }
  }
  return z.safeParse(schema, value).success;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
