import type { KubeObject } from '../../domain/kube-object.ts';
import { defineCheck } from '../contract.ts';
import { pods } from '../resources.ts';
import { explained, mustNotBeTaken, whyPodNotReady } from '../workload.ts';

const withinMs = 4 * 60_000;

/** Catalogue row 11. */
export const registryPull = defineCheck({
  id: 'security.registry-pull',
  title: 'Images of the private registry can be pulled, by every name that it has',
  area: 'security',
  requires: ['private-registry'],
  withinMs: 6 * 60_000,
  async run(context) {
    await context.sandbox();
    const { namespace, clock } = context;
    const images = (context.settings.get('pull_images') ?? '').split(/[\s,]+/).filter((image) => image !== '');
    const from = clock.now();
    for (const [index, image] of images.entries()) {
      await context.kube.create(pods, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `pull-${index}`, namespace, labels: { pull: 'yes' } },
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'task', image, imagePullPolicy: 'Always', resources: { requests: { cpu: '1m' } } }],
        },
      });
    }
    await explained(context, () =>
      context.until('every image pulled', pods, { namespace, labelSelector: 'pull=yes' }, withinMs, (items) => {
        mustNotBeTaken(items);
        const missing = items.filter((pod) => !isPulled(pod));
        if (items.length === images.length && missing.length === 0) return undefined;
        const [first] = missing;
        const image = first?.spec?.containers?.[0]?.image as string | undefined;
        const why = first === undefined ? 'its pod is not there' : (whyPodNotReady(first) ?? 'no reason is given yet');
        return `${missing.length} of ${images.length} are not; ${image ?? ''}: ${why}`;
      }),
    );
    context.measure('pull_seconds', (clock.now() - from) / 1000);
    return `${images.length} images: ${images.join(', ')}`;
  },
});

/** The kubelet names what it has pulled, whether or not the program in it likes to run without arguments. */
function isPulled(pod: KubeObject): boolean {
  const [status] = (pod.status?.containerStatuses ?? []) as {
    imageID?: string;
    state?: { running?: object; terminated?: object };
  }[];
  return Boolean(status?.imageID) || status?.state?.running !== undefined || status?.state?.terminated !== undefined;
}
