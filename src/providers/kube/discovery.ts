import { FailureError, transient } from '../../domain/failure.ts';
import type { Resource } from '../../ports/kube-cluster.ts';
import { readStatus, statusFailure } from './api-status.ts';
import type { KubeExchange } from './kube-exchange.ts';

interface ApiResource {
  name?: unknown;
  kind?: unknown;
  namespaced?: unknown;
}

export interface Discovery {
  resourceOf(apiVersion: string, kind: string): Promise<Resource>;
}

/**
 * Which resource serves a kind, asked of the server one group version at a time and remembered as long as the connection lives.
 * A kind that is not there is asked for again at every call: its definition may have been applied a moment ago.
 */
export function createDiscovery({ cluster, exchange }: { cluster: string; exchange: KubeExchange }): Discovery {
  const known = new Map<string, Map<string, Resource>>();
  const asking = new Map<string, Promise<Map<string, Resource>>>();

  async function ask(apiVersion: string): Promise<Map<string, Resource>> {
    const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const what = `GET ${path}`;
    const answer = await exchange.send({ method: 'GET', path, what });
    const found = new Map<string, Resource>();
    if (answer.status === 404) return found;
    const resources = (answer.body as { resources?: unknown } | null)?.resources;
    if (answer.status !== 200 || !Array.isArray(resources)) {
      throw new FailureError(statusFailure(readStatus(answer), `${what} in cluster ${cluster}`));
    }
    const slash = apiVersion.indexOf('/');
    const group = slash < 0 ? '' : apiVersion.slice(0, slash);
    const version = apiVersion.slice(slash + 1);
    for (const { name, kind, namespaced } of resources as ApiResource[]) {
      // `pods/eviction` and its like are subresources.
      if (typeof name !== 'string' || typeof kind !== 'string' || name.includes('/')) continue;
      found.set(kind, { group, version, resource: name, kind, namespaced: namespaced === true });
    }
    known.set(apiVersion, found);
    return found;
  }

  function askOnce(apiVersion: string): Promise<Map<string, Resource>> {
    const running = asking.get(apiVersion);
    if (running !== undefined) return running;
    const started = ask(apiVersion).finally(() => asking.delete(apiVersion));
    asking.set(apiVersion, started);
    return started;
  }

  return {
    async resourceOf(apiVersion, kind) {
      const resource = known.get(apiVersion)?.get(kind) ?? (await askOnce(apiVersion)).get(kind);
      if (resource !== undefined) return resource;
      throw new FailureError(
        transient(
          'kube-unknown-kind',
          `cluster ${cluster} does not serve kind ${kind} of ${apiVersion}; is its definition installed?`,
        ),
      );
    },
  };
}
