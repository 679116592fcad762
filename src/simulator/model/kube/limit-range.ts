import { forbidden } from './api-error.ts';
import type { ClusterCore } from './cluster-core.ts';
import { type Fields, fieldsOf, isFields, listOf, type SimObject } from './object.ts';
import { parseQuantity } from './quantity.ts';
import type { ResourceDefinition } from './resource-definition.ts';

function limitsOf(core: ClusterCore, namespace: string, type: string): Fields[] {
  const found: Fields[] = [];
  for (const range of core.store.table('limitranges').inNamespace(namespace).values()) {
    for (const item of listOf(fieldsOf(range['spec'])['limits']))
      if (isFields(item) && item['type'] === type) found.push(item);
  }
  return found;
}

/** A pod's spec with the requests and limits that the namespace gives to containers without; the same one when it gives none. */
export function withLimitDefaults<T extends Fields>(core: ClusterCore, namespace: string, spec: T): T {
  const limits = limitsOf(core, namespace, 'Container');
  if (limits.length === 0) return spec;
  const filled = (item: unknown): unknown => {
    const container = fieldsOf(item);
    const resources = fieldsOf(container['resources']);
    let requests = fieldsOf(resources['requests']);
    let most = fieldsOf(resources['limits']);
    for (const limit of limits) {
      const given = fieldsOf(limit['default']);
      // A default request that is not given is the default limit.
      requests = { ...given, ...fieldsOf(limit['defaultRequest']), ...most, ...requests };
      most = { ...given, ...most };
    }
    const next = { ...resources, ...(size(requests) ? { requests } : {}), ...(size(most) ? { limits: most } : {}) };
    return { ...container, resources: next };
  };
  const lists: Fields = {};
  for (const field of ['containers', 'initContainers'])
    if (spec[field] !== undefined) lists[field] = listOf(spec[field]).map(filled);
  return { ...spec, ...lists };
}

function size(fields: Fields): number {
  return Object.keys(fields).length;
}

/** Throws 403 for a pod or claim beyond the bounds of its namespace's LimitRanges. */
export function checkLimits(core: ClusterCore, definition: ResourceDefinition, object: SimObject): void {
  const { namespace = '', name } = object.metadata;
  const problems: string[] = [];
  const check = (type: string, amounts: Fields, of: 'request' | 'limit'): void => {
    for (const limit of limitsOf(core, namespace, type)) {
      for (const [bound, sign] of [
        ['min', 1],
        ['max', -1],
      ] as const) {
        for (const [resource, value] of Object.entries(fieldsOf(limit[bound]))) {
          const amount = parseQuantity(amounts[resource]);
          if (amount === undefined || (amount - (parseQuantity(value) ?? 0)) * sign >= 0) continue;
          const word = bound === 'min' ? 'minimum' : 'maximum';
          problems.push(
            `${word} ${resource} usage per ${type} is ${String(value)}, but ${of} is ${String(amounts[resource])}`,
          );
        }
      }
    }
  };
  if (definition.key === 'pods') {
    for (const item of listOf(fieldsOf(object['spec'])['containers'])) {
      const resources = fieldsOf(fieldsOf(item)['resources']);
      // Of one bound it is the limit that is named, when both are beyond it.
      const before = problems.length;
      check('Container', fieldsOf(resources['limits']), 'limit');
      if (problems.length === before) check('Container', fieldsOf(resources['requests']), 'request');
    }
  } else if (definition.key === 'persistentvolumeclaims') {
    check('PersistentVolumeClaim', fieldsOf(fieldsOf(fieldsOf(object['spec'])['resources'])['requests']), 'request');
  }
  if (problems.length > 0) throw forbidden(definition, name, [...new Set(problems)].join(', '));
}
