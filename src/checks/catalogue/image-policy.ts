import { FailureError } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { Resource } from '../../ports/kube-cluster.ts';
import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';
import { deployments, events, jobs, namespaces, pods, statefulSets } from '../resources.ts';

const withinMs = 2 * 60_000;

/** Catalogue row 9. */
export const imagePolicy = defineCheck({
  id: 'security.image-policy',
  title: 'Images that the policy does not allow run in no pod, however it is made; others do',
  area: 'security',
  requires: ['image-policy'],
  withinMs: 12 * 60_000,
  expectedMs: 90_000,
  minNodes: 1,
  async run(context) {
    await context.sandbox();
    const denied = context.settings.get('image_policy_denied') as string;
    const allowed = context.settings.get('image_policy_allowed') ?? context.settings.serverImage;
    let count = 0;
    for (const maker of makers) {
      await context.step(`${maker.kind} with ${allowed} runs`, () => mustRun(context, maker, allowed));
      await context.step(`${maker.kind} with ${denied} is refused`, async () => {
        count += await mustBeRefused(context, maker, denied);
      });
    }
    await context.step('a pod is not changed to a refused image', () => mustKeep(context, allowed, denied));
    await exemption(context, denied);
    context.measure('denied_total', count);
    return `${denied} is refused in ${makers.map((maker) => maker.kind).join(', ')}; ${allowed} runs`;
  },
});

interface Maker {
  kind: string;
  resource: Resource;
  apiVersion: string;
  wrap(pod: { metadata: object; spec: Record<string, unknown> }, labels: Record<string, string>): object;
}

const selecting = (template: object, labels: Record<string, string>): object => ({
  replicas: 1,
  selector: { matchLabels: labels },
  template,
});

const makers: Maker[] = [
  { kind: 'Pod', resource: pods, apiVersion: 'v1', wrap: (pod) => pod.spec },
  { kind: 'Deployment', resource: deployments, apiVersion: 'apps/v1', wrap: selecting },
  {
    kind: 'StatefulSet',
    resource: statefulSets,
    apiVersion: 'apps/v1',
    wrap: (template, labels) => ({ ...selecting(template, labels), serviceName: 'none' }),
  },
  {
    kind: 'Job',
    resource: jobs,
    apiVersion: 'batch/v1',
    wrap: ({ metadata, spec }) => ({
      backoffLimit: 0,
      template: { metadata, spec: { ...spec, restartPolicy: 'Never' } },
    }),
  },
];

function objectOf(context: CheckContext, maker: Maker, name: string, image: string): KubeObject {
  const labels = { app: name };
  const spec = {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'main', image, resources: { requests: { cpu: '5m', memory: '8Mi' } } }],
  };
  const pod = { metadata: { labels: { ...context.labels, ...labels } }, spec };
  return {
    apiVersion: maker.apiVersion,
    kind: maker.kind,
    metadata: { name, namespace: context.namespace, labels },
    spec: maker.wrap(pod, labels),
  };
}

/** The refusal in the API's words; undefined when it was taken. */
async function refusal(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (
      error instanceof FailureError &&
      (error.failure.code === 'kube-forbidden' || error.failure.code === 'kube-invalid')
    )
      return error.failure.message;
    throw error;
  }
}

async function mustRun(context: CheckContext, maker: Maker, image: string): Promise<void> {
  const name = `good-${maker.kind.toLowerCase()}`;
  const said = await refusal(() => context.kube.create(maker.resource, objectOf(context, maker, name, image)));
  if (said !== undefined) throw new CheckFailed(`a ${maker.kind} with the allowed image ${image} is refused: ${said}`);
  await untilPod(context, name, `the pod of ${maker.kind} ${name}`);
}

async function untilPod(context: CheckContext, name: string, what: string): Promise<void> {
  const options = { namespace: context.namespace, labelSelector: `app=${name}` };
  await context.until(what, pods, options, withinMs, (items) => {
    const phases = items.map((pod) => String(pod.status?.phase));
    return phases.some((phase) => phase === 'Running' || phase === 'Succeeded')
      ? undefined
      : `it is ${phases.join() || 'not there'}`;
  });
}

/** At once, or when its controller wants to make the pod. How often it was refused. */
async function mustBeRefused(context: CheckContext, maker: Maker, image: string): Promise<number> {
  const name = `bad-${maker.kind.toLowerCase()}`;
  const said = await refusal(() => context.kube.create(maker.resource, objectOf(context, maker, name, image)));
  if (said !== undefined) return 1;
  if (maker.kind === 'Pod') throw new CheckFailed(`a pod with ${image} is let in`);
  const { namespace } = context;
  // Whichever comes first: a pod that must not be, or the controller's word that it cannot make one.
  await context.until(`a word on the pods of ${maker.kind} ${name}`, events, { namespace }, withinMs, (items) => {
    const ours = items.filter((event) =>
      String((event.involvedObject as { name?: string } | undefined)?.name).startsWith(name),
    );
    const made = ours.find((event) => event.reason === 'SuccessfulCreate' && /pod/i.test(String(event.message)));
    if (made) throw new CheckFailed(`a ${maker.kind} with ${image} gets pods: ${String(made.message)}`);
    return ours.some((event) => event.reason === 'FailedCreate')
      ? undefined
      : 'no event says that its pods are refused';
  });
  const left = (await context.kube.list(pods, { namespace, labelSelector: `app=${name}` })).items;
  if (left.length > 0) throw new CheckFailed(`a ${maker.kind} with ${image} has ${left.length} pods`);
  return 1;
}

async function mustKeep(context: CheckContext, allowed: string, denied: string): Promise<void> {
  const change = (image: string): Promise<unknown> =>
    context.kube.patch(pods, context.namespace, 'good-pod', {
      type: 'json',
      body: [{ op: 'replace', path: '/spec/containers/0/image', value: image }],
    });
  const said = await refusal(() => change(denied));
  if (said === undefined) throw new CheckFailed(`a pod with ${allowed} may be changed to ${denied}`);
}

/** A namespace that the policy leaves alone takes what others may not: otherwise its own servers could not be repaired. */
async function exemption(context: CheckContext, denied: string): Promise<void> {
  const label = context.settings.get('image_policy_exempt')?.split('=');
  if (label === undefined) {
    context.note('an exempt namespace takes it', 'skipped', 'CONFIG_MISSING: e2e_image_policy_exempt is not set');
    return;
  }
  await context.step('an exempt namespace takes it', async () => {
    const name = `${context.namespace}-free`.slice(0, 63);
    await context.kube.create(namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { [label[0] as string]: label[1] ?? '' } },
    });
    const pod = objectOf(context, makers[0] as Maker, 'free', denied);
    const freed = { ...pod, metadata: { ...pod.metadata, namespace: name } };
    const said = await refusal(() => context.kube.create(pods, freed, { dryRun: true }));
    if (said !== undefined)
      throw new CheckFailed(`a namespace with label ${label.join('=')} does not take ${denied}: ${said}`);
  });
}
