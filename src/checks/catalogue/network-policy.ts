import { type CheckContext, CheckFailed, CheckSkipped, defineCheck } from '../contract.ts';
import { probe, troubleOf } from '../probe.ts';
import { networkPolicies } from '../resources.ts';
import { serveWeb } from '../web-servers.ts';

const name = 'guarded';

/** undefined when the server could be reached, else what the probe saw. */
async function blockedFor(context: CheckContext, probeName: string, role: string): Promise<string | undefined> {
  const args = ['http', '--url', `http://${name}/`, '--timeout', '3s', '--count', '2'];
  const document = await probe(context, { name: probeName, args, labels: { role } });
  return document.targets.map(troubleOf).find((trouble) => trouble !== undefined);
}

async function policy(context: CheckContext, policyName: string, ingress: object[]): Promise<void> {
  await context.kube.create(networkPolicies, {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: policyName, namespace: context.namespace },
    spec: { podSelector: { matchLabels: { app: name } }, policyTypes: ['Ingress'], ingress },
  });
  // Agents on the nodes need a moment to hear of it.
  await context.pause(10_000);
}

/** Catalogue row 27. */
export const networkPolicy = defineCheck({
  id: 'network.policy',
  title: 'A policy that denies all blocks, and one that allows a pod lets that pod through alone',
  area: 'network',
  requires: ['network-policy'],
  withinMs: 8 * 60_000,
  minNodes: 1,
  cost: 'small',
  async run(context) {
    await context.sandbox();
    await serveWeb(context, { name, replicas: 1, body: 'ok' });
    const before = await blockedFor(context, 'before', 'stranger');
    if (before !== undefined) throw new CheckFailed(`without any policy the server cannot be reached: ${before}`);
    await policy(context, 'deny-all', []);
    if ((await blockedFor(context, 'denied', 'stranger')) === undefined) {
      throw new CheckSkipped({
        code: 'CAPABILITY_ABSENT',
        message: 'a policy that denies everything blocks nothing: the network does not enforce policies',
        capability: 'network-policy',
      });
    }
    context.note('deny-all blocks', 'pass');
    await policy(context, 'allow-friends', [{ from: [{ podSelector: { matchLabels: { role: 'friend' } } }] }]);
    const friend = await blockedFor(context, 'friend', 'friend');
    if (friend !== undefined) throw new CheckFailed(`a pod that a policy allows is blocked: ${friend}`);
    if ((await blockedFor(context, 'stranger', 'stranger')) === undefined) {
      throw new CheckFailed('a pod that no policy allows gets through as soon as another pod is allowed');
    }
    return 'denied, allowed for one, still denied for others';
  },
});
