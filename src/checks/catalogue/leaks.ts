import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';
import { namespaces, persistentVolumes, services } from '../resources.ts';

const namedAtMost = 8;
/** A namespace of upstream's test framework this old belongs to no run any more. */
const frameworkMaxAgeMs = 12 * 3_600_000;
const balancerFinalizer = 'service.kubernetes.io/load-balancer-cleanup';
const stuckAfterMs = 3_600_000;

function ageMs(context: CheckContext, stamp: string | undefined): number {
  return stamp === undefined ? 0 : context.clock.now() - Date.parse(stamp);
}

function isExpired(context: CheckContext, item: KubeObject): boolean {
  const expires = item.metadata.annotations?.['clm.e2e/expires-at'];
  if (item.metadata.labels?.['clm.e2e/run'] !== undefined) {
    return expires !== undefined && Date.parse(expires) < context.clock.now();
  }
  return (
    item.metadata.labels?.['e2e-run'] !== undefined &&
    ageMs(context, item.metadata.creationTimestamp) > frameworkMaxAgeMs
  );
}

async function litter(context: CheckContext): Promise<{ text: string; namespace?: KubeObject }[]> {
  const found: { text: string; namespace?: KubeObject }[] = [];
  for (const item of (await context.kube.list(namespaces)).items) {
    if (isExpired(context, item)) found.push({ text: `namespace/${item.metadata.name}`, namespace: item });
  }
  for (const item of (await context.kube.list(persistentVolumes)).items) {
    const claim = item.spec?.claimRef as { namespace?: string } | undefined;
    if (item.status?.phase === 'Released' && claim?.namespace?.startsWith('clm-e2e-') === true) {
      found.push({ text: `persistentvolume/${item.metadata.name} (released by ${claim.namespace})` });
    }
  }
  for (const item of (await context.kube.list(services)).items) {
    const { deletionTimestamp, finalizers = [], namespace = '', name } = item.metadata;
    if (finalizers.includes(balancerFinalizer) && ageMs(context, deletionTimestamp) > stuckAfterMs) {
      found.push({ text: `service/${namespace}/${name} (its load balancer is not cleaned up)` });
    }
  }
  return found;
}

/** Catalogue row 50. */
export const leaks = defineCheck({
  id: 'cleanup.leaks',
  title: 'Nothing of earlier test runs is left: namespaces past their date, released volumes, stuck load balancers',
  area: 'custom',
  gate: 'informing',
  withinMs: 5 * 60_000,
  expectedMs: 2_000,
  retries: 0,
  async run(context) {
    const found = await litter(context);
    context.measure('leaked_objects', found.length);
    if (found.length === 0) return 'nothing of earlier runs is left';
    let reaped = 0;
    if (context.settings.get('reap') === 'true') {
      for (const { namespace } of found) {
        const uid = namespace?.metadata.uid;
        if (namespace === undefined || uid === undefined || namespace.metadata.deletionTimestamp) continue;
        await context.kube.delete(namespaces, undefined, namespace.metadata.name, { uid });
        reaped += 1;
      }
    }
    const named = found.slice(0, namedAtMost).map((one) => one.text);
    const more = found.length > namedAtMost ? ` and ${found.length - namedAtMost} more` : '';
    const done = reaped > 0 ? `; ${reaped} namespaces are being deleted (e2e_reap)` : '';
    throw new CheckFailed(`${found.length} things of earlier runs are left: ${named.join(', ')}${more}${done}`);
  },
});
