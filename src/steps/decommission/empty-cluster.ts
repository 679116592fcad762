import { FailureError, terminal } from '../../domain/failure.ts';
import { identityOfObject, type KubeObject } from '../../domain/kube-object.ts';
import { describeObject, podsLeft } from '../../planning/lifecycle/decommission-plan.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { StepOutcome } from '../../ports/step.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { foreignIn, ownIn, workloadKinds } from './agree-decommission.ts';
import {
  assertLease,
  type DecommissionStep,
  done,
  goneForGood,
  type Input,
  listAll,
  named,
  saidGone,
  stillGoing,
  waiting,
  wasSeen,
} from './decommission-step.ts';

const lookMs = 15_000;
/** Controllers that do not let go of something after this long are not waited for: it is told at the end what they have left. */
const patienceMs = 60 * 60_000;

/** Kinds behind which something of the cloud stands, which their controllers take away while they run. */
const cloudKinds = [
  ['v1', 'Service'],
  ['networking.k8s.io/v1', 'Ingress'],
  ['karpenter.sh/v1', 'NodePool'],
  ['karpenter.sh/v1', 'NodeClaim'],
] as const;

/** Takes out what would leave something behind in the cloud, then all workloads, so that nodes go empty. */
export function emptyCluster(deps: PipelineDependencies): DecommissionStep {
  return async (input) => {
    const going = await stillGoing(deps, input);
    if ('kind' in going) return going;
    const { clusterId } = input.context;
    if (!(await wasSeen(deps, clusterId))) return done({ kind: 'next' });
    const { kube } = await deps.sessions.sessionFor(clusterId);
    const gone = await goneForGood(kube, input, going.overrides);
    if (gone !== undefined) {
      const message = saidGone(
        gone,
        'nothing is taken out of it, so that what its controllers made in the cloud may be left over',
      );
      return done({ kind: 'next' }, { journal: [{ kind: 'cluster-emptied', message }] });
    }
    const own = await ownIn(deps, going.cluster, kube);
    const foreign = await foreignIn(kube, own);
    if (foreign.length > 0) {
      const message = `workloads came into ${clusterId} while it was emptied: ${named(foreign)}; it waits until they are gone`;
      return waiting(input, 'foreign-workloads', message, lookMs);
    }
    const holding = await cloudObjects(kube);
    await deleteAll(kube, input, holding);
    const late = input.now - input.context.since > patienceMs;
    if (holding.length > 0 && !late) return stays(input, 'cloud-objects', holding.map(describeObject));
    const workloads = await ownWorkloads(kube, own);
    await deleteAll(kube, input, workloads);
    const left = [...workloads.map(describeObject), ...podsLeft(await listAll(kube, 'v1', 'Pod'))];
    if (left.length > 0 && !late) return stays(input, 'pods-end', left);
    const rest = [...holding.map(describeObject), ...left];
    const message =
      rest.length === 0
        ? `${clusterId} is empty`
        : `${clusterId} is not empty after ${patienceMs / 60_000} minutes, and goes all the same: ${named(rest)}`;
    return done({ kind: 'next' }, { journal: [{ kind: 'cluster-emptied', message }] });
  };
}

function stays(input: Input, code: string, names: string[]): StepOutcome {
  return waiting(input, code, `waits until ${named(names)} ${names.length === 1 ? 'is' : 'are'} gone`, lookMs);
}

async function cloudObjects(kube: KubeCluster): Promise<KubeObject[]> {
  const lists = await Promise.all(cloudKinds.map(([apiVersion, kind]) => listAll(kube, apiVersion, kind)));
  return lists
    .flat()
    .filter(
      (object) =>
        object.kind !== 'Service' || (object['spec'] as { type?: string } | undefined)?.type === 'LoadBalancer',
    );
}

/** What clm has put there and runs pods; pods of DaemonSets end with their nodes. */
async function ownWorkloads(kube: KubeCluster, own: ReadonlySet<string>): Promise<KubeObject[]> {
  const kinds = workloadKinds.filter(([, kind]) => kind !== 'DaemonSet');
  const lists = await Promise.all(kinds.map(([apiVersion, kind]) => listAll(kube, apiVersion, kind)));
  return lists.flat().filter((object) => own.has(identityOfObject(object)));
}

async function deleteAll(kube: KubeCluster, input: Input, objects: KubeObject[]): Promise<void> {
  for (const object of objects) {
    const { uid, namespace, name, deletionTimestamp } = object.metadata;
    if (deletionTimestamp !== undefined) continue;
    if (uid === undefined)
      throw new FailureError(terminal('object-without-uid', `${describeObject(object)} carries no uid`));
    const resource = await kube.resourceOf(object.apiVersion, object.kind);
    assertLease(input);
    await kube.delete(resource, resource.namespaced ? namespace : undefined, name, { uid, propagation: 'Background' });
  }
}
