import type { PeerCertificate } from '../network/messages.ts';

const yearMs = 365 * 86_400_000;

/** What a server shows that made its own certificate when it started. */
export function selfSigned(subject: string, names: readonly string[], startedAt: number): PeerCertificate {
  const text = `CN=${subject}`;
  return {
    subject: text,
    issuer: text,
    names,
    notBefore: startedAt,
    notAfter: startedAt + yearMs,
    chain: 1,
    trusted: false,
  };
}
