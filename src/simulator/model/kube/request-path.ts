/** What a URL path of the API means. */
export type RequestPath =
  | {
      kind: 'resource';
      group: string;
      version: string;
      namespace: string | undefined;
      plural: string;
      name: string | undefined;
      subresource: string | undefined;
      rest: string;
    }
  | { kind: 'group-versions' }
  | { kind: 'core-versions' }
  | { kind: 'group'; group: string }
  | { kind: 'resources'; group: string; version: string }
  | { kind: 'other'; path: string };

export function parseRequestPath(path: string): RequestPath {
  const segments = path.split('/').filter((part) => part !== '');
  let steps: string[];
  try {
    steps = segments.map(decodeURIComponent);
  } catch {
    return { kind: 'other', path };
  }
  const [root, first = '', second = ''] = steps;
  if (root !== 'api' && root !== 'apis') return { kind: 'other', path };
  if (steps.length === 1) return { kind: root === 'api' ? 'core-versions' : 'group-versions' };
  if (root === 'apis' && steps.length === 2) return { kind: 'group', group: first };
  const [group, version] = root === 'api' ? ['', first] : [first, second];
  let rest = steps.slice(root === 'api' ? 2 : 3);
  if (rest.length === 0) return { kind: 'resources', group, version };
  let namespace: string | undefined;
  // /namespaces/x alone and its subresources are the namespace itself; longer paths are inside it.
  if (
    rest[0] === 'namespaces' &&
    rest.length > 2 &&
    !(group === '' && rest.length === 3 && (rest[2] === 'status' || rest[2] === 'finalize'))
  ) {
    namespace = rest[1];
    rest = rest.slice(2);
  }
  return {
    kind: 'resource',
    group,
    version,
    namespace,
    plural: rest[0] ?? '',
    name: rest[1],
    subresource: rest[2],
    rest: rest.slice(3).join('/'),
  };
}
