import type { KubeAnswer, KubeRequest } from './api-request.ts';
import type { ClusterCore } from './cluster-core.ts';
import { fieldsOf } from './object.ts';
import { parseRequestPath } from './request-path.ts';

const mostEntries = 500;

interface Entry {
  at: number;
  id: number;
  verb: string;
  uri: string;
  agent: string;
  code: number;
  /** Of a created object, when the path does not say it. */
  name: string | undefined;
}

const verbs: Record<string, string> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/** What clients changed, as the API server's audit log says it: the last five hundred requests. */
export class AuditLog {
  readonly #core: ClusterCore;
  #entries: Entry[] = [];
  #next = 1;

  constructor(core: ClusterCore) {
    this.#core = core;
  }

  record(request: KubeRequest, answer: KubeAnswer): void {
    const verb = verbs[request.method];
    if (verb === undefined || this.#core.faults.auditLog === 'broken') return;
    const query = request.query.toString();
    const metadata = typeof answer.body === 'string' ? {} : fieldsOf(fieldsOf(answer.body)['metadata']);
    this.#entries.push({
      at: this.#core.clock.now(),
      id: this.#next++,
      verb,
      uri: query === '' ? request.path : `${request.path}?${query}`,
      agent: request.userAgent ?? '',
      code: answer.status,
      name: typeof metadata['name'] === 'string' ? metadata['name'] : undefined,
    });
    if (this.#entries.length >= 2 * mostEntries) this.#entries = this.#entries.slice(-mostEntries);
  }

  /** One audit.k8s.io/v1 Event a line. */
  text(): string {
    return this.#entries.map((entry) => `${JSON.stringify(this.#event(entry))}\n`).join('');
  }

  #event(entry: Entry): object {
    const path = parseRequestPath(entry.uri.split('?')[0] ?? '');
    const time = new Date(entry.at).toISOString().replace('Z', '000Z');
    const reference =
      path.kind === 'resource'
        ? {
            resource: path.plural,
            namespace: path.namespace,
            name: path.name ?? entry.name,
            apiGroup: path.group === '' ? undefined : path.group,
            apiVersion: path.version,
            subresource: path.subresource,
          }
        : undefined;
    return {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Request',
      auditID: `00000000-0000-4000-8000-${String(entry.id).padStart(12, '0')}`,
      stage: 'ResponseComplete',
      requestURI: entry.uri,
      verb: entry.verb,
      user: { username: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] },
      userAgent: entry.agent,
      objectRef: reference,
      responseStatus: { metadata: {}, code: entry.code },
      requestReceivedTimestamp: time,
      stageTimestamp: time,
      annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
    };
  }
}
