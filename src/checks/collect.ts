import type { KubeObject } from '../domain/kube-object.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { events, pods } from './resources.ts';

const mostLines = 80;
const mostEvents = 15;
const mostPods = 6;
const logLines = 12;
const lineLength = 300;

/** What a namespace shows of a check that did not pass: pods, events, logs. Read before anything is deleted; never throws. */
export async function collectEvidence(kube: KubeCluster, namespace: string): Promise<string[]> {
  const lines: string[] = [];
  try {
    const found = (await kube.list(pods, { namespace })).items;
    for (const pod of found.slice(0, mostPods)) lines.push(describePod(pod));
    const { items } = await kube.list(events, { namespace });
    for (const event of items.slice(-mostEvents)) {
      const object = event.involvedObject as { kind?: string; name?: string } | undefined;
      lines.push(`event ${event.type} ${object?.kind ?? ''}/${object?.name ?? ''} ${event.reason}: ${event.message}`);
    }
    for (const pod of found.slice(0, mostPods)) lines.push(...(await logsOf(kube, pod)));
  } catch (error) {
    lines.push(`collecting ended early: ${error instanceof Error ? error.message : String(error)}`);
  }
  return lines.slice(0, mostLines).map((line) => line.slice(0, lineLength));
}

/** Nodes of the pods that are there now. */
export async function nodesOf(kube: KubeCluster, namespace: string): Promise<string[]> {
  try {
    const { items } = await kube.list(pods, { namespace });
    return [
      ...new Set(items.map((pod) => pod.spec?.nodeName as string | undefined).filter((name) => name !== undefined)),
    ];
  } catch {
    return [];
  }
}

interface ContainerState {
  name: string;
  ready?: boolean;
  restartCount?: number;
  state?: Record<string, { reason?: string; message?: string; exitCode?: number }>;
}

function containersOf(pod: KubeObject): ContainerState[] {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])] as ContainerState[];
}

function describePod(pod: KubeObject): string {
  const states = containersOf(pod).map((container) => {
    const [kind, detail] = Object.entries(container.state ?? {})[0] ?? ['unknown', {}];
    const why = [detail.reason, detail.exitCode === undefined ? undefined : `exit ${detail.exitCode}`, detail.message];
    return `${container.name} ${kind} ${why.filter(Boolean).join(' ')} restarts ${container.restartCount ?? 0}`;
  });
  const where = pod.spec?.nodeName === undefined ? 'no node' : `node ${String(pod.spec.nodeName)}`;
  return `pod ${pod.metadata.name} ${String(pod.status?.phase)} on ${where}: ${states.join('; ')}`;
}

async function logsOf(kube: KubeCluster, pod: KubeObject): Promise<string[]> {
  const lines: string[] = [];
  for (const container of containersOf(pod)) {
    const path = `/api/v1/namespaces/${pod.metadata.namespace ?? ''}/pods/${pod.metadata.name}/log`;
    const wanted = [`container=${container.name}&tailLines=${logLines}`];
    if ((container.restartCount ?? 0) > 0)
      wanted.push(`container=${container.name}&tailLines=${logLines}&previous=true`);
    for (const query of wanted) {
      const answer = await kube.raw(`${path}?${query}`);
      if (answer.status !== 200) continue;
      for (const line of answer.body
        .split('\n')
        .filter((text) => text !== '')
        .slice(-logLines)) {
        lines.push(`log ${pod.metadata.name}/${container.name}: ${line}`);
      }
    }
  }
  return lines;
}
