import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';
import { deployments, pods } from '../resources.ts';
import { deployAndAwait, explained, isReady, mustNotBeTaken, whyPodNotReady } from '../workload.ts';

const replicas = 3;
const maxUnavailable = 1;
const name = 'update';
const revision = 'clm.e2e/revision';

/** Changes the pod template; waits until every pod has the change, watching that never too few are ready. */
async function moveTo(context: CheckContext, wanted: string): Promise<void> {
  const from = context.clock.now();
  let leastReady = replicas;
  const body = { spec: { template: { metadata: { annotations: { [revision]: wanted } } } } };
  await context.kube.patch(deployments, context.namespace, name, { type: 'merge', body });
  await explained(context, () =>
    context.until(
      `${replicas} ready pods of revision ${wanted} and none of another`,
      pods,
      { namespace: context.namespace, labelSelector: `app=${name}` },
      3 * 60_000,
      (items) => {
        mustNotBeTaken(items);
        leastReady = Math.min(leastReady, items.filter(isReady).length);
        const current = items.filter((pod) => revisionOf(pod) === wanted);
        if (current.filter(isReady).length === replicas && items.length === replicas) return undefined;
        const why = current.map(whyPodNotReady).find((reason) => reason !== undefined);
        return `${current.filter(isReady).length} of ${current.length} new pods are ready, ${items.length - current.length} old ones are left${why === undefined ? '' : `; ${why}`}`;
      },
    ),
  );
  context.measure('action_duration_seconds', (context.clock.now() - from) / 1000, {
    resource: 'Deployment',
    action: 'update',
  });
  if (leastReady < replicas - maxUnavailable) {
    throw new CheckFailed(
      `only ${leastReady} of ${replicas} pods were ready during the update, at least ${replicas - maxUnavailable} must be`,
    );
  }
}

function revisionOf(pod: KubeObject): string | undefined {
  return pod.metadata.annotations?.[revision];
}

/** Catalogue row 14. */
export const deploymentUpdate = defineCheck({
  id: 'workload.deployment-update',
  title: 'A changed deployment replaces its pods without going below its limit, and goes back',
  area: 'workload',
  withinMs: 10 * 60_000,
  minNodes: 1,
  cost: 'small',
  async run(context) {
    await context.sandbox();
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable, maxSurge: 1 } };
    const annotations = { [revision]: 'one' };
    await deployAndAwait(context, { name, replicas, strategy, annotations }, 3 * 60_000);
    await context.step('the new revision replaces the old one', () => moveTo(context, 'two'));
    await context.step('and back', () => moveTo(context, 'one'));
    return `${replicas} pods replaced twice, never fewer than ${replicas - maxUnavailable} ready`;
  },
});
