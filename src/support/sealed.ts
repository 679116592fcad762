/** Marks that stand for secrets where nobody decrypts them: the same for the same secret, so that two renderings can be compared. */
import { digestText } from './digest.ts';

/** Base64 like most secrets of configurations, so that what takes encoded values takes a mark. */
const mark = /^sealed[0-9a-f]{18}$/;

/** Nothing of the plaintext is in it, and nobody takes it for one. */
export function sealedMark(ciphertext: string): string {
  return `sealed${digestText(ciphertext).slice(0, 18)}`;
}

/** What `how` makes of a mark that it cannot look into: a mark again. undefined where the text is none. */
export function resealed(how: string, text: string): string | undefined {
  return mark.test(text) ? sealedMark(`${how} ${text}`) : undefined;
}
