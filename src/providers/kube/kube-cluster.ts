/** The KubeCluster port over any exchange: paths, bodies and the meaning of answers. No client library, no sockets in here. */
import { FailureError, terminal, transient } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { KubeCluster, KubeList, ListOptions, Patch, Resource } from '../../ports/kube-cluster.ts';
import { readStatus, saysObjectMissing, statusFailure, throwUnlessOk } from './api-status.ts';
import { createDiscovery } from './discovery.ts';
import { classifyEviction } from './eviction-answer.ts';
import type { KubeAnswer, KubeCall, KubeExchange } from './kube-exchange.ts';
import { collectionPath, nameCall, objectPath, selectors } from './resource-path.ts';
import { openWatch } from './watch-events.ts';

export const fieldManager = 'clm';

const pageSize = 500;
/** A list longer than this is refused rather than read: no cluster that is rolled has as many objects of one kind. */
const mostObjects = 100_000;
const mostListRestarts = 3;

const patchTypes: Record<Patch['type'], string> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
};

interface ListBody {
  metadata?: { resourceVersion?: unknown; continue?: unknown };
  items?: unknown;
}

function objectOf(answer: KubeAnswer, where: string): KubeObject {
  const body = answer.body as Partial<KubeObject> | null;
  if (typeof body === 'object' && body !== null && typeof body.metadata === 'object' && body.metadata !== null) {
    return body as KubeObject;
  }
  throw new FailureError(
    transient('kube-server-error', `${where}: the answer (HTTP ${answer.status}) is not a Kubernetes object`),
  );
}

function pageOf(answer: KubeAnswer, resource: Resource, where: string): KubeList & { next: string } {
  const body = answer.body as ListBody | null;
  const version = body?.metadata?.resourceVersion;
  // A page without a list or without a version is not an empty list: nothing may be concluded from it.
  if (!Array.isArray(body?.items) || typeof version !== 'string') {
    throw new FailureError(
      transient('kube-server-error', `${where}: the answer (HTTP ${answer.status}) is not a list`),
    );
  }
  const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
  for (const item of body.items as Partial<KubeObject>[]) {
    // Items of a typed list carry neither.
    item.apiVersion ??= apiVersion;
    item.kind ??= resource.kind;
  }
  const next = body.metadata?.continue;
  return { items: body.items as KubeObject[], resourceVersion: version, next: typeof next === 'string' ? next : '' };
}

export interface KubeClusterOptions {
  /** The cluster's id: named in every message. */
  cluster: string;
  exchange: KubeExchange;
}

/** A KubeCluster that talks through the exchange. Closing it closes the exchange. */
export function createKubeCluster({ cluster, exchange }: KubeClusterOptions): KubeCluster {
  const inCluster = (what: string): string => `${what} in cluster ${cluster}`;
  const discovery = createDiscovery({ cluster, exchange });

  async function call(request: KubeCall): Promise<KubeAnswer> {
    const answer = await exchange.send(request);
    throwUnlessOk(answer, inCluster(request.what));
    return answer;
  }

  async function write(request: KubeCall): Promise<KubeObject> {
    return objectOf(await call(request), inCluster(request.what));
  }

  /** All pages, or undefined when the server let the continue token expire on the way. */
  async function listOnce(resource: Resource, options: ListOptions): Promise<KubeList | undefined> {
    const what = nameCall('LIST', resource, options.namespace);
    const items: KubeObject[] = [];
    let token = '';
    for (;;) {
      const query = { ...selectors(options), limit: String(pageSize), ...(token === '' ? {} : { continue: token }) };
      const answer = await exchange.send({
        method: 'GET',
        path: collectionPath(resource, options.namespace),
        query,
        what,
      });
      if (answer.status === 410 && token !== '') return undefined;
      throwUnlessOk(answer, inCluster(what));
      const page = pageOf(answer, resource, inCluster(what));
      if (items.length === 0) items.push(...page.items);
      else for (const item of page.items) items.push(item);
      if (items.length > mostObjects) {
        throw new FailureError(terminal('kube-invalid', `${inCluster(what)}: more than ${mostObjects} objects`));
      }
      if (page.next === '') return { items, resourceVersion: page.resourceVersion };
      token = page.next;
    }
  }

  return {
    async get(resource, namespace, name) {
      const what = nameCall('GET', resource, namespace, name);
      const answer = await exchange.send({ method: 'GET', path: objectPath(resource, namespace, name), what });
      if (answer.status === 404 && saysObjectMissing(readStatus(answer))) return undefined;
      throwUnlessOk(answer, inCluster(what));
      return objectOf(answer, inCluster(what));
    },

    async list(resource, options = {}) {
      for (let restart = 0; restart <= mostListRestarts; restart += 1) {
        const list = await listOnce(resource, options);
        if (list !== undefined) return list;
      }
      const what = inCluster(nameCall('LIST', resource, options.namespace));
      throw new FailureError(
        transient('kube-expired', `${what}: the list expired ${mostListRestarts + 1} times while being read`),
      );
    },

    watch(resource, options, handlers) {
      const what = nameCall('WATCH', resource, options.namespace);
      const path = collectionPath(resource, options.namespace);
      const query = { ...selectors(options), resourceVersion: options.resourceVersion };
      return openWatch(exchange, { method: 'GET', path, query, what }, inCluster(what), handlers);
    },

    create(resource, object, options = {}) {
      const namespace = object.metadata.namespace;
      const what = nameCall('CREATE', resource, namespace, object.metadata.name || object.metadata.generateName);
      if (resource.namespaced && namespace === undefined) throw new RangeError(`${what}: no namespace given`);
      const query = { fieldManager, ...(options.dryRun ? { dryRun: 'All' } : {}) };
      return write({ method: 'POST', path: collectionPath(resource, namespace), query, body: object, what });
    },

    patch(resource, namespace, name, patch, options = {}) {
      const target = options.subresource === undefined ? name : `${name}/${options.subresource}`;
      return write({
        method: 'PATCH',
        path: objectPath(resource, namespace, name, options.subresource),
        query: { fieldManager, ...(options.dryRun ? { dryRun: 'All' } : {}) },
        body: patch.body,
        contentType: patchTypes[patch.type],
        what: nameCall('PATCH', resource, namespace, target),
      });
    },

    apply(resource, object, options = {}) {
      const { namespace, name } = object.metadata;
      return write({
        method: 'PATCH',
        path: objectPath(resource, namespace, name),
        query: { fieldManager, force: String(options.force === true), ...(options.dryRun ? { dryRun: 'All' } : {}) },
        // JSON is YAML.
        body: object,
        contentType: 'application/apply-patch+yaml',
        what: nameCall('APPLY', resource, namespace, name),
      });
    },

    async delete(resource, namespace, name, options = {}) {
      const what = nameCall('DELETE', resource, namespace, name);
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        propagationPolicy: options.propagation ?? 'Background',
        ...(options.uid === undefined ? {} : { preconditions: { uid: options.uid } }),
        ...(options.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: options.gracePeriodSeconds }),
      };
      const answer = await exchange.send({ method: 'DELETE', path: objectPath(resource, namespace, name), body, what });
      const status = readStatus(answer);
      if (saysObjectMissing(status)) return false;
      // Another object has the name by now: the one that was meant is no more.
      if (answer.status === 409 && options.uid !== undefined && /\bUID in\b/i.test(status.message)) return false;
      if (answer.status >= 300) throw new FailureError(statusFailure(status, inCluster(what)));
      return true;
    },

    async evict(namespace, pod, options) {
      const what = `${options.dryRun ? 'EVICT (dry run)' : 'EVICT'} ${namespace}/pods/${pod}`;
      const answer = await exchange.send({
        method: 'POST',
        path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/eviction`,
        ...(options.dryRun ? { query: { dryRun: 'All' } } : {}),
        body: {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name: pod, namespace },
          deleteOptions: { preconditions: { uid: options.uid } },
        },
        what,
      });
      return classifyEviction(answer, inCluster(what));
    },

    async raw(path) {
      if (!path.startsWith('/')) throw new RangeError(`a raw path starts with '/', got '${path}'`);
      const answer = await exchange.send({ method: 'GET', path, what: `GET ${path.split('?')[0]}`, asText: true });
      return {
        status: answer.status,
        body: typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body),
      };
    },

    resourceOf: (apiVersion, kind) => discovery.resourceOf(apiVersion, kind),
    close: () => exchange.close(),
  };
}
