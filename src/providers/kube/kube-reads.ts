/** Reading through an exchange: objects, complete lists, watches and raw paths. */
import { FailureError, terminal, transient } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { KubeCluster, KubeList, ListOptions, Resource } from '../../ports/kube-cluster.ts';
import { readStatus, saysObjectMissing, throwUnlessOk } from './api-status.ts';
import type { KubeAnswer, KubeExchange } from './kube-exchange.ts';
import { objectOf } from './kube-object-answer.ts';
import { collectionPath, nameCall, objectPath, selectors } from './resource-path.ts';
import { openWatch } from './watch-events.ts';

const pageSize = 500;
/** A list longer than this is refused rather than read: no cluster that is rolled has as many objects of one kind. */
const mostObjects = 100_000;
const mostListRestarts = 3;

interface ListBody {
  metadata?: { resourceVersion?: unknown; continue?: unknown };
  items?: unknown;
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

type InCluster = (what: string) => string;

/** All pages, or undefined when the server let the continue token expire on the way. */
async function listOnce(
  exchange: KubeExchange,
  inCluster: InCluster,
  resource: Resource,
  options: ListOptions,
): Promise<KubeList | undefined> {
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

/** `inCluster` completes the name of a call for messages. */
export function createReads(
  exchange: KubeExchange,
  inCluster: InCluster,
): Pick<KubeCluster, 'get' | 'list' | 'watch' | 'raw'> {
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
        const list = await listOnce(exchange, inCluster, resource, options);
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

    async raw(path) {
      if (!path.startsWith('/')) throw new RangeError(`a raw path starts with '/', got '${path}'`);
      const answer = await exchange.send({ method: 'GET', path, what: `GET ${path.split('?')[0]}`, asText: true });
      return {
        status: answer.status,
        body: typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body),
      };
    },
  };
}
