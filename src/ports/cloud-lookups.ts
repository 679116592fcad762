import type { LookupQuestion } from '../domain/lookups.ts';
import type { Json } from './store.ts';

/**
 * What rendering asks of one account in one region. Reads only. Every method throws FailureError; codes start with `aws-`.
 */
export interface CloudLookups {
  /** The answer as the kind of the question shapes it (domain/lookups); null when the cloud has no such thing. */
  answer(question: LookupQuestion): Promise<Json>;
  /** Plaintext of what KMS encrypted, base64 in. The plaintext is never logged and never stored. */
  decrypt(ciphertext: string): Promise<string>;
}
