/** Names of kinds as people write them for tools: a kind, the name of a resource, and either with its group or version and group. */

export interface NamedResource {
  /** In lower case: a kind, or the singular or plural name of a resource. */
  resource: string;
  version?: string;
  group?: string;
}

/** `Widget`, `widgets`, `widgets.example.org`, `widgets.v1.example.org`. */
export function resourceNamed(text: string): NamedResource {
  const [resource = '', ...rest] = text.toLowerCase().split('.');
  if (rest.length === 0) return { resource };
  const [first = ''] = rest;
  const versioned = rest.length > 1 && /^v\d+((alpha|beta)\d+)?$/.test(first);
  return versioned ? { resource, version: first, group: rest.slice(1).join('.') } : { resource, group: rest.join('.') };
}
