import type { KubeObject } from '../domain/kube-object.ts';
import { type CheckContext, CheckFailed } from './contract.ts';
import { type ProbeTarget, probeContainer, troubleOf } from './probe.ts';
import { pods, services } from './resources.ts';
import { deployAndAwait } from './workload.ts';

export const webPort = 8080;

/** The container of a server that answers with `body`. */
export function webContainer(context: CheckContext, body: string): Record<string, unknown> {
  return {
    ...probeContainer(context, ['serve', '--http', String(webPort), '--body', body]),
    name: 'server',
    ports: [{ containerPort: webPort, name: 'http' }],
    readinessProbe: { httpGet: { path: '/readyz', port: webPort }, periodSeconds: 2 },
  };
}

/** A service and `replicas` servers behind it. */
export async function serveWeb(
  context: CheckContext,
  options: { name: string; replicas: number; body: string; spread?: boolean },
): Promise<KubeObject[]> {
  const { name, replicas, body } = options;
  await context.kube.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: context.namespace },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: webPort, protocol: 'TCP' }] },
  });
  const container = webContainer(context, body);
  return deployAndAwait(context, { name, replicas, container, spread: options.spread ?? false }, 3 * 60_000);
}

export async function clusterIp(context: CheckContext, name: string): Promise<string> {
  const found = await context.kube.get(services, context.namespace, name);
  const ip = found?.spec?.clusterIP as string | undefined;
  if (ip === undefined || ip === '') throw new CheckFailed(`service ${name} has no cluster IP`);
  return ip;
}

/** Every attempt was answered with 200 and exactly this body. */
export function mustAnswer(context: CheckContext, target: ProbeTarget, body: string): void {
  context.measure('http_requests_total', target.succeeded, { result: 'answered' });
  if (target.failed > 0) context.measure('http_requests_total', target.failed, { result: 'connection_error' });
  const trouble = troubleOf(target);
  if (trouble !== undefined) throw new CheckFailed(trouble);
  const statuses = Object.keys(target.statuses ?? {});
  if (statuses.join() !== '200')
    throw new CheckFailed(`${target.target} answers with status ${statuses.join(', ')}, not 200`);
  const bodies = Object.keys(target.bodies ?? {});
  if (bodies.join() !== body) {
    throw new CheckFailed(`${target.target} answers '${bodies.join("', '")}', not '${body}'`);
  }
}

/** Requests of the probe in the logs of these pods. */
export async function requestsInLogs(context: CheckContext, items: KubeObject[]): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const pod of items) {
    const path = `/api/v1/namespaces/${context.namespace}/pods/${pod.metadata.name}/log?container=server`;
    const answer = await context.kube.raw(path);
    const lines = answer.status === 200 ? answer.body.split('\n') : [];
    counts.set(pod.metadata.name, lines.filter((line) => line.includes('clm-probe/')).length);
  }
  return counts;
}

/** Pods of the servers that are there now. */
export async function webPods(context: CheckContext, name: string): Promise<KubeObject[]> {
  return (await context.kube.list(pods, { namespace: context.namespace, labelSelector: `app=${name}` })).items;
}
