import { createPublicKey, X509Certificate } from 'node:crypto';
import { TemplateFunctionError } from '../gotemplate/template-error.ts';
import { type FunctionTable, textFunction } from './define-function.ts';

/** Functions on keys and certificates in PEM. Their errors do not repeat what they were given: it may be a secret. */
export const certificateFunctions: FunctionTable = {
  publicKey: textFunction((pem) => {
    try {
      return String(createPublicKey(pem).export({ type: 'spki', format: 'pem' }));
    } catch {
      throw new TemplateFunctionError('this is no private key in PEM');
    }
  }),
  certificateExpiry: textFunction((pem) => {
    try {
      return new Date(new X509Certificate(pem).validTo).toISOString().replace(/\.\d+Z$/, 'Z');
    } catch {
      throw new TemplateFunctionError('this is no certificate in PEM');
    }
  }),
};
