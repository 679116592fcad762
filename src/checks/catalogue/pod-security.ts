import { FailureError } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, CheckSkipped, defineCheck } from '../contract.ts';
import { deployments, pods } from '../resources.ts';
import { sampleDeployment, samplePodSpec } from '../workload.ts';

/** A pod on the host network: no namespace but a privileged one may take it. */
function hostPod(context: CheckContext, container: Record<string, unknown>): KubeObject {
  const spec = samplePodSpec(context, container);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'privileged', namespace: context.namespace },
    spec: { ...spec, hostNetwork: true },
  };
}

type Answer = { kind: 'taken' } | { kind: 'refused'; said: string } | { kind: 'never'; said: string };

/**
 * What the API would do with the pod; nothing is made. `never`: the server takes privileged containers in no namespace
 * (`--allow-privileged=false`, its default), which says nothing about this one.
 */
async function askFor(context: CheckContext, pod: KubeObject): Promise<Answer> {
  try {
    await context.kube.create(pods, pod, { dryRun: true });
    return { kind: 'taken' };
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    const { code, message: said } = error.failure;
    if (code === 'kube-forbidden') return { kind: 'refused', said };
    if (code === 'kube-invalid' && said.includes('disallowed by cluster policy')) return { kind: 'never', said };
    throw error;
  }
}

/** Catalogue row 8. */
export const podSecurity = defineCheck({
  id: 'security.pod-security',
  title: 'A namespace that is restricted takes no privileged pod, neither directly nor through a deployment',
  area: 'security',
  requires: ['pod-security'],
  withinMs: 5 * 60_000,
  expectedMs: 10_000,
  async run(context) {
    await context.sandbox({ podSecurity: 'restricted' });
    let container: Record<string, unknown> = { securityContext: { privileged: true } };
    let answer = await askFor(context, hostPod(context, container));
    if (answer.kind === 'never') {
      context.note('the server takes privileged containers nowhere: a pod on the host network stands for them', 'pass');
      container = {};
      answer = await askFor(context, hostPod(context, container));
    }
    const sort = container['securityContext'] === undefined ? 'a pod' : 'a privileged pod';
    if (answer.kind === 'taken') {
      if (!context.settings.expects.has('pod-security')) {
        throw new CheckSkipped({
          code: 'CAPABILITY_ABSENT',
          message: `a restricted namespace takes ${sort} on the host network: nothing enforces pod security here`,
          capability: 'pod-security',
        });
      }
      throw new CheckFailed(`${sort} on the host network is taken by a namespace that is restricted`);
    }
    context.note(`${sort} on the host network is refused`, 'pass', answer.said);
    await context.step('a deployment of privileged pods gets none', async () => {
      const name = 'privileged';
      await context.kube.create(
        deployments,
        sampleDeployment(context, { name, replicas: 1, container, pod: { hostNetwork: true } }),
      );
      await context.until(
        'the deployment says that its pods are refused',
        deployments,
        { namespace: context.namespace, fieldSelector: `metadata.name=${name}` },
        2 * 60_000,
        ([found]) => {
          const conditions: { type: string; status: string; message?: string }[] = found?.status?.conditions ?? [];
          const failure = conditions.find((one) => one.type === 'ReplicaFailure' && one.status === 'True');
          return failure ? undefined : 'it has no condition ReplicaFailure';
        },
      );
      const { items } = await context.kube.list(pods, { namespace: context.namespace });
      if (items.length > 0) throw new CheckFailed(`${items.length} privileged pods came through a deployment`);
    });
    return 'privileged pods are refused, directly and through a deployment';
  },
});
