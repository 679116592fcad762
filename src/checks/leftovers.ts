import type { KubeObject } from '../domain/kube-object.ts';
import type { KubeCluster, Resource } from '../ports/kube-cluster.ts';

/** Objects named of one namespace that does not go away. */
const namedAtMost = 20;
/** Made by the cluster itself in every namespace. */
const bornWith = new Set(['serviceaccounts/default', 'configmaps/kube-root-ca.crt']);

/** What is left, in words: the object, and for a namespace what in it keeps it from going. */
export async function describeLeftovers(kube: KubeCluster, resource: Resource, left: KubeObject[]): Promise<string[]> {
  const lines: string[] = [];
  for (const item of left) {
    const where = item.metadata.namespace === undefined ? '' : `${item.metadata.namespace}/`;
    const text = `${resource.kind.toLowerCase()}/${where}${item.metadata.name}${finalizers(item)}`;
    lines.push(text);
    if (resource.kind !== 'Namespace') continue;
    const unknown = undiscovered(item);
    if (unknown !== undefined) lines.push(`${text} ← ${unknown}`);
    for (const holder of await contentOf(kube, item.metadata.name)) lines.push(`${text} ← ${holder}`);
  }
  return lines;
}

/** The namespace controller cannot ask every API: it lets nothing go then, however empty. */
function undiscovered(namespace: KubeObject): string | undefined {
  const conditions = (namespace.status?.conditions ?? []) as { type: string; status: string; message?: string }[];
  return conditions.find(({ type, status }) => type === 'NamespaceDeletionDiscoveryFailure' && status === 'True')
    ?.message;
}

function finalizers(item: KubeObject): string {
  const names = item.metadata.finalizers ?? [];
  return names.length === 0 ? '' : ` (finalizers ${names.join(', ')})`;
}

/** Objects with finalizers first: they are why. Answers that fail are left out: this is a courtesy on top of a verdict. */
async function contentOf(kube: KubeCluster, namespace: string): Promise<string[]> {
  const found: { text: string; holds: boolean }[] = [];
  for (const resource of await namespacedResources(kube)) {
    try {
      const { items } = await kube.list(resource, { namespace });
      for (const item of items) {
        if (bornWith.has(`${resource.resource}/${item.metadata.name}`)) continue;
        const holds = (item.metadata.finalizers ?? []).length > 0;
        found.push({ text: `${resource.kind.toLowerCase()}/${item.metadata.name}${finalizers(item)}`, holds });
      }
    } catch {
      // A broken API of this kind is named by the check of API health.
    }
  }
  found.sort((a, b) => Number(b.holds) - Number(a.holds));
  return found.slice(0, namedAtMost).map((one) => one.text);
}

interface Discovery {
  groups?: { preferredVersion: { groupVersion: string } }[];
  resources?: { name: string; kind: string; namespaced: boolean; verbs: string[] }[];
}

async function namespacedResources(kube: KubeCluster): Promise<Resource[]> {
  const read = async (path: string): Promise<Discovery> => {
    const answer = await kube.raw(path);
    return answer.status === 200 ? (JSON.parse(answer.body) as Discovery) : {};
  };
  const paths = ['/api/v1'];
  try {
    for (const group of (await read('/apis')).groups ?? []) paths.push(`/apis/${group.preferredVersion.groupVersion}`);
  } catch {
    // Core objects are better than nothing.
  }
  const all: Resource[] = [];
  for (const path of paths) {
    const [group, version] = path === '/api/v1' ? ['', 'v1'] : (path.split('/').slice(2) as [string, string]);
    try {
      for (const one of (await read(path)).resources ?? []) {
        if (!one.namespaced || !one.verbs.includes('list') || one.name.includes('/') || one.name === 'events') continue;
        all.push({ group, version, resource: one.name, kind: one.kind, namespaced: true });
      }
    } catch {
      // As above.
    }
  }
  return all;
}
