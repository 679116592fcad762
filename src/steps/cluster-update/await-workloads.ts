import type { KubeObject } from '../../domain/kube-object.ts';
import { describeObject } from '../../planning/pipeline/apply-order.ts';
import { whyNotReady, workloadKinds } from '../../planning/pipeline/workload-ready.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { done, failed, renderedAsPlanned, type UpdateInput, type UpdateStep, waiting } from './update-step.ts';

const pollMs = 10_000;
const limitMs = 30 * 60_000;

/** Waits until the workloads of the configuration run what was applied, on whatever nodes they landed. */
export function awaitWorkloads(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const rendered = await renderedAsPlanned(deps, input);
    if (rendered === undefined) return done({ kind: 'replan' });
    const workloads = rendered.components
      .flatMap((component) => component.objects)
      .filter((object) => (workloadKinds as readonly string[]).includes(object.kind));
    const { kube } = await deps.sessions.sessionFor(input.context.clusterId);
    const open = await notReady(kube, workloads);
    if (open.length === 0) return done({ kind: 'next' });
    const [first] = open as [string];
    const more = open.length === 1 ? '' : `, and ${open.length - 1} more`;
    if (waitedMs(input) > limitMs) {
      return failed('workloads-not-ready', `not ready after ${limitMs / 60_000} minutes: ${first}${more}`);
    }
    return waiting({ code: 'workloads', message: `${first}${more}` }, input.now + pollMs);
  };
}

/** Observed time in this phase: neither downtime nor clock jumps make a cluster fail. */
function waitedMs(input: UpdateInput): number {
  return input.context.activeMs - input.context.phaseActiveMs;
}

/** One list a kind and namespace, not one call an object. */
async function notReady(kube: KubeCluster, workloads: KubeObject[]): Promise<string[]> {
  const wanted = new Map<string, KubeObject[]>();
  for (const object of workloads) {
    const key = `${object.apiVersion}|${object.kind}|${object.metadata.namespace ?? ''}`;
    wanted.set(key, [...(wanted.get(key) ?? []), object]);
  }
  const open: string[] = [];
  for (const objects of wanted.values()) {
    const sample = objects[0] as KubeObject;
    const resource = await kube.resourceOf(sample.apiVersion, sample.kind);
    const { namespace } = sample.metadata;
    const list = await kube.list(resource, namespace === undefined ? {} : { namespace });
    const live = new Map(list.items.map((item) => [item.metadata.name, item]));
    for (const object of objects) {
      const found = live.get(object.metadata.name);
      const why = found === undefined ? 'it is not there' : whyNotReady({ ...found, kind: object.kind });
      if (why !== undefined) open.push(`${describeObject(object)}: ${why}`);
    }
  }
  return open;
}
