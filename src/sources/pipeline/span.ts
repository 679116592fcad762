import { z } from 'zod';
import { parseDuration } from '../../support/duration.ts';

export const second = 1_000;
export const minute = 60_000;
export const hour = 3_600_000;
export const day = 86_400_000;

/** `30s`, `4h`, `1d`: parsed to milliseconds. */
export function span(options: { min?: number; max: number; remedy: string }) {
  return z
    .string({ error: 'a span of time is a text like 4h' })
    .meta({ description: 'A span of time: 30s, 15m, 4h, 1d', examples: ['4h'], remedy: options.remedy })
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms === undefined) {
        context.issues.push({ code: 'custom', message: `${JSON.stringify(text)} is not a span of time`, input: text });
        return z.NEVER;
      }
      if (ms < (options.min ?? 0) || ms > options.max) {
        context.issues.push({ code: 'custom', message: `${text} is outside of what is allowed here`, input: text });
        return z.NEVER;
      }
      return ms;
    });
}
