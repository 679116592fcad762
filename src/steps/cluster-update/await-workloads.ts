import type { KubeObject } from '../../domain/kube-object.ts';
import type { RenderedCluster } from '../../domain/rendered.ts';
import { describeObject } from '../../planning/pipeline/apply-order.ts';
import { readinessOf, workloadKinds } from '../../planning/pipeline/readiness.ts';
import type { ClusterSession } from '../../ports/cluster-session.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { done, failed, passed, renderedAsPlanned, type UpdateInput, type UpdateStep, waiting } from './update-step.ts';

/** Changes of nodes and pods wake it earlier. */
const pollMs = 10_000;
const limitMs = 30 * 60_000;

/**
 * Waits until the workloads of the configuration run what was applied, on whatever nodes they landed; and until everything else of
 * the components that changed has arrived at what it says.
 */
export function awaitWorkloads(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const rendered = await renderedAsPlanned(deps, input);
    if (rendered === undefined) return done({ kind: 'replan' });
    const session = await deps.sessions.sessionFor(input.context.clusterId);
    const { open, hopeless } = await notReady(session.kube, awaited(rendered, input.context.components));
    const key = `workloads:${input.id}`;
    if (open.length === 0 || hopeless.length > 0) session.offChange(key);
    if (hopeless.length > 0) return failed('object-failed', hopeless.slice(0, 5).join('; '));
    if (open.length === 0) return passed();
    const [first] = open as [string];
    const more = open.length === 1 ? '' : `, and ${open.length - 1} more`;
    if (waitedMs(input) > limitMs) {
      session.offChange(key);
      return failed('workloads-not-ready', `not ready after ${limitMs / 60_000} minutes: ${first}${more}`);
    }
    wakeOnChange(deps, session, key, input);
    return waiting({ code: 'workloads', message: `${first}${more}` }, input.now + pollMs);
  };
}

function wakeOnChange(deps: PipelineDependencies, session: ClusterSession, key: string, { id }: UpdateInput): void {
  session.onChange(key, () => {
    session.offChange(key);
    deps.wake(id);
  });
}

function awaited(rendered: RenderedCluster, changed: readonly string[]): KubeObject[] {
  return rendered.components.flatMap(({ name, objects }) =>
    objects.filter((object) => changed.includes(name) || (workloadKinds as readonly string[]).includes(object.kind)),
  );
}

/** Observed time in this phase: neither downtime nor clock jumps make a cluster fail. */
function waitedMs(input: UpdateInput): number {
  return input.context.activeMs - input.context.phaseActiveMs;
}

/** Objects of these kinds are ready when they are there: they are not asked for. */
const settled = new Set([
  'ClusterRole',
  'ClusterRoleBinding',
  'ConfigMap',
  'CronJob',
  'CustomResourceDefinition',
  'HorizontalPodAutoscaler',
  'IngressClass',
  'LimitRange',
  'MutatingWebhookConfiguration',
  'Namespace',
  'NetworkPolicy',
  'PriorityClass',
  'ResourceQuota',
  'Role',
  'RoleBinding',
  'RuntimeClass',
  'Secret',
  'ServiceAccount',
  'StorageClass',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'ValidatingWebhookConfiguration',
]);

function mayHaveToWait(object: KubeObject): boolean {
  if (settled.has(object.kind)) return false;
  return object.kind !== 'Service' || (object['spec'] as { type?: string } | undefined)?.type === 'LoadBalancer';
}

/** One list a kind and namespace, not one call an object. */
async function notReady(kube: KubeCluster, objects: KubeObject[]): Promise<{ open: string[]; hopeless: string[] }> {
  const wanted = new Map<string, KubeObject[]>();
  for (const object of objects.filter(mayHaveToWait)) {
    const key = `${object.apiVersion}|${object.kind}|${object.metadata.namespace ?? ''}`;
    wanted.set(key, [...(wanted.get(key) ?? []), object]);
  }
  const open: string[] = [];
  const hopeless: string[] = [];
  for (const group of wanted.values()) {
    const sample = group[0] as KubeObject;
    const resource = await kube.resourceOf(sample.apiVersion, sample.kind);
    const { namespace } = sample.metadata;
    const list = await kube.list(resource, namespace === undefined ? {} : { namespace });
    const live = new Map(list.items.map((item) => [item.metadata.name, item]));
    for (const object of group) {
      const { apiVersion, kind } = object;
      const found = live.get(object.metadata.name);
      const readiness =
        found === undefined
          ? ({ state: 'progressing', message: 'it is not there' } as const)
          : readinessOf({ ...found, apiVersion, kind });
      if (readiness.state === 'progressing') open.push(`${describeObject(object)}: ${readiness.message}`);
      if (readiness.state === 'failed') hopeless.push(`${describeObject(object)}: ${readiness.message}`);
    }
  }
  return { open, hopeless };
}
