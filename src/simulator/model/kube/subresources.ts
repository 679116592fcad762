import { isAllowed } from './access-review.ts';
import { admitChange } from './admission.ts';
import {
  ApiError,
  badRequest,
  conflict,
  invalid,
  methodNotAllowed,
  modifiedMeanwhile,
  notFound,
  resourceNotFound,
} from './api-error.ts';
import { type KubeAnswer, readBody, type Target } from './api-request.ts';
import type { ClusterCore } from './cluster-core.ts';
import { Evictions } from './eviction.ts';
import { jsonPatch, mergePatch, PatchFailed } from './json-patch.ts';
import type { Namespace, Pod } from './kinds.ts';
import { afterUpdate } from './managed-fields.ts';
import { type Fields, fieldsOf, isFields, listOf, type SimObject, shownText, stamp } from './object.ts';
import type { ObjectWriter } from './object-writer.ts';
import { bindPod } from './pod-binding.ts';
import { selectorText, workloadSelector } from './selectors.ts';
import { isDryRun, type WriteHandlers, writerOf } from './write-handlers.ts';

const leastTokenSeconds = 600;

/** Everything under an object's own path, and the reviews that are created but never stored. */
export class Subresources {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #writes: WriteHandlers;
  readonly #evictions: Evictions;

  constructor(core: ClusterCore, writer: ObjectWriter, writes: WriteHandlers) {
    this.#core = core;
    this.#writer = writer;
    this.#writes = writes;
    this.#evictions = new Evictions(core, writer);
  }

  handle(target: Target): KubeAnswer {
    const { definition, namespace, request } = target;
    const { method } = request;
    const name = target.name as string;
    const sub = target.subresource as string;
    if (!definition.subresources.includes(sub)) throw resourceNotFound();
    switch (`${sub} ${method}`) {
      case 'status GET':
        return { status: 200, body: this.#existing(target) };
      case 'status PUT':
        return this.#writes.update(target, 'status');
      case 'status PATCH':
        return this.#writes.patch(target, 'status');
      case 'scale GET':
        return { status: 200, body: scaleOf(this.#existing(target)) };
      case 'scale PUT':
      case 'scale PATCH':
        return this.#scale(target);
      case 'eviction POST':
        return {
          status: 201,
          body: this.#evictions.evict(namespace ?? '', name, readBody(request, { kind: 'Eviction' }), request.query),
        };
      case 'binding POST':
        return this.#bind(target);
      case 'log GET':
        return this.#log(target);
      case 'token POST':
        return this.#token(target);
      case 'finalize PUT':
        return this.#finalize(target);
      case 'ephemeralcontainers GET':
        return { status: 200, body: this.#existing(target) };
      default:
        throw methodNotAllowed();
    }
  }

  /** Answers for resources that are only asked, never stored; undefined for all others. */
  review(target: Target): KubeAnswer | undefined {
    const { definition, request } = target;
    if (definition.group !== 'authorization.k8s.io' && definition.group !== 'authentication.k8s.io') return undefined;
    const body = fieldsOf(readBody(request, definition));
    const spec = fieldsOf(body['spec']);
    const base = { kind: definition.kind, apiVersion: definition.apiVersion, metadata: { creationTimestamp: null } };
    const groups = ['system:masters', 'system:authenticated'];
    switch (definition.kind) {
      case 'SelfSubjectAccessReview':
        return { status: 201, body: { ...base, spec, status: { allowed: true } } };
      case 'SelfSubjectRulesReview': {
        const resourceRules = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }];
        return {
          status: 201,
          body: {
            ...base,
            spec,
            status: { resourceRules, nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }], incomplete: false },
          },
        };
      }
      case 'SelfSubjectReview':
        return { status: 201, body: { ...base, status: { userInfo: { username: 'kubernetes-admin', groups } } } };
      case 'TokenReview': {
        const user = { username: 'kubernetes-admin', groups };
        const known = typeof spec['token'] === 'string' && spec['token'] !== '';
        return { status: 201, body: { ...base, spec, status: known ? { authenticated: true, user } : { user: {} } } };
      }
      default: {
        const allowed = isAllowed(this.#core, spec);
        return { status: 201, body: { ...base, spec, status: { allowed } } };
      }
    }
  }

  #existing(target: Target): SimObject {
    const { definition, namespace, name } = target;
    const object = this.#core.store.table(definition.key).get(namespace, name as string);
    if (!object) throw notFound(definition, name as string);
    return object;
  }

  #scale(target: Target): KubeAnswer {
    const { definition, request } = target;
    const old = this.#existing(target);
    const current = scaleOf(old);
    const body = readBody(request, { kind: 'Scale' });
    let next: unknown = body;
    if (request.method === 'PATCH') {
      const type = (request.contentType ?? '').split(';')[0]?.trim();
      try {
        next = type === 'application/json-patch+json' ? jsonPatch(current, body) : mergePatch(current, body);
      } catch (error) {
        if (error instanceof PatchFailed) throw new ApiError(422, 'Invalid', error.message);
        throw error;
      }
    }
    const metadata = fieldsOf(fieldsOf(next)['metadata']);
    const version = metadata['resourceVersion'];
    if (typeof version === 'string' && version !== '' && version !== old.metadata.resourceVersion) {
      throw conflict(definition, old.metadata.name, modifiedMeanwhile);
    }
    const replicas = fieldsOf(fieldsOf(next)['spec'])['replicas'] ?? 0;
    if (typeof replicas !== 'number' || !Number.isSafeInteger(replicas) || replicas < 0) {
      const message = `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`;
      throw invalid({ kind: 'Scale', group: 'autoscaling' }, old.metadata.name, [
        { field: 'spec.replicas', reason: 'FieldValueInvalid', message },
      ]);
    }
    const wanted = { ...old, metadata: { ...old.metadata }, spec: { ...fieldsOf(old['spec']), replicas } };
    const admitted = admitChange(this.#core, definition, old, wanted, undefined);
    if (admitted === old) return { status: 200, body: scaleOf(old) };
    const managers = afterUpdate(definition, old, admitted, writerOf(this.#core, request, 'scale'));
    if (managers) admitted.metadata.managedFields = managers;
    if (isDryRun(request.query)) return { status: 200, body: scaleOf(admitted) };
    return { status: 200, body: scaleOf(this.#writer.update(definition, old, admitted)) };
  }

  #bind(target: Target): KubeAnswer {
    const pod = this.#existing(target) as Pod;
    const node = fieldsOf(fieldsOf(readBody(target.request, { kind: 'Binding' }))['target'])['name'];
    if (typeof node !== 'string' || node === '') throw badRequest('Binding.target.name: Required value');
    if (pod.spec.nodeName !== undefined) {
      throw conflict(
        target.definition,
        pod.metadata.name,
        `pod ${pod.metadata.name} is already assigned to node "${pod.spec.nodeName}"`,
      );
    }
    if (!isDryRun(target.request.query)) bindPod(this.#core, this.#writer, target.definition, pod, node);
    return { status: 201, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } };
  }

  #log(target: Target): KubeAnswer {
    const pod = this.#existing(target) as Pod;
    const { query } = target.request;
    const asked = query.get('container') ?? '';
    const names = pod.spec.containers.map((container) => container.name);
    const first = (pod.spec.initContainers ?? []).map((container) => container.name);
    if (asked === '' && names.length > 1) {
      const others = first.length > 0 ? ` or one of the init containers: [${first.join(' ')}]` : '';
      throw badRequest(
        `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${names.join(' ')}]${others}`,
      );
    }
    const container = asked === '' ? (names[0] as string) : asked;
    if (![...names, ...first].includes(container))
      throw badRequest(`container ${container} is not valid for pod ${pod.metadata.name}`);
    // On no node there is nobody to ask.
    if (pod.spec.nodeName === undefined) return { status: 204, headers: {}, body: '' };
    const statuses = [...(pod.status.initContainerStatuses ?? []), ...(pod.status.containerStatuses ?? [])];
    const status = statuses.find((each) => each.name === container);
    const endedBefore = isFields(status?.lastState['terminated']);
    if (query.get('previous') === 'true' && !endedBefore)
      throw badRequest(`previous terminated container "${container}" in pod "${pod.metadata.name}" not found`);
    // One that is restarted shows what it wrote before it ended.
    if (!status || (isFields(status.state['waiting']) && !endedBefore)) {
      const reason = shownText(fieldsOf(status?.state['waiting'])['reason'] ?? 'ContainerCreating');
      throw badRequest(`container "${container}" in pod "${pod.metadata.name}" is waiting to start: ${reason}`);
    }
    let lines = this.#core
      .podLog(pod, container, query.get('previous') === 'true')
      .split('\n')
      .filter((line) => line !== '');
    const tail = query.get('tailLines');
    if (tail !== null) lines = Number(tail) > 0 ? lines.slice(-Number(tail)) : [];
    if (query.get('timestamps') === 'true') lines = lines.map((line) => `${pod.status.startTime ?? ''} ${line}`);
    return {
      status: 200,
      headers: { 'content-type': 'text/plain' },
      body: lines.length === 0 ? '' : `${lines.join('\n')}\n`,
    };
  }

  #token(target: Target): KubeAnswer {
    const account = this.#existing(target);
    const spec = fieldsOf(fieldsOf(readBody(target.request, { kind: 'TokenRequest' }))['spec']);
    const seconds = typeof spec['expirationSeconds'] === 'number' ? spec['expirationSeconds'] : 3600;
    if (seconds < leastTokenSeconds) {
      const message = `Invalid value: ${seconds}: may not specify a duration less than 10 minutes`;
      throw invalid({ kind: 'TokenRequest', group: 'authentication.k8s.io' }, '', [
        { field: 'spec.expirationSeconds', reason: 'FieldValueInvalid', message },
      ]);
    }
    const expires = this.#core.clock.now() + seconds * 1000;
    const claims = {
      sub: `system:serviceaccount:${account.metadata.namespace}:${account.metadata.name}`,
      exp: Math.floor(expires / 1000),
    };
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const token = `${part({ alg: 'none', kid: 'simulator' })}.${part(claims)}.c2ltdWxhdGVk`;
    const status = { token, expirationTimestamp: stamp(expires) };
    return {
      status: 201,
      body: { kind: 'TokenRequest', apiVersion: 'authentication.k8s.io/v1', metadata: account.metadata, spec, status },
    };
  }

  #finalize(target: Target): KubeAnswer {
    const namespace = this.#existing(target) as Namespace;
    const finalizers = listOf(
      fieldsOf(fieldsOf(readBody(target.request, target.definition))['spec'])['finalizers'],
    ).map(String);
    const next: Namespace = {
      ...namespace,
      metadata: { ...namespace.metadata },
      spec: { ...namespace.spec, finalizers },
    };
    return { status: 200, body: this.#writer.update(target.definition, namespace, next) };
  }
}

function scaleOf(object: SimObject): Fields {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const spec = fieldsOf(object['spec']);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec['replicas'] ?? 0 },
    status: {
      replicas: fieldsOf(object['status'])['replicas'] ?? 0,
      selector: selectorText(workloadSelector(object)),
    },
  };
}
