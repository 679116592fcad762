import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';

const latencySamples = 20;

/** Lines of `/readyz?verbose` that are not ok: `[-]etcd failed: reason withheld`. */
function failingProbes(body: string): string[] {
  return body
    .split('\n')
    .filter((line) => line.startsWith('[-]'))
    .map((line) => line.slice(3));
}

async function probe(context: CheckContext, path: string): Promise<void> {
  const answer = await context.kube.raw(`${path}?verbose`);
  const failing = failingProbes(answer.body);
  if (answer.status !== 200 || failing.length > 0) {
    const detail = failing.length > 0 ? failing.join(', ') : answer.body.trim().slice(0, 200);
    throw new CheckFailed(`${path} answers ${answer.status}: ${detail}`);
  }
}

async function unavailableApiServices(context: CheckContext): Promise<string[]> {
  const apiService = await context.kube.resourceOf('apiregistration.k8s.io/v1', 'APIService');
  const { items } = await context.kube.list(apiService);
  return items
    .filter((item) => {
      const conditions: { type: string; status: string }[] = item.status?.conditions ?? [];
      return !conditions.some((condition) => condition.type === 'Available' && condition.status === 'True');
    })
    .map((item) => item.metadata.name);
}

/** Catalogue row 1. */
export const apiHealth = defineCheck({
  id: 'api.health',
  title: 'The API server is alive, ready and serves every registered API',
  area: 'api',
  // Network time does not shrink with a faster decision clock: generous, so that a simulated fleet can run at high speed.
  withinMs: 5 * 60_000,
  expectedMs: 2_000,
  async run(context) {
    await probe(context, '/livez');
    await probe(context, '/readyz');
    const version = await context.kube.raw('/version');
    if (version.status !== 200) throw new CheckFailed(`/version answers ${version.status}`);
    const gitVersion = (JSON.parse(version.body) as { gitVersion?: string }).gitVersion;
    if (!gitVersion) throw new CheckFailed('/version names no gitVersion');
    const wanted = context.settings.kubernetesVersion;
    if (wanted !== undefined && !gitVersion.startsWith(`v${wanted.replace(/^v/, '')}`)) {
      throw new CheckFailed(`the API server runs ${gitVersion}, and is to run ${wanted} (kubernetes_version)`);
    }
    const unavailable = await unavailableApiServices(context);
    if (unavailable.length > 0) throw new CheckFailed(`APIServices not available: ${unavailable.join(', ')}`);
    const latencies: number[] = [];
    for (let i = 0; i < latencySamples; i++) {
      context.signal.throwIfAborted();
      const from = context.clock.now();
      const answer = await context.kube.raw('/readyz');
      if (answer.status !== 200) {
        throw new CheckFailed(`/readyz answered ${answer.status} in sample ${i + 1} of ${latencySamples}`);
      }
      latencies.push((context.clock.now() - from) / 1000);
    }
    latencies.sort((a, b) => a - b);
    context.measure('apiserver_latency_seconds', latencies[Math.floor(latencySamples / 2)] ?? 0, { quantile: '0.5' });
    context.measure('apiserver_latency_seconds', latencies.at(-1) ?? 0, { quantile: '1' });
    return `${gitVersion}; livez, readyz and ${latencySamples} samples ok`;
  },
});
