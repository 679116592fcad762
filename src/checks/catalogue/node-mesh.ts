import { type CheckContext, defineCheck } from '../contract.ts';
import { nodesToAskFrom, type ProbeDocument, probe, troubleOf } from '../probe.ts';
import { daemonSets, pods, services } from '../resources.ts';
import { clusterIp, webContainer, webPort } from '../web-servers.ts';
import { explained, isReady, whyPodNotReady } from '../workload.ts';
import { failFor } from '../wrong-answers.ts';

const name = 'mesh';
const mostNodes = 12;
const namedAtMost = 6;

async function serveOnNodes(context: CheckContext, nodes: string[]): Promise<Map<string, string>> {
  const { namespace } = context;
  await context.kube.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: webPort }] },
  });
  const terms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: nodes }] }];
  await context.kube.create(daemonSets, {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { ...context.labels, app: name } },
        spec: {
          automountServiceAccountToken: false,
          containers: [webContainer(context, 'ok')],
          affinity:
            nodes.length < mostNodes
              ? {}
              : { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } } },
        },
      },
    },
  });
  const ready = await explained(context, () =>
    context.until('a server on every node', pods, { namespace, labelSelector: `app=${name}` }, 5 * 60_000, (items) => {
      const there = new Set(items.filter(isReady).map((pod) => String(pod.spec?.nodeName)));
      const missing = nodes.filter((node) => !there.has(node));
      if (missing.length === 0) return undefined;
      const why = items.map(whyPodNotReady).find((reason) => reason !== undefined);
      return `none is ready on ${missing.slice(0, namedAtMost).join(', ')}${why === undefined ? '' : `; ${why}`}`;
    }),
  );
  return new Map(ready.filter(isReady).map((pod) => [String(pod.status?.podIP), String(pod.spec?.nodeName)]));
}

/** Catalogue row 26. */
export const nodeMesh = defineCheck({
  id: 'network.node-mesh',
  title: 'Every node reaches pods on every node, a service, and the API server by address and by name',
  area: 'network',
  requires: ['multi-node'],
  withinMs: 12 * 60_000,
  minNodes: 2,
  cost: 'small',
  async run(context) {
    await context.sandbox();
    const nodes = await nodesToAskFrom(context, mostNodes);
    const servers = await serveOnNodes(context, nodes);
    const api = await context.kube.get(services, 'default', 'kubernetes');
    const others = ['http', '--insecure', '--timeout', '5s'];
    const plan = [
      ['http', ...[...servers.keys()].flatMap((ip) => ['--url', `http://${ip}:${webPort}/`])],
      ['http', '--url', `http://${await clusterIp(context, name)}/`, '--count', '5'],
      [...others, '--url', `https://${String(api?.spec?.clusterIP)}/livez`],
      [...others, '--url', 'https://kubernetes.default.svc/livez'],
    ];
    const seen = await Promise.all(nodes.map((node, index) => probe(context, { name: `from-${index}`, node, plan })));
    const errors = nodes.flatMap((node, index) => troubles(context, node, seen[index] as ProbeDocument, servers));
    context.measure('mesh_paths', nodes.length * (servers.size + 3));
    if (errors.length > 0) failFor(context, errors.length === 1 ? 'path is broken' : 'paths are broken', errors);
    return `${nodes.length} nodes reach ${servers.size} nodes, the service and the API server`;
  },
});

function troubles(
  context: CheckContext,
  from: string,
  document: ProbeDocument,
  servers: ReadonlyMap<string, string>,
): string[] {
  const found: string[] = [];
  (document.results ?? []).forEach((result, step) => {
    for (const target of result.targets) {
      const to = step === 0 ? (servers.get(new URL(target.target).hostname) ?? target.target) : target.target;
      if (target.ms !== undefined) context.measure('mesh_latency_seconds', target.ms.mean / 1000, { from, to });
      const trouble = troubleOf(target);
      if (trouble === undefined) continue;
      context.measure('mesh_errors', target.failed, { from, to });
      found.push(`${from} → ${to}: ${trouble}`);
    }
  });
  return found;
}
