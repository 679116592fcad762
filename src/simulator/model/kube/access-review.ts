import type { ClusterCore } from './cluster-core.ts';
import { type Fields, fieldsOf, listOf, shownText } from './object.ts';

/** Whether RBAC lets the user of a review's spec do what it asks. Administrators may everything. */
export function isAllowed(core: ClusterCore, spec: Fields): boolean {
  const groups = listOf(spec['groups']);
  if (spec['user'] === 'kubernetes-admin' || groups.includes('system:masters')) return true;
  const attributes = fieldsOf(spec['resourceAttributes']);
  const namespace = textOf(attributes['namespace']);
  const { store } = core;
  const bindings = [
    ...store.table('clusterrolebindings.rbac.authorization.k8s.io').byKey.values(),
    ...store.table('rolebindings.rbac.authorization.k8s.io').inNamespace(namespace).values(),
  ];
  return bindings.some((binding) => {
    if (!listOf(binding['subjects']).some((subject) => isSubject(fieldsOf(subject), spec, groups))) return false;
    const role = fieldsOf(binding['roleRef']);
    const found =
      role['kind'] === 'ClusterRole'
        ? store.table('clusterroles.rbac.authorization.k8s.io').get(undefined, shownText(role['name']))
        : store.table('roles.rbac.authorization.k8s.io').get(binding.metadata.namespace, shownText(role['name']));
    return listOf(found?.['rules']).some((rule) => ruleAllows(fieldsOf(rule), spec));
  });
}

function isSubject(subject: Fields, spec: Fields, groups: readonly unknown[]): boolean {
  if (subject['kind'] === 'Group') return groups.includes(subject['name']);
  if (subject['kind'] === 'ServiceAccount')
    return spec['user'] === `system:serviceaccount:${shownText(subject['namespace'])}:${shownText(subject['name'])}`;
  return subject['name'] === spec['user'];
}

function ruleAllows(rule: Fields, spec: Fields): boolean {
  const has = (field: string, ...values: string[]): boolean =>
    listOf(rule[field]).some((each) => each === '*' || values.includes(each as string));
  const other = spec['nonResourceAttributes'];
  if (other !== undefined) {
    const { path, verb } = fieldsOf(other);
    const matches = (each: unknown): boolean =>
      each === '*' ||
      each === path ||
      (textOf(each).endsWith('*') && textOf(path).startsWith(textOf(each).slice(0, -1)));
    return has('verbs', textOf(verb)) && listOf(rule['nonResourceURLs']).some(matches);
  }
  const attributes = fieldsOf(spec['resourceAttributes']);
  const [resource, subresource, name] = ['resource', 'subresource', 'name'].map((each) => textOf(attributes[each]));
  const full = subresource === '' ? [`${resource}`] : [`${resource}/${subresource}`, `*/${subresource}`];
  const named = listOf(rule['resourceNames']);
  return (
    has('verbs', textOf(attributes['verb'])) &&
    has('apiGroups', textOf(attributes['group'])) &&
    has('resources', ...full) &&
    (named.length === 0 || named.includes(name))
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
