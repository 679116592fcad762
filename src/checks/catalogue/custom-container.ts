import type { KubeObject } from '../../domain/kube-object.ts';
import { parseDuration } from '../../support/duration.ts';
import { type CheckContext, CheckFailed, CheckInterrupted, defineCheck } from '../contract.ts';
import { jobs, pods } from '../resources.ts';
import { explained, mustNotBeTaken, whyPodNotReady } from '../workload.ts';

const usualMs = 10 * 60_000;
const shownLines = 8;

/** Catalogue row 48. */
export const customContainer = defineCheck({
  id: 'custom.container',
  title: 'A container of your own ends with code 0',
  area: 'custom',
  withinMs: 60 * 60_000,
  expectedMs: 2 * 60_000,
  plan: async (context) =>
    context.settings.get('custom_image') === undefined
      ? { code: 'CONFIG_MISSING', message: 'e2e_custom_image is not set' }
      : undefined,
  async run(context) {
    await context.sandbox();
    const { namespace } = context;
    const image = context.settings.get('custom_image') as string;
    const withinMs = parseDuration(context.settings.get('custom_timeout') ?? '') ?? usualMs;
    await context.kube.create(jobs, {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'custom', namespace },
      spec: {
        backoffLimit: 0,
        template: { metadata: { labels: { custom: 'yes' } }, spec: podOf(context, image, withinMs) },
      },
    });
    const [pod] = await explained(context, () =>
      context.until('the container ended', pods, { namespace, labelSelector: 'custom=yes' }, withinMs, (items) => {
        mustNotBeTaken(items);
        const [first] = items;
        if (first === undefined) return 'its pod is not there';
        if (endOf(first) !== undefined) return undefined;
        return `it is ${String(first.status?.phase)}; ${whyPodNotReady(first) ?? ''}`;
      }),
    );
    const code = endOf(pod) as number;
    const log = await context.kube.raw(
      `/api/v1/namespaces/${namespace}/pods/${pod?.metadata.name ?? ''}/log?tailLines=${shownLines}`,
    );
    const said =
      log.status === 200 ? log.body.trim().split('\n').slice(-shownLines).join(' | ') : `its log answers ${log.status}`;
    if (code !== 0) throw new CheckFailed(`${image} ended with code ${code}: ${said.slice(0, 400)}`);
    return `${image} ended with code 0`;
  },
});

/** The variables that Kuberhealthy's clients know, and our own. */
function podOf(context: CheckContext, image: string, withinMs: number): Record<string, unknown> {
  const deadline = Math.floor((context.clock.now() + withinMs) / 1000);
  const env = {
    CLM_E2E_RUN: context.runKey,
    CLM_E2E_CLUSTER: context.cluster.id,
    CLM_E2E_NAMESPACE: context.namespace,
    KH_RUN_UUID: context.runKey,
    KH_CHECK_RUN_DEADLINE: String(deadline),
    KH_POD_NAMESPACE: context.namespace,
  };
  const args = context.settings.get('custom_args');
  return {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    // Later than the check's own limit, which says what it waited for.
    activeDeadlineSeconds: Math.ceil(withinMs / 1000) + 60,
    containers: [
      {
        name: 'custom',
        image,
        ...(args === undefined ? {} : { args: args.split(/\s+/) }),
        env: Object.entries(env).map(([name, value]) => ({ name, value })),
        resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '512Mi' } },
      },
    ],
  };
}

function endOf(pod: KubeObject | undefined): number | undefined {
  const status = pod?.status as
    | { phase?: string; reason?: string; containerStatuses?: { state?: { terminated?: { exitCode: number } } }[] }
    | undefined;
  const code = status?.containerStatuses?.[0]?.state?.terminated?.exitCode;
  if (code === undefined && status?.phase === 'Failed') {
    throw new CheckInterrupted(`the pod failed without an exit code: ${status.reason ?? 'no reason given'}`);
  }
  return code;
}
