import { type ApiError, forbidden } from './api-error.ts';
import type { ClusterCore } from './cluster-core.ts';
import { isPodFinished, type Pod } from './kinds.ts';
import { type Fields, fieldsOf, listOf, type SimObject } from './object.ts';
import { parseQuantity, quantityText } from './quantity.ts';
import type { ResourceDefinition } from './resource-definition.ts';

const quotaKey = 'resourcequotas';
const counted: Readonly<Record<string, string>> = {
  pods: 'pods',
  services: 'services',
  configmaps: 'configmaps',
  secrets: 'secrets',
  persistentvolumeclaims: 'persistentvolumeclaims',
  replicationcontrollers: 'replicationcontrollers',
  resourcequotas: 'resourcequotas',
};

/** What one object uses of a quota's resource, by its table's key; 0 for what it has nothing to do with. */
function usageOf(resource: string, key: string, object: SimObject): number {
  if (resource.startsWith('count/')) return resource.slice('count/'.length) === key ? 1 : 0;
  if (counted[resource] !== undefined) return counted[resource] === key ? (isCounted(key, object) ? 1 : 0) : 0;
  const spec = fieldsOf(object['spec']);
  if (key === 'services') {
    if (resource === 'services.loadbalancers') return spec['type'] === 'LoadBalancer' ? 1 : 0;
    if (resource === 'services.nodeports')
      return spec['type'] === 'NodePort' || spec['type'] === 'LoadBalancer' ? listOf(spec['ports']).length : 0;
  }
  if (key === 'persistentvolumeclaims' && resource === 'requests.storage')
    return parseQuantity(fieldsOf(fieldsOf(spec['resources'])['requests'])['storage']) ?? 0;
  if (key !== 'pods' || !isCounted(key, object)) return 0;
  const [of, name] = resource.startsWith('limits.')
    ? ['limits', resource.slice('limits.'.length)]
    : ['requests', resource.replace(/^requests\./, '')];
  let sum = 0;
  for (const item of listOf(spec['containers'])) {
    sum += parseQuantity(fieldsOf(fieldsOf(fieldsOf(item)['resources'])[of])[name]) ?? 0;
  }
  return sum;
}

function isCounted(key: string, object: SimObject): boolean {
  return key !== 'pods' || !isPodFinished(object as Pod);
}

/** What a namespace uses of each resource that a quota limits. */
export function usedOf(core: ClusterCore, namespace: string, resources: readonly string[]): Record<string, number> {
  const used: Record<string, number> = Object.fromEntries(resources.map((resource) => [resource, 0]));
  for (const table of core.store.tables()) {
    for (const object of table.inNamespace(namespace).values()) {
      for (const resource of resources) {
        const amount = usageOf(resource, table.key, object);
        if (amount > 0) used[resource] = (used[resource] ?? 0) + amount;
      }
    }
  }
  return used;
}

/** The refusal of a new object that a quota of its namespace has no room for; undefined when it fits. */
export function quotaRefusal(
  core: ClusterCore,
  definition: ResourceDefinition,
  object: SimObject,
): ApiError | undefined {
  const { namespace = '', name } = object.metadata;
  for (const quota of core.store.table(quotaKey).inNamespace(namespace).values()) {
    if (fieldsOf(quota['spec'])['scopes'] || fieldsOf(quota['spec'])['scopeSelector']) continue;
    const hard = fieldsOf(fieldsOf(quota['spec'])['hard']);
    const limits = Object.keys(hard);
    if (definition.key === 'pods') {
      const missing = unspecified(limits, object);
      if (missing !== undefined)
        return forbidden(definition, name, `failed quota: ${quota.metadata.name}: must specify ${missing}`);
    }
    const wanted = limits.filter((resource) => usageOf(resource, definition.key, object) > 0);
    if (wanted.length === 0) continue;
    const used = usedOf(core, namespace, wanted);
    const over = wanted.filter((resource) => {
      const limit = parseQuantity(hard[resource]) ?? 0;
      return (used[resource] ?? 0) + usageOf(resource, definition.key, object) > limit + 1e-9;
    });
    if (over.length === 0) continue;
    const list = (amount: (resource: string) => string): string =>
      over.map((resource) => `${resource}=${amount(resource)}`).join(',');
    const requested = list((resource) => quantityText(usageOf(resource, definition.key, object), resource));
    const present = list((resource) => quantityText(used[resource] ?? 0, resource));
    const limited = list((resource) => String(hard[resource]));
    const why = `exceeded quota: ${quota.metadata.name}, requested: ${requested}, used: ${present}, limited: ${limited}`;
    return forbidden(definition, name, why);
  }
  return undefined;
}

/** A pod under a quota for CPU or memory has to say how much it wants: the first that it does not, for which container. */
function unspecified(limits: readonly string[], pod: SimObject): string | undefined {
  for (const resource of limits) {
    const match = /^(?:(requests|limits)\.)?(cpu|memory)$/.exec(resource);
    if (!match) continue;
    const [, of = 'requests', name = ''] = match;
    const without = listOf(fieldsOf(pod['spec'])['containers'])
      .map(fieldsOf)
      .filter((item) => fieldsOf(fieldsOf(item['resources'])[of])[name] === undefined);
    if (without.length > 0) return `${resource} for: ${without.map((item: Fields) => item['name']).join(',')}`;
  }
  return undefined;
}
