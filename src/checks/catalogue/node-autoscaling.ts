import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, CheckTimedOut, defineCheck } from '../contract.ts';
import { deployments, events, nodes, pods } from '../resources.ts';
import { deployAndAwait, isReady } from '../workload.ts';

const name = 'room';
const upWithinMs = 15 * 60_000;
const downWithinMs = 20 * 60_000;
const hostLabel = 'kubernetes.io/hostname';

/** Catalogue row 37. */
export const nodeAutoscaling = defineCheck({
  id: 'autoscale.nodes',
  title: 'A pod that fits on no node gets one of its own, and the node goes when the pod does',
  area: 'autoscaling',
  requires: ['autoscaler'],
  // Its node appears to every other check as one more.
  serial: true,
  withinMs: 45 * 60_000,
  expectedMs: 6 * 60_000,
  minNodes: 1,
  retries: 0,
  cost: 'cloud',
  async run(context) {
    const before = (await context.kube.list(nodes)).items;
    const known = new Set(before.map((node) => node.metadata.name));
    await context.sandbox();
    const from = context.clock.now();
    const [pod] = await context.step('a node comes for it', () => roomFor(context, before));
    const node = String(pod?.spec?.nodeName);
    if (known.has(node)) throw new CheckFailed(`the pod runs on ${node}, which was there before`);
    const added = (await context.kube.get(nodes, undefined, node)) as KubeObject;
    if (!isReady(added)) throw new CheckFailed(`the pod runs on ${node}, which is not Ready`);
    const seconds = Math.round((context.clock.now() - from) / 1000);
    context.measure('scaleup_seconds', seconds);
    await takeBack(context, node);
    return `${node} came within ${seconds} s, and is gone again or marked to go`;
  },
});

/** A pod that must not run on any node that is there. */
async function roomFor(context: CheckContext, before: KubeObject[]): Promise<KubeObject[]> {
  const names = before.map((node) => node.metadata.labels?.[hostLabel] ?? node.metadata.name);
  const term = { matchExpressions: [{ key: hostLabel, operator: 'NotIn', values: names }] };
  const affinity = {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
  };
  try {
    return await deployAndAwait(context, { name, replicas: 1, pod: { affinity } }, upWithinMs);
  } catch (error) {
    const said = await wordsOfAutoscaler(context);
    if (error instanceof CheckTimedOut)
      error.message += said === '' ? '; no autoscaler has said a word to the pod' : `; ${said}`;
    throw error;
  }
}

/** TriggeredScaleUp, NotTriggerScaleUp, or Karpenter's Nominated: what was said to the pod. */
async function wordsOfAutoscaler(context: CheckContext): Promise<string> {
  const { items } = await context.kube.list(events, { namespace: context.namespace });
  const said = items.filter((event) => /ScaleUp|Nominated|FailedScheduling/.test(String(event.reason)));
  const own = said.filter((event) => event.reason !== 'FailedScheduling');
  return own
    .slice(-2)
    .map((event) => `${String(event.reason)}: ${String(event.message)}`)
    .join('; ');
}

/** A node that stays longer than an autoscaler usually takes is told, and is no failure. */
async function takeBack(context: CheckContext, node: string): Promise<void> {
  const from = context.clock.now();
  await context.kube.delete(deployments, context.namespace, name);
  await context.until(
    'its pod gone',
    pods,
    { namespace: context.namespace, labelSelector: `app=${name}` },
    3 * 60_000,
    (left) => (left.length === 0 ? undefined : 'it is there'),
  );
  try {
    await context.until('the node gone', nodes, { fieldSelector: `metadata.name=${node}` }, downWithinMs, (left) =>
      left.length === 0 ? undefined : 'it is there',
    );
    context.measure('scaledown_seconds', (context.clock.now() - from) / 1000);
    context.note('the node goes again', 'pass');
  } catch (error) {
    if (!(error instanceof CheckTimedOut)) throw error;
    context.note('the node goes again', 'fail', `${node} is there after ${downWithinMs / 60_000} min (informing)`);
  }
}
