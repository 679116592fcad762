import { FailureError, terminal } from '../../domain/failure.ts';
import type { Deletion } from '../../domain/rendered.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { assertLease, done, failed, renderedAsPlanned, type UpdateInput, type UpdateStep } from './update-step.ts';

/** More deletions than this in one update are a mistake until somebody says otherwise (B6). */
const mostDeletions = 50;

/** Deletes what the configuration lists, and nothing else: what merely stopped rendering stays (B2, B6). */
export function deleteObjects(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    if (input.context.plan?.deletions !== true) return done({ kind: 'next' });
    const rendered = await renderedAsPlanned(deps, input);
    if (rendered === undefined) return done({ kind: 'replan' });
    const listed = input.state === 'preDeletions' ? rendered.deletions.preApply : rendered.deletions.postApply;
    if (listed.length === 0) return done({ kind: 'next' });
    const { kube } = await deps.sessions.sessionFor(input.context.clusterId);
    const present = await presentOf(kube, listed);
    if (present.length > mostDeletions) {
      const message = `${present.length} objects are listed for deletion and present, at most ${mostDeletions} may go at once`;
      return failed('too-many-deletions', message);
    }
    for (const object of present) await deleteOne(kube, input, object);
    const journal = present.map(({ deletion }) => ({
      kind: 'object-deleted',
      message: `${describe(deletion)} of ${input.context.clusterId} is deleted, as the configuration lists it`,
    }));
    return done({ kind: 'next' }, { journal });
  };
}

interface Present {
  deletion: Deletion;
  uid: string | undefined;
}

async function presentOf(kube: KubeCluster, listed: Deletion[]): Promise<Present[]> {
  const present: Present[] = [];
  for (const deletion of listed) {
    const resource = await resourceOrNone(kube, deletion);
    if (resource === undefined) continue;
    const live = await kube.get(resource, deletion.namespace, deletion.name);
    if (live !== undefined && live.metadata.deletionTimestamp === undefined) {
      present.push({ deletion, uid: live.metadata.uid });
    }
  }
  return present;
}

/** A kind that the cluster does not know has no objects to delete. */
async function resourceOrNone(kube: KubeCluster, deletion: Deletion) {
  try {
    return await kube.resourceOf(deletion.apiVersion, deletion.kind);
  } catch (error) {
    if (error instanceof FailureError && error.failure.code === 'kube-unknown-kind') return undefined;
    throw error;
  }
}

async function deleteOne(kube: KubeCluster, input: UpdateInput, { deletion, uid }: Present): Promise<void> {
  if (uid === undefined) throw new FailureError(terminal('object-without-uid', `${describe(deletion)} carries no uid`));
  assertLease(input);
  const resource = await kube.resourceOf(deletion.apiVersion, deletion.kind);
  await kube.delete(resource, deletion.namespace, deletion.name, { uid, propagation: 'Background' });
}

function describe(deletion: Deletion): string {
  return `${deletion.kind} ${deletion.namespace === undefined ? '' : `${deletion.namespace}/`}${deletion.name}`;
}
