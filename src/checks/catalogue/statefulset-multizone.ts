import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';
import {
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  statefulSets,
  volumeAttachments,
} from '../resources.ts';
import { samplePodSpec, untilReady } from '../workload.ts';

const zoneLabel = 'topology.kubernetes.io/zone';
const name = 'zones';
const mostZones = 4;

interface Bound {
  pod: string;
  node: string;
  zone: string;
  volume: string;
}

async function create(context: CheckContext, replicas: number): Promise<void> {
  const { namespace } = context;
  const constraint = {
    maxSkew: 1,
    topologyKey: zoneLabel,
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: { app: name } },
  };
  await context.kube.create(statefulSets, {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace },
    spec: {
      serviceName: name,
      replicas,
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { ...context.labels, app: name } },
        spec: {
          ...samplePodSpec(context, { volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
          topologySpreadConstraints: [constraint],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data', labels: context.labels },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      ],
    },
  });
}

async function look(context: CheckContext, items: KubeObject[]): Promise<Bound[]> {
  const all: Bound[] = [];
  for (const pod of items) {
    const node = String(pod.spec?.nodeName);
    const zone = (await context.kube.get(nodes, undefined, node))?.metadata.labels?.[zoneLabel] ?? '';
    const claim = await context.kube.get(persistentVolumeClaims, context.namespace, `data-${pod.metadata.name}`);
    const volume = String(claim?.spec?.volumeName ?? '');
    if (volume === '') throw new CheckFailed(`claim data-${pod.metadata.name} of a ready pod is bound to no volume`);
    await context.follows(persistentVolumes, undefined, volume);
    all.push({ pod: pod.metadata.name, node, zone, volume });
  }
  return all;
}

type Terms = { matchExpressions?: { key: string; values?: string[] }[] }[];

async function mustBeInZone(context: CheckContext, { volume, zone, pod }: Bound): Promise<void> {
  const found = await context.kube.get(persistentVolumes, undefined, volume);
  const terms = (found?.spec?.nodeAffinity?.required?.nodeSelectorTerms ?? []) as Terms;
  const zones = terms.flatMap((term) =>
    (term.matchExpressions ?? []).filter((one) => one.key.includes('zone')).flatMap((one) => one.values ?? []),
  );
  if (zones.length > 0 && !zones.includes(zone)) {
    throw new CheckFailed(`volume ${volume} of ${pod} is in ${zones.join(', ')}, its node in ${zone}`);
  }
}

async function untilAttached(context: CheckContext, bound: Bound): Promise<void> {
  const from = context.clock.now();
  await context.until(
    `volume ${bound.volume} attached to ${bound.node}`,
    volumeAttachments,
    {},
    3 * 60_000,
    (items) => {
      const own = items.filter((item) => item.spec?.source?.persistentVolumeName === bound.volume);
      const here = own.find((item) => item.spec?.nodeName === bound.node);
      if (here?.status?.attached === true) return undefined;
      const error = here?.status?.attachError?.message as string | undefined;
      const elsewhere = own.map((item) => String(item.spec?.nodeName)).join(', ');
      return error ?? (here ? 'it is being attached' : `it is attached to ${elsewhere || 'no node'}`);
    },
  );
  context.measure('attach_seconds', (context.clock.now() - from) / 1000, { zone: bound.zone });
}

/** Catalogue row 20. */
export const statefulSetMultizone = defineCheck({
  id: 'storage.statefulset-multizone',
  title: 'Pods with volumes start in every zone, and find their volume again after they were deleted',
  area: 'storage',
  requires: ['storage'],
  minNodes: 2,
  minZones: 2,
  withinMs: 20 * 60_000,
  cleanupMs: 6 * 60_000,
  cost: 'cloud',
  async run(context) {
    await context.sandbox();
    const zones = (await context.facts.zones()).slice(0, mostZones);
    await create(context, zones.length);
    const items = await context.step('a ready pod a zone', () =>
      untilReady(context, `app=${name}`, zones.length, 8 * 60_000),
    );
    const bound = await look(context, items);
    const reached = new Set(bound.map((one) => one.zone));
    if (reached.size < zones.length) {
      throw new CheckFailed(
        `${zones.length} pods are in ${[...reached].join(', ')}, not in all of ${zones.join(', ')}`,
      );
    }
    for (const one of bound) {
      await context.step(`the volume of ${one.pod} is in ${one.zone} and attached`, async () => {
        await mustBeInZone(context, one);
        await untilAttached(context, one);
      });
    }
    const first = bound[0] as Bound;
    await context.step('a pod that was deleted comes back with its volume', async () => {
      const old = items.find((pod) => pod.metadata.name === first.pod)?.metadata.uid;
      await context.kube.delete(pods, context.namespace, first.pod, old === undefined ? {} : { uid: old });
      await context.until(
        `a new ${first.pod}`,
        pods,
        { namespace: context.namespace, fieldSelector: `metadata.name=${first.pod}` },
        3 * 60_000,
        ([pod]) => (pod === undefined || pod.metadata.uid === old ? 'it is not there yet' : undefined),
      );
      const again = await untilReady(context, `app=${name}`, zones.length, 5 * 60_000);
      const after = (
        await look(
          context,
          again.filter((pod) => pod.metadata.name === first.pod),
        )
      )[0] as Bound;
      if (after.volume !== first.volume)
        throw new CheckFailed(`${first.pod} came back with ${after.volume}, it had ${first.volume}`);
      await untilAttached(context, after);
    });
    return `${zones.length} zones, each with its volume; ${first.pod} found its own again`;
  },
});
