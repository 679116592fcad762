import { resourceNotFound } from './api-error.ts';
import type { KubeAnswer, KubeRequest } from './api-request.ts';
import type { ClusterCore } from './cluster-core.ts';
import type { Fields } from './object.ts';
import type { RequestPath } from './request-path.ts';
import type { ResourceDefinition } from './resource-definition.ts';

interface SubresourceKind {
  kind: string;
  group?: string;
  version?: string;
  verbs: string[];
}

function subresourceKind(definition: ResourceDefinition, name: string): SubresourceKind {
  switch (name) {
    case 'eviction':
      return { kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] };
    case 'binding':
      return { kind: 'Binding', verbs: ['create'] };
    case 'scale':
      return { kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['get', 'patch', 'update'] };
    case 'token':
      return { kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] };
    case 'log':
      return { kind: definition.kind, verbs: ['get'] };
    case 'finalize':
      return { kind: definition.kind, verbs: ['update'] };
    default:
      return { kind: definition.kind, verbs: ['get', 'patch', 'update'] };
  }
}

function resourcesOf(core: ClusterCore, group: string, version: string): ResourceDefinition[] {
  return [...core.resources.all()].filter((each) => each.group === group && each.version === version);
}

function resourceList(core: ClusterCore, group: string, version: string): Fields {
  const definitions = resourcesOf(core, group, version);
  if (definitions.length === 0) throw resourceNotFound();
  const resources: Fields[] = [];
  for (const definition of definitions) {
    const { namespaced, plural, singular, kind, verbs, shortNames, categories } = definition;
    resources.push({
      name: plural,
      singularName: singular,
      namespaced,
      kind,
      verbs,
      ...(shortNames.length > 0 ? { shortNames } : {}),
      ...(categories.length > 0 ? { categories } : {}),
    });
    for (const name of definition.subresources) {
      const {
        kind: subKind,
        group: subGroup,
        version: subVersion,
        verbs: subVerbs,
      } = subresourceKind(definition, name);
      const elsewhere = subGroup === undefined ? {} : { group: subGroup, version: subVersion };
      resources.push({
        name: `${plural}/${name}`,
        singularName: '',
        namespaced,
        ...elsewhere,
        kind: subKind,
        verbs: subVerbs,
      });
    }
  }
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources,
  };
}

/** Groups with their versions, in the order in which clients prefer them. */
function groupsOf(core: ClusterCore): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { group, version } of core.resources.all()) {
    const versions = groups.get(group);
    if (!versions) groups.set(group, [version]);
    else if (!versions.includes(version)) versions.push(version);
  }
  return groups;
}

function groupDocument(group: string, versions: readonly string[]): Fields {
  const all = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: all, preferredVersion: all[0] };
}

function aggregated(core: ClusterCore, only: 'core' | 'named', version: string): Fields {
  const items: Fields[] = [];
  for (const [group, versions] of groupsOf(core)) {
    if ((group === '') !== (only === 'core')) continue;
    items.push({
      metadata: { name: group === '' ? undefined : group, creationTimestamp: null },
      versions: versions.map((each) => ({
        version: each,
        resources: resourcesOf(core, group, each).map((definition) => aggregatedResource(definition)),
        freshness: 'Current',
      })),
    });
  }
  return { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items };
}

function aggregatedResource(definition: ResourceDefinition): Fields {
  const { group, version, plural, singular, kind, namespaced, verbs, shortNames, categories, subresources } =
    definition;
  return {
    resource: plural,
    responseKind: { group, version, kind },
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs,
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    ...(subresources.length > 0
      ? {
          subresources: subresources.map((name) => {
            const sub = subresourceKind(definition, name);
            const responseKind = { group: sub.group ?? group, version: sub.version ?? version, kind: sub.kind };
            return { subresource: name, responseKind, verbs: sub.verbs };
          }),
        }
      : {}),
  };
}

/** /api, /apis and the documents below them; throws 404 for groups and versions that are not served. */
export function discoveryAnswer(core: ClusterCore, path: RequestPath, request: KubeRequest): KubeAnswer {
  const wanted = /g=apidiscovery\.k8s\.io;v=(v2(?:beta1)?)|v=(v2(?:beta1)?);g=apidiscovery\.k8s\.io/.exec(
    request.accept ?? '',
  );
  const version = wanted?.[1] ?? wanted?.[2];
  const listed = (only: 'core' | 'named'): KubeAnswer => ({
    status: 200,
    headers: { 'content-type': `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList` },
    body: aggregated(core, only, version ?? 'v2'),
  });
  switch (path.kind) {
    case 'core-versions':
      if (version) return listed('core');
      return {
        status: 200,
        body: {
          kind: 'APIVersions',
          versions: ['v1'],
          serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '10.0.0.1:443' }],
        },
      };
    case 'group-versions': {
      if (version) return listed('named');
      const groups = [...groupsOf(core)].filter(([group]) => group !== '');
      return {
        status: 200,
        body: {
          kind: 'APIGroupList',
          apiVersion: 'v1',
          groups: groups.map(([group, versions]) => groupDocument(group, versions)),
        },
      };
    }
    case 'group': {
      const versions = groupsOf(core).get(path.group);
      if (!versions) throw resourceNotFound();
      return { status: 200, body: { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(path.group, versions) } };
    }
    case 'resources':
      return { status: 200, body: resourceList(core, path.group, path.version) };
    default:
      throw resourceNotFound();
  }
}
