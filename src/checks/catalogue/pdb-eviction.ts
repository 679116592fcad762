import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, CheckTimedOut, defineCheck } from '../contract.ts';
import { podDisruptionBudgets, pods } from '../resources.ts';
import { deployAndAwait, isReady } from '../workload.ts';

const replicas = 3;
const minAvailable = 2;
const name = 'budget';

/** The budget has seen the pods: before, every eviction is refused. */
async function untilBudgetAllows(context: CheckContext, allowed: number): Promise<void> {
  await context.until(
    `the budget allows ${allowed} disruptions`,
    podDisruptionBudgets,
    { namespace: context.namespace },
    60_000,
    ([budget]) => {
      const found = Number(budget?.status?.disruptionsAllowed ?? -1);
      return found === allowed ? undefined : `it allows ${found}`;
    },
  );
}

async function evictAll(context: CheckContext, items: KubeObject[]): Promise<number> {
  let refused = 0;
  for (const pod of items) {
    const deadline = context.clock.now() + 3 * 60_000;
    for (;;) {
      const { namespace } = context;
      const answer = await context.kube.evict(namespace, pod.metadata.name, { uid: pod.metadata.uid ?? '' });
      const ready = (await context.kube.list(pods, { namespace, labelSelector: `app=${name}` })).items.filter(isReady);
      if (ready.length < minAvailable) {
        throw new CheckFailed(
          `only ${ready.length} pods are ready after an eviction, the budget wants ${minAvailable}`,
        );
      }
      if (answer.kind === 'accepted' || answer.kind === 'gone') break;
      if (answer.kind !== 'refused-by-budget')
        throw new CheckFailed(`eviction of ${pod.metadata.name}: ${answer.message}`);
      refused += 1;
      if (context.clock.now() > deadline)
        throw new CheckTimedOut(`${pod.metadata.name} is not evicted: ${answer.message}`);
      await context.pause(1_000);
    }
  }
  return refused;
}

/** Catalogue row 39. The node is not touched: evictions are asked for one by one, as a drain does. */
export const pdbEviction = defineCheck({
  id: 'rollout.pdb-eviction',
  title: 'Evictions respect a budget: refused while too few pods are ready, and never below it',
  area: 'rollout',
  uses: [podDisruptionBudgets],
  withinMs: 10 * 60_000,
  minNodes: 2,
  cost: 'small',
  async run(context) {
    await context.sandbox();
    const { namespace } = context;
    const items = await deployAndAwait(context, { name, replicas }, 3 * 60_000);
    await context.kube.create(podDisruptionBudgets, {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name, namespace },
      spec: { minAvailable, selector: { matchLabels: { app: name } } },
    });
    await untilBudgetAllows(context, replicas - minAvailable);
    const refused = await context.step('every pod is evicted, never below the budget', () => evictAll(context, items));
    context.measure('eviction_429_total', refused);
    if (refused === 0)
      throw new CheckFailed(`${replicas} evictions in a row were all taken: nothing respects the budget`);
    await context.step('a budget that allows none refuses', async () => {
      const body = { spec: { minAvailable: replicas } };
      await context.kube.patch(podDisruptionBudgets, namespace, name, { type: 'merge', body });
      await untilBudgetAllows(context, 0);
      const [pod] = (await context.kube.list(pods, { namespace, labelSelector: `app=${name}` })).items.filter(isReady);
      const answer = await context.kube.evict(namespace, pod?.metadata.name ?? '', { uid: pod?.metadata.uid ?? '' });
      if (answer.kind !== 'refused-by-budget')
        throw new CheckFailed(`an eviction that the budget forbids is ${answer.kind}`);
    });
    return `${replicas} pods evicted one by one, ${refused} times refused`;
  },
});
