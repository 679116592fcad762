import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';
import { pods, services, statefulSets } from '../resources.ts';
import { explained, isReady, mustNotBeTaken, samplePodSpec, scale, whyPodNotReady } from '../workload.ts';

const replicas = 3;
const name = 'ordered';
const selector = `app=${name}`;

const ordinal = (pod: KubeObject): number => Number(pod.metadata.name.split('-').at(-1));

async function create(context: CheckContext): Promise<void> {
  const { namespace } = context;
  const labels = { ...context.labels, app: name };
  await context.kube.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { clusterIP: 'None', selector: { app: name }, ports: [{ name: 'http', port: 80 }] },
  });
  await context.kube.create(statefulSets, {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace },
    spec: {
      serviceName: name,
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels, annotations: { 'clm.e2e/revision': 'one' } }, spec: samplePodSpec(context) },
    },
  });
}

/** Waits for `count` ready pods with the names that are theirs; no pod may be there before the one before it is ready. */
async function untilOrdered(context: CheckContext, count: number, revision: string): Promise<KubeObject[]> {
  return explained(context, () =>
    context.until(
      `${count} ready pods of revision ${revision}`,
      pods,
      { namespace: context.namespace, labelSelector: selector },
      4 * 60_000,
      (items) => {
        mustNotBeTaken(items);
        const current = items.filter((pod) => pod.metadata.annotations?.['clm.e2e/revision'] === revision);
        const ready = current.filter(isReady);
        if (ready.length === count && items.length === count) return undefined;
        const why = items.map(whyPodNotReady).find((reason) => reason !== undefined);
        return `${ready.length} of ${items.length} pods are ready and current${why === undefined ? '' : `; ${why}`}`;
      },
    ),
  );
}

function mustHaveComeInOrder(items: KubeObject[]): void {
  const sorted = [...items].sort((a, b) => ordinal(a) - ordinal(b));
  const names = sorted.map((pod) => pod.metadata.name);
  const wanted = Array.from({ length: replicas }, (_, index) => `${name}-${index}`);
  if (names.join() !== wanted.join())
    throw new CheckFailed(`pods are called ${names.join(', ')}, not ${wanted.join(', ')}`);
  const born = sorted.map((pod) => Date.parse(pod.metadata.creationTimestamp ?? ''));
  const wrong = born.findIndex((at, index) => index > 0 && at < (born[index - 1] as number));
  if (wrong > 0) throw new CheckFailed(`${names[wrong]} was created before ${names[wrong - 1]}`);
}

/** Catalogue row 17. */
export const statefulSetBasic = defineCheck({
  id: 'workload.statefulset-basic',
  title: 'A StatefulSet starts its pods in order with names that stay, updates them, and takes the last away first',
  area: 'workload',
  withinMs: 12 * 60_000,
  minNodes: 1,
  cost: 'small',
  expectedMs: 120_000,
  async run(context) {
    await context.sandbox();
    await create(context);
    const items = await context.step('pods come in order', () => untilOrdered(context, replicas, 'one'));
    await context.step('with names that stay', async () => mustHaveComeInOrder(items));
    await context.step('a change reaches every pod', async () => {
      const body = { spec: { template: { metadata: { annotations: { 'clm.e2e/revision': 'two' } } } } };
      await context.kube.patch(statefulSets, context.namespace, name, { type: 'merge', body });
      const updated = await untilOrdered(context, replicas, 'two');
      const before = new Set(items.map((pod) => pod.metadata.uid));
      const kept = updated.filter((pod) => before.has(pod.metadata.uid)).map((pod) => pod.metadata.name);
      if (kept.length > 0) throw new CheckFailed(`${kept.join(', ')} were not replaced by the update`);
    });
    await context.step('scaled down, the last goes first', async () => {
      await scale(context, statefulSets, name, 1);
      const left = await untilOrdered(context, 1, 'two');
      if (left[0]?.metadata.name !== `${name}-0`)
        throw new CheckFailed(`${left[0]?.metadata.name ?? 'nothing'} is left, not ${name}-0`);
    });
    return `${replicas} pods in order, updated, and scaled down to ${name}-0`;
  },
});
