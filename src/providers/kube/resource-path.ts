import type { ListOptions, Resource } from '../../ports/kube-cluster.ts';

/** `/api/v1/namespaces/shop/pods`; without a namespace, all of them. */
export function collectionPath(resource: Resource, namespace: string | undefined): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const place = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${place}/${resource.resource}`;
}

/** Path of one object, or of its subresource. A namespaced object without a namespace is a bug of the caller. */
export function objectPath(
  resource: Resource,
  namespace: string | undefined,
  name: string,
  subresource?: string,
): string {
  if (name === '') throw new RangeError(`empty name for ${resource.resource}`);
  if (resource.namespaced && (namespace === undefined || namespace === '')) {
    throw new RangeError(`${resource.resource}/${name} is namespaced, but no namespace was given`);
  }
  const path = `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

export function selectors(options: ListOptions): Record<string, string> {
  return {
    ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
  };
}

/** `PATCH shop/deployments/web`: the object of a call, for messages. */
export function nameCall(method: string, resource: Resource, namespace: string | undefined, name?: string): string {
  const place = resource.namespaced && namespace !== undefined ? `${namespace}/` : '';
  return `${method} ${place}${resource.resource}${name === undefined ? '' : `/${name}`}`;
}
