import { formsOfSecret, redacted } from '../support/redact.ts';

/** Replaces the given values, and the common encodings of them, wherever they stand in a text. */
export function redactorOf(secrets: Iterable<string>): (text: string) => string {
  const forms = [...new Set([...secrets].flatMap(formsOfSecret))].sort((a, b) => b.length - a.length);
  if (forms.length === 0) return (text) => text;
  return (text) => forms.reduce((result, form) => result.replaceAll(form, redacted), text);
}
