/** Changing things through an exchange. */
import { ApplyConflictError } from '../../domain/apply-conflict.ts';
import { FailureError } from '../../domain/failure.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { KubeCluster, Patch } from '../../ports/kube-cluster.ts';
import { fieldConflicts, readStatus, saysObjectMissing, statusFailure, throwUnlessOk } from './api-status.ts';
import { classifyEviction } from './eviction-answer.ts';
import type { KubeCall, KubeExchange } from './kube-exchange.ts';
import { objectOf } from './kube-object-answer.ts';
import { collectionPath, nameCall, objectPath } from './resource-path.ts';

/** Who owns the fields that clm sets. */
export const fieldManager = 'clm';

const patchTypes: Record<Patch['type'], string> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
};

/** `inCluster` completes the name of a call for messages. */
export function createWrites(
  exchange: KubeExchange,
  inCluster: (what: string) => string,
): Pick<KubeCluster, 'create' | 'update' | 'patch' | 'apply' | 'delete' | 'evict'> {
  async function write(request: KubeCall): Promise<KubeObject> {
    const answer = await exchange.send(request);
    throwUnlessOk(answer, inCluster(request.what));
    return objectOf(answer, inCluster(request.what));
  }

  return {
    create(resource, object, options = {}) {
      const namespace = object.metadata.namespace;
      const what = nameCall('CREATE', resource, namespace, object.metadata.name || object.metadata.generateName);
      if (resource.namespaced && namespace === undefined) throw new RangeError(`${what}: no namespace given`);
      const query = { fieldManager, ...(options.dryRun ? { dryRun: 'All' } : {}) };
      return write({ method: 'POST', path: collectionPath(resource, namespace), query, body: object, what });
    },

    update(resource, object) {
      const { namespace, name } = object.metadata;
      return write({
        method: 'PUT',
        path: objectPath(resource, namespace, name),
        query: { fieldManager },
        body: object,
        what: nameCall('UPDATE', resource, namespace, name),
      });
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

    async apply(resource, object, options = {}) {
      const { namespace, name } = object.metadata;
      const what = nameCall('APPLY', resource, namespace, name);
      const answer = await exchange.send({
        method: 'PATCH',
        path: objectPath(resource, namespace, name),
        query: { fieldManager, force: String(options.force === true), ...(options.dryRun ? { dryRun: 'All' } : {}) },
        // JSON is YAML.
        body: object,
        contentType: 'application/apply-patch+yaml',
        what,
      });
      const conflicts = answer.status === 409 ? fieldConflicts(readStatus(answer)) : [];
      if (conflicts.length > 0) throw new ApplyConflictError(inCluster(what), conflicts);
      throwUnlessOk(answer, inCluster(what));
      return objectOf(answer, inCluster(what));
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
  };
}
