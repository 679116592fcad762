import { isFields } from './object.ts';

const texts = new WeakMap<object, string>();

/** A stored object as JSON, kept as long as this version of the object lives. */
function objectText(object: object): string {
  let text = texts.get(object);
  if (text === undefined) {
    text = JSON.stringify(object);
    texts.set(object, text);
  }
  return text;
}

/** An answer's body as JSON. The items of a list are serialised once a version, however often they are listed. */
export function jsonText(body: object): string {
  const fields = body as Record<string, unknown>;
  const { items } = fields;
  if (!Array.isArray(items) || typeof fields['kind'] !== 'string' || !fields['kind'].endsWith('List'))
    return JSON.stringify(body);
  const { items: _, ...head } = fields;
  const parts = items.map((item) =>
    isFields(item) && isFields(item['metadata']) ? objectText(item) : JSON.stringify(item),
  );
  return `${JSON.stringify(head).slice(0, -1)},"items":[${parts.join(',')}]}`;
}
