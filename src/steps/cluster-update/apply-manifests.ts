import { FailureError, terminal } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { RenderedComponent } from '../../domain/rendered.ts';
import { describeObject, inApplyOrder, isFoundation } from '../../planning/pipeline/apply-order.ts';
import { comparable, firstDifference } from '../../planning/pipeline/subset.ts';
import { withApplied } from '../../planning/pipeline/update-plan.ts';
import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { StepOutcome } from '../../ports/step.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import {
  assertLease,
  clusterFactWrite,
  clusterOutputs,
  done,
  readClusterFact,
  renderedAsPlanned,
  type UpdateInput,
  type UpdateStep,
  waiting,
} from './update-step.ts';

/** A run ends after this many objects, so that a kill costs little and others get their turn. */
const objectsInARun = 60;
const foundationPollMs = 5_000;

/** Applies the components that changed: what others depend on first, then component by component, each in order of kinds. */
export function applyManifests(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const { context } = input;
    const names = context.plan?.components ?? [];
    if (names.every((name) => context.components.includes(name))) return done({ kind: 'next' });
    const rendered = await renderedAsPlanned(deps, input);
    if (rendered === undefined) return done({ kind: 'replan' });
    const { kube, cloud } = await deps.sessions.sessionFor(context.clusterId);
    const units = rendered.components.filter((component) => names.includes(component.name));
    const changed = await withOutputs(deps, cloud, context.clusterId, units);
    if (context.components.length === 0) {
      const unsettled = await applyFoundations(kube, input, changed);
      if (unsettled !== undefined) return unsettled;
    }
    const open = changed.filter((component) => !context.components.includes(component.name));
    const ran = await applyComponents(kube, input, open);
    const fact = withApplied(
      await readClusterFact(deps, context.clusterId),
      { components: Object.fromEntries(ran.map((component) => [component.name, component.digest])) },
      input.now,
    );
    const components = [...context.components, ...ran.map((component) => component.name)];
    return done(
      { kind: ran.length === open.length ? 'next' : 'again', components },
      { facts: [clusterFactWrite(context.clusterId, fact)] },
    );
  };
}

/** The components with the outputs of the cluster's own stack where they refer to them. */
async function withOutputs(
  deps: PipelineDependencies,
  cloud: CloudProvider,
  clusterId: string,
  components: RenderedComponent[],
): Promise<RenderedComponent[]> {
  if (components.every((component) => component.objectsFor === undefined)) return components;
  const outputs = await clusterOutputs(deps, cloud, clusterId);
  return components.map((component) => {
    const { name, digest, objectsFor } = component;
    return objectsFor === undefined ? component : { name, digest, objects: objectsFor(outputs) };
  });
}

/** Custom resource definitions and namespaces of all components, until they can be used. */
async function applyFoundations(
  kube: KubeCluster,
  input: UpdateInput,
  changed: RenderedComponent[],
): Promise<StepOutcome | undefined> {
  const foundations = inApplyOrder(changed.flatMap((component) => component.objects).filter(isFoundation));
  const unsettled: string[] = [];
  for (const object of foundations) {
    const live = await applyObject(kube, input, object);
    if (!isUsable(live)) unsettled.push(describeObject(object));
  }
  if (unsettled.length === 0) return undefined;
  const reason = { code: 'foundations', message: `waits until ${unsettled.join(', ')} can be used` };
  return waiting(reason, input.now + foundationPollMs);
}

function isUsable(live: KubeObject): boolean {
  if (live.metadata.deletionTimestamp !== undefined) return false;
  if (live.kind !== 'CustomResourceDefinition') return true;
  const conditions = ((live['status'] as { conditions?: unknown } | undefined)?.conditions ?? []) as {
    type?: string;
    status?: string;
  }[];
  return conditions.some((condition) => condition.type === 'Established' && condition.status === 'True');
}

/** As many components as fit into a run, at least one. */
async function applyComponents(
  kube: KubeCluster,
  input: UpdateInput,
  open: RenderedComponent[],
): Promise<RenderedComponent[]> {
  const ran: RenderedComponent[] = [];
  let objects = 0;
  for (const component of open) {
    if (objects >= objectsInARun) break;
    for (const object of inApplyOrder(component.objects)) await applyObject(kube, input, object);
    objects += component.objects.length;
    ran.push(component);
  }
  return ran;
}

/** Sends only what differs from what is there: an object that is as rendered is left alone. */
async function applyObject(kube: KubeCluster, input: UpdateInput, object: KubeObject): Promise<KubeObject> {
  const resource = await kube.resourceOf(object.apiVersion, object.kind);
  const { namespace, name } = object.metadata;
  if (resource.namespaced && namespace === undefined) {
    throw new FailureError(terminal('namespace-missing', `${describeObject(object)} says no namespace`));
  }
  const live = await kube.get(resource, resource.namespaced ? namespace : undefined, name);
  if (live !== undefined && firstDifference(comparable(object), live) === undefined) return live;
  assertLease(input);
  // fields that others hold are taken over: what the configuration says is what is wanted
  return kube.apply(resource, object, { force: true });
}
