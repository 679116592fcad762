import type { KubeAnswer, KubeRequest } from './api-request.ts';
import type { ClusterCore } from './cluster-core.ts';
import type { Fields } from './object.ts';

/**
 * As much of OpenAPI v3 as clients need to find out that the server validates fields itself: each resource's patch operation with
 * its kind and parameters, and no schemas.
 */
export function openApiAnswer(core: ClusterCore, request: KubeRequest): KubeAnswer | undefined {
  if (request.method !== 'GET' || !request.path.startsWith('/openapi/v3')) return undefined;
  const name = request.path.slice('/openapi/v3'.length).replace(/^\//, '');
  if (name === '') {
    const paths: Fields = {};
    for (const { group, version } of core.resources.all()) {
      const path = group === '' ? `api/${version}` : `apis/${group}/${version}`;
      paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${core.clusterId.length}${version}` };
    }
    return { status: 200, body: { paths } };
  }
  const [root, ...rest] = name.split('/');
  const group = root === 'api' ? '' : rest[0];
  const version = root === 'api' ? rest[0] : rest[1];
  const definitions = [...core.resources.all()].filter((each) => each.group === group && each.version === version);
  if (definitions.length === 0) return undefined;
  const paths: Fields = {};
  for (const { namespaced, plural, kind } of definitions) {
    const path = `/${name}/${namespaced ? 'namespaces/{namespace}/' : ''}${plural}/{name}`;
    const query = (parameter: string): Fields => ({
      name: parameter,
      in: 'query',
      schema: { type: 'string', uniqueItems: true },
    });
    paths[path] = {
      patch: {
        operationId: `patch${kind}`,
        parameters: ['dryRun', 'fieldManager', 'fieldValidation', 'force'].map(query),
        requestBody: { content: { 'application/apply-patch+yaml': {}, 'application/merge-patch+json': {} } },
        responses: { '200': { description: 'OK' } },
        'x-kubernetes-action': 'patch',
        'x-kubernetes-group-version-kind': { group, version, kind },
      },
    };
  }
  const info = { title: 'Kubernetes', version: core.options.kubernetesVersion };
  return { status: 200, body: { openapi: '3.0.0', info, paths, components: { schemas: {} } } };
}
