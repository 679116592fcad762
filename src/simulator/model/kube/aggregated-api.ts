import { ApiError } from './api-error.ts';
import type { KubeAnswer, KubeRequest } from './api-request.ts';
import type { ClusterCore } from './cluster-core.ts';
import { type Fields, fieldsOf, type SimObject } from './object.ts';
import type { ResourceDefinition } from './resource-definition.ts';

/** An API that another server answers, behind the API server: an APIService names it. */
export interface AggregatedApi {
  readonly group: string;
  readonly version: string;
  readonly resources: readonly { name: string; kind: string; namespaced: boolean }[];
  /** Its server runs. */
  available(): boolean;
  /** Undefined: no such object. */
  answer(request: KubeRequest): KubeAnswer | undefined;
}

const apiServices = 'apiservices.apiregistration.k8s.io';

/** Serves aggregated APIs as long as their APIServices exist. */
export class AggregatedApis {
  readonly #apis: readonly AggregatedApi[];
  readonly #core: ClusterCore;
  readonly #installed = new Set<AggregatedApi>();

  constructor(core: ClusterCore, apis: readonly AggregatedApi[]) {
    this.#apis = apis;
    this.#core = core;
    core.store.onChange(apiServices, ({ object, type }) => {
      const api = this.#apiOf(object);
      if (!api) return;
      if (type === 'DELETED') {
        this.#installed.delete(api);
        core.resources.removeCustom(object.metadata.name);
      } else if (!this.#installed.has(api)) {
        this.#installed.add(api);
        core.resources.setCustom(
          object.metadata.name,
          api.resources.map((each) => definitionOf(api, each)),
        );
      }
    });
    const view = core.readView;
    core.readView = (key, object) => (key === apiServices ? this.#view(object) : view(key, object));
  }

  /** Undefined for every path that is not of an aggregated API's objects. */
  answer(request: KubeRequest): KubeAnswer | undefined {
    for (const api of this.#installed) {
      const base = `/apis/${api.group}/${api.version}`;
      if (!request.path.startsWith(`${base}/`)) continue;
      if (!api.available())
        throw new ApiError(503, 'ServiceUnavailable', 'the server is currently unable to handle the request');
      const answer = api.answer(request);
      if (answer) return answer;
      throw new ApiError(404, 'NotFound', 'the server could not find the requested resource');
    }
    return undefined;
  }

  /** An APIService that names a service nobody runs counts, too. */
  unavailable(): string[] {
    return [...this.#core.store.table(apiServices).byKey.values()].flatMap((object) => {
      const { service, group, version } = fieldsOf(object['spec']);
      const runs = service === undefined || this.#apiOf(object)?.available() === true;
      return runs ? [] : [`${String(group)}/${String(version)}`];
    });
  }

  #apiOf(object: SimObject): AggregatedApi | undefined {
    return this.#apis.find((api) => object.metadata.name === `${api.version}.${api.group}`);
  }

  /** Whether it is available is seen when it is read. */
  #view(object: SimObject): SimObject {
    const api = this.#apiOf(object);
    const local = fieldsOf(object['spec'])['service'] === undefined;
    if (!api && local) return object;
    const good = local || api?.available() === true;
    const condition: Fields = {
      type: 'Available',
      status: good ? 'True' : 'False',
      reason: local ? 'Local' : good ? 'Passed' : 'MissingEndpoints',
      message: good ? 'all checks passed' : 'endpoints for service have no addresses',
      lastTransitionTime: object.metadata.creationTimestamp,
    };
    return { ...object, status: { conditions: [condition] } };
  }
}

function definitionOf(api: AggregatedApi, resource: AggregatedApi['resources'][number]): ResourceDefinition {
  const { name, kind, namespaced } = resource;
  return {
    key: `${name}.${api.group}`,
    group: api.group,
    version: api.version,
    apiVersion: `${api.group}/${api.version}`,
    plural: name,
    singular: '',
    kind,
    listKind: `${kind}List`,
    namespaced,
    shortNames: [],
    categories: [],
    verbs: ['get', 'list'],
    subresources: [],
    hasGeneration: false,
  };
}
