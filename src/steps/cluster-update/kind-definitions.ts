import { FailureError, terminal } from '../../domain/failure.ts';
import { resourceNamed } from '../../domain/kind-name.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { KubeCluster, Resource } from '../../ports/kube-cluster.ts';

interface Definition {
  group?: string;
  scope?: string;
  names?: { kind?: string; plural?: string; singular?: string };
  versions?: { name?: string; served?: boolean; storage?: boolean }[];
}

/** The custom resource definitions of a cluster. Throws when they cannot be read: unknown is not none. */
export async function definitionsOf(kube: KubeCluster): Promise<KubeObject[]> {
  return (await kube.list(await kube.resourceOf('apiextensions.k8s.io/v1', 'CustomResourceDefinition'))).items;
}

/**
 * Where a kind is served that a configuration names without its API version; undefined when no definition has it, and a failure when
 * several groups do: deleting from a guessed one cannot be taken back.
 */
export function definedResource(definitions: readonly KubeObject[], kind: string): Resource | undefined {
  const wanted = resourceNamed(kind);
  const found: Resource[] = [];
  for (const definition of definitions) {
    const { group, scope, names = {}, versions = [] } = (definition['spec'] ?? {}) as Definition;
    const known = [names.kind, names.plural, names.singular].map((name) => name?.toLowerCase());
    if (group === undefined || !known.includes(wanted.resource)) continue;
    if (wanted.group !== undefined && wanted.group !== group) continue;
    const served = versions.filter((version) => version.served === true);
    const version =
      served.find((one) => one.name === wanted.version) ?? served.find((one) => one.storage === true) ?? served[0];
    if (version?.name === undefined || names.plural === undefined || names.kind === undefined) continue;
    const resource = { group, version: version.name, resource: names.plural, kind: names.kind };
    found.push({ ...resource, namespaced: scope === 'Namespaced' });
  }
  if (found.length > 1) {
    const groups = found.map(({ group }) => group).sort();
    const message = `kind ${kind} is listed for deletion without api_version, and ${groups.join(' and ')} serve it`;
    throw new FailureError(terminal('ambiguous-kind', message));
  }
  return found[0];
}
