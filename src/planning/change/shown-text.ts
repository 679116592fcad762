/** Units as text for people: one form for one content, comments and order of keys apart, secrets replaced. */
import { parseDocument, stringify, visit } from 'yaml';
import type { KubeObject } from '../../domain/kube-object.ts';
import { redacted } from '../../support/redact.ts';

const options = { lineWidth: 0, aliasDuplicateObjects: false } as const;

/** A Secret keeps its keys and loses its values, whether or not they came from an encrypted item. */
export function withoutSecretData(object: KubeObject): KubeObject {
  if (object.kind !== 'Secret') return object;
  const copy: KubeObject = { ...object };
  for (const field of ['data', 'stringData']) {
    const data: unknown = copy[field];
    if (typeof data === 'object' && data !== null)
      copy[field] = Object.fromEntries(Object.keys(data).map((key) => [key, redacted]));
  }
  return copy;
}

export function objectText(object: KubeObject): string {
  return stringify(object, { ...options, sortMapEntries: true });
}

export function plainText(value: unknown): string {
  return stringify(value, options);
}

/** A stack template without comments and blank lines; as it stands when it is no YAML. */
export function stackText(template: string): string {
  const document = parseDocument(template, { logLevel: 'silent', uniqueKeys: false });
  if (document.errors.length > 0) return template;
  document.comment = null;
  document.commentBefore = null;
  visit(document, {
    Node: (_, node) => {
      node.comment = null;
      node.commentBefore = null;
      node.spaceBefore = false;
    },
  });
  return document.toString({ lineWidth: 0 });
}

/** The template as plain data. Tags such as !Ref are dropped: what they name stays. */
export function stackData(template: string): unknown {
  const document = parseDocument(template, { logLevel: 'silent', uniqueKeys: false });
  return document.errors.length > 0 ? undefined : (document.toJS() as unknown);
}
