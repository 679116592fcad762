/** Signs what leaves the daemon as proof, and judges such signatures. */

export interface Signer {
  /** Armoured signature of exactly this text. Throws FailureError (`signing-failed`). */
  sign(text: string): Promise<string>;
}

export type SignedBy = { valid: true; by: string } | { valid: false; reason: string };

export interface SignatureJudge {
  judge(text: string, signature: string): Promise<SignedBy>;
}
