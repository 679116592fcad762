import { LineCounter, parseDocument } from 'yaml';
import type { Deletion } from '../domain/rendered.ts';
import { BoundedCache } from '../support/bounded-cache.ts';
import type { TextProblem } from './manifest-documents.ts';

interface Deletions {
  preApply: Deletion[];
  postApply: Deletion[];
}

export type DeletionsText = { ok: true; deletions: Deletions } | { ok: false; problems: TextProblem[] };

/** Where kinds are served, for entries that name a kind only, as the original's do. `false`: not in a namespace. */
const knownKinds: Record<string, [apiVersion: string, namespaced: boolean]> = {
  ConfigMap: ['v1', true],
  Endpoints: ['v1', true],
  LimitRange: ['v1', true],
  Namespace: ['v1', false],
  PersistentVolume: ['v1', false],
  PersistentVolumeClaim: ['v1', true],
  Pod: ['v1', true],
  ResourceQuota: ['v1', true],
  Secret: ['v1', true],
  Service: ['v1', true],
  ServiceAccount: ['v1', true],
  ControllerRevision: ['apps/v1', true],
  DaemonSet: ['apps/v1', true],
  Deployment: ['apps/v1', true],
  ReplicaSet: ['apps/v1', true],
  StatefulSet: ['apps/v1', true],
  CronJob: ['batch/v1', true],
  Job: ['batch/v1', true],
  HorizontalPodAutoscaler: ['autoscaling/v2', true],
  Ingress: ['networking.k8s.io/v1', true],
  IngressClass: ['networking.k8s.io/v1', false],
  NetworkPolicy: ['networking.k8s.io/v1', true],
  PodDisruptionBudget: ['policy/v1', true],
  Role: ['rbac.authorization.k8s.io/v1', true],
  RoleBinding: ['rbac.authorization.k8s.io/v1', true],
  ClusterRole: ['rbac.authorization.k8s.io/v1', false],
  ClusterRoleBinding: ['rbac.authorization.k8s.io/v1', false],
  PriorityClass: ['scheduling.k8s.io/v1', false],
  StorageClass: ['storage.k8s.io/v1', false],
  CSIDriver: ['storage.k8s.io/v1', false],
  APIService: ['apiregistration.k8s.io/v1', false],
  CustomResourceDefinition: ['apiextensions.k8s.io/v1', false],
  MutatingWebhookConfiguration: ['admissionregistration.k8s.io/v1', false],
  ValidatingWebhookConfiguration: ['admissionregistration.k8s.io/v1', false],
};

const known = new BoundedCache<string, DeletionsText>({ maxEntries: 1_000, maxWeight: 8 * 1024 * 1024 });

/** The rendered deletions file: `pre_apply` and `post_apply`, each a list of {kind, name, namespace?, api_version?}. */
export function parseDeletions(text: string): DeletionsText {
  const cached = known.get(text);
  if (cached !== undefined) return cached;
  const result = parse(text);
  known.set(text, result, text.length);
  return result;
}

function parse(text: string): DeletionsText {
  const lines = new LineCounter();
  const document = parseDocument(text, { schema: 'core', lineCounter: lines, prettyErrors: false });
  const problems: TextProblem[] = [];
  const lineAt = (offset: number | undefined): number => lines.linePos(offset ?? 0).line;
  for (const error of document.errors)
    problems.push({ line: lineAt(error.pos[0]), message: error.message, remedy: 'correct the YAML' });
  const deletions: Deletions = { preApply: [], postApply: [] };
  if (problems.length > 0) return { ok: false, problems };
  const value: unknown = document.toJS({ maxAliasCount: 100 }) ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    return {
      ok: false,
      problems: [{ line: 1, message: 'deletions must be a mapping', remedy: 'write pre_apply: and post_apply: lists' }],
    };
  }
  for (const [key, entries] of Object.entries(value as Record<string, unknown>)) {
    const into = key === 'pre_apply' ? deletions.preApply : key === 'post_apply' ? deletions.postApply : undefined;
    if (into === undefined || (entries !== null && !Array.isArray(entries))) {
      problems.push({
        line: 1,
        path: key,
        message: `${key} is not a list of deletions`,
        remedy: 'use the lists pre_apply and post_apply',
      });
      continue;
    }
    ((entries ?? []) as unknown[]).forEach((entry, i) => {
      const node = document.getIn([key, i], true) as { range?: [number, number, number] } | undefined;
      const result = parseEntry(entry);
      if (typeof result !== 'string') into.push(result);
      else {
        const remedy = 'write {kind: Deployment, name: old-name, namespace: kube-system}';
        problems.push({ line: lineAt(node?.range?.[0]), path: `${key}[${i}]`, message: result, remedy });
      }
    });
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, deletions };
}

function parseEntry(entry: unknown): Deletion | string {
  if (typeof entry !== 'object' || entry === null) return 'a deletion is a mapping';
  const { kind, name, namespace, api_version: apiVersion, labels, selector } = entry as Record<string, unknown>;
  if (typeof kind !== 'string' || kind === '') return 'kind is missing';
  if (labels !== undefined || selector !== undefined)
    return `objects of kind ${kind} are chosen by label; deletions are by name`;
  if (typeof name !== 'string' || name === '') return 'name is missing';
  const canonical = Object.keys(knownKinds).find((candidate) => candidate.toLowerCase() === kind.toLowerCase()) ?? kind;
  const [served, namespaced] = knownKinds[canonical] ?? [undefined, true];
  const version = typeof apiVersion === 'string' ? apiVersion : served;
  if (version === undefined) return `where kind ${kind} is served is not known: give api_version`;
  const place = typeof namespace === 'string' && namespace !== '' ? namespace : namespaced ? 'kube-system' : undefined;
  return { apiVersion: version, kind: canonical, name, ...(place === undefined ? {} : { namespace: place }) };
}
