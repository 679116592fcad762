import { type CheckContext, defineCheck } from '../contract.ts';
import { nodesToAskFrom, type ProbeDocument, type ProbeTarget, probe, troubleOf } from '../probe.ts';
import { endpointSlices, services } from '../resources.ts';
import { clusterIp, serveWeb } from '../web-servers.ts';
import { failFor } from '../wrong-answers.ts';

const mostNodes = 8;
const replicas = 2;

interface Question {
  name: string;
  server?: string;
  /** Answers that it must have, sorted; undefined: any. */
  answers?: string[];
  rcode: 'NOERROR' | 'NXDOMAIN';
}

/** Addresses of the DNS servers' pods. */
async function serverPods(context: CheckContext): Promise<string[]> {
  const selector = `kubernetes.io/service-name=${context.settings.get('dns_service') ?? 'kube-dns'}`;
  const { items } = await context.kube.list(endpointSlices, { namespace: 'kube-system', labelSelector: selector });
  const endpoints = items.flatMap(
    (slice) => (slice.endpoints ?? []) as { addresses: string[]; conditions?: { ready?: boolean } }[],
  );
  return [
    ...new Set(endpoints.filter((one) => one.conditions?.ready !== false).flatMap((one) => one.addresses)),
  ].sort();
}

async function questions(context: CheckContext): Promise<Question[]> {
  const domain = context.settings.get('cluster_domain') ?? 'cluster.local';
  const api = await context.kube.get(services, 'default', 'kubernetes');
  const apiName = `kubernetes.default.svc.${domain}`;
  const apiAnswers = [String(api?.spec?.clusterIP)];
  const items = await serveWeb(context, { name: 'named', replicas, body: 'ok' });
  await context.kube.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'headless', namespace: context.namespace },
    spec: { clusterIP: 'None', selector: { app: 'named' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  });
  const external = context.settings.get('external_name');
  return [
    { name: `${apiName}.`, answers: apiAnswers, rcode: 'NOERROR' },
    { name: 'kubernetes.default', answers: apiAnswers, rcode: 'NOERROR' },
    { name: 'named', answers: [await clusterIp(context, 'named')], rcode: 'NOERROR' },
    {
      name: `headless.${context.namespace}`,
      answers: items.map((pod) => String(pod.status?.podIP)).sort(),
      rcode: 'NOERROR',
    },
    { name: `nothing.${context.namespace}.svc.${domain}.`, rcode: 'NXDOMAIN' },
    ...(external === undefined ? [] : [{ name: `${external}.`, rcode: 'NOERROR' as const }]),
    ...(await serverPods(context)).map(
      (server): Question => ({ name: `${apiName}.`, server, answers: apiAnswers, rcode: 'NOERROR' }),
    ),
  ];
}

function wrongWith(question: Question, target: ProbeTarget | undefined): string | undefined {
  const where = question.server === undefined ? '' : ` (asked of ${question.server})`;
  if (target === undefined) return `${question.name}${where}: no answer in the result`;
  const trouble = troubleOf(target);
  if (trouble !== undefined) return `${question.name}${where}: ${trouble}`;
  if (target.rcode !== question.rcode) return `${question.name}${where}: ${target.rcode ?? ''}, not ${question.rcode}`;
  const found = [...(target.answers ?? [])].sort();
  if (question.answers !== undefined && found.join() !== question.answers.join()) {
    return `${question.name}${where}: ${found.join(', ') || 'nothing'}, not ${question.answers.join(', ')}`;
  }
  return undefined;
}

/** Catalogue row 28. */
export const clusterDns = defineCheck({
  id: 'dns.cluster',
  title: 'From every node names of services resolve to what they are, also at each DNS server, and unknown ones do not',
  area: 'dns',
  uses: [endpointSlices],
  withinMs: 8 * 60_000,
  minNodes: 1,
  cost: 'small',
  async run(context) {
    await context.sandbox();
    const asked = await questions(context);
    const plan = asked.map((one) => [
      ...['dns', '--name', one.name, '--timeout', '5s', '--retry-for', '20s'],
      ...(one.server === undefined ? [] : ['--server', one.server]),
    ]);
    const nodes = await nodesToAskFrom(context, mostNodes);
    const seen = await Promise.all(nodes.map((node, index) => probe(context, { name: `dns-${index}`, node, plan })));
    const wrong: string[] = [];
    nodes.forEach((node, index) => {
      const results = (seen[index] as ProbeDocument).results ?? [];
      asked.forEach((question, step) => {
        const target = results[step]?.targets[0];
        const problem = wrongWith(question, target);
        const labels = { name: question.name, result: problem === undefined ? 'healthy' : 'exception' };
        context.measure('dns_requests_total', 1, labels);
        if (question.rcode === 'NXDOMAIN' && target?.ms) {
          context.measure('dns_nxdomain_seconds', target.ms.max / 1000, { node });
        }
        if (problem !== undefined) wrong.push(`from ${node}: ${problem}`);
      });
    });
    if (wrong.length > 0) failFor(context, wrong.length === 1 ? 'answer is wrong' : 'answers are wrong', wrong);
    return `${asked.length} questions from each of ${nodes.length} nodes, all answered as they must be`;
  },
});
