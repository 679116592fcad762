import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';
import { probe, troubleOf } from '../probe.ts';
import { jobs, persistentVolumeClaims, persistentVolumes, pods } from '../resources.ts';
import { untilNoPods } from '../workload.ts';

const claim = 'data';
const mount = { volumeMounts: [{ name: 'data', mountPath: '/data' }] };
const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: claim } }];
const pod = { volumes, securityContext: { fsGroup: 65534 } };

async function nodeOf(context: CheckContext, name: string): Promise<string> {
  const { items } = await context.kube.list(pods, {
    namespace: context.namespace,
    labelSelector: `clm.e2e/probe=${name}`,
  });
  return String(items[0]?.spec?.nodeName ?? '');
}

/** Another node from which the volume can be reached: in the zone of the first. */
async function otherNode(context: CheckContext, first: string): Promise<string | undefined> {
  const nodes = await context.facts.schedulableNodes();
  const zoneOf = (name: string): string | undefined =>
    nodes.find((node) => node.metadata.name === name)?.metadata.labels?.['topology.kubernetes.io/zone'];
  return nodes.map((node) => node.metadata.name).find((name) => name !== first && zoneOf(name) === zoneOf(first));
}

/** Catalogue row 19. */
export const pvcMount = defineCheck({
  id: 'storage.pvc-mount',
  title: 'A volume is provisioned, mounted and written, and another pod on another node reads what was written',
  area: 'storage',
  requires: ['storage'],
  withinMs: 12 * 60_000,
  cleanupMs: 6 * 60_000,
  minNodes: 1,
  cost: 'cloud',
  async run(context) {
    await context.sandbox();
    const { namespace } = context;
    const from = context.clock.now();
    await context.kube.create(persistentVolumeClaims, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: claim, namespace },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    });
    const marker = `marker ${context.runKey}`;
    const args = ['file-write', '--path', '/data/marker', '--content', marker];
    const written = await context.step('a pod writes to the volume', () =>
      probe(context, { name: 'writer', args, container: mount, pod, withinMs: 5 * 60_000 }),
    );
    context.measure('provision_seconds', (context.clock.now() - from) / 1000);
    const trouble = written.targets.map(troubleOf).find((one) => one !== undefined);
    if (trouble !== undefined) throw new CheckFailed(`the volume is mounted and cannot be written: ${trouble}`);
    const bound = await context.kube.get(persistentVolumeClaims, namespace, claim);
    const volume = String(bound?.spec?.volumeName ?? '');
    if (volume === '') throw new CheckFailed('a pod has written to a claim that is bound to no volume');
    await context.follows(persistentVolumes, undefined, volume);
    const first = await nodeOf(context, 'writer');
    await context.kube.delete(jobs, namespace, 'writer', { propagation: 'Background' });
    await untilNoPods(context, 'clm.e2e/probe=writer', 2 * 60_000);
    const node = await otherNode(context, first);
    if (node === undefined) context.note('from another node', 'skipped', `${first} is alone in its zone`);
    const again = context.clock.now();
    const read = await context.step('another pod reads it', () =>
      probe(context, {
        name: 'reader',
        args: ['file-read', '--path', '/data/marker'],
        container: mount,
        pod,
        ...(node === undefined ? {} : { node }),
        withinMs: 5 * 60_000,
      }),
    );
    context.measure('attach_seconds', (context.clock.now() - again) / 1000);
    const content = read.targets[0]?.content;
    if (content !== marker) {
      const why = read.targets.map(troubleOf).find((one) => one !== undefined);
      throw new CheckFailed(
        `the volume holds '${content ?? ''}' for the second pod, not '${marker}'${why === undefined ? '' : `: ${why}`}`,
      );
    }
    return `written on ${first}, read on ${(await nodeOf(context, 'reader')) || 'another'}`;
  },
});
