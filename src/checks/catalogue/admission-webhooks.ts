import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';
import { endpointSlices, mutatingWebhooks, pods, validatingWebhooks } from '../resources.ts';
import { isReady, samplePodSpec, whyPodNotReady } from '../workload.ts';
import { readCertificates } from './certificate.ts';

const leastDays = 14;

interface Hook {
  name: string;
  failurePolicy?: string;
  clientConfig?: { caBundle?: string; url?: string; service?: { namespace: string; name: string } };
}

async function readyEndpoints(context: CheckContext, namespace: string, service: string): Promise<number> {
  const options = { namespace, labelSelector: `kubernetes.io/service-name=${service}` };
  const { items } = await context.kube.list(endpointSlices, options);
  const all = items.flatMap((slice) => (slice.endpoints ?? []) as { conditions?: { ready?: boolean } }[]);
  return all.filter((endpoint) => endpoint.conditions?.ready !== false).length;
}

/** What is wrong with a webhook that makes the API refuse requests when it does not answer. */
async function wrongWith(context: CheckContext, hook: Hook): Promise<string | undefined> {
  const { service, caBundle } = hook.clientConfig ?? {};
  if (service !== undefined && (await readyEndpoints(context, service.namespace, service.name)) === 0) {
    return `its service ${service.namespace}/${service.name} has no ready endpoint, and failurePolicy is Fail`;
  }
  if (caBundle === undefined || caBundle === '') return undefined;
  try {
    const days = Math.min(...readCertificates('', caBundle, context.clock.now()).map((one) => one.daysLeft));
    return days < leastDays ? `its authority ends in ${days} days` : undefined;
  } catch (error) {
    return `its caBundle cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** A pod whose owner does not exist: admission must let it run (and the garbage collector take it away later). */
function orphan(context: CheckContext): KubeObject {
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'none', uid: '00000000-0000-4000-8000-000000000000' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'orphan', namespace: context.namespace, ownerReferences: [owner] },
    spec: samplePodSpec(context),
  };
}

/** Catalogue row 10. */
export const admissionWebhooks = defineCheck({
  id: 'security.admission-webhooks',
  title: 'Webhooks that can stop the API are served and trusted, and let pods run',
  area: 'security',
  uses: [endpointSlices],
  withinMs: 10 * 60_000,
  expectedMs: 20_000,
  async run(context) {
    const wrong: string[] = [];
    let strict = 0;
    for (const resource of [validatingWebhooks, mutatingWebhooks]) {
      for (const item of (await context.kube.list(resource)).items) {
        for (const hook of (item.webhooks ?? []) as Hook[]) {
          if (hook.failurePolicy === 'Ignore') continue;
          strict += 1;
          const problem = await wrongWith(context, hook);
          context.note(`${item.metadata.name}/${hook.name}`, problem === undefined ? 'pass' : 'fail', problem);
          if (problem !== undefined) wrong.push(`webhook ${item.metadata.name}/${hook.name}: ${problem}`);
        }
      }
    }
    if (wrong.length > 0) throw new CheckFailed(wrong.join('; '));
    if ((await context.facts.schedulableNodes()).length === 0) {
      context.note('a pod with an owner that is gone still runs', 'skipped', 'NOT_ENOUGH_NODES');
      return `${strict} webhooks are served and trusted; no node to run a pod on`;
    }
    await context.sandbox();
    await context.step('a pod with an owner that is gone still runs', async () => {
      const from = context.clock.now();
      await context.kube.create(pods, orphan(context));
      // Gone again is fine: the garbage collector has seen that its owner is not there.
      let ran = false;
      await context.until(
        'the pod with an unknown owner ran',
        pods,
        { namespace: context.namespace, fieldSelector: 'metadata.name=orphan' },
        3 * 60_000,
        ([pod]) => {
          ran ||= pod !== undefined && isReady(pod);
          if (ran || (pod === undefined && context.clock.now() > from)) return undefined;
          return pod === undefined ? 'it is not there' : (whyPodNotReady(pod) ?? 'it is not ready');
        },
      );
    });
    return `${strict} webhooks are served and trusted; a pod with an unknown owner is let in`;
  },
});
