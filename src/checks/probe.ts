import type { KubeObject } from '../domain/kube-object.ts';
import { type CheckContext, CheckInterrupted } from './contract.ts';
import { jobs, pods } from './resources.ts';
import { explained, mustNotBeTaken, whyPodNotReady } from './workload.ts';

/** What the probe program saw of one target; the contract is deploy/probe/README.md. */
export interface ProbeTarget {
  target: string;
  attempts: number;
  succeeded: number;
  failed: number;
  ms?: { min: number; mean: number; max: number };
  errors?: { kind: string; message: string; count: number }[];
  statuses?: Record<string, number>;
  bodies?: Record<string, number>;
  servers?: Record<string, number>;
  address?: string;
  location?: string;
  headers?: Record<string, string>;
  tls?: { subject: string; issuer: string; names: string[]; notBefore: string; notAfter: string; trusted: boolean };
  rcode?: string;
  answers?: string[];
  content?: string;
  value?: string | null;
}

export interface ProbeStepResult {
  probe: string;
  ok: boolean;
  attempts: number;
  succeeded: number;
  failed: number;
  targets: ProbeTarget[];
}

export interface ProbeDocument extends ProbeStepResult {
  pod?: string;
  node?: string;
  results?: ProbeStepResult[];
  truncated?: boolean;
  usage?: string[];
  defect?: string;
}

export interface ProbeRequest {
  name: string;
  /** Arguments of one subcommand, or steps of a batch. */
  args?: string[];
  plan?: string[][];
  /** Only on this node. */
  node?: string;
  notNode?: string;
  labels?: Record<string, string>;
  /** More of the pod: volumes, service account, tolerations. */
  pod?: Record<string, unknown>;
  container?: Record<string, unknown>;
  withinMs?: number;
}

/** The container of the probe program, as the strictest namespace takes it. */
export function probeContainer(context: CheckContext, args: string[]): Record<string, unknown> {
  return {
    name: 'probe',
    image: context.settings.probeImage,
    args,
    env: [
      { name: 'CLM_PROBE_NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
      { name: 'CLM_PROBE_POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    ],
    resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '128Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      runAsNonRoot: true,
      runAsUser: 65534,
      seccompProfile: { type: 'RuntimeDefault' },
    },
  };
}

function nodeAffinity(request: ProbeRequest): Record<string, unknown> {
  const expressions = [];
  if (request.node !== undefined) expressions.push({ key: 'metadata.name', operator: 'In', values: [request.node] });
  if (request.notNode !== undefined) {
    expressions.push({ key: 'metadata.name', operator: 'NotIn', values: [request.notNode] });
  }
  if (expressions.length === 0) return {};
  const required = { nodeSelectorTerms: [{ matchFields: expressions }] };
  return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } } };
}

function jobOf(context: CheckContext, request: ProbeRequest): KubeObject {
  const plan = request.plan === undefined ? [] : [{ name: 'CLM_PROBE_PLAN', value: JSON.stringify(request.plan) }];
  const container = probeContainer(context, request.plan === undefined ? (request.args ?? []) : ['batch']);
  const env = [...(container['env'] as object[]), ...plan];
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: request.name, namespace: context.namespace },
    spec: {
      backoffLimit: 0,
      template: {
        metadata: {
          labels: { ...context.labels, 'clm.e2e/probe': request.name, ...request.labels },
          annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false' },
        },
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          ...(request.node === undefined ? {} : { tolerations: [{ operator: 'Exists' }] }),
          ...nodeAffinity(request),
          containers: [{ ...container, env, ...request.container }],
          ...request.pod,
        },
      },
    },
  };
}

interface Ended {
  message: string;
  exitCode: number;
}

function endOf(pod: KubeObject): Ended | undefined {
  const statuses: { name: string; state?: { terminated?: { message?: string; exitCode: number } } }[] =
    pod.status?.containerStatuses ?? [];
  const terminated = statuses.find((status) => status.name === 'probe')?.state?.terminated;
  return terminated && { message: terminated.message ?? '', exitCode: terminated.exitCode };
}

/** Runs the probe program once in the check's namespace, and returns what it saw. The check judges. */
export async function probe(context: CheckContext, request: ProbeRequest): Promise<ProbeDocument> {
  await context.kube.create(jobs, jobOf(context, request));
  let started = false;
  const [pod] = await explained(context, () =>
    context.until(
      `probe ${request.name} ended`,
      pods,
      { namespace: context.namespace, labelSelector: `clm.e2e/probe=${request.name}` },
      request.withinMs ?? 3 * 60_000,
      (items) => {
        mustNotBeTaken(items);
        const first = items[0];
        if (first === undefined && started) {
          throw new CheckInterrupted(`the pod of probe ${request.name} was deleted by somebody else`);
        }
        started ||= first !== undefined;
        if (first === undefined) return 'its pod is not there';
        if (endOf(first) !== undefined) return undefined;
        if (first.status?.phase === 'Failed') {
          throw new CheckInterrupted(
            `the pod of probe ${request.name} failed: ${String(first.status.reason ?? 'no reason given')}`,
          );
        }
        return `it is ${String(first.status?.phase)}; ${whyPodNotReady(first) ?? ''}`;
      },
    ),
  );
  const ended = endOf(pod as KubeObject) as Ended;
  return readDocument(context, request, pod as KubeObject, ended);
}

async function readDocument(
  context: CheckContext,
  request: ProbeRequest,
  pod: KubeObject,
  ended: Ended,
): Promise<ProbeDocument> {
  let text = ended.message;
  let document = parse(text);
  if (document === undefined || document.truncated) {
    const path = `/api/v1/namespaces/${context.namespace}/pods/${pod.metadata.name}/log?tailLines=1`;
    const log = await context.kube.raw(path);
    text = log.body.trim().split('\n').at(-1) ?? '';
    document = parse(text) ?? document;
  }
  if (document === undefined) {
    throw new CheckInterrupted(
      `probe ${request.name} ended with code ${ended.exitCode} and no result: ${text.slice(0, 200)}`,
    );
  }
  if (document.usage !== undefined || document.defect !== undefined) {
    throw new Error(`probe ${request.name}: ${document.usage?.join('; ') ?? document.defect ?? ''}`);
  }
  return document;
}

function parse(text: string): ProbeDocument | undefined {
  try {
    const document = JSON.parse(text) as ProbeDocument;
    return typeof document.probe === 'string' ? document : undefined;
  } catch {
    return undefined;
  }
}

/** What went wrong with a target, in words; undefined when every attempt succeeded. */
export function troubleOf(target: ProbeTarget): string | undefined {
  if (target.failed === 0) return undefined;
  const [first] = target.errors ?? [];
  return `${target.failed} of ${target.attempts} to ${target.target} failed: ${first === undefined ? 'no reason given' : `${first.kind}: ${first.message}`}`;
}

/** Nodes from which to look: all of them, or an even choice of at most `most`. */
export async function nodesToAskFrom(context: CheckContext, most: number): Promise<string[]> {
  const names = (await context.facts.schedulableNodes()).map((node) => node.metadata.name).sort();
  if (names.length <= most) return names;
  return Array.from({ length: most }, (_, index) => names[Math.floor((index * names.length) / most)] as string);
}
