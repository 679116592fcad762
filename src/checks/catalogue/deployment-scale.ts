import { defineCheck } from '../contract.ts';
import { deployments } from '../resources.ts';
import { deployAndAwait, scale, untilNoPods, untilReady } from '../workload.ts';

const replicas = 3;
const name = 'scale';

/** Catalogue row 15. */
export const deploymentScale = defineCheck({
  id: 'workload.deployment-scale',
  title: 'A deployment scales to nothing and back',
  area: 'workload',
  withinMs: 6 * 60_000,
  minNodes: 1,
  cost: 'small',
  async run(context) {
    await context.sandbox();
    await deployAndAwait(context, { name, replicas }, 2 * 60_000);
    const from = context.clock.now();
    await context.step('scaled to 0, its pods go', async () => {
      await scale(context, deployments, name, 0);
      await untilNoPods(context, `app=${name}`, 90_000);
    });
    await context.step(`scaled to ${replicas}, they come back`, async () => {
      await scale(context, deployments, name, replicas);
      await untilReady(context, `app=${name}`, replicas, 2 * 60_000);
    });
    context.measure('action_duration_seconds', (context.clock.now() - from) / 1000, {
      resource: 'Deployment',
      action: 'scale',
    });
    return `${replicas} → 0 → ${replicas} pods`;
  },
});
