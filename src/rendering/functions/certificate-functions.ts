import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { resealed } from '../../support/sealed.ts';
import { TemplateFunctionError } from '../gotemplate/template-error.ts';
import type { GoFunction } from '../gotemplate/value.ts';
import { type FunctionTable, textFunction } from './define-function.ts';

/** Public keys of tokens as OpenID Connect publishes them: once with its id and once without, for clients of both kinds. */
function keySet(pem: string): string {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch {
    throw new TemplateFunctionError('this is no public key in PEM', { isPublic: true });
  }
  if (key.asymmetricKeyType !== 'rsa') throw new TemplateFunctionError('the key is not RSA', { isPublic: true });
  const { e, n } = key.export({ format: 'jwk' });
  const kid = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  const entry = { alg: 'RS256', e, kid, kty: 'RSA', n, use: 'sig' };
  return JSON.stringify({ keys: [entry, { ...entry, kid: '' }] }, undefined, 4);
}

function discoveryDocument(issuer: string): string {
  const document = {
    issuer,
    authorization_endpoint: 'urn:kubernetes:programmatic_authorization',
    jwks_uri: `${issuer}/openid-configuration/keys.json`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    claims_supported: ['sub', 'iss'],
  };
  return JSON.stringify(document, undefined, 4);
}

/** A function that looks into a secret: of one that is sealed it makes another that is. */
function opening(name: string, open: (text: string) => string): GoFunction {
  return textFunction((text) => resealed(name, text) ?? open(text));
}

/** Functions on keys and certificates in PEM. Their errors do not repeat what they were given: it may be a secret. */
export const certificateFunctions: FunctionTable = {
  publicKey: opening('publicKey', (pem) => {
    try {
      return String(createPublicKey(pem).export({ type: 'spki', format: 'pem' }));
    } catch {
      throw new TemplateFunctionError('this is no private key in PEM');
    }
  }),
  generateJWKSDocument: opening('generateJWKSDocument', keySet),
  generateOIDCDiscoveryDocument: textFunction(discoveryDocument),
  certificateExpiry: opening('certificateExpiry', (pem) => {
    try {
      return new Date(new X509Certificate(pem).validTo).toISOString().replace(/\.\d+Z$/, 'Z');
    } catch {
      throw new TemplateFunctionError('this is no certificate in PEM');
    }
  }),
};
