import type { ClusterCore } from '../kube/cluster-core.ts';
import type { Container, Pod } from '../kube/kinds.ts';
import { type Fields, fieldsOf, listOf, shownText } from '../kube/object.ts';

/** What a pod calls itself. */
export function hostName(pod: Pod): string {
  return shownText(pod.spec['hostname'] ?? pod.metadata.name);
}

/** The environment of a container: its env and envFrom, values and references. */
export function containerEnvironment(core: ClusterCore, pod: Pod, container: Container): Record<string, string> {
  const values: Record<string, string> = { HOSTNAME: hostName(pod) };
  const dataOf = (table: string, name: unknown): Record<string, string> => {
    const data = fieldsOf(core.store.table(table).get(pod.metadata.namespace, String(name))?.['data']);
    const secret = table === 'secrets';
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [
        key,
        secret ? Buffer.from(String(value), 'base64').toString('utf8') : String(value),
      ]),
    );
  };
  for (const source of listOf(container['envFrom']).map(fieldsOf)) {
    const prefix = typeof source['prefix'] === 'string' ? source['prefix'] : '';
    const map = source['configMapRef'];
    const data =
      map === undefined
        ? dataOf('secrets', fieldsOf(source['secretRef'])['name'])
        : dataOf('configmaps', fieldsOf(map)['name']);
    for (const [key, value] of Object.entries(data)) values[`${prefix}${key}`] = value;
  }
  for (const entry of listOf(container['env']).map(fieldsOf)) {
    const name = String(entry['name']);
    const from = fieldsOf(entry['valueFrom']);
    let value: string | undefined;
    if (typeof entry['value'] === 'string') value = expand(entry['value'], values);
    else if (from['fieldRef'] !== undefined) value = podField(pod, String(fieldsOf(from['fieldRef'])['fieldPath']));
    else if (from['configMapKeyRef'] !== undefined) value = keyOf(from['configMapKeyRef'], 'configmaps', dataOf);
    else if (from['secretKeyRef'] !== undefined) value = keyOf(from['secretKeyRef'], 'secrets', dataOf);
    if (value !== undefined) values[name] = value;
  }
  return values;
}

function keyOf(
  reference: unknown,
  table: string,
  dataOf: (table: string, name: unknown) => Record<string, string>,
): string | undefined {
  const { name, key }: Fields = fieldsOf(reference);
  return dataOf(table, name)[String(key)];
}

function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\$\(([A-Za-z_][A-Za-z0-9_]*)\)/g, (whole, name: string) => values[name] ?? whole);
}

function podField(pod: Pod, path: string): string | undefined {
  const mapped = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (mapped) return pod.metadata[mapped[1] as 'labels' | 'annotations']?.[mapped[2] as string];
  let value: unknown = pod;
  for (const step of path.split('.')) value = fieldsOf(value)[step];
  return value === undefined || typeof value === 'object' ? undefined : shownText(value);
}
