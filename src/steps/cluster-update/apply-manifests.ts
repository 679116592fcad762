import { identityOfObject, type KubeObject } from '../../domain/kube-object.ts';
import type { RenderedComponent } from '../../domain/rendered.ts';
import { describeObject, inApplyOrder, isFoundation } from '../../planning/pipeline/apply-order.ts';
import { applyPolicyOf } from '../../planning/pipeline/apply-policy.ts';
import { claimed, identityOf, recorded } from '../../planning/pipeline/inventory.ts';
import { readinessOf } from '../../planning/pipeline/readiness.ts';
import { withApplied } from '../../planning/pipeline/update-plan.ts';
import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { JournalNote, StepOutcome } from '../../ports/step.ts';
import { clusterOf, type PipelineDependencies } from '../pipeline-dependencies.ts';
import { type Applier, applyObject } from './apply-object.ts';
import { type InventoryStore, openInventory } from './inventory-store.ts';
import {
  clusterFactWrite,
  clusterOutputs,
  done,
  passed,
  readClusterFact,
  renderedAsPlanned,
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
    if (names.every((name) => context.components.includes(name))) return passed();
    const rendered = await renderedAsPlanned(deps, input);
    if (rendered === undefined) return done({ kind: 'replan' });
    const { kube, cloud } = await deps.sessions.sessionFor(context.clusterId);
    const units = rendered.components.filter((component) => names.includes(component.name));
    const changed = await withOutputs(deps, cloud, context.clusterId, units);
    const open = changed.filter((component) => !context.components.includes(component.name));
    const store = await openInventory(kube, input);
    // written down before anything is applied, so that a kill leaves nothing that nobody knows of
    await claim(store, open);
    const known = [...store.known().values()].flat();
    const applier: Applier = {
      kube,
      input,
      policy: applyPolicyOf(clusterOf(deps, context.clusterId)).conflicts,
      entries: new Map(known.map((entry) => [identityOf(entry), entry])),
      applied: new Map(),
      sent: 0,
      changed: new Set(),
      notes: [],
    };
    if (context.components.length === 0) {
      const unsettled = await applyFoundations(applier, store, changed);
      if (unsettled !== undefined) return unsettled;
    }
    const ran = await applyComponents(applier, open);
    await record(applier, store, ran);
    const fact = withApplied(
      await readClusterFact(deps, context.clusterId),
      { components: Object.fromEntries(ran.map((component) => [component.name, component.digest])) },
      input.now,
    );
    const components = [...context.components, ...ran.map((component) => component.name)];
    return done(
      { kind: ran.length === open.length ? 'next' : 'again', components },
      { facts: [clusterFactWrite(context.clusterId, fact)], journal: notesOf(applier, ran) },
    );
  };
}

function notesOf({ input, sent, notes }: Applier, ran: RenderedComponent[]): JournalNote[] {
  if (sent === 0) return notes;
  const names = ran.map((component) => component.name).join(', ');
  const message = `${names} of ${input.context.clusterId}: ${sent} object${sent === 1 ? '' : 's'} applied`;
  return [{ kind: 'components-applied', message }, ...notes];
}

async function claim(store: InventoryStore, open: RenderedComponent[]): Promise<void> {
  const next = new Map(store.known());
  for (const { name, objects } of open) next.set(name, claimed(next.get(name) ?? [], objects));
  await store.write(next);
}

/** What was applied of these components, by uid. */
async function record({ applied }: Applier, store: InventoryStore, ran: RenderedComponent[]): Promise<void> {
  const next = new Map(store.known());
  for (const { name, objects } of ran) {
    const own = objects.flatMap((object) => applied.get(identityOfObject(object)) ?? []);
    next.set(name, recorded(next.get(name) ?? [], own));
  }
  await store.write(next);
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
  applier: Applier,
  store: InventoryStore,
  changed: RenderedComponent[],
): Promise<StepOutcome | undefined> {
  const foundations = inApplyOrder(changed.flatMap((component) => component.objects).filter(isFoundation));
  const unsettled: string[] = [];
  for (const object of foundations) {
    const live = await applyObject(applier, object);
    const readiness = readinessOf(withKind(object, live));
    // Its condition is that of the version before: what is refused now by the old schema would be refused for good.
    if (readiness.state === 'ready' && object.kind === 'CustomResourceDefinition' && isChanged(applier, object))
      unsettled.push(`${describeObject(object)}: changed a moment ago`);
    if (readiness.state !== 'ready') unsettled.push(`${describeObject(object)}: ${readiness.message}`);
  }
  if (unsettled.length === 0) return undefined;
  await record(applier, store, changed);
  const reason = { code: 'foundations', message: `waits until they can be used: ${unsettled.join('; ')}` };
  return waiting(reason, applier.input.now + foundationPollMs, {}, { journal: applier.notes });
}

const isChanged = ({ changed }: Applier, object: KubeObject): boolean => changed.has(identityOfObject(object));

/** Items of lists and some answers carry no kind of their own. */
function withKind({ kind, apiVersion }: KubeObject, live: KubeObject): KubeObject {
  return { ...live, kind, apiVersion };
}

/** As many components as fit into a run, at least one. */
async function applyComponents(applier: Applier, open: RenderedComponent[]): Promise<RenderedComponent[]> {
  const ran: RenderedComponent[] = [];
  let objects = 0;
  for (const component of open) {
    if (objects >= objectsInARun) break;
    for (const object of inApplyOrder(component.objects)) {
      if (!applier.applied.has(identityOfObject(object))) await applyObject(applier, object);
    }
    objects += component.objects.length;
    ran.push(component);
  }
  return ran;
}
