import { X509Certificate } from 'node:crypto';

export interface SeenCertificate {
  where: string;
  /** Whole days from now; negative when it is over. */
  daysLeft: number;
  subject: string;
}

/** Certificates of a PEM bundle (base64 as in a caBundle, or plain text). Throws when there is none. */
export function readCertificates(where: string, text: string, now: number): SeenCertificate[] {
  const pem = text.includes('-----BEGIN') ? text : Buffer.from(text, 'base64').toString('utf8');
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error('it holds no certificate');
  return blocks.map((block) => {
    const certificate = new X509Certificate(block);
    const daysLeft = Math.floor((Date.parse(certificate.validTo) - now) / 86_400_000);
    return { where, daysLeft, subject: certificate.subject.replaceAll('\n', ', ') };
  });
}
