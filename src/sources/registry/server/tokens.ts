/** Who may use a registry service: bearer tokens of a file that holds only their digests. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Problem } from '../../../domain/problem.ts';
import { parseYamlWithSchema } from '../../yaml-document.ts';

const tokenSchema = z.strictObject({
  name: z.string().min(1, 'a token has a name').max(100),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'this is no SHA-256 digest')
    .meta({ remedy: 'write what clm registry token prints' }),
  access: z.enum(['read', 'write']),
  expires: z.iso
    .date({ error: 'this is no date' })
    .meta({ remedy: 'write the last day that it is good for, for example "2027-06-30"' }),
});

const tokensSchema = z.strictObject({ tokens: z.array(tokenSchema).max(1_000) });

export interface Caller {
  name: string;
  mayWrite: boolean;
}

export type CallerCheck = (authorization: string | undefined) => Promise<Caller | undefined>;

export function parseTokens(
  file: string,
  text: string,
): { tokens: z.output<typeof tokenSchema>[]; problems: Problem[] } {
  const parsed = parseYamlWithSchema(file, text, tokensSchema);
  return parsed.ok ? { tokens: parsed.value.tokens, problems: [] } : { tokens: [], problems: parsed.problems };
}

const day = 86_400_000;

/** The file is read at every request, so that a token that is taken out ends at once. A file with problems lets nobody in. */
export function callersOf(file: string, now: () => number): CallerCheck {
  return async (authorization) => {
    const given = /^Bearer +([\w.~+/=-]{1,4096})$/i.exec(authorization ?? '')?.[1];
    if (given === undefined) return undefined;
    const { tokens } = parseTokens(file, await readFile(file, 'utf8').catch(() => ''));
    const digest = createHash('sha256').update(given).digest();
    const found = tokens.filter((token) => timingSafeEqual(Buffer.from(token.sha256, 'hex'), digest));
    const valid = found.find((token) => now() < Date.parse(`${token.expires}T00:00:00Z`) + day);
    return valid === undefined ? undefined : { name: valid.name, mayWrite: valid.access === 'write' };
  };
}

/** A new token, and the entry of the file that lets it in. The token itself is kept nowhere. */
export function newToken(name: string, access: 'read' | 'write', expires: string): { token: string; entry: string } {
  const token = randomBytes(32).toString('base64url');
  const sha256 = createHash('sha256').update(token).digest('hex');
  const entry = `  - name: ${JSON.stringify(name)}\n    sha256: ${sha256}\n    access: ${access}\n    expires: "${expires}"\n`;
  return { token, entry };
}
