import { type ApiError, forbidden } from './api-error.ts';
import type { ClusterCore } from './cluster-core.ts';
import { type Fields, fieldsOf, listOf, type SimObject, shownText } from './object.ts';
import type { ResourceDefinition } from './resource-definition.ts';

const enforce = 'pod-security.kubernetes.io/enforce';
const baselineCapabilities = new Set(
  (
    'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID ' +
    'SYS_CHROOT'
  ).split(' '),
);
const restrictedVolumes = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

/** What the PodSecurity admission says of a pod, by the label of its namespace; undefined: it may run. */
export function podSecurityRefusal(
  core: ClusterCore,
  definition: ResourceDefinition,
  pod: SimObject,
): ApiError | undefined {
  if (core.faults.podSecurity === 'off') return undefined;
  const home = core.store.table('namespaces').get(undefined, pod.metadata.namespace ?? '');
  const level = home?.metadata.labels?.[enforce];
  if (level !== 'baseline' && level !== 'restricted') return undefined;
  const spec = fieldsOf(pod['spec']);
  const found = [...againstBaseline(spec), ...(level === 'restricted' ? againstRestricted(spec) : [])];
  if (found.length === 0) return undefined;
  return forbidden(definition, pod.metadata.name, `violates PodSecurity "${level}:latest": ${found.join(', ')}`);
}

function containersOf(spec: Fields): Fields[] {
  return [...listOf(spec['initContainers']), ...listOf(spec['containers'])].map(fieldsOf);
}

const named = (containers: Fields[]): string =>
  containers.map((each) => `container "${shownText(each['name'])}"`).join(', ');

function againstBaseline(spec: Fields): string[] {
  const found: string[] = [];
  const host = ['hostNetwork', 'hostPID', 'hostIPC'].filter((field) => spec[field] === true);
  if (host.length > 0) found.push(`host namespaces (${host.map((field) => `${field}=true`).join(', ')})`);
  const all = containersOf(spec);
  const privileged = all.filter((each) => securityOf(each)['privileged'] === true);
  if (privileged.length > 0)
    found.push(`privileged (${named(privileged)} must not set securityContext.privileged=true)`);
  const capable = all.filter((each) =>
    listOf(fieldsOf(securityOf(each)['capabilities'])['add']).some(
      (name) => !baselineCapabilities.has(shownText(name)),
    ),
  );
  if (capable.length > 0) found.push(`non-default capabilities (${named(capable)})`);
  const paths = listOf(spec['volumes'])
    .map(fieldsOf)
    .filter((each) => each['hostPath'] !== undefined);
  if (paths.length > 0) found.push(`hostPath volumes (${paths.map((each) => shownText(each['name'])).join(', ')})`);
  const ports = all.filter((each) =>
    listOf(each['ports'])
      .map(fieldsOf)
      .some((port) => port['hostPort'] !== undefined),
  );
  if (ports.length > 0) found.push(`hostPort (${named(ports)})`);
  return found;
}

function againstRestricted(spec: Fields): string[] {
  const found: string[] = [];
  const all = containersOf(spec);
  const pod = fieldsOf(spec['securityContext']);
  const grows = all.filter((each) => securityOf(each)['allowPrivilegeEscalation'] !== false);
  if (grows.length > 0) found.push(`allowPrivilegeEscalation != false (${named(grows)})`);
  const holds = all.filter((each) => !listOf(fieldsOf(securityOf(each)['capabilities'])['drop']).includes('ALL'));
  if (holds.length > 0) found.push(`unrestricted capabilities (${named(holds)} must set capabilities.drop=["ALL"])`);
  const root = all.filter((each) => (securityOf(each)['runAsNonRoot'] ?? pod['runAsNonRoot']) !== true);
  if (root.length > 0) found.push(`runAsNonRoot != true (${named(root)})`);
  const profile = (of: Fields): unknown => fieldsOf(of['seccompProfile'])['type'];
  const free = all.filter((each) => {
    const type = profile(securityOf(each)) ?? profile(pod);
    return type !== 'RuntimeDefault' && type !== 'Localhost';
  });
  if (free.length > 0) found.push(`seccompProfile (${named(free)} must set securityContext.seccompProfile.type)`);
  const volumes = listOf(spec['volumes'])
    .map(fieldsOf)
    .filter((each) => !Object.keys(each).some((key) => (key === 'name' ? false : restrictedVolumes.has(key))));
  if (volumes.length > 0)
    found.push(`restricted volume types (${volumes.map((each) => shownText(each['name'])).join(', ')})`);
  return found;
}

function securityOf(container: Fields): Fields {
  return fieldsOf(container['securityContext']);
}
