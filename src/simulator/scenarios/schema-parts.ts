/** Pieces that faults of a scenario file are made of; each says what to write. */
import { z } from 'zod';
import { parseDuration } from '../../support/duration.ts';

export const day = 86_400_000;

export function span(description: string, most = 30 * day) {
  const remedy = 'write a span of time like 30s, 5m or 1h30m';
  return z
    .string({ error: 'a span of time is a text like 5m' })
    .meta({ description, examples: ['5m'], remedy })
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms === undefined || ms > most) {
        const message = `${JSON.stringify(text)} is ${ms === undefined ? 'not a span of time' : 'too long'}`;
        context.issues.push({ code: 'custom', message, input: text });
        return z.NEVER;
      }
      return ms;
    });
}

export const clusterId = z
  .string()
  .regex(/^aws:\d{12}:[a-z]{2}(-[a-z]+)+-\d:[a-z0-9-]+$/, 'this is no cluster id')
  .meta({ description: 'Id of a cluster', remedy: 'write an id like aws:123456789012:eu-central-1:kube-1' });
export const account = z
  .string({ error: 'an account is a text of 12 digits: put it in quotes' })
  .regex(/^\d{12}$/, 'an account has 12 digits')
  .meta({ description: 'AWS account', remedy: 'write 12 digits in quotes' });
export const region = z
  .string()
  .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'this is no region')
  .meta({ description: 'AWS region', remedy: 'write a region like eu-central-1' });
export const zone = z
  .string()
  .regex(/^[a-z]{2}(-[a-z]+)+-\d[a-z]$/, 'this is no availability zone')
  .meta({ description: 'Availability zone', remedy: 'write a zone like eu-central-1a' });
export const name = z
  .string()
  .min(1)
  .max(255)
  .meta({ description: 'Name of the thing; a * at its end stands for anything', remedy: 'write a name' });
export const namespace = z
  .string()
  .min(1)
  .max(63)
  .meta({ description: 'Kubernetes namespace', remedy: 'write a namespace' });
export const count = (description: string, least = 1) =>
  z
    .int()
    .min(least)
    .max(1_000_000)
    .meta({ description, remedy: `write a whole number from ${least}` });

/** When a fault acts; without any of it from the beginning, for ever. */
export const timing = {
  title: z.string().max(200).optional().meta({ description: 'For people' }),
  at: span('When it begins, counted from the moment at which the scenario starts').optional(),
  for: span('How long it lasts; to the end unless given').optional(),
  every: span('It begins again after this long; needs `for`').optional(),
};

export const cluster = { cluster: clusterId };
