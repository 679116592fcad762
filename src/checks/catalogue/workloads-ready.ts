import type { KubeObject } from '../../domain/kube-object.ts';
import { defineCheck } from '../contract.ts';
import { daemonSets, deployments, statefulSets } from '../resources.ts';

/** How long everything has to stay ready before it counts, decision time. */
const stableForMs = 60_000;
const namedAtMost = 5;
const withinMs = 20 * 60_000;

const name = (object: KubeObject): string =>
  `${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name}`;

/** Why a workload is not ready, or undefined. */
export function whyNotReady(object: KubeObject): string | undefined {
  const status = object.status ?? {};
  if ((status.observedGeneration ?? 0) < (object.metadata.generation ?? 0)) return `${name(object)}: not observed yet`;
  if (object.kind === 'DaemonSet') {
    const desired = status.desiredNumberScheduled ?? 0;
    const ready = status.numberReady ?? 0;
    const updated = status.updatedNumberScheduled ?? 0;
    const onDelete = object.spec?.updateStrategy?.type === 'OnDelete';
    if (ready < desired) return `${name(object)}: ${ready} of ${desired} ready`;
    if (!onDelete && updated < desired) return `${name(object)}: ${updated} of ${desired} updated`;
    return undefined;
  }
  const replicas = object.spec?.replicas ?? 1;
  const ready = status.readyReplicas ?? 0;
  const updated = status.updatedReplicas ?? 0;
  if (updated < replicas) return `${name(object)}: ${updated} of ${replicas} updated`;
  if (ready < replicas) return `${name(object)}: ${ready} of ${replicas} ready`;
  if (object.kind === 'Deployment' && (status.replicas ?? 0) > replicas) {
    return `${name(object)}: ${(status.replicas ?? 0) - replicas} old pods still run`;
  }
  return undefined;
}

function judge(items: KubeObject[], kind: string): string | undefined {
  const broken = items.map((item) => whyNotReady({ ...item, kind })).filter((reason) => reason !== undefined);
  if (broken.length === 0) return undefined;
  const more = broken.length > namedAtMost ? ` and ${broken.length - namedAtMost} more` : '';
  return broken.slice(0, namedAtMost).join('; ') + more;
}

const kinds = [deployments, daemonSets, statefulSets];

/** Catalogue row 3: system workloads, those that the configuration brings. */
export const workloadsReady = defineCheck({
  id: 'system.workloads-ready',
  title: 'Every system workload is updated and ready, and stays so',
  area: 'workload',
  withinMs,
  expectedMs: stableForMs,
  retries: 0,
  // Without a node nothing can be ready, and an empty answer is no proof.
  minNodes: 1,
  async plan(context) {
    for (const resource of kinds) {
      if ((await context.kube.list(resource, { namespace: 'kube-system' })).items.length > 0) return undefined;
    }
    return { code: 'CAPABILITY_ABSENT', message: 'kube-system has no workload: there is nothing to be ready' };
  },
  async run(context) {
    const deadline = context.clock.now() + withinMs - stableForMs;
    const settle = async (): Promise<number> => {
      let count = 0;
      for (const resource of kinds) {
        const left = Math.max(1, deadline - context.clock.now());
        const items = await context.until(
          `every ${resource.kind} of kube-system ready`,
          resource,
          { namespace: 'kube-system' },
          left,
          (objects) => judge(objects, resource.kind),
        );
        count += items.length;
      }
      return count;
    };
    await settle();
    const from = context.clock.now();
    await context.pause(stableForMs);
    const count = await settle();
    return `${count} workloads ready, looked at again after ${Math.round((context.clock.now() - from) / 1000)} s`;
  },
});
