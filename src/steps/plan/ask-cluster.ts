/**
 * What a cluster itself says to a plan: change sets that are deleted again, dry runs of server-side apply, drift. Nothing stays
 * changed; a stack that is not there gets no change set, since that would leave an empty stack behind.
 */
import { accountNumber, type Cluster } from '../../domain/cluster.ts';
import { FailureError } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { RenderedCluster, RenderedStack } from '../../domain/rendered.ts';
import type { LiveFindings, LiveObject, LiveStack, PlanRefusal } from '../../planning/change/plan-document.ts';
import { describeObject, inApplyOrder } from '../../planning/pipeline/apply-order.ts';
import { describeDrift } from '../../planning/pipeline/resource-drift.ts';
import {
  allowanceItem,
  allowancesOf,
  refusedChanges,
  summariseChanges,
  touchesGroups,
} from '../../planning/pipeline/stack-guard.ts';
import { classifyStack } from '../../planning/pipeline/stack-state.ts';
import { comparable, firstDifference } from '../../planning/pipeline/subset.ts';
import type { ChangeSetView, CloudProvider } from '../../ports/cloud-provider.ts';
import type { ClusterSession } from '../../ports/cluster-session.ts';
import type { KubeCluster, Resource } from '../../ports/kube-cluster.ts';
import { sleep } from '../../support/deadline.ts';
import { mapBounded } from '../../support/map-bounded.ts';
import { kubernetesRefusals } from '../cluster-update/check-kubernetes.ts';
import { nodesByGroup } from '../cluster-update/ensure-stack.ts';
import { controlPlaneOutputs } from '../cluster-update/update-step.ts';

export interface AskInput {
  session: Pick<ClusterSession, 'kube' | 'cloud' | 'view'>;
  cluster: Cluster;
  rendered: RenderedCluster;
  /** Names of change sets begin with it: two plans at once do not share one. */
  name: string;
  /** Decision time. */
  now: number;
}

const callsAtOnce = 6;
/** CloudFormation works a change set out in seconds; wall time. */
const changeSetPolls = 60;
const pollMs = 1_000;
const driftPolls = 90;
/** CloudFormation takes longer templates only from S3, and a plan stores nothing. */
const longestInlineBytes = 51_200;

/** Throws FailureError when the cluster cannot be asked at all. */
export async function askCluster(input: AskInput): Promise<{ live: LiveFindings; refusals: PlanRefusal[] }> {
  const { session, cluster, rendered } = input;
  const identity = await session.cloud.callerIdentity();
  const account = accountNumber(cluster.infrastructureAccount);
  if (identity.account !== account || identity.region !== cluster.region) {
    const message = `${cluster.alias}: credentials lead to account ${identity.account} in ${identity.region}, not ${account} in ${cluster.region}`;
    const refusal = { code: 'wrong-account', message, remedy: 'correct the role of the account, or the registry' };
    return { live: { stacks: [], objects: [] }, refusals: [refusal] };
  }
  const stack = await session.cloud.describeStack(cluster.localId);
  const outputs = { ...stack?.outputs, ...(await controlPlaneOutputs(session.cloud, cluster)) };
  const refusals = await kubernetesRefusals(session, cluster, rendered, input.now);
  const asked = await mapBounded(rendered.stacks, callsAtOnce, (stack) => askStack(input, stack, outputs));
  const objects = await askObjects(session.kube, rendered, outputs);
  const drift = (await mapBounded(rendered.stacks, callsAtOnce, ({ name }) => askDrift(session.cloud, name))).flat();
  return {
    live: { stacks: asked.flatMap((one) => one.found ?? []), objects, ...(drift.length === 0 ? {} : { drift }) },
    refusals: [...refusals, ...asked.flatMap((one) => one.refusals)],
  };
}

interface StackAnswer {
  /** Absent when CloudFormation has nothing to do. */
  found?: LiveStack;
  refusals: PlanRefusal[];
}

async function askStack(
  input: AskInput,
  stack: RenderedStack,
  outputs: Readonly<Record<string, string>>,
): Promise<StackAnswer> {
  const { cloud } = input.session;
  const found = (state: LiveStack['state'], message: string): StackAnswer => ({
    found: { name: stack.name, state, message },
    refusals: [],
  });
  const view = await cloud.describeStack(stack.name);
  if (view === undefined || classifyStack(view).kind === 'absent') return found('absent', 'is created');
  if (classifyStack(view).kind === 'busy') return found('busy', `is ${view.status}: it was not asked`);
  const template = templateOf(stack, outputs);
  if (template === undefined) return found('unknown', 'refers to outputs that the cluster stack does not have yet');
  if (Buffer.byteLength(template) > longestInlineBytes)
    return found('unknown', 'is longer than CloudFormation takes without S3: it was not asked');
  const answer = await changeSetOf(cloud, input, { ...stack, template });
  if (answer === undefined || answer.status === 'making')
    return found('unknown', 'CloudFormation did not answer in time');
  if (answer.status === 'unchanged') return { refusals: [] };
  if (answer.status !== 'ready') return found('failed', answer.reason ?? 'CloudFormation refuses the change');
  const refused = refusedChanges({
    stack: stack.name,
    changes: answer.changes,
    allowed: allowancesOf(input.cluster.configItems[allowanceItem], stack.name, input.now),
    selfRolling: stack.selfRolling ?? {},
    sizes: stack.groupSizes ?? {},
    running: touchesGroups(answer.changes) ? await nodesByGroup(cloud, input.cluster.id) : new Map(),
  });
  const refusals = refused.map(({ message }) => ({
    code: 'stack-change-refused',
    message: `${input.cluster.alias}: ${message}`,
    remedy: 'clm explain stack-change-refused',
  }));
  return { found: { name: stack.name, state: 'changes', message: summariseChanges(answer.changes) }, refusals };
}

/** What somebody changed of its resources; the change set says nothing of that. */
async function askDrift(cloud: CloudProvider, stack: string): Promise<string[]> {
  try {
    return await detectedDrift(cloud, stack);
  } catch (error) {
    // whoever may not ask for this may still be told the rest
    if (error instanceof FailureError)
      return [`stack ${stack}: drift could not be asked for: ${error.failure.message}`];
    throw error;
  }
}

async function detectedDrift(cloud: CloudProvider, stack: string): Promise<string[]> {
  const detection = await cloud.detectDrift(stack);
  if (detection === undefined) return [];
  for (let poll = 0; poll < driftPolls; poll++) {
    const drifts = await cloud.stackDrift(stack, detection);
    if (drifts === 'failed') return [`stack ${stack}: CloudFormation could not compare its resources`];
    if (drifts !== 'going') return describeDrift(stack, drifts);
    await sleep(pollMs);
  }
  return [`stack ${stack}: CloudFormation did not compare its resources in time`];
}

function templateOf(stack: RenderedStack, outputs: Readonly<Record<string, string>>): string | undefined {
  if (stack.templateFor === undefined) return stack.template;
  try {
    return stack.templateFor(outputs);
  } catch (error) {
    if (error instanceof FailureError && error.failure.code === 'output-missing') return undefined;
    throw error;
  }
}

/** Deleted again whatever happens, also when nobody waits any more. */
async function changeSetOf(
  cloud: CloudProvider,
  { name }: AskInput,
  { name: stack, template, parameters, tags }: RenderedStack,
): Promise<ChangeSetView | undefined> {
  const changeSet = `clm-plan-${name}`;
  await cloud.createChangeSet({ name: stack, template, parameters, tags, token: changeSet, changeSet });
  try {
    for (let poll = 0; poll < changeSetPolls; poll++) {
      const view = await cloud.describeChangeSet(stack, changeSet);
      if (view !== undefined && view.status !== 'making') return view;
      await sleep(pollMs);
    }
    return undefined;
  } finally {
    await cloud.deleteChangeSet(stack, changeSet);
  }
}

/** Objects that differ from what renders: by a change of the configuration, or because somebody changed them by hand. */
async function askObjects(
  kube: KubeCluster,
  rendered: RenderedCluster,
  outputs: Readonly<Record<string, string>>,
): Promise<LiveObject[]> {
  const objects = inApplyOrder(
    rendered.components.flatMap((component) => component.objectsFor?.(outputs) ?? component.objects),
  );
  const made = new Set(objects.filter((one) => one.kind === 'Namespace').map((one) => one.metadata.name));
  const found = await mapBounded(objects, callsAtOnce, (object) => askObject(kube, object, made));
  return found.filter((one) => one !== undefined);
}

async function askObject(
  kube: KubeCluster,
  object: KubeObject,
  made: ReadonlySet<string>,
): Promise<LiveObject | undefined> {
  const name = describeObject(object);
  const resource = await resourceOrNone(kube, object);
  if (resource === undefined) return { name, state: 'absent', message: 'is created once its definition is there' };
  const { namespace } = object.metadata;
  const live = await kube.get(resource, resource.namespaced ? namespace : undefined, object.metadata.name);
  const difference = live === undefined ? undefined : firstDifference(comparable(object), live);
  if (live !== undefined && difference === undefined) return undefined;
  const state = live === undefined ? ('absent' as const) : ('differs' as const);
  const message = live === undefined ? 'is created' : `differs at ${difference ?? ''}`;
  try {
    await kube.apply(resource, object, { dryRun: true, force: true });
    return { name, state, message };
  } catch (error) {
    if (!(error instanceof FailureError) || !/^kube-(invalid|forbidden|not-found)$/.test(error.failure.code))
      throw error;
    // the namespace comes with the same change
    if (live === undefined && namespace !== undefined && made.has(namespace)) return { name, state, message };
    return { name, state: 'refused', message: `the API server refuses it: ${error.failure.message}` };
  }
}

async function resourceOrNone(kube: KubeCluster, object: KubeObject): Promise<Resource | undefined> {
  try {
    return await kube.resourceOf(object.apiVersion, object.kind);
  } catch (error) {
    if (error instanceof FailureError && error.failure.code === 'kube-unknown-kind') return undefined;
    throw error;
  }
}
