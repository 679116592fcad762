/** The objects of a failed check as they are, and what the controllers that act on them say. */
import type { KubeObject } from '../domain/kube-object.ts';
import type { LedgerEntry } from '../ports/check-runner.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { pods } from './resources.ts';

const mostObjects = 200;
const mostBytes = 1_000_000;
const largestObject = 64_000;
const mostControllers = 6;
const logLines = 15;
const lineLength = 300;
const hidden = '(not collected)';
const appliedBefore = 'kubectl.kubernetes.io/last-applied-configuration';

/** Which add-on acts on a kind, by the start of the names of its pods; where it runs is for the cluster to decide. */
const controllersOf: Record<string, readonly string[]> = {
  services: ['aws-load-balancer-controller', 'cloud-controller-manager', 'external-dns'],
  ingresses: ['ingress-nginx', 'nginx-ingress', 'skipper-ingress', 'kube-ingress-aws-controller', 'external-dns'],
  routegroups: ['skipper-ingress', 'external-dns'],
  httproutes: ['envoy-gateway', 'external-dns'],
  dnsendpoints: ['external-dns'],
  certificates: ['cert-manager'],
  persistentvolumeclaims: ['ebs-csi-controller', 'csi-'],
  servicemonitors: ['prometheus-operator'],
  horizontalpodautoscalers: ['metrics-server', 'prometheus-adapter', 'kube-metrics-adapter'],
};

/**
 * Every object in the ledger of a check, and the pods of its namespace, as one JSON document. Never the data of a Secret; what is too
 * large is named, not shown. Objects that cannot be read say why.
 */
export async function objectsAsJson(
  kube: KubeCluster,
  namespace: string,
  entries: readonly LedgerEntry[],
): Promise<string> {
  const shown: unknown[] = [];
  let bytes = 0;
  const show = (name: string, object: unknown): void => {
    const size = JSON.stringify(object).length;
    const fits = size <= largestObject && bytes + size <= mostBytes && shown.length < mostObjects;
    bytes += fits ? size : 0;
    if (fits) shown.push(object);
    else if (shown.length < mostObjects * 2) shown.push({ name, left: `${size} bytes are too many` });
  };
  const seen = new Set<string>();
  for (const { what } of entries) {
    if (what.kind !== 'object' && what.kind !== 'follows') continue;
    const name = `${what.resource.resource}/${what.namespace ?? ''}/${what.name}`;
    if (seen.has(name) || seen.size >= mostObjects) continue;
    seen.add(name);
    try {
      const found = await kube.get(what.resource, what.namespace, what.name);
      show(name, found === undefined ? { name, left: 'it is not there' } : withoutSecrets(found, what.resource.kind));
    } catch (error) {
      show(name, { name, left: `not readable: ${error instanceof Error ? error.message : String(error)}` });
    }
  }
  for (const pod of (await kube.list(pods, { namespace })).items) {
    const name = `pods/${namespace}/${pod.metadata.name}`;
    if (!seen.has(name)) show(name, withoutSecrets(pod, 'Pod'));
  }
  return `${JSON.stringify({ namespace, objects: shown }, undefined, 1)}\n`;
}

/** Whatever kind it is called: `data` and `stringData` of a Secret, and copies of them in annotations, stay on the cluster. */
function withoutSecrets(object: KubeObject, kind: string): KubeObject {
  const { managedFields: _fields, ...metadata } = object.metadata as KubeObject['metadata'] & {
    managedFields?: unknown;
  };
  const annotations = { ...metadata.annotations };
  delete annotations[appliedBefore];
  const shown = { ...object, kind, metadata: { ...metadata, annotations } } as KubeObject & Record<string, unknown>;
  if (kind === 'Secret') {
    for (const field of ['data', 'stringData'] as const) {
      const values = shown[field] as Record<string, unknown> | undefined;
      if (values !== undefined) shown[field] = Object.fromEntries(Object.keys(values).map((key) => [key, hidden]));
    }
  }
  return shown;
}

/** The last lines of the controllers that act on what the check has made, where they may be read. Never throws. */
export async function controllerLogs(kube: KubeCluster, entries: readonly LedgerEntry[]): Promise<string[]> {
  const wanted = new Set(
    entries.flatMap(({ what }) => (what.kind === 'object' ? (controllersOf[what.resource.resource] ?? []) : [])),
  );
  if (wanted.size === 0) return [];
  const lines: string[] = [];
  try {
    const ours = (pod: KubeObject): boolean => pod.metadata.labels?.['clm.e2e/run'] !== undefined;
    const found = (await kube.list(pods)).items.filter(
      (pod) => !ours(pod) && [...wanted].some((start) => pod.metadata.name.startsWith(start)),
    );
    for (const pod of found.slice(0, mostControllers)) lines.push(...(await lastLines(kube, pod)));
  } catch (error) {
    lines.push(`logs of controllers could not be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  return lines.map((line) => line.slice(0, lineLength));
}

async function lastLines(kube: KubeCluster, pod: KubeObject): Promise<string[]> {
  const { name, namespace = '' } = pod.metadata;
  const container = (pod.spec?.containers as { name: string }[] | undefined)?.[0]?.name ?? '';
  const query = new URLSearchParams({ container, tailLines: String(logLines) });
  const answer = await kube.raw(`/api/v1/namespaces/${namespace}/pods/${name}/log?${query.toString()}`);
  const about = `controller ${namespace}/${name}`;
  if (answer.status !== 200) return [`${about}: its log cannot be read (${answer.status})`];
  const lines = answer.body.split('\n').filter((line) => line !== '');
  return lines.slice(-logLines).map((line) => `${about}: ${line}`);
}
