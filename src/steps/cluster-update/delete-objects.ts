import { FailureError, terminal } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { Deletion } from '../../domain/rendered.ts';
import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { KubeCluster, Resource } from '../../ports/kube-cluster.ts';
import type { StepOutcome } from '../../ports/step.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { definedResource, definitionsOf } from './kind-definitions.ts';
import { pruneObjects } from './prune-objects.ts';
import {
  assertLease,
  done,
  failed,
  passed,
  renderedAsPlanned,
  type UpdateInput,
  type UpdateStep,
  waiting,
} from './update-step.ts';

/** More deletions than this in one update are a mistake until somebody says otherwise (B6). */
const mostDeletions = 50;
const stackPollMs = 15_000;

/**
 * Deletes what the configuration lists; at the end also what an earlier version applied and this one renders no more. What nobody
 * lists and clm has not applied stays (B2, B6).
 */
export function deleteObjects(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const before = input.state === 'preDeletions';
    if (before && input.context.plan?.deletions !== true) return passed();
    const rendered = await renderedAsPlanned(deps, input);
    if (rendered === undefined) return done({ kind: 'replan' });
    const { preApply, postApply, preApplyStacks, postApplyStacks } = rendered.deletions;
    const listed = before ? preApply : postApply;
    const stacks = before ? preApplyStacks : postApplyStacks;
    const { kube, cloud } = await deps.sessions.sessionFor(input.context.clusterId);
    const present = listed.length === 0 ? [] : await presentOf(kube, listed);
    if (present.length > mostDeletions) {
      const message = `${present.length} objects are listed for deletion and present, at most ${mostDeletions} may go at once`;
      return failed('too-many-deletions', message);
    }
    for (const object of present) await deleteOne(kube, input, object);
    const going = await deleteStacks(cloud, input, stacks);
    const journal = present.map((object) => ({
      kind: 'object-deleted',
      message: `${describe(object)} of ${input.context.clusterId} is deleted, as the configuration lists it`,
    }));
    if (going.length > 0) return waitForStacks(input, going, journal);
    if (!before) journal.push(...(await pruneObjects(deps, input, kube, rendered)));
    if (listed.length + stacks.length + journal.length === 0) return passed();
    return done({ kind: 'next' }, { journal });
  };
}

function waitForStacks(input: UpdateInput, going: string[], journal: { kind: string; message: string }[]): StepOutcome {
  const reason = { code: 'stack-deletion', message: `waits until ${going.join(', ')} is deleted` };
  return waiting(reason, input.now + stackPollMs, {}, { journal });
}

/** Asks for the deletion of stacks that are there; names those that are not gone yet. Only stacks of this cluster are taken. */
async function deleteStacks(cloud: CloudProvider, input: UpdateInput, names: string[]): Promise<string[]> {
  const { clusterId } = input.context;
  const going: string[] = [];
  for (const name of names) {
    const live = await cloud.describeStack(name);
    if (live === undefined) continue;
    if (live.tags[`kubernetes.io/cluster/${clusterId}`] !== 'owned') {
      const message = `stack ${name} is listed for deletion and does not carry the tag of ${clusterId}`;
      throw new FailureError(terminal('stack-not-ours', message));
    }
    if (live.status === 'DELETE_FAILED') {
      throw new FailureError(terminal('stack-failed', `stack ${name} is ${live.status}: ${live.statusReason ?? ''}`));
    }
    going.push(name);
    if (live.status === 'DELETE_IN_PROGRESS') continue;
    assertLease(input);
    await cloud.deleteStack(name, `clm-delete-${input.context.commit.slice(0, 12)}-${name}`.slice(0, 128));
  }
  return going;
}

interface Present {
  deletion: Deletion;
  resource: Resource;
  object: KubeObject;
}

async function presentOf(kube: KubeCluster, listed: Deletion[]): Promise<Present[]> {
  const present = new Map<string, Present>();
  const definitions = listed.some(({ apiVersion }) => apiVersion === undefined) ? await definitionsOf(kube) : [];
  for (const deletion of listed) {
    const resource = await resourceOrNone(kube, deletion, definitions);
    if (resource === undefined) continue;
    for (const object of await chosenBy(kube, resource, deletion)) {
      if (object.metadata.deletionTimestamp !== undefined || !ownershipFits(object, deletion)) continue;
      present.set(object.metadata.uid ?? describe({ deletion, object }), { deletion, resource, object });
    }
  }
  return [...present.values()];
}

async function chosenBy(kube: KubeCluster, resource: Resource, deletion: Deletion): Promise<KubeObject[]> {
  const namespace = resource.namespaced ? deletion.namespace : undefined;
  const { name, selector } = deletion;
  if (name !== undefined) {
    const live = await kube.get(resource, namespace, name);
    return live === undefined ? [] : [live];
  }
  // an empty selector chooses everything: never what a list of deletions means
  if (selector === undefined || selector === '') return [];
  const options = namespace === undefined ? {} : { namespace };
  return (await kube.list(resource, { ...options, labelSelector: selector })).items;
}

function ownershipFits(object: KubeObject, { hasOwner }: Deletion): boolean {
  if (hasOwner === undefined) return true;
  return (object.metadata.ownerReferences ?? []).length > 0 === hasOwner;
}

/** A kind that the cluster does not know has no objects to delete. */
async function resourceOrNone(kube: KubeCluster, { apiVersion, kind }: Deletion, definitions: readonly KubeObject[]) {
  if (apiVersion === undefined) return definedResource(definitions, kind);
  try {
    return await kube.resourceOf(apiVersion, kind);
  } catch (error) {
    if (error instanceof FailureError && error.failure.code === 'kube-unknown-kind') return undefined;
    throw error;
  }
}

async function deleteOne(kube: KubeCluster, input: UpdateInput, present: Present): Promise<void> {
  const { deletion, resource, object } = present;
  const { uid, name, namespace } = object.metadata;
  if (uid === undefined) throw new FailureError(terminal('object-without-uid', `${describe(present)} carries no uid`));
  assertLease(input);
  await kube.delete(resource, resource.namespaced ? namespace : undefined, name, {
    uid,
    propagation: deletion.propagation ?? 'Background',
    ...(deletion.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: deletion.gracePeriodSeconds }),
  });
}

function describe({ deletion, object }: Pick<Present, 'deletion' | 'object'>): string {
  const { namespace, name } = object.metadata;
  return `${deletion.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}
