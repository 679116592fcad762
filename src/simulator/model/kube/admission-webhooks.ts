import { endpointsOf } from '../network/address-book.ts';
import { ApiError } from './api-error.ts';
import type { ClusterCore } from './cluster-core.ts';
import { jsonPatch } from './json-patch.ts';
import type { LabelSelector, Service } from './kinds.ts';
import { type Fields, fieldsOf, listOf, type SimObject, shownText } from './object.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { selectorMatcher } from './selectors.ts';

const keys = {
  mutating: 'mutatingwebhookconfigurations.admissionregistration.k8s.io',
  validating: 'validatingwebhookconfigurations.admissionregistration.k8s.io',
} as const;
const defaultTimeoutSeconds = 10;
/** Where the API server stands, for the network. */
const apiServer = { kind: 'node', node: '' } as const;

export interface Admission {
  definition: ResourceDefinition;
  object: SimObject;
  old: SimObject | undefined;
  operation: 'CREATE' | 'UPDATE';
}

/** The object as mutating webhooks leave it. @throws ApiError when one refuses, or cannot be asked and must be */
export function mutated(core: ClusterCore, admission: Admission): SimObject {
  let { object } = admission;
  for (const hook of hooksFor(core, 'mutating', admission)) {
    const response = ask(core, hook, { ...admission, object });
    if (typeof response['patch'] !== 'string') continue;
    const patch = JSON.parse(Buffer.from(response['patch'], 'base64').toString('utf8')) as unknown;
    object = jsonPatch(object, patch) as SimObject;
  }
  return object;
}

/** @throws ApiError when a validating webhook refuses, or cannot be asked and must be */
export function validated(core: ClusterCore, admission: Admission): void {
  for (const hook of hooksFor(core, 'validating', admission)) ask(core, hook, admission);
}

function hooksFor(core: ClusterCore, kind: keyof typeof keys, admission: Admission): Fields[] {
  const table = core.store.table(keys[kind]);
  if (table.byKey.size === 0) return [];
  return table
    .sorted()
    .flatMap((each) => listOf(each['webhooks']).map(fieldsOf))
    .filter((hook) => concerns(core, hook, admission));
}

function concerns(core: ClusterCore, hook: Fields, { definition, object, operation }: Admission): boolean {
  // What keeps webhooks out of their own way.
  if (definition.group === 'admissionregistration.k8s.io') return false;
  const has = (list: unknown, value: string): boolean => listOf(list).some((each) => each === '*' || each === value);
  const matches = listOf(hook['rules'])
    .map(fieldsOf)
    .some(
      (rule) =>
        has(rule['operations'], operation) &&
        has(rule['apiGroups'], definition.group) &&
        has(rule['apiVersions'], definition.version) &&
        has(rule['resources'], definition.plural),
    );
  if (!matches) return false;
  const selects = (selector: unknown, labels: Record<string, string> | undefined): boolean =>
    Object.keys(fieldsOf(selector)).length === 0 || selectorMatcher(selector as LabelSelector)(labels);
  if (!selects(hook['objectSelector'], object.metadata.labels)) return false;
  const home =
    definition.kind === 'Namespace'
      ? object
      : core.store.table('namespaces').get(undefined, object.metadata.namespace ?? '');
  return !home || selects(hook['namespaceSelector'], home.metadata.labels);
}

/** The webhook's response. */
function ask(core: ClusterCore, hook: Fields, admission: Admission): Fields {
  const { definition, object, old, operation } = admission;
  const name = shownText(hook['name']);
  const { group, version, kind, plural } = definition;
  const uid = object.metadata.uid;
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid,
      kind: { group, version, kind },
      resource: { group, version, resource: plural },
      name: object.metadata.name,
      namespace: object.metadata.namespace,
      operation,
      object,
      oldObject: old ?? null,
      dryRun: false,
    },
  };
  const answer = post(core, fieldsOf(hook['clientConfig']), hook, JSON.stringify(review));
  if ('problem' in answer) {
    if (hook['failurePolicy'] === 'Ignore') return {};
    const why = `failed calling webhook "${name}": failed to call webhook: ${answer.problem}`;
    throw new ApiError(500, 'InternalError', `Internal error occurred: ${why}`);
  }
  const response = fieldsOf(answer.body['response']);
  if (response['allowed'] === true) return response;
  const status = fieldsOf(response['status']);
  const message = shownText(status['message'] ?? '');
  const code = typeof status['code'] === 'number' ? status['code'] : 403;
  const text = `admission webhook "${name}" denied the request${message === '' ? ' without explanation' : `: ${message}`}`;
  throw new ApiError(code, code === 403 ? 'Forbidden' : undefined, text);
}

function post(core: ClusterCore, client: Fields, hook: Fields, body: string): { body: Fields } | { problem: string } {
  const service = fieldsOf(client['service']);
  const [namespace, name] = [shownText(service['namespace'] ?? ''), shownText(service['name'] ?? '')];
  const port = typeof service['port'] === 'number' ? service['port'] : 443;
  const path = shownText(service['path'] ?? '/');
  const url = `Post "https://${name}.${namespace}.svc:${port}${path}"`;
  const found = core.store.typed<Service>('services').get(namespace, name);
  if (!found) return { problem: `${url}: service "${name}" not found` };
  const wanted = found.spec.ports?.find((each) => each.port === port);
  const ready = endpointsOf(core, found).find((each) => each.ready && each.ports.has(wanted?.name ?? ''));
  const target = ready?.ports.get(wanted?.name ?? '')?.port;
  if (!ready || target === undefined) return { problem: `${url}: no endpoints available for service "${name}"` };
  const timeoutMs =
    1000 * (typeof hook['timeoutSeconds'] === 'number' ? hook['timeoutSeconds'] : defaultTimeoutSeconds);
  const headers = { 'content-type': 'application/json', 'user-agent': 'kube-apiserver-admission' };
  const host = `${name}.${namespace}.svc`;
  const result = core.runtime.network.exchange(
    apiServer,
    { host: ready.address, port: target, transport: 'TCP' },
    { kind: 'http', method: 'POST', path, host, headers, body, tls: true },
    timeoutMs,
  );
  if (!result.ok) return { problem: `${url}: ${result.message}` };
  const { reply } = result;
  if (reply.kind !== 'http' || reply.status !== 200)
    return { problem: `${url}: unexpected response code: ${reply.kind === 'http' ? reply.status : 'none'}` };
  try {
    return { body: fieldsOf(JSON.parse(reply.body)) };
  } catch {
    return { problem: `${url}: the answer is no AdmissionReview` };
  }
}
