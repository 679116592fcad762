import { CheckFailed, defineCheck } from '../contract.ts';
import { pods } from '../resources.ts';
import { explained, mustNotBeTaken, whyPodNotReady } from '../workload.ts';

const image = 'nvcr.io/nvidia/k8s/cuda-sample:vectoradd-cuda12.5.0';

/** Catalogue row 22. */
export const gpuJob = defineCheck({
  id: 'node.gpu-job',
  title: 'A pod with a GPU adds vectors',
  area: 'node',
  requires: ['gpu'],
  withinMs: 20 * 60_000,
  cost: 'cloud',
  async run(context) {
    await context.sandbox();
    const { namespace } = context;
    await context.kube.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'vectoradd', namespace },
      spec: {
        restartPolicy: 'Never',
        automountServiceAccountToken: false,
        tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists' }],
        containers: [
          {
            name: 'task',
            image: context.settings.get('gpu_image') ?? image,
            resources: { limits: { 'nvidia.com/gpu': '1' } },
          },
        ],
      },
    });
    const [pod] = await explained(context, () =>
      context.until(
        'the pod with a GPU ended',
        pods,
        { namespace, fieldSelector: 'metadata.name=vectoradd' },
        15 * 60_000,
        (items) => {
          mustNotBeTaken(items);
          const phase = String(items[0]?.status?.phase);
          if (phase === 'Succeeded' || phase === 'Failed') return undefined;
          return `it is ${phase}${items[0] ? `; ${whyPodNotReady(items[0]) ?? ''}` : ''}`;
        },
      ),
    );
    const log = await context.kube.raw(`/api/v1/namespaces/${namespace}/pods/vectoradd/log?tailLines=50`);
    if (!log.body.includes('PASSED')) {
      throw new CheckFailed(
        `the pod ended ${String(pod?.status?.phase)} and its log does not say PASSED: ${log.body.trim().slice(-200)}`,
      );
    }
    return 'its log says PASSED';
  },
});
