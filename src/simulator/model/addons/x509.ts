import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  BasicConstraints,
  Certificate,
  Extension,
  Extensions,
  GeneralName,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';

const ed25519 = '1.3.101.112';
const commonName = '2.5.4.3';
const basicConstraints = '2.5.29.19';
const alternativeName = '2.5.29.17';
/** An Ed25519 private key in PKCS 8, up to its 32 bytes. */
const keyPrefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Who signs certificates. */
export interface Authority {
  commonName: string;
  key: KeyObject;
  /** Its own certificate. */
  pem: string;
}

/** The same key for the same seed: a simulated secret, never a real one. */
export function keyOf(seed: string): KeyObject {
  const bytes = createHash('sha256').update(seed).digest();
  return createPrivateKey({ key: Buffer.concat([keyPrefix, bytes]), format: 'der', type: 'pkcs8' });
}

export function keyPem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}

export function newAuthority(name: string, seed: string, now: number): Authority {
  const key = keyOf(seed);
  const validity = { notBefore: now - 86_400_000, notAfter: now + 3650 * 86_400_000 };
  const pem = certificatePem({ commonName: name, names: [], key, ...validity, isAuthority: true }, undefined);
  return { commonName: name, key, pem };
}

export interface CertificateInput {
  commonName: string;
  names: readonly string[];
  key: KeyObject;
  /** Epoch ms. */
  notBefore: number;
  notAfter: number;
  isAuthority?: boolean;
}

/** A certificate as PEM, signed by the authority or by its own key. */
export function certificatePem(input: CertificateInput, by: Authority | undefined): string {
  const spki = createPublicKey(input.key).export({ format: 'der', type: 'spki' });
  const serial = createHash('sha256').update(spki).update(String(input.notBefore)).digest().subarray(0, 8);
  serial[0] = (serial[0] as number) & 0x7f;
  const algorithm = new AlgorithmIdentifier({ algorithm: ed25519 });
  const extensions = [extension(basicConstraints, new BasicConstraints({ cA: input.isAuthority === true }))];
  if (input.names.length > 0) {
    const names = input.names.map((dNSName) => new GeneralName({ dNSName }));
    extensions.push(extension(alternativeName, new SubjectAlternativeName(names)));
  }
  const body = new TBSCertificate({
    version: Version.v3,
    serialNumber: toArrayBuffer(serial),
    signature: algorithm,
    issuer: nameOf(by?.commonName ?? input.commonName),
    validity: new Validity({ notBefore: new Date(input.notBefore), notAfter: new Date(input.notAfter) }),
    subject: nameOf(input.commonName),
    subjectPublicKeyInfo: AsnConvert.parse(spki, SubjectPublicKeyInfo),
    extensions: new Extensions(extensions),
  });
  const signed = Buffer.from(AsnConvert.serialize(body));
  const signatureValue = toArrayBuffer(sign(null, signed, by?.key ?? input.key));
  const whole = new Certificate({ tbsCertificate: body, signatureAlgorithm: algorithm, signatureValue });
  const text = Buffer.from(AsnConvert.serialize(whole))
    .toString('base64')
    .replace(/(.{64})/g, '$1\n');
  return `-----BEGIN CERTIFICATE-----\n${text.trimEnd()}\n-----END CERTIFICATE-----\n`;
}

function extension(extnID: string, value: object): Extension {
  return new Extension({
    extnID,
    critical: extnID === basicConstraints,
    extnValue: new OctetString(AsnConvert.serialize(value)),
  });
}

function nameOf(text: string): Name {
  const attribute = new AttributeTypeAndValue({ type: commonName, value: new AttributeValue({ utf8String: text }) });
  return new Name([new RelativeDistinguishedName([attribute])]);
}

function toArrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
