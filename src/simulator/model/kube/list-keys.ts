/**
 * How lists of built-in kinds are merged by patches: lists of objects by these keys, a few lists as sets, all others as a whole.
 */
export type ListRule = { keys: readonly string[] } | 'set' | 'atomic';

const byName: ListRule = { keys: ['name'] };
const byType: ListRule = { keys: ['type'] };

const byField: Record<string, ListRule> = {
  containers: byName,
  initContainers: byName,
  ephemeralContainers: byName,
  env: byName,
  volumes: byName,
  imagePullSecrets: byName,
  webhooks: byName,
  volumeMounts: { keys: ['mountPath'] },
  volumeDevices: { keys: ['devicePath'] },
  hostAliases: { keys: ['ip'] },
  topologySpreadConstraints: { keys: ['topologyKey', 'whenUnsatisfiable'] },
  conditions: byType,
  addresses: byType,
  ownerReferences: { keys: ['uid'] },
  finalizers: 'set',
  podCIDRs: 'set',
};

/** The rule for the list at this path (field names only, from the root of the object). */
export function listRule(kind: string, path: readonly string[], custom: boolean): ListRule {
  const field = path.at(-1) ?? '';
  if (custom) return path[0] === 'metadata' ? (byField[field] ?? 'atomic') : 'atomic';
  if (field === 'ports') {
    if (path.includes('containers') || path.includes('initContainers')) return { keys: ['containerPort', 'protocol'] };
    if (kind === 'Service' && path[0] === 'spec') return { keys: ['port', 'protocol'] };
    return 'atomic';
  }
  if (field === 'secrets') return kind === 'ServiceAccount' ? byName : 'atomic';
  if (field === 'addresses' && kind !== 'Node') return 'atomic';
  return byField[field] ?? 'atomic';
}

/** The item's value of a key; ports without a protocol are TCP. */
export function keyValue(item: Record<string, unknown>, key: string): unknown {
  return item[key] ?? (key === 'protocol' ? 'TCP' : undefined);
}
