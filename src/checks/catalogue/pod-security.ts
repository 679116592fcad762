import { FailureError } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, CheckSkipped, defineCheck } from '../contract.ts';
import { deployments, pods } from '../resources.ts';
import { sampleDeployment, samplePodSpec } from '../workload.ts';

function privilegedPod(context: CheckContext, name: string): KubeObject {
  const spec = samplePodSpec(context, { securityContext: { privileged: true } });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: context.namespace },
    spec: { ...spec, hostNetwork: true },
  };
}

/** The refusal's own words, or undefined when the pod was taken. Nothing is made: the API only says what it would do. */
async function refusal(context: CheckContext, pod: KubeObject): Promise<string | undefined> {
  try {
    await context.kube.create(pods, pod, { dryRun: true });
    return undefined;
  } catch (error) {
    if (error instanceof FailureError && error.failure.code === 'kube-forbidden') return error.failure.message;
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
    const said = await refusal(context, privilegedPod(context, 'privileged'));
    if (said === undefined) {
      if (!context.settings.expects.has('pod-security')) {
        throw new CheckSkipped({
          code: 'CAPABILITY_ABSENT',
          message: 'a restricted namespace takes a privileged pod: nothing enforces pod security here',
          capability: 'pod-security',
        });
      }
      throw new CheckFailed('a privileged pod on the host network is taken by a namespace that is restricted');
    }
    context.note('a privileged pod is refused', 'pass', said);
    await context.step('a deployment of privileged pods gets none', async () => {
      const name = 'privileged';
      const container = { securityContext: { privileged: true } };
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
